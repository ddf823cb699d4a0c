using Millrace.Core;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// What a journal's records come to without their media: the timeline, and what the origin knows beside it. A checkpoint is made of it.
/// One owner.
/// </summary>
internal sealed class JournalState
{
    private readonly Dictionary<string, MediaState> media = new(StringComparer.Ordinal);
    private readonly Queue<(long Number, double Seconds)> listed = [];
    private NewRendition[] announced = [];
    private CheckpointReplay? checkpoint;
    private long newestBegun = -1;
    private double listedSeconds;

    /// <summary>The first record.</summary>
    public JournalRecord.Opened? Opened { get; private set; }

    /// <summary>The timeline; null before the first record.</summary>
    public BroadcastTimeline? Timeline { get; private set; }

    /// <summary>Checkpoints so far.</summary>
    public long Generation { get; private set; }

    /// <summary>It is over: there is nothing to make shorter.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>Decode time at which a rendition's media end.</summary>
    public MediaTime? EndOf(string rendition) => media.GetValueOrDefault(rendition).End;

    /// <summary>What stands beside the timeline of that state.</summary>
    public OriginState Origin(TimelineState of) => new(newestBegun, [.. listed], listedSeconds, [.. of.Renditions.Select(rendition => media.GetValueOrDefault(rendition.Name))]);

    /// <summary>Takes the next record. False when it does not belong here.</summary>
    public bool Take(JournalRecord record)
    {
        try
        {
            return Apply(record);
        }
        catch (Exception fault) when (fault is InvalidOperationException or ArgumentException or OverflowException)
        {
            return false;
        }
    }

    /// <summary>Tells a timeline of a segment that was recorded.</summary>
    public static void Tell(BroadcastTimeline timeline, NewRendition[] announced, JournalRecord.SegmentEnded record)
    {
        var segment = record.Segment;
        if (record.Parts.Length > 0 && announced[segment.Rendition].IsDerived)
            timeline.BeginSegment(segment.Rendition, segment.Segment);
        for (var i = 0; i < record.Parts.Length; i++)
        {
            ref readonly var part = ref record.Parts[i];
            timeline.AppendPart(new NewPart(
                segment.Rendition, segment.Segment, i, segment.Start with { Ticks = part.Start }, segment.Start with { Ticks = part.DurationTicks },
                part.IsIndependent, part.ByteLength, part.SampleCount, PresentationDelay: record.PresentationDelay));
        }
        timeline.EndSegment(segment);
    }

    private bool Apply(JournalRecord record)
    {
        if (Timeline is null)
        {
            if (record is not JournalRecord.Opened opened)
                return false;
            Opened = opened;
            Timeline = new BroadcastTimeline(new TimelineContract(opened.Contract.TargetDuration, opened.Contract.PartTarget));
            return true;
        }
        if (checkpoint is not null)
            return checkpoint.Take(record, Restore);
        switch (record)
        {
            case JournalRecord.CheckpointBegan began:
                Generation = began.Generation;
                checkpoint = new CheckpointReplay();
                return true;
            case JournalRecord.PeriodBegan { Period: var period }:
                announced = [.. period.Renditions];
                Timeline.BeginPeriod(period);
                return true;
            case JournalRecord.SegmentEnded ended:
                return Apply(ended);
            case JournalRecord.DateRangeAdded added:
                Timeline.AddDateRange(added.Range);
                return true;
            case JournalRecord.SegmentBegan began:
                newestBegun = Math.Max(newestBegun, began.Segment);
                return true;
            case JournalRecord.Removed removed:
                Unlist(removed.Before);
                Timeline.RemoveBefore(removed.Before);
                return true;
            case JournalRecord.Suspended:
                Timeline.Suspend();
                return true;
            case JournalRecord.Lost lost:
                Timeline.Lose(lost.Rendition, lost.Segment);
                return true;
            case JournalRecord.InitSet set when set.Rendition < announced.Length:
                Timeline.SetInit(set.Rendition, set.Format, set.Init);
                return true;
            case JournalRecord.Joined joined:
                Timeline.JoinAt(joined.Segment, joined.Renditions);
                return true;
            case JournalRecord.Ended:
                IsEnded = true;
                return true;
            default:
                return false;
        }
    }

    private bool Apply(JournalRecord.SegmentEnded record)
    {
        var segment = record.Segment;
        if (segment.Rendition >= announced.Length)
            return false;
        Tell(Timeline!, announced, record);
        newestBegun = Math.Max(newestBegun, segment.Segment);
        var name = announced[segment.Rendition].Name;
        var known = media.GetValueOrDefault(name);
        media[name] = new MediaState(segment.Start + segment.Duration, segment.IsGap ? known.Files : Math.Max(known.Files, record.Place.File + 1));
        if (segment.Rendition == 0)
        {
            listed.Enqueue((segment.Segment, segment.Duration.Seconds));
            listedSeconds += segment.Duration.Seconds;
        }
        return true;
    }

    private void Restore(OriginState origin)
    {
        var state = checkpoint!.State;
        Timeline!.Restore(state);
        announced = checkpoint.Announced;
        newestBegun = origin.NewestBegun;
        foreach (var segment in origin.Listed)
            listed.Enqueue(segment);
        listedSeconds = origin.ListedSeconds;
        for (var i = 0; i < state.Renditions.Count; i++)
            media[state.Renditions[i].Name] = origin.Media[i];
        checkpoint = null;
    }

    private void Unlist(long before)
    {
        while (listed.TryPeek(out var oldest) && oldest.Number < before)
        {
            listed.Dequeue();
            listedSeconds -= oldest.Seconds;
        }
    }
}
