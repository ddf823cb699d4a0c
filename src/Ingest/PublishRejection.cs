namespace Millrace.Ingest;

/// <summary>Why a publisher was refused or closed; also the tag in logs and metrics.</summary>
public enum PublishRejectionReason
{
    /// <summary>The stream key belongs to no channel.</summary>
    WrongKey,
    /// <summary>The stream key is no channel name (admission <c>open</c>).</summary>
    BadChannelName,
    /// <summary>The application is not <c>live</c>.</summary>
    WrongApplication,
    /// <summary>Another publisher is on the channel.</summary>
    AlreadyLive,
    /// <summary>Another publisher took the channel over.</summary>
    Replaced,
    /// <summary>A codec that cannot be carried.</summary>
    UnsupportedCodec,
    /// <summary>A codec configuration that cannot be read.</summary>
    BrokenConfiguration,
    /// <summary>Too many damaged access units.</summary>
    BrokenMedia,
    /// <summary>More bits per second than allowed.</summary>
    BitrateTooHigh,
    /// <summary>The server cannot decide now.</summary>
    Unavailable,
    /// <summary>The operator took the broadcast down.</summary>
    TakenDown,
    /// <summary>The server stops.</summary>
    ShuttingDown,
}

/// <summary>The answer to a publisher that is refused, or whose stream is ended by us.</summary>
/// <param name="Reason">Why, for machines.</param>
/// <param name="Description">Why, for the person at the encoder. Holds no key.</param>
/// <param name="Delay">How long to hold the answer back.</param>
public sealed record PublishRejection(PublishRejectionReason Reason, string Description, TimeSpan Delay = default)
{
    /// <summary>The <c>onStatus</c> code: encoders know <c>NetStream.Publish.BadName</c> best.</summary>
    public string Code => Reason switch
    {
        PublishRejectionReason.WrongKey or PublishRejectionReason.BadChannelName or PublishRejectionReason.WrongApplication
            or PublishRejectionReason.AlreadyLive or PublishRejectionReason.Replaced => "NetStream.Publish.BadName",
        PublishRejectionReason.Unavailable or PublishRejectionReason.ShuttingDown => "NetStream.Publish.Failed",
        _ => "NetStream.Publish.Rejected",
    };
}
