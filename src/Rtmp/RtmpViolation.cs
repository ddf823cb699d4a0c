namespace Millrace.Rtmp;

/// <summary>What a peer did that ends its connection; the tag of a metric.</summary>
public enum RtmpFault
{
    /// <summary>C0 or S0 is not version 3, or the handshake is no handshake at all.</summary>
    Handshake,

    /// <summary>A chunk header that the chunk stream's history does not allow.</summary>
    ChunkHeader,

    /// <summary>A chunk size of 0 or over the limit.</summary>
    ChunkSize,

    /// <summary>More chunk streams than the limit.</summary>
    ChunkStreams,

    /// <summary>A message longer than the limit for its type.</summary>
    MessageLength,

    /// <summary>Too many bytes declared by messages that are not finished.</summary>
    UnfinishedMessages,

    /// <summary>A protocol or user control message of the wrong shape.</summary>
    ControlMessage,

    /// <summary>An aggregate message whose parts do not add up.</summary>
    AggregateMessage,

    /// <summary>A command or data message that is not AMF.</summary>
    AmfSyntax,

    /// <summary>AMF that is nested too deep, has too many elements or too long strings.</summary>
    AmfLimit,

    /// <summary>A command in a state that does not allow it.</summary>
    CommandOrder,

    /// <summary>Audio or video from a peer that never asked to publish, or too much of it before the answer.</summary>
    MediaBeforePublish,

    /// <summary>The peer asks for answers and does not read them.</summary>
    OutputOverflow,
}

/// <summary>A peer's breach of the protocol or of a limit. The connection is closed; nothing more is read from it.</summary>
/// <param name="Fault">The kind, stable: for metrics.</param>
/// <param name="Clause">The clause of the specification, or the name of the limit.</param>
/// <param name="Text">What happened, for the log. Never holds bytes that the peer chose, so it holds no stream key.</param>
public sealed record RtmpViolation(RtmpFault Fault, string Clause, string Text)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Fault}: {Text} ({Clause})";
}
