using Millrace.Core;
using Millrace.Packaging;

namespace Millrace.Delivery;

/// <summary>
/// Segment numbers of a broadcast that an earlier run or another pusher used and of which nothing is here: how long they last, and
/// the gaps that they become. Used by the broadcast's owner.
/// </summary>
internal sealed class LostNumbers
{
    private readonly OriginBroadcast broadcast;
    private readonly RenditionSet renditions;
    private bool areExpected;

    public LostNumbers(OriginBroadcast broadcast, RenditionSet renditions)
    {
        this.broadcast = broadcast;
        this.renditions = renditions;
    }

    /// <summary>The next period may begin behind such numbers.</summary>
    public void Expect() => areExpected = true;

    /// <summary>What a packager has to know to go on with a broadcast of an earlier run, behind all numbers that it may have used.</summary>
    public RecoveredBroadcast Recover()
    {
        Expect();
        var timeline = broadcast.Timeline.Read();
        var next = broadcast.NextNumber;
        var period = timeline.Periods[^1];
        var leader = renditions.Current[0];
        var decodeEnd = leader.End ?? period.Start;
        var end = period.Start;
        foreach (var rendition in timeline.Renditions)
        {
            if (rendition.LastSegment?.End is { } last && last > end)
                end = last;
        }
        var filled = (next - broadcast.Timeline.Read(leader.Name)!.NextSegment) * broadcast.Timeline.Contract.TargetDuration;
        return new RecoveredBroadcast(
            broadcast.Channel, broadcast.Id, broadcast.StartedAt, broadcast.Opened.Contract, next, end with { Ticks = end.Ticks + filled * end.Timescale },
            decodeEnd with { Ticks = decodeEnd.Ticks + filled * decodeEnd.Timescale }, broadcast);
    }

    /// <summary>
    /// Where they are expected, all before a period are gaps: a name that a viewer or a cache may know never means other bytes. They
    /// are as long as segments are, and shorter where they would reach into the period that follows: this origin has more of the one
    /// before than those that its pusher asked, and they agree on when the next one begins.
    /// </summary>
    public void FillUpTo(PeriodDescription period)
    {
        if (!areExpected)
            return;
        areExpected = false;
        var timeline = broadcast.Timeline.Read();
        var leader = renditions.Current[0];
        var first = broadcast.Timeline.Read(leader.Name)!.NextSegment;
        var count = period.FirstSegment - first;
        if (count <= 0)
            return;
        var timescale = renditions.Announced[0].Format.Timescale;
        var start = leader.End ?? timeline.Periods[^1].Start.In(timescale);
        var room = count * broadcast.Timeline.Contract.TargetDuration * (double)timescale;
        foreach (var rendition in timeline.Renditions)
        {
            if (rendition.LastSegment is not { } last)
                continue;
            room = Math.Min(room, (period.Start.Seconds - last.End.Seconds) * timescale);
            room = Math.Min(room, (period.WallClock - last.Track.Period.WallClockAt(last.End)).TotalSeconds * timescale);
        }
        var duration = new MediaTime(Math.Max(timescale / 1000, (long)(room / count)), timescale);
        for (var number = first; number < period.FirstSegment; number++)
        {
            broadcast.EndSegment(new SegmentDescription(0, number, start, duration, false, true));
            start += duration;
        }
    }
}
