namespace Millrace.Timeline;

/// <summary>The date ranges of a broadcast. Guarded by the timeline's lock; what it hands out never changes.</summary>
internal sealed class DateRangeList
{
    /// <summary>In the order in which they stand in playlists.</summary>
    public IReadOnlyList<PlacedDateRange> Placed { get; private set; } = [];

    /// <summary>Those that left while some client may still hold them.</summary>
    public IReadOnlyList<RemovedDateRange> Removed { get; private set; } = [];

    public void Add(DateRange range, long runningSegment)
    {
        foreach (var known in Placed)
        {
            if (known.Range.Id == range.Id && known.Range.Start != range.Start)
                throw new ArgumentException($"Date range {range.Id} began at another time.", nameof(range));
        }
        Placed = [.. Placed.Where(known => known.Range.Id != range.Id), new PlacedDateRange(range, runningSegment)];
        Removed = [.. Removed.Where(known => known.Id != range.Id)];
    }

    /// <summary>Holds what another one held.</summary>
    public void Restore(IReadOnlyList<PlacedDateRange> placed, IReadOnlyList<RemovedDateRange> removed) => (Placed, Removed) = ([.. placed], [.. removed]);

    /// <summary>Drops what ended before <paramref name="first"/> begins; true when anything changed.</summary>
    public bool RemoveBefore(Segment first, long runningSegment)
    {
        if (Placed.Count == 0 && Removed.Count == 0)
            return false;
        var start = first.WallClock;
        PlacedDateRange[] left = [.. Placed.Where(placed => placed.Segment >= first.Number || !IsOver(placed.Range, start))];
        RemovedDateRange[] remembered = [.. Removed.Where(removed => removed.Segment >= first.Number)];
        if (left.Length == Placed.Count && remembered.Length == Removed.Count)
            return false;
        var gone = Placed.Except(left).Select(placed => new RemovedDateRange(placed.Range.Id, runningSegment));
        Removed = [.. remembered, .. gone];
        Placed = left;
        return true;
    }

    // A range whose end nobody announced is over when it was planned to be, so that forgotten ones do not pile up.
    private bool IsOver(DateRange range, DateTimeOffset start)
    {
        if (!range.EndOnNext)
            return range.Start + (range.Duration ?? range.PlannedDuration ?? TimeSpan.Zero) <= start;
        foreach (var placed in Placed)
        {
            if (placed.Range.Class == range.Class && placed.Range.Start > range.Start && placed.Range.Start <= start)
                return true;
        }
        return false;
    }
}
