using Millrace.Ingest;
using Millrace.Transcoding;

namespace Millrace.Platform;

/// <summary>The further renditions of a broadcast. Counts are of the whole broadcast.</summary>
/// <param name="State">One of <c>off</c>, <c>starting</c>, <c>running</c>, <c>restarting</c>, <c>failed</c>, <c>ended</c>.</param>
/// <param name="Source"><c>passthrough</c> or <c>normalized</c>.</param>
/// <param name="Reason">Why it is so, in a sentence, or null.</param>
/// <param name="Rungs">The renditions that are made.</param>
/// <param name="Speed">Media time made per wall-clock time; 0 while not known.</param>
/// <param name="LagMilliseconds">By how much they are behind the source's newest picture.</param>
/// <param name="Restarts">Children of ffmpeg that took over from one that died or hung.</param>
/// <param name="DroppedUnits">Access units that no child got.</param>
/// <param name="Shed">Renditions that were given up because the machine did not keep up.</param>
/// <param name="Notes">What was left out, and why.</param>
/// <param name="LastErrors">The last lines of ffmpeg's standard error.</param>
internal sealed record TranscodingHealth(
    string State,
    string Source,
    string? Reason,
    IReadOnlyList<TranscodingRung> Rungs,
    double Speed,
    double LagMilliseconds,
    int Restarts,
    long DroppedUnits,
    int Shed,
    IReadOnlyList<string> Notes,
    IReadOnlyList<string> LastErrors)
{
    public static TranscodingHealth? Of(LadderHealth? health) => health is null ? null : new(
        health.State switch
        {
            null => "off",
            TranscoderState.Starting => "starting",
            TranscoderState.Running => "running",
            TranscoderState.Restarting => "restarting",
            TranscoderState.Failed => "failed",
            _ => "ended",
        },
        health.IsNormalized ? "normalized" : "passthrough",
        health.Reason ?? health.NormalizeReason,
        [.. health.Rungs.Select(rung => new TranscodingRung(rung.Name, rung.Width, rung.Height, rung.BitsPerSecond))],
        Math.Round(health.Speed, 3),
        Math.Round(health.Lag.TotalMilliseconds, 1),
        health.Restarts,
        health.DroppedUnits,
        health.Shed,
        health.Notes,
        health.LastErrors);
}

/// <summary>One rendition that is made; bit rate in bits per second, width and height 0 for audio.</summary>
internal sealed record TranscodingRung(string Name, int Width, int Height, long Bitrate);
