using Millrace.Core;
using Millrace.Media;

namespace Millrace.Ingest;

/// <summary>
/// Waits for what a period needs to begin: the formats of all tracks that are to be expected, a random access point, and
/// before the first period enough pictures to measure their rate. Holds the access units meanwhile. One owner.
/// </summary>
internal sealed class PeriodDiscovery : IDisposable
{
    /// <summary>Most bytes held: over a second at the highest bitrate that the default allows.</summary>
    private const long MaxBytes = 16 * 1024 * 1024;

    /// <summary>Most access units held.</summary>
    private const int MaxUnits = 8192;

    /// <summary>Most pictures measured.</summary>
    private const int MaxMeasured = 128;

    /// <summary>
    /// How long media must have come no faster than it plays before its beginning is dated: encoders that were started
    /// before they connected send what they have at once, and the last of it tells when the first was made.
    /// </summary>
    private static readonly TimeSpan SettledAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>Most media that is held for the end of such a burst, in seconds: who sends a file as fast as it goes never settles.</summary>
    private const double MaxBurst = 3;

    /// <summary>What the network's own unevenness may be.</summary>
    private static readonly TimeSpan Unevenness = TimeSpan.FromMilliseconds(5);

    private readonly List<(MediaKind Kind, AccessUnit Unit)> held = [];
    private readonly List<double> pictures = [];
    private long heldBytes;
    private double firstTime = double.NaN;
    private double lastTime = double.NaN;
    private long firstReceivedAt;
    private long lastReceivedAt;
    private long anchor;
    private long anchorMovedAt;
    private bool hasLead;

    public VideoFormat? Video { get; set; }

    public AudioFormat? Audio { get; set; }

    /// <summary>What metadata says; null when it says nothing.</summary>
    public bool? ExpectVideo { get; set; }

    /// <summary>What metadata says; null when it says nothing.</summary>
    public bool? ExpectAudio { get; set; }

    /// <summary>
    /// The period may begin with a recovery point: where the source has no other places to begin, or is encoded again anyway.
    /// </summary>
    public bool TakesRecoveryPoint { get; init; }

    /// <summary>Decode times of the first pictures in milliseconds.</summary>
    public ReadOnlySpan<double> Pictures => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(pictures);

    /// <summary>Pictures per second, by their decode times; 0 when there are too few.</summary>
    public double FramesPerSecond => pictures is [var first, .., var last] && last > first ? (pictures.Count - 1) * 1000 / (last - first) : 0;

    /// <summary>Samples of the first audio frame, or 0.</summary>
    public uint AudioFrameSamples { get; private set; }

    /// <summary>What is held, in the order of arrival.</summary>
    public List<(MediaKind Kind, AccessUnit Unit)> Held => held;

    /// <summary>Takes over an access unit on the session's clock. Returns how many were dropped, this or older ones.</summary>
    public int Add(MediaKind kind, in AccessUnit unit)
    {
        var time = (double)unit.DecodeTime / (kind == MediaKind.Video ? VideoFormat.VideoTimescale : Audio!.Timescale);
        if (double.IsNaN(firstTime))
        {
            firstTime = time;
            lastTime = time;
            firstReceivedAt = unit.ReceivedAt;
            anchor = anchorMovedAt = unit.ReceivedAt;
        }
        lastTime = Math.Max(lastTime, time);
        lastReceivedAt = unit.ReceivedAt;
        var dated = unit.ReceivedAt - (long)((time - firstTime) * TimeSpan.TicksPerSecond);
        if (dated < anchor)
        {
            if (anchor - dated > Unevenness.Ticks)
                anchorMovedAt = unit.ReceivedAt;
            anchor = dated;
        }
        if (kind == MediaKind.Audio && AudioFrameSamples == 0)
            AudioFrameSamples = unit.Duration;
        if (kind == MediaKind.Video)
        {
            if (pictures.Count < MaxMeasured)
                pictures.Add(time * 1000);
            if (!hasLead && !CanLead(unit))
            {
                unit.Payload.Release();
                return 1;
            }
            hasLead = true;
        }
        held.Add((kind, unit));
        heldBytes += unit.Payload.Length;
        // Without a picture to begin with only the newest audio is of use; pictures are never too many: the wait is short.
        var dropped = 0;
        while (heldBytes > MaxBytes || held.Count - dropped > MaxUnits)
        {
            heldBytes -= held[dropped].Unit.Payload.Length;
            hasLead &= held[dropped].Kind != MediaKind.Video;
            held[dropped++].Unit.Payload.Release();
        }
        held.RemoveRange(0, dropped);
        return dropped;
    }

    /// <summary>Whether what is held is enough for a period to begin, if nothing more came.</summary>
    /// <param name="least">Less media than this is not worth a period.</param>
    public bool HasBeginning(TimeSpan least) =>
        lastTime - firstTime >= least.TotalSeconds && (Video is not null ? hasLead : Audio is not null && held.Count > 0);

    /// <summary>Whether the period should begin.</summary>
    /// <param name="patience">How much media may pass until a track that did not come is given up; twice that in wall-clock time.</param>
    /// <param name="measure">Media to measure the frame rate over; zero when it need not be known.</param>
    public bool IsReady(TimeSpan patience, TimeSpan measure)
    {
        if (double.IsNaN(firstTime) || Video is null && Audio is null)
            return false;
        var passed = lastTime - firstTime;
        var waitedEnough = passed >= patience.TotalSeconds || lastReceivedAt - firstReceivedAt >= 2 * patience.Ticks;
        if (!waitedEnough && (Video is null && ExpectVideo != false || Audio is null && ExpectAudio != false))
            return false;
        if (Video is null)
            return held.Count > 0;
        if (!hasLead)
            return false;
        var settled = lastReceivedAt - anchorMovedAt >= SettledAfter.Ticks || passed >= MaxBurst || heldBytes > MaxBytes / 2;
        if (!settled && lastReceivedAt - firstReceivedAt < 2 * patience.Ticks)
            return false;
        return measure == TimeSpan.Zero || waitedEnough && pictures.Count >= 3
            || pictures.Count >= 4 && pictures[^1] - pictures[0] >= measure.TotalMilliseconds;
    }

    /// <summary>
    /// UTC at which a decode time of the session's clock was made, in ticks: by the access unit that took the shortest way
    /// here of all that were held.
    /// </summary>
    public long WallClockOf(double decodeSeconds) => anchor + (long)((decodeSeconds - firstTime) * TimeSpan.TicksPerSecond);

    /// <summary>Index in <see cref="Held"/> of the access unit that the period begins with.</summary>
    public int Lead()
    {
        var kind = Video is null ? MediaKind.Audio : MediaKind.Video;
        for (var i = 0; i < held.Count; i++)
        {
            if (held[i].Kind == kind && CanLead(held[i].Unit))
                return i;
        }
        throw new InvalidOperationException("Nothing to begin with.");
    }

    private bool CanLead(in AccessUnit unit) => unit.IsRandomAccess || TakesRecoveryPoint && unit.IsRecoveryPoint;

    /// <summary>Gives up what is held of a track whose format changed.</summary>
    public int Forget(MediaKind kind)
    {
        var dropped = 0;
        foreach (var (heldKind, unit) in held)
        {
            if (heldKind != kind)
                continue;
            unit.Payload.Release();
            heldBytes -= unit.Payload.Length;
            dropped++;
        }
        held.RemoveAll(h => h.Kind == kind);
        if (kind == MediaKind.Video)
        {
            hasLead = false;
            pictures.Clear();
        }
        else
        {
            AudioFrameSamples = 0;
        }
        return dropped;
    }

    public void Dispose()
    {
        foreach (var (_, unit) in held)
            unit.Payload.Release();
        held.Clear();
    }
}
