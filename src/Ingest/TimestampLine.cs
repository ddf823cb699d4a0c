namespace Millrace.Ingest;

/// <summary>
/// One track's way from RTMP timestamps to the session's clock: 32-bit wrap, jumps in either direction, and the offset
/// that jumps left. Milliseconds.
/// </summary>
/// <remarks>
/// Both tracks of a publisher run on one clock, so a jump usually comes on both, one message apart. The track that meets it
/// first is laid on behind its own last message; the other one then takes the same offset, and they stay in step. A jump
/// on one track alone leaves the other as it is.
/// </remarks>
internal sealed class TimestampLine
{
    /// <summary>
    /// Longest step forward that is a hole in the media: an encoder that lost its network for longer has usually dropped
    /// what is behind it, and players that meet a longer hole stop.
    /// </summary>
    public const long MaxHole = 10_000;

    /// <summary>Longest step back that is jitter and not another clock.</summary>
    public const long MaxJitter = 200;

    /// <summary>How far apart tracks of one clock can be: interleaving and holes of one of them.</summary>
    private const long SameClock = 3_000;

    /// <summary>How far apart, in raw time and in size, two tracks can meet the same step.</summary>
    private const long SameStepWithin = 500;
    private const long SameStepSize = 50;

    /// <summary>
    /// Raw times so close mean one clock; offsets so far apart cannot both be right then. A jump of one track alone leaves
    /// the raw times as far apart as the offsets.
    /// </summary>
    private const long OneClock = 500;
    private const long TwoClocks = 1_000;

    /// <summary>How long raw times must agree before offsets that do not are mended.</summary>
    private const long AgreeFor = 250;

    private uint lastRaw;
    private long lastIn;
    private long ahead;
    private long stepBack;
    private long stepBackAt;
    private long? agreeSince;

    /// <summary>Whether a message came.</summary>
    public bool Started { get; private set; }

    /// <summary>What is added to the unwrapped timestamp.</summary>
    public long Offset { get; private set; }

    /// <summary>The last message on the session's clock.</summary>
    public long Last { get; private set; }

    /// <summary>Puts a message on the session's clock.</summary>
    /// <param name="raw">Its timestamp.</param>
    /// <param name="other">The session's other track.</param>
    /// <param name="interval">What the track's messages usually lie apart.</param>
    /// <param name="counters">Counts what was repaired.</param>
    /// <param name="moved">The offset changed: what was measured against the clock holds no more.</param>
    public long Next(uint raw, TimestampLine other, long interval, ref RepairCounters counters, out bool moved)
    {
        moved = false;
        if (!Started)
            return Start(raw, other, ref counters);

        var delta = (int)(raw - lastRaw);
        if (delta > 0 != raw > lastRaw && delta != 0)
            counters.Wraps++;
        lastIn += delta;
        lastRaw = raw;
        var time = lastIn + Offset;
        var expected = Last + interval;

        if (other.Started && other.Offset != Offset && Math.Abs(time - expected) > MaxJitter / 2)
        {
            // The other track's offset explains the step: both met the same jump. It lays this message where this track
            // would go on or, when it was in a hole as the jump came, where it always stood beside the other one.
            var shared = lastIn + other.Offset;
            if (IsBetter(shared, expected) || IsBetter(shared, other.Last + ahead))
            {
                Offset = other.Offset;
                moved = true;
                return Last = shared;
            }

            bool IsBetter(long place, long wanted) =>
                Math.Abs(place - wanted) < Math.Abs(time - wanted) && Math.Abs(place - wanted) <= SameClock;
        }
        if (IsLeftBehind(other))
        {
            Offset = other.Offset;
            moved = true;
            return Last = lastIn + Offset;
        }
        var step = time - Last;
        if (step is <= MaxHole and >= -MaxJitter)
        {
            if (other.Started && Math.Abs(time - expected) <= MaxJitter / 2)
                ahead = time - other.Last;
            if (step < 0)
                (stepBack, stepBackAt) = (time - expected, lastIn);
            return Last = time;
        }
        // A long hole of this track alone: the other one has been there already.
        if (step > 0 && other.Started && Math.Abs(time - other.Last) <= SameClock / 3)
            return Last = time;
        if (step > 0)
            counters.ForwardJumps++;
        else
            counters.BackwardJumps++;
        // A track that was in a hole when both jumped goes on where the other one stands.
        var inHole = step > 0 && other.Started && other.Offset == Offset && other.Last > expected + MaxJitter;
        var place = inHole ? other.Last : expected;
        var shift = place - time;
        if (other.TookForJitter(-shift, Offset))
            other.Offset += shift;
        Offset += shift;
        moved = true;
        return Last = place;
    }

    /// <summary>Whether steps that came too close upon one another left this track's offset short of the other's.</summary>
    private bool IsLeftBehind(TimestampLine other)
    {
        if (!other.Started || other.Offset - Offset <= TwoClocks || Math.Abs(lastIn - other.lastIn) > OneClock)
        {
            agreeSince = null;
            return false;
        }
        agreeSince ??= lastIn;
        return lastIn - agreeSince >= AgreeFor;
    }

    /// <summary>
    /// Whether this track met the same step back a moment ago and, its messages lying further apart, took it for jitter.
    /// </summary>
    private bool TookForJitter(long step, long offset) =>
        stepBack < 0 && Offset == offset && lastIn - stepBackAt <= SameStepWithin && Math.Abs(stepBack - step) <= SameStepSize;

    private long Start(uint raw, TimestampLine other, ref RepairCounters counters)
    {
        Started = true;
        lastRaw = raw;
        if (!other.Started)
        {
            lastIn = raw;
            Offset = -lastIn;
            return Last = 0;
        }
        lastIn = other.lastIn + (int)(raw - other.lastRaw);
        Offset = other.Offset;
        Last = lastIn + Offset;
        if (Math.Abs(Last - other.Last) > MaxHole)
        {
            counters.ForeignStarts++;
            Offset += other.Last - Last;
            Last = other.Last;
        }
        return Last;
    }
}
