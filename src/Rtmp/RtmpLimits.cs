namespace Millrace.Rtmp;

/// <summary>What one connection may declare, send or leave unfinished. Each limit is met before memory is taken.</summary>
public sealed class RtmpLimits
{
    /// <summary>The defaults.</summary>
    public static RtmpLimits Default { get; } = new();

    /// <summary>
    /// Most bytes of an audio, video or aggregate message. 4 MiB: nginx-rtmp takes 1 MiB by default and its users raise
    /// it for 4K; a key frame of 4 MiB every 2 s is already 16 Mbit/s for key frames alone.
    /// </summary>
    public int MaxMediaMessageBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>
    /// Most bytes of a command, data or control message. 256 KiB: metadata with captions and cover art stays far below;
    /// AMF0 long strings start at 64 KiB.
    /// </summary>
    public int MaxControlMessageBytes { get; init; } = 256 * 1024;

    /// <summary>
    /// Most bytes that all unfinished messages of a connection may have declared together. 8 MiB: a largest video
    /// message interleaved with an aggregate and small ones.
    /// </summary>
    public int MaxUnfinishedBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>
    /// Most chunk streams of a connection. 64: encoders use 3 to 8, nginx-rtmp allows 32. Each chunk stream can pin at
    /// most one pooled block by a small unfinished message, so 64 also keeps that below 8 MiB.
    /// </summary>
    public int MaxChunkStreams { get; init; } = 64;

    /// <summary>
    /// Largest chunk size a peer may set. 16777215: larger values mean the same, as no message is longer
    /// (RTMP 1.0 §5.4.1). A chunk is never buffered, so its size costs nothing.
    /// </summary>
    public int MaxChunkBytes { get; init; } = 0xFFFFFF;

    /// <summary>Most message streams that createStream hands out. 16: encoders ask for one per publish.</summary>
    public int MaxMessageStreams { get; init; } = 16;

    /// <summary>
    /// Most publishes of one connection, one after the other. 16: encoders connect for each; every one of them begins a
    /// period in its broadcast, which viewers pay for.
    /// </summary>
    public int MaxPublishes { get; init; } = 16;

    /// <summary>
    /// Most bytes of answers that wait to be sent. 64 KiB: connect is answered in under 1 KiB, so whoever reaches this
    /// floods with commands or does not read.
    /// </summary>
    public int MaxOutputBytes { get; init; } = 64 * 1024;

    /// <summary>
    /// Most bytes of media kept between publish and its answer. 2 MiB: admission takes milliseconds and clients wait for
    /// its answer; this is for those that do not.
    /// </summary>
    public int MaxPendingMediaBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>
    /// Bytes received between two of our acknowledgements until the peer asks for another window, and the window we
    /// ask of the peer. 2500000: what Adobe's server announced, and encoders expect.
    /// </summary>
    public int AcknowledgementWindowBytes { get; init; } = 2_500_000;

    /// <summary>Chunk size of what we send. 4096: each of our answers fits one chunk.</summary>
    public int OutputChunkBytes { get; init; } = 4096;

    /// <summary>Bounds of one AMF message.</summary>
    public AmfLimits Amf { get; init; } = AmfLimits.Default;
}

/// <summary>Bounds of the values in one AMF message; references count as what they stand for.</summary>
/// <param name="MaxDepth">Deepest nesting. 32: metadata nests 3 deep.</param>
/// <param name="MaxElements">Most values, of all depths. 8192: a metadata key frame index of two hours.</param>
/// <param name="MaxStringBytes">Most bytes of strings, names and byte arrays. 512 KiB: twice a largest message.</param>
public sealed record AmfLimits(int MaxDepth, int MaxElements, int MaxStringBytes)
{
    /// <summary>The defaults.</summary>
    public static AmfLimits Default { get; } = new(32, 8192, 512 * 1024);
}
