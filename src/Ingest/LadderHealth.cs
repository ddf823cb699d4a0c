using Millrace.Transcoding;

namespace Millrace.Ingest;

/// <summary>How a broadcast's further renditions do at one moment.</summary>
/// <param name="State">Of the ffmpeg that makes them; null when none is wanted or none could be begun.</param>
/// <param name="IsNormalized">The source is encoded again, and viewers do not get its own bits.</param>
/// <param name="Reason">Why there is no ladder, or why its ffmpeg was started again; null when there is nothing to say.</param>
/// <param name="NormalizeReason">Why the source is encoded again; null when it is passed through.</param>
/// <param name="Rungs">The renditions that are made.</param>
/// <param name="Shed">Renditions that were given up because the machine did not keep up.</param>
/// <param name="Lag">By how much they are behind the source's newest picture.</param>
/// <param name="Speed">Media time made per wall-clock time; 1 keeps up, 0 is not known yet.</param>
/// <param name="Restarts">Children that took over from one that died or hung, over the whole broadcast.</param>
/// <param name="DroppedUnits">Access units of the source that no child got, over the whole broadcast.</param>
/// <param name="Notes">What was left out of the ladder, and why.</param>
/// <param name="LastErrors">The last lines that ffmpeg wrote to its standard error.</param>
public sealed record LadderHealth(
    TranscoderState? State,
    bool IsNormalized,
    string? Reason,
    string? NormalizeReason,
    IReadOnlyList<RungHealth> Rungs,
    int Shed,
    TimeSpan Lag,
    double Speed,
    int Restarts,
    long DroppedUnits,
    IReadOnlyList<string> Notes,
    IReadOnlyList<string> LastErrors)
{
    /// <summary>ffmpeg found something that it could not decode within the last ten seconds.</summary>
    public bool HasRecentErrors { get; init; }

    /// <summary>Renditions for which the node's budget has no room.</summary>
    public int OverBudget { get; init; }

    /// <summary>Renditions that are away because their ffmpeg failed again and again.</summary>
    public int Withdrawn { get; init; }
}

/// <summary>One rendition that is made.</summary>
/// <param name="Name">Its name in paths.</param>
/// <param name="Width">Pixels; 0 for audio.</param>
/// <param name="Height">Pixels; 0 for audio.</param>
/// <param name="BitsPerSecond">What its encoder is told to keep.</param>
public sealed record RungHealth(string Name, int Width, int Height, long BitsPerSecond);
