using Millrace.Core;

namespace Millrace.Rtmp;

/// <summary>What a chunk stream remembers: its last header, and the message that is being put together.</summary>
internal sealed class ChunkStream(int id)
{
    /// <summary>2 to 65599.</summary>
    public int Id { get; } = id;

    // The last header.
    public uint Timestamp;
    public uint TimestampField;
    public bool FieldIsAbsolute;
    public bool Extended;
    public ExtendedRepeat Repeat;
    public int Length;
    public RtmpMessageType Type;
    public uint MessageStreamId;

    // The message under way.
    public bool InMessage;
    public ChunkTarget Target;
    public int Filled;
    public MediaBuffer Media;
    public Memory<byte> Writable;
    public byte[] Control = [];

    /// <summary>Forgets the message under way, and gives its memory back.</summary>
    public void Drop()
    {
        if (Target == ChunkTarget.Media)
            Media.Release();
        Clear();
    }

    /// <summary>Forgets the message under way, whose memory has a new owner.</summary>
    public void Clear()
    {
        InMessage = false;
        Target = ChunkTarget.None;
        Filled = 0;
        Media = default;
        Writable = default;
        Control = [];
    }
}

/// <summary>Where the payload of a message goes.</summary>
internal enum ChunkTarget : byte
{
    /// <summary>Nowhere: it is skipped.</summary>
    None,

    /// <summary>Into a counted buffer.</summary>
    Media,

    /// <summary>Into an array that grows as bytes arrive.</summary>
    Control,
}

/// <summary>Whether the sender repeats the extended timestamp on type 3 chunks (RTMP 1.0 §5.3.1.3 says it does).</summary>
internal enum ExtendedRepeat : byte
{
    /// <summary>No type 3 chunk with an extended timestamp was seen.</summary>
    Unknown,

    /// <summary>It does.</summary>
    Yes,

    /// <summary>It does not: older librtmp and what descends from it.</summary>
    No,
}
