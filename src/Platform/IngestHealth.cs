using Millrace.Ingest;

namespace Millrace.Platform;

/// <summary>What comes in from a publisher. Counts are of the whole broadcast, over all its publish sessions.</summary>
/// <param name="Sessions">Publish sessions: one more than reconnects.</param>
/// <param name="Bitrate">Bits per second, over the last five seconds.</param>
/// <param name="FrameRate">Pictures per second of the last GOP, by their timestamps; 0 when not known.</param>
/// <param name="GopSeconds">Length of the last GOP; 0 when not known.</param>
/// <param name="LastKeyFrameSeconds">Seconds since the last key frame came, or null.</param>
/// <param name="LastReceivedSeconds">Seconds since the last message came, or null without a publisher.</param>
/// <param name="AudioVideoSkewMilliseconds">By how much the newest audio is ahead of the newest picture.</param>
/// <param name="AudioDriftMilliseconds">By how much the audio's own count lags the publisher's clock.</param>
/// <param name="Received">What was accepted.</param>
/// <param name="Dropped">What was left out, by reason.</param>
/// <param name="Repairs">Timestamp repairs, by kind.</param>
/// <param name="Packaging">What packaging made, bent and filled.</param>
internal sealed record IngestHealth(
    int Sessions,
    long Bitrate,
    double FrameRate,
    double GopSeconds,
    double? LastKeyFrameSeconds,
    double? LastReceivedSeconds,
    double AudioVideoSkewMilliseconds,
    double AudioDriftMilliseconds,
    IngestReceived Received,
    IngestDropped Dropped,
    IngestRepairs Repairs,
    IngestPackaging Packaging)
{
    public static IngestHealth Of(BroadcastHealth health, DateTimeOffset now) => new(
        health.Sessions,
        health.BitsPerSecond,
        Math.Round(health.FrameRate, 2),
        Math.Round(health.GopSeconds, 3),
        Since(health.LastKeyFrame, now),
        Since(health.LastReceived, now),
        Math.Round(health.AudioVideoSkew * 1000, 1),
        Math.Round(health.AudioError * 1000, 1),
        new(health.Ingest.Bytes, health.Ingest.VideoUnits, health.Ingest.AudioUnits, health.Ingest.DataMessages),
        new(health.Ingest.BeforeConfiguration, health.Ingest.BeforeRandomAccess, health.Ingest.Damaged, health.Ingest.BadTags,
            health.Ingest.Ignored, health.Ingest.AfterEnd, health.Packaging.LateDropped),
        new(health.Repairs.Wraps, health.Repairs.ForwardJumps, health.Repairs.BackwardJumps, health.Repairs.ForeignStarts,
            health.Repairs.Reordered, health.Repairs.AudioHoles, health.Repairs.AudioDropped, health.Repairs.AudioSteered),
        new(health.Packaging.Parts, health.Packaging.Segments, health.Packaging.GapSegments, health.Packaging.DependentSegments,
            health.Packaging.OversizedParts, health.Packaging.ShortParts, health.Packaging.SilentFrames, health.Packaging.LeaderStalls));

    private static double? Since(DateTimeOffset? then, DateTimeOffset now) =>
        then is null ? null : Math.Max(0, Math.Round((now - then.Value).TotalSeconds, 3));
}

/// <summary>What was accepted: bytes, pictures, audio frames, data messages.</summary>
internal sealed record IngestReceived(long Bytes, long VideoUnits, long AudioUnits, long DataMessages);

/// <summary>What was left out: the words are those of the metric <c>millrace.ingest.dropped</c>.</summary>
internal sealed record IngestDropped(
    long BeforeConfiguration, long BeforeKeyFrame, long Damaged, long BadTag, long Ignored, long AfterEnd, long Late);

/// <summary>Timestamp repairs: the words are those of the metric <c>millrace.ingest.repairs</c>.</summary>
internal sealed record IngestRepairs(
    long Wrap, long ForwardJump, long BackwardJump, long ForeignStart, long Reordered, long AudioHole, long AudioDropped, long AudioSteered);

/// <summary>Packaging: the words are those of the metric <c>millrace.packaging.irregularities</c>.</summary>
internal sealed record IngestPackaging(
    long Parts, long Segments, long GapSegment, long DependentSegment, long OversizedPart, long ShortPart, long SilentFrame, long LeaderStall);
