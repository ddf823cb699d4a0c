namespace Millrace.Rtmp;

/// <summary>One data message of a publisher: <c>onMetaData</c>, <c>onTextData</c>, <c>onCuePoint</c>, …</summary>
public readonly ref struct DataMessage
{
    /// <summary>The message's name; of <c>@setDataFrame</c> the name within.</summary>
    public required string Name { get; init; }

    /// <summary>What follows the name. May be kept.</summary>
    public required IReadOnlyList<AmfValue> Values { get; init; }

    /// <summary>Milliseconds, modulo 2^32, on the clock of audio and video.</summary>
    public required uint Timestamp { get; init; }

    /// <summary>True when the publisher asked to keep it for later viewers (<c>@setDataFrame</c>).</summary>
    public required bool SetDataFrame { get; init; }

    /// <summary>The whole message as received. Valid during the call only.</summary>
    public required ReadOnlySpan<byte> Raw { get; init; }
}
