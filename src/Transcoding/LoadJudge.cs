namespace Millrace.Transcoding;

/// <summary>What is to become of a broadcast's ladder.</summary>
public enum LoadVerdict
{
    /// <summary>It stays.</summary>
    Keep,
    /// <summary>The machine cannot keep up: without its most expensive rung (<see cref="LadderPlan.WithoutMostExpensive"/>) it may.</summary>
    Shed,
    /// <summary>It has kept up for so long that a rung may come back.</summary>
    Restore,
}

/// <summary>
/// Judges a running ladder by its lag and speed: sheds after some seconds of being late, and restores after long quiet, each
/// time longer when the last restoration did not last. Pure: the caller gives the time, and carries the verdict out. One owner.
/// </summary>
public sealed class LoadJudge
{
    /// <summary>Lag that viewers of a rung do not notice: ffmpeg's own is 40 ms, and a segment is some seconds long.</summary>
    public static readonly TimeSpan LateAfter = TimeSpan.FromSeconds(2);

    /// <summary>How long it must be late. A key frame, or another program, makes it late for a moment.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(6);

    /// <summary>How long it must keep up before a rung comes back; doubles with each one that had to go again, up to 16 times.</summary>
    public static readonly TimeSpan QuietBefore = TimeSpan.FromMinutes(1);

    // Slower than this the lag grows by more than a second in twenty.
    private const double Slow = 0.95;
    private const int MaxDoublings = 4;

    private TimeSpan? lateSince;
    private TimeSpan? quietSince;
    private TimeSpan? restoredAt;
    private int doublings;
    private int shed;

    /// <summary>Rungs that are away by this judge's verdicts.</summary>
    public int Shed => shed;

    /// <summary>Takes a look; about once a second.</summary>
    /// <param name="now">Of a clock that only goes forward.</param>
    /// <param name="status">Of the transcoder.</param>
    /// <param name="hasRoom">Whether the node's budget would take a further rung back.</param>
    public LoadVerdict Look(TimeSpan now, TranscoderStatus status, bool hasRoom)
    {
        ArgumentNullException.ThrowIfNull(status);
        // A child that starts, or starts again, is behind by nature, and its speed is that of catching up.
        if (status.State != TranscoderState.Running)
        {
            lateSince = quietSince = null;
            return LoadVerdict.Keep;
        }
        // Behind, and not about to catch up.
        var isLate = (status.Lag > LateAfter && status.Speed < 1.05) || (status.Speed is > 0 and < Slow && status.Lag > LateAfter / 2);
        if (isLate)
        {
            quietSince = null;
            lateSince ??= now;
            if (now - lateSince < Patience)
                return LoadVerdict.Keep;
            if (restoredAt is { } restored && now - restored < QuietBefore)
                doublings = Math.Min(MaxDoublings, doublings + 1);
            restoredAt = null;
            lateSince = null;
            shed++;
            return LoadVerdict.Shed;
        }
        lateSince = null;
        if (shed == 0 || !hasRoom || status.Lag > LateAfter / 2)
        {
            quietSince = null;
            return LoadVerdict.Keep;
        }
        quietSince ??= now;
        if (now - quietSince < QuietBefore * (1 << doublings))
            return LoadVerdict.Keep;
        quietSince = null;
        restoredAt = now;
        shed--;
        return LoadVerdict.Restore;
    }
}
