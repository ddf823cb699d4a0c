using Millrace.Packaging;
using Millrace.Push;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// A broadcast goes from one pusher to another: where it ends here, and its end made the same as at the origin that has most of it.
/// Used by the broadcast's owner.
/// </summary>
internal static class PushHandover
{
    /// <summary>Where the open period ends here, for a pusher that goes on behind it.</summary>
    /// <param name="broadcast">Which one.</param>
    /// <param name="places">What comes next in each rendition.</param>
    public static PushResume ReadEnd(OriginBroadcast broadcast, IReadOnlyList<PushPlace> places)
    {
        var first = broadcast.NextNumber;
        var current = broadcast.CurrentRenditions;
        var tails = new RenditionTail[current.Count];
        for (var i = 0; i < tails.Length; i++)
        {
            var known = current[i];
            var delay = known.PresentationDelay;
            var told = new List<TailSegment>(PushLimits.MaxTailSegments);
            foreach (var segment in known.Segments.AsSpan()[^Math.Min(known.Segments.Count, PushLimits.MaxTailSegments - 1)..])
            {
                if (segment.Track == known.Track)
                    told.Add(new TailSegment(segment.Start with { Ticks = segment.Start.Ticks - delay }, segment.Duration.Ticks, segment.IsIndependent, segment.Parts.Length));
            }
            var next = known.NextSegment;
            if (places[i].Part > 0 && broadcast.Current(i)!.Running() is var (start, end, isIndependent))
            {
                told.Add(new TailSegment(start, (end - start).Ticks, isIndependent, places[i].Part));
                next++;
            }
            tails[i] = new RenditionTail(next, delay, told);
            first = Math.Max(first, next);
        }
        return new PushResume(broadcast.Timeline.Read().PeriodCount - 1, first, tails);
    }

    /// <summary>
    /// Another pusher goes on: the open period ends as at the origin that has most of it. What this one has as well is complete, what
    /// it lacks is a gap, and so is a segment of which it lacks the end: nowhere does its name mean other bytes. A period follows, or the end.
    /// </summary>
    public static void Resume(OriginBroadcast broadcast, PushResume at, IReadOnlyList<PushPlace> places)
    {
        for (var i = 0; broadcast.Current(i) is { } media; i++)
        {
            var tail = at.Renditions[i];
            var place = places[i];
            LoseOthers(broadcast, media, tail);
            if (place.Segment >= tail.NextSegment && place.Part > 0)
                Abandon(broadcast, i);
            for (var number = place.Segment; number < tail.NextSegment; number++)
            {
                var segment = tail[number];
                var isWhole = number == place.Segment && place.Part > 0 && place.Part == segment.Parts;
                if (!isWhole)
                    Abandon(broadcast, i);
                broadcast.EndSegment(new SegmentDescription(
                    i, number, segment.Start, segment.Start with { Ticks = segment.DurationTicks }, isWhole && segment.IsIndependent, !isWhole));
            }
        }
        broadcast.LostNumbers.Expect();
        broadcast.Suspend();
    }

    private static void Abandon(OriginBroadcast broadcast, int rendition)
    {
        broadcast.Timeline.Abandon(rendition);
        broadcast.Current(rendition)!.Abandon();
    }

    /// <summary>Of the last segments, those that this origin has otherwise than the one that has most, or alone, are gaps.</summary>
    private static void LoseOthers(OriginBroadcast broadcast, RenditionMedia media, RenditionTail tail)
    {
        foreach (var segment in broadcast.Timeline.Read(media.Name)!.Segments.AsSpan().ToArray())
        {
            if (segment.Number < tail.FirstTold || segment.IsGap)
                continue;
            if (segment.Number < tail.NextSegment && tail[segment.Number] is var told && told.Parts == segment.Parts.Length && told.DurationTicks == segment.Duration.Ticks)
                continue;
            broadcast.Lose(media, segment.Number);
        }
    }
}
