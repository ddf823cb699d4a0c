using Millrace.Tests;

namespace Millrace.Timeline.Tests;

public class LoseTests
{
    [Fact]
    public void Lose_SegmentOfARun_BecomesAGapAndSplitsTheRun()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(5).Parts(2);
        var before = broadcast.Source;

        broadcast.Timeline.Lose("source", 2);

        var after = broadcast.Source;
        Assert.False(before.Find(2)!.IsGap);
        Assert.Equal([false, false, true, false, false], after.Segments.Select(segment => segment.IsGap));
        Assert.Equal([0L, 0, 2, 3, 3], after.Segments.Select(segment => segment.Run.FirstSegment));
        Assert.Equal(before.Segments.Select(segment => (segment.Start, segment.Duration)), after.Segments.Select(segment => (segment.Start, segment.Duration)));
        Assert.Equal(3, broadcast.Segments(1).Source.Find(5)!.Run.FirstSegment);
        Assert.All(broadcast.Sound.Segments, segment => Assert.False(segment.IsGap));
    }

    [Fact]
    public void Lose_NeighboursInAnyOrder_AreOneRunOfGaps()
    {
        foreach (var order in (long[][])[[1, 2, 3], [3, 2, 1], [1, 3, 2], [2, 1, 3]])
        {
            var broadcast = new ScriptedBroadcast().Begin().Segments(6);
            foreach (var number in order)
                broadcast.Timeline.Lose("source", number);

            var segments = broadcast.Source.Segments;
            Assert.Equal([false, true, true, true, false, false], segments.Select(segment => segment.IsGap));
            Assert.Equal([0L, 1, 1, 1, 4, 4], segments.Select(segment => segment.Run.FirstSegment));
            Assert.All(segments.GroupBy(segment => segment.Run.FirstSegment), run => Assert.Single(run.Select(segment => segment.Run).Distinct()));
        }
    }

    [Fact]
    public void Lose_NewestSegment_TheNextBeginsARun()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(3);
        broadcast.Timeline.Lose("source", 2);
        Assert.Equal(3, broadcast.Segments(1).Source.Find(3)!.Run.FirstSegment);
        Assert.False(broadcast.Source.Find(3)!.IsGap);

        var running = new ScriptedBroadcast().Begin().Segments(3).Parts(2);
        running.Timeline.Lose("source", 2);
        Assert.Equal((3L, false), (running.Source.Running!.Run.FirstSegment, running.Source.Running.IsGap));
        Assert.Same(running.Source.Running.Run, running.Segments(1).Source.Find(3)!.Run);
    }

    [Fact]
    public void Lose_WhatIsNotThere_ChangesNothing()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(5);
        broadcast.Timeline.RemoveBefore(2);
        var version = broadcast.Timeline.Version;
        broadcast.Timeline.Lose("source", 1);
        broadcast.Timeline.Lose("source", 5);
        broadcast.Timeline.Lose("other", 3);
        Assert.Equal(version, broadcast.Timeline.Version);
        broadcast.Timeline.Lose("source", 3);
        broadcast.Timeline.Lose("source", 3);
        Assert.Equal(version + 1, broadcast.Timeline.Version);
    }
}
