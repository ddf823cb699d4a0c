namespace Millrace.Timeline;

/// <summary>
/// The whole broadcast at one version: what a multivariant playlist or a manifest says. Immutable and shared like
/// <see cref="RenditionSnapshot"/>.
/// </summary>
public sealed class BroadcastSnapshot
{
    /// <summary>Counts every change.</summary>
    public required long Version { get; init; }

    /// <summary>The broadcast's promises.</summary>
    public required TimelineContract Contract { get; init; }

    /// <summary>
    /// The broadcast's first period, where its clock begins, and those from the oldest that has segments left to the newest: a
    /// broadcast on air for months does not remember each visit of its publisher.
    /// </summary>
    public required IReadOnlyList<Period> Periods { get; init; }

    /// <summary>How many periods there have been.</summary>
    public int PeriodCount => Periods.Count == 0 ? 0 : Periods[^1].Index + 1;

    /// <summary>All renditions, in the order in which periods first named them.</summary>
    public required IReadOnlyList<RenditionSnapshot> Renditions { get; init; }

    /// <summary>The broadcast is over; nothing changes any more.</summary>
    public required bool IsEnded { get; init; }

    /// <summary>The publisher is gone and may come back.</summary>
    public required bool IsSuspended { get; init; }

    /// <summary>
    /// Up to which <see cref="Period.Index"/> periods can be announced as a whole: all, but the newest only once each of its renditions
    /// has a part or a gap. A player that was told of a period without its audio never looks for it again. Derived renditions
    /// are not waited for, but for a leader.
    /// </summary>
    public int ReadyPeriods
    {
        get
        {
            if (IsEnded)
                return PeriodCount;
            foreach (var rendition in Renditions)
            {
                if (rendition.Track.Format is null || rendition.Track.IsDerived && rendition.Name != Periods[^1].Leader)
                    continue;
                if (rendition.LastSegment?.Track.Period != rendition.Track.Period)
                    return PeriodCount - 1;
            }
            return PeriodCount;
        }
    }

    /// <summary>From the beginning of the oldest segment to the end of the newest; absences count. Zero before the first.</summary>
    public TimeSpan Duration
    {
        get
        {
            DateTimeOffset? first = null, last = null;
            foreach (var rendition in Renditions)
            {
                if (rendition.LastSegment is not { } newest)
                    continue;
                var oldest = rendition.Segments.Count > 0 ? rendition.Segments[0] : newest;
                first = first is null || oldest.WallClock < first ? oldest.WallClock : first;
                var end = newest.Track.Period.WallClockAt(newest.End);
                last = last is null || end > last ? end : last;
            }
            return last - first ?? TimeSpan.Zero;
        }
    }

    /// <summary>
    /// How far back it can be rewound: seconds from the beginning of the first period to that of the oldest segment; null before the
    /// first.
    /// </summary>
    public double? RewindableFrom
    {
        get
        {
            double? oldest = null;
            foreach (var rendition in Renditions)
            {
                if (rendition.Segments.Count > 0)
                    oldest = Math.Min(oldest ?? double.MaxValue, rendition.Segments[0].Start.Seconds - Periods[0].Start.Seconds);
            }
            return oldest;
        }
    }

    /// <summary>There is something to play, and it can be announced as a whole: a multivariant playlist or a manifest can be written.</summary>
    public bool HasMedia
    {
        get
        {
            var ready = ReadyPeriods;
            foreach (var rendition in Renditions)
            {
                if (rendition.Running is { } running && running.Track.Period.Index < ready)
                    return true;
                foreach (var segment in rendition.Segments.AsSpan())
                {
                    if (!segment.IsGap && segment.Track.Period.Index < ready)
                        return true;
                }
            }
            return false;
        }
    }
}
