using Millrace.Core;

namespace Millrace.Rtmp;

/// <summary>One whole message off a chunk stream.</summary>
/// <remarks>
/// Audio, video and aggregates come in <see cref="Media"/>, whose reference passes to the receiver; empty when the reader
/// was told to drop media. Everything else comes in <see cref="Payload"/>, valid until the next read.
/// </remarks>
internal readonly ref struct ChunkMessage
{
    public RtmpMessageType Type { get; init; }

    /// <summary>Milliseconds, modulo 2^32.</summary>
    public uint Timestamp { get; init; }

    public uint MessageStreamId { get; init; }

    /// <summary>Bytes that the header declared, whether they were kept or not.</summary>
    public int Length { get; init; }

    public MediaBuffer Media { get; init; }

    public ReadOnlySpan<byte> Payload { get; init; }

    /// <summary>True for the types that travel in <see cref="Media"/>.</summary>
    public static bool IsMedia(RtmpMessageType type) =>
        type is RtmpMessageType.Audio or RtmpMessageType.Video or RtmpMessageType.Aggregate;
}
