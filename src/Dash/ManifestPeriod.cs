using Millrace.Timeline;

namespace Millrace.Dash;

/// <summary>
/// One Period of a manifest: a stretch in which each rendition either has all segments or none. A timeline's period is one
/// such stretch unless a rendition has gaps: numbers of a SegmentTimeline have no holes (no player reads S@n), so a new
/// Period begins where a gap begins or ends.
/// </summary>
internal sealed class ManifestPeriod
{
    private ManifestPeriod(SegmentRun run, Period period)
    {
        Run = run;
        Period = period;
    }

    /// <summary>The newest of its renditions' runs: it begins where this began, wherever the window begins.</summary>
    public SegmentRun Run { get; }

    /// <summary>The timeline's period.</summary>
    public Period Period { get; }

    /// <summary>The renditions that have media here, each with its segments in the window, without holes.</summary>
    public List<(RenditionSnapshot Rendition, List<Segment> Segments)> Tracks { get; } = [];

    /// <summary>UTC of its beginning.</summary>
    public DateTimeOffset WallClock => Period.WallClockAt(Run.Start);

    /// <summary>Cuts what is in the window into periods, oldest first. Those without media, or not ready yet, are left out.</summary>
    public static List<ManifestPeriod> Cut(BroadcastSnapshot broadcast, TimeSpan? window)
    {
        var periods = new List<ManifestPeriod>();
        var first = long.MaxValue;
        var end = 0L;
        var ready = broadcast.ReadyPeriods;
        foreach (var rendition in broadcast.Renditions)
        {
            first = Math.Min(first, window is { } depth ? rendition.FirstWithin(depth) : rendition.FirstSegment);
            end = Math.Max(end, rendition.NextSegment + 1);
        }
        for (var number = first; number < end; number++)
        {
            if (NewestRun(broadcast, number) is not var (run, of) || of.Index >= ready)
                continue;
            if (periods is not [.., var current] || current.Run.FirstSegment != run.FirstSegment || current.Period != of)
                periods.Add(current = new ManifestPeriod(run, of));
            foreach (var rendition in broadcast.Renditions)
            {
                if (rendition.Find(number) is { IsGap: false } segment)
                    current.SegmentsOf(rendition).Add(segment);
            }
        }
        periods.RemoveAll(period => period.Tracks.Count == 0);
        return periods;
    }

    private static (SegmentRun Run, Period Period)? NewestRun(BroadcastSnapshot broadcast, long number)
    {
        (SegmentRun Run, Period Period)? newest = null;
        foreach (var rendition in broadcast.Renditions)
        {
            // A rendition that the period does not have says nothing about where its media begin and end.
            if (rendition.Find(number) is { Track.Format: not null } segment
                && (newest is not { } known || segment.Run.FirstSegment > known.Run.FirstSegment))
                newest = (segment.Run, segment.Track.Period);
        }
        return newest;
    }

    private List<Segment> SegmentsOf(RenditionSnapshot rendition)
    {
        foreach (var (known, segments) in Tracks)
        {
            if (known == rendition)
                return segments;
        }
        var added = new List<Segment>();
        Tracks.Add((rendition, added));
        return added;
    }
}
