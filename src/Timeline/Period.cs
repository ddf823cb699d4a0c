using Millrace.Core;
using Millrace.Media;

namespace Millrace.Timeline;

/// <summary>
/// A span of the broadcast in which the set of renditions and their formats are fixed. Between two periods stands a
/// discontinuity. Immutable.
/// </summary>
public sealed class Period
{
    internal Period(int index, NewPeriod announced, DateTimeOffset presentedFrom)
    {
        Index = index;
        FirstSegment = announced.FirstSegment;
        Start = announced.Start;
        WallClock = presentedFrom;
        Leader = announced.Renditions[0].Name;
    }

    internal Period(PeriodState state)
    {
        Index = state.Index;
        FirstSegment = state.FirstSegment;
        Start = state.Start;
        WallClock = state.WallClock;
        Leader = state.Leader;
    }

    /// <summary>Counted from 0 over the whole broadcast: the discontinuity sequence number of its segments.</summary>
    public int Index { get; }

    /// <summary>Media sequence number of its first segment.</summary>
    public long FirstSegment { get; }

    /// <summary>Presentation time of its beginning on the broadcast's clock.</summary>
    public MediaTime Start { get; }

    /// <summary>
    /// UTC of <see cref="Start"/>, as announced, but never before the end of the media of the period in front: the
    /// ingest node's clock may have been set back between the two, the presentation cannot run backwards.
    /// </summary>
    public DateTimeOffset WallClock { get; }

    /// <summary>Name of the rendition that leads the cuts.</summary>
    public string Leader { get; }

    /// <summary>
    /// UTC of a moment of this period. Derived from the period's beginning and media time alone, so that all
    /// renditions agree and the network's jitter does not reach the players.
    /// </summary>
    public DateTimeOffset WallClockAt(MediaTime time)
    {
        var sinceStart = (Int128)time.Ticks * TimeSpan.TicksPerSecond / time.Timescale
            - (Int128)Start.Ticks * TimeSpan.TicksPerSecond / Start.Timescale;
        return WallClock + new TimeSpan((long)sinceStart);
    }
}

/// <summary>One rendition in one period. Immutable.</summary>
public sealed class PeriodTrack
{
    internal PeriodTrack(Period period, TrackFormat? format, int init, bool hasInit, bool isDerived)
    {
        Period = period;
        Format = format;
        Init = init;
        HasInit = hasInit;
        IsDerived = isDerived;
    }

    /// <summary>The period.</summary>
    public Period Period { get; }

    /// <summary>Its format there, or null when the period does not have the rendition: all its segments are gaps then.</summary>
    public TrackFormat? Format { get; }

    /// <summary>
    /// Number of its init segment; that of the period before without <see cref="HasInit"/>, -1 when there never was one.
    /// </summary>
    public int Init { get; }

    /// <summary>
    /// It has an init segment of its own. Without one it has only gaps: the period does not have the rendition, or it is a
    /// derived one whose encoder has not begun; then another track of the same period takes its place.
    /// </summary>
    public bool HasInit { get; }

    /// <summary>It is made of another rendition here.</summary>
    public bool IsDerived { get; }
}
