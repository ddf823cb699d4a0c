using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>Gathers a checkpoint's records behind <see cref="JournalRecord.CheckpointBegan"/>, up to its end.</summary>
internal sealed class CheckpointReplay
{
    private readonly Dictionary<int, List<SegmentState>> listed = [];
    private JournalRecord.PeriodBegan? period;
    private TimelineState? state;

    /// <summary>What is recorded of segments, and in which rendition, in their order.</summary>
    public List<(string Rendition, JournalRecord.SegmentEnded Record)> Recorded { get; } = [];

    /// <summary>The timeline's state. At the end.</summary>
    public TimelineState State => state!;

    /// <summary>The open period's renditions, as they were announced. At the end.</summary>
    public NewRendition[] Announced { get; private set; } = [];

    /// <summary>Takes the next record, and with the last one calls <paramref name="restore"/>. False when it does not belong into a checkpoint.</summary>
    public bool Take(JournalRecord record, Action<OriginState> restore)
    {
        if (!Take(record))
            return false;
        if (record is JournalRecord.CheckpointEnded end)
            restore(end.Origin);
        return true;
    }

    private bool Take(JournalRecord record)
    {
        switch (record)
        {
            case JournalRecord.PeriodBegan began:
                period = began;
                return true;
            case JournalRecord.InitSet:
                // For who reads of a period alone; the timeline's state has it.
                return period is not null;
            case JournalRecord.Kept kept:
                return Take(kept);
            case JournalRecord.CheckpointEnded ended:
                return Take(ended);
            default:
                return false;
        }
    }

    private bool Take(JournalRecord.Kept kept)
    {
        if (kept.Listed is { } segment)
        {
            if (!listed.TryGetValue(kept.Rendition, out var segments))
                listed.Add(kept.Rendition, segments = []);
            segments.Add(segment);
        }
        if (kept.Recorded is not { } recorded)
            return true;
        if (period is null || recorded.Segment.Rendition >= period.Period.Renditions.Count)
            return false;
        Recorded.Add((period.Period.Renditions[recorded.Segment.Rendition].Name, recorded));
        return true;
    }

    private bool Take(JournalRecord.CheckpointEnded ended)
    {
        if (period is null || ended.State.Current.Count != period.Period.Renditions.Count)
            return false;
        Announced = [.. period.Period.Renditions];
        for (var i = 0; i < Announced.Length; i++)
        {
            if (ended.State.Current[i] >= ended.State.Renditions.Count || ended.State.Renditions[ended.State.Current[i]].Name != Announced[i].Name)
                return false;
        }
        state = ended.State with
        {
            Renditions = [.. ended.State.Renditions.Select((rendition, index) => rendition with { Segments = listed.GetValueOrDefault(index) ?? [] })],
        };
        return true;
    }
}
