namespace Millrace.Timeline;

/// <summary>What somebody waits for.</summary>
/// <param name="Rendition">The rendition's name.</param>
/// <param name="Segment">Media sequence number.</param>
/// <param name="Part">Part index, or <see cref="WaitList.WholeSegment"/>.</param>
/// <param name="IsPlaylist">A playlist that holds it or anything later will do; otherwise its media are wanted.</param>
internal readonly record struct WaitTarget(string Rendition, long Segment, int Part, bool IsPlaylist)
{
    /// <summary>
    /// Decides; called under the timeline's lock. Cancelled stands for "not yet": then <paramref name="segment"/> and
    /// <paramref name="part"/> say when to decide again.
    /// </summary>
    public TimelineWait Evaluate(RenditionLog log, bool ended, out long segment, out int part)
    {
        segment = Segment;
        part = Part;
        if (Segment < log.NextSegment)
        {
            var result = IsPlaylist ? EvaluateListed(log) : EvaluateMedia(log);
            if (result != TimelineWait.Cancelled)
                return result;
            // A playlist with the first part of the next segment is what the client means.
            segment = log.NextSegment;
            part = 0;
        }
        if (ended)
            return TimelineWait.Ended;
        if (segment == log.NextSegment && part < log.RunningParts)
            return TimelineWait.Available;
        var last = log.RunningParts > 0 ? log.NextSegment : log.NextSegment - 1;
        if (segment > last + 2)
            return TimelineWait.TooFarInTheFuture;
        var lastPart = segment == log.NextSegment ? log.RunningParts - 1 : 0;
        return part != WaitList.WholeSegment && part > lastPart + log.Contract.AdvancePartLimit
            ? TimelineWait.TooFarInTheFuture
            : TimelineWait.Cancelled;
    }

    private TimelineWait EvaluateListed(RenditionLog log)
    {
        if (Part == WaitList.WholeSegment || Segment < log.NextSegment - 1 || log.RunningParts > 0)
            return TimelineWait.Available;
        return log.Last is not { } last || last.IsGap || Part < last.Parts.Length
            ? TimelineWait.Available
            : TimelineWait.Cancelled;
    }

    private TimelineWait EvaluateMedia(RenditionLog log)
    {
        var index = Segment - log.FirstSegment;
        if (index < 0 || index >= log.Segments.Count)
            return TimelineWait.Absent;
        var segment = log.Segments[(int)index];
        return segment.IsGap || (Part != WaitList.WholeSegment && Part >= segment.Parts.Length)
            ? TimelineWait.Absent
            : TimelineWait.Available;
    }
}
