using System.Buffers.Binary;

namespace Millrace.Swarm;

/// <summary>One RTMP message of the loop: when it is due, and where its chunks are.</summary>
/// <param name="DueMilliseconds">Time from the start of the loop.</param>
/// <param name="Offset">First byte of its chunks in <see cref="MediaLoop.Bytes"/>.</param>
/// <param name="Length">Bytes of its chunks, headers included.</param>
/// <param name="VideoFrame">Index of the picture in the loop, −1 for audio.</param>
internal readonly record struct LoopMessage(int DueMilliseconds, int Offset, int Length, int VideoFrame);

/// <summary>
/// An encoded file as one endless RTMP stream, chunked in advance: every message has a form 1 header, whose timestamp
/// is a delta, so that the same bytes serve every turn of the loop and every publisher.
/// </summary>
internal sealed class MediaLoop
{
    /// <summary>What OBS and ffmpeg set.</summary>
    public const int ChunkBytes = 4096;

    private const int AudioChunkStream = 4;
    private const int VideoChunkStream = 6;

    /// <summary>Chunks of all messages, in order.</summary>
    public byte[] Bytes { get; private init; } = [];

    public IReadOnlyList<LoopMessage> Messages { get; private init; } = [];

    /// <summary>onMetaData and the two sequence headers, as form 0 messages at timestamp 0.</summary>
    public byte[] Preamble { get; private init; } = [];

    /// <summary>First bytes of each picture as they stand in an MP4 sample: tells which picture a part begins with.</summary>
    public IReadOnlyList<byte[]> FrameHeads { get; private init; } = [];

    public int DurationMilliseconds { get; private init; }

    /// <summary>Reads an FLV file with one AVC and one AAC track and keeps whole seconds of it.</summary>
    public static MediaLoop Load(string path, int seconds)
    {
        var file = File.ReadAllBytes(path);
        var duration = seconds * 1000;
        var loop = new List<(int Due, byte Type, byte[] Payload)>();
        var preamble = new MemoryStream();
        for (var at = 13; at + 11 <= file.Length;)
        {
            var type = file[at];
            var length = file[at + 1] << 16 | file[at + 2] << 8 | file[at + 3];
            var time = file[at + 7] << 24 | file[at + 4] << 16 | file[at + 5] << 8 | file[at + 6];
            var payload = file.AsSpan(at + 11, length).ToArray();
            at += 11 + length + 4;
            var isHeader = type is 8 or 9 && payload[1] == 0;
            if (type == 18)
                Chunk(preamble, AudioChunkStream, 0, 0, 18, [.. new Amf0().String("@setDataFrame").ToArray(), .. payload]);
            else if (isHeader)
                Chunk(preamble, type == 9 ? VideoChunkStream : AudioChunkStream, 0, 0, type, payload);
            else if (time < duration && length > 5)
                loop.Add((time, type, payload));
        }

        var bytes = new MemoryStream();
        var messages = new List<LoopMessage>();
        var heads = new List<byte[]>();
        var last = new Dictionary<byte, int>
        {
            [8] = loop.Last(item => item.Type == 8).Due - duration,
            [9] = loop.Last(item => item.Type == 9).Due - duration,
        };
        foreach (var (due, type, payload) in loop)
        {
            var offset = (int)bytes.Position;
            Chunk(bytes, type == 9 ? VideoChunkStream : AudioChunkStream, 1, due - last[type], type, payload);
            last[type] = due;
            messages.Add(new LoopMessage(due, offset, (int)bytes.Position - offset, type == 9 ? heads.Count : -1));
            if (type == 9)
                heads.Add(payload.AsSpan(5, Math.Min(64, payload.Length - 5)).ToArray());
        }
        return new MediaLoop
        {
            Bytes = bytes.ToArray(),
            Messages = messages,
            Preamble = preamble.ToArray(),
            FrameHeads = heads,
            DurationMilliseconds = duration,
        };
    }

    /// <summary>Writes one message on message stream 1 (RTMP 1.0 §5.3.1): a form 0 or 1 header, then form 3.</summary>
    public static void Chunk(Stream to, int chunkStream, int form, int time, byte type, ReadOnlySpan<byte> payload, int messageStream = 1, int chunkBytes = ChunkBytes)
    {
        Span<byte> header = stackalloc byte[12];
        header[0] = (byte)(form << 6 | chunkStream);
        header[1] = (byte)(time >> 16);
        header[2] = (byte)(time >> 8);
        header[3] = (byte)time;
        header[4] = (byte)(payload.Length >> 16);
        header[5] = (byte)(payload.Length >> 8);
        header[6] = (byte)payload.Length;
        header[7] = type;
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], messageStream);
        to.Write(form == 0 ? header : header[..8]);
        for (var done = 0; done < payload.Length; done += chunkBytes)
        {
            if (done > 0)
                to.WriteByte((byte)(0xC0 | chunkStream));
            to.Write(payload.Slice(done, Math.Min(chunkBytes, payload.Length - done)));
        }
    }
}
