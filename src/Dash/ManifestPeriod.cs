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
        var first = long.MaxValue;
        foreach (var rendition in broadcast.Renditions)
            first = Math.Min(first, window is { } depth ? rendition.FirstWithin(depth) : rendition.FirstSegment);
        // A broadcast's first segment cannot move: a Period begins with it whatever becomes of the derived renditions.
        foreach (var end in (ReadOnlySpan<long>)[KnownUntil(broadcast, 0), KnownUntil(broadcast, broadcast.Periods[0].FirstSegment + 1), Newest(broadcast)])
        {
            var periods = Cut(broadcast, first, end);
            if (periods.Count > 0)
                return periods;
        }
        return [];
    }

    /// <summary>
    /// The number behind the last segment that can be announced: of which every rendition has a part, or is known to have a
    /// gap there. What was announced earlier might move to another Period when one turns out to have nothing.
    /// </summary>
    /// <remarks>
    /// A derived rendition need only have begun a segment; its own part follows. Where a Period begins its part is waited for as
    /// long as the leader's segment runs, for players do not look for a Representation in a Period that they know.
    /// </remarks>
    /// <param name="broadcast">The broadcast.</param>
    /// <param name="derivedFrom">Up to here nothing that derived renditions do matters.</param>
    private static long KnownUntil(BroadcastSnapshot broadcast, long derivedFrom)
    {
        if (broadcast.IsEnded)
            return Newest(broadcast);
        var leader = broadcast.Periods[^1].Leader;
        var leaderEnded = 0L;
        foreach (var rendition in broadcast.Renditions)
            leaderEnded = rendition.Name == leader ? rendition.NextSegment : leaderEnded;
        var least = long.MaxValue;
        foreach (var rendition in broadcast.Renditions)
        {
            // One that the period does not have has a gap with each segment of the leader: nothing to wait for.
            if (rendition.Track.Format is null)
                continue;
            var until = End(rendition);
            if (rendition.Track.IsDerived && rendition.Name != leader)
            {
                var goesOn = rendition.LastSegment is { IsGap: false } last && last.Track == rendition.Track;
                // Behind a gap a Period begins with it, where its first part tells.
                if (goesOn || leaderEnded > rendition.Begun && rendition.Begun == rendition.Track.Period.FirstSegment)
                    until = Math.Max(until, rendition.Begun + 1);
                until = Math.Max(until, derivedFrom);
            }
            least = Math.Min(least, until);
        }
        return least;
    }

    /// <summary>The number behind the last segment that any rendition has.</summary>
    private static long Newest(BroadcastSnapshot broadcast)
    {
        var most = 0L;
        foreach (var rendition in broadcast.Renditions)
            most = Math.Max(most, End(rendition));
        return most;
    }

    private static long End(RenditionSnapshot rendition) => rendition.NextSegment + (rendition.Running is null ? 0 : 1);

    private static List<ManifestPeriod> Cut(BroadcastSnapshot broadcast, long first, long end)
    {
        var periods = new List<ManifestPeriod>();
        var ready = broadcast.ReadyPeriods;
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
            // One that has begun the segment, and has no part of it yet, goes on in its run.
            var found = rendition.Find(number);
            if (found is null && number == rendition.Begun && rendition.LastSegment is { } before && before.Track == rendition.Track)
                found = before;
            if (found is { Track.Format: not null } segment
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
