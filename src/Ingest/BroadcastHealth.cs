using Millrace.Packaging;

namespace Millrace.Ingest;

/// <summary>Where a broadcast stands.</summary>
public enum BroadcastState
{
    /// <summary>A publisher is there, but nothing to be seen yet.</summary>
    Discovering,
    /// <summary>On air.</summary>
    OnAir,
    /// <summary>On air, its publisher gone; waiting for it to come back.</summary>
    Suspended,
    /// <summary>Over.</summary>
    Ended,
}

/// <summary>A broadcast's health at one moment.</summary>
/// <param name="State">Where it stands.</param>
/// <param name="Sessions">Publish sessions so far.</param>
/// <param name="VideoCodec">RFC 6381 codec, or null without video.</param>
/// <param name="AudioCodec">RFC 6381 codec, or null without audio.</param>
/// <param name="Width">Pixels, or 0.</param>
/// <param name="Height">Pixels, or 0.</param>
/// <param name="FrameRate">Pictures per second of the last GOP, or 0.</param>
/// <param name="GopSeconds">Length of the last GOP, or 0.</param>
/// <param name="LastKeyFrame">When the last random access point of the video arrived, or null.</param>
/// <param name="LastReceived">When the publisher's last message came, or null without a publisher.</param>
/// <param name="BitsPerSecond">What came in over the last 5 s.</param>
/// <param name="RecentDamage">Damaged access units within the last ten seconds.</param>
/// <param name="AudioError">Seconds by which the audio's own count lags the publisher's clock.</param>
/// <param name="AudioVideoSkew">Seconds that the newest audio is ahead of the newest picture: interleaving.</param>
/// <param name="Ingest">What came and was dropped, over all sessions.</param>
/// <param name="Repairs">Timestamp repairs, over all sessions.</param>
/// <param name="Packaging">What packaging had to bend.</param>
/// <param name="Ladder">How the further renditions do, or null where none are made.</param>
public sealed record BroadcastHealth(
    BroadcastState State,
    int Sessions,
    string? VideoCodec,
    string? AudioCodec,
    int Width,
    int Height,
    double FrameRate,
    double GopSeconds,
    DateTimeOffset? LastKeyFrame,
    DateTimeOffset? LastReceived,
    long BitsPerSecond,
    int RecentDamage,
    double AudioError,
    double AudioVideoSkew,
    IngestCounters Ingest,
    RepairCounters Repairs,
    PackagingCounters Packaging,
    LadderHealth? Ladder)
{
    /// <summary>What the encoder calls key frames are no places to begin or to switch (open GOP).</summary>
    public bool HasUnusableKeyFrames { get; init; }

    /// <summary>Pictures that others refer to and that did not come within the last half minute; at least so many.</summary>
    public int RecentMissing { get; init; }
}
