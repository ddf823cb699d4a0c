using Millrace.Core;
using Millrace.Tests;

namespace Millrace.Timeline.Tests;

public class SnapshotTests
{
    [Fact]
    public void Read_NothingChanged_IsTheSameObject()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(2);

        Assert.Same(broadcast.Source, broadcast.Source);
        Assert.Same(broadcast.Timeline.Read(), broadcast.Timeline.Read());
    }

    [Fact]
    public void Read_AfterAPart_IsANewVersionAndLeavesTheOldOneAlone()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1).Parts(2);
        var before = broadcast.Source;

        broadcast.Parts(1);

        Assert.Equal(2, before.Running!.Parts.Length);
        Assert.Equal(3, broadcast.Source.Running!.Parts.Length);
        Assert.True(broadcast.Source.Version > before.Version);
    }

    [Fact]
    public void Read_AudioChangedOnly_KeepsTheVideosSnapshot()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1);
        var video = broadcast.Source;

        broadcast.Parts(1, silent: "source");

        Assert.Same(video, broadcast.Source);
    }

    [Fact]
    public void Read_OldSnapshotAfterManySegmentsAndRemovals_IsUnchanged()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(10).Parts(3);
        var old = broadcast.Source;
        var segments = old.Segments.ToArray();

        for (var i = 0; i < 200; i++)
        {
            broadcast.Segments(1);
            broadcast.Timeline.RemoveBefore(broadcast.Next - 12);
        }

        Assert.Equal(segments, old.Segments.ToArray());
        Assert.Equal(3, old.Running!.Parts.Length);
        Assert.Equal(10, old.Running.Number);
        Assert.Equal(broadcast.Next - 12, broadcast.Source.FirstSegment);
        Assert.Equal(12, broadcast.Source.Segments.Count);
    }

    [Fact]
    public void Find_AnySegmentOfTheWindow_HasItsNumberAndByteOffsets()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(5).Parts(2);
        broadcast.Timeline.RemoveBefore(2);
        var source = broadcast.Source;

        Assert.Null(source.Find(1));
        Assert.Null(source.Find(6));
        for (var number = 2; number <= 5; number++)
            Assert.Equal(number, source.Find(number)!.Number);
        Assert.Equal(new Part(15000, 3000, 30000, false), source.Find(2)!.Parts.Span[5]);
        Assert.Equal(18000, source.Find(2)!.ByteLength);
        Assert.Equal(6000, source.Find(5)!.ByteLength);
    }

    [Fact]
    public void BeginPeriod_SameInitBytes_KeepsTheNumber()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1).Begin().Segments(1).Begin(width: 640).Segments(1).Begin().Segments(1);

        Assert.Equal([0, 0, 1, 0], broadcast.Source.Segments.Select(segment => segment.Track.Init));
        Assert.Equal(new byte[] { 1, 2, 128 }, broadcast.Timeline.ReadInit("source", 1)!.Value.ToArray());
        Assert.Null(broadcast.Timeline.ReadInit("source", 2));
        Assert.Null(broadcast.Timeline.ReadInit("nobody", 0));
    }

    [Fact]
    public void BeginPeriod_RenditionMissing_HasGapsOfTheLeadersDurationsAndTheSameNumbers()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(2).Begin(audio: false).Segments(3).Begin().Segments(1);
        var sound = broadcast.Sound;

        Assert.Equal([0L, 1, 2, 3, 4, 5], sound.Segments.Select(segment => segment.Number));
        Assert.Equal([false, false, true, true, true, false], sound.Segments.Select(segment => segment.IsGap));
        Assert.Equal(Enumerable.Repeat(new MediaTime(96000, 48000), 6), sound.Segments.Select(segment => segment.Duration));
        Assert.Equal([0, 0, 1, 1, 1, 2], sound.Segments.Select(segment => segment.Track.Period.Index));
    }

    [Fact]
    public void BeginPeriod_RenditionAppearsLater_BeginsWithThatPeriodsNumber()
    {
        var broadcast = new ScriptedBroadcast().Begin(video: false).Segments(3).Begin().Segments(2);

        Assert.Equal(3, broadcast.Source.FirstEver);
        Assert.Equal([3L, 4], broadcast.Source.Segments.Select(segment => segment.Number));
    }

    [Fact]
    public void BeginPeriod_SegmentNeverEnded_EndsWithWhatCame()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1).Parts(2);
        broadcast.Timeline.BeginPeriod(new NewPeriod(
            2, new MediaTime(3, 1), ScriptedBroadcast.Origin, [new NewRendition("source", ScriptedBroadcast.Video(), new byte[] { 9 })]));

        var cut = broadcast.Source.Segments[^1];
        Assert.Equal((1L, 2), (cut.Number, cut.Parts.Length));
        Assert.Equal(new MediaTime(60000, 90000), cut.Duration);
    }

    [Fact]
    public void BeginPeriod_AfterAbsence_PlacesItsSegmentsOnTheWallClock()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(2).Begin(absentSeconds: 7.5).Segments(2);

        Assert.Equal(
            [0, 2, 11.5, 13.5],
            broadcast.Source.Segments.Select(segment => (segment.WallClock - ScriptedBroadcast.Origin).TotalSeconds));
    }

    [Fact]
    public void BeginPeriod_ClockSetBack_NeverPresentsBeforeTheMediaInFront()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(3).Begin(absentSeconds: -100).Segments(1);

        Assert.Equal(ScriptedBroadcast.Origin.AddSeconds(6), broadcast.Source.Segments[^1].WallClock);
    }

    [Fact]
    public void AppendPart_OutOfOrder_Throws()
    {
        var broadcast = new ScriptedBroadcast().Begin();
        var part = new NewPart(0, 0, 1, new MediaTime(0, 90000), new MediaTime(1, 90000), true, 1, 1);

        Assert.Throws<InvalidOperationException>(() => broadcast.Timeline.AppendPart(part));
    }

    [Fact]
    public void AppendPart_AfterTheEnd_Throws()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1);
        broadcast.Timeline.End();
        broadcast.Timeline.End();

        Assert.Throws<InvalidOperationException>(() => broadcast.Parts(1));
        Assert.True(broadcast.Source.IsEnded);
    }

    [Fact]
    public void Rates_SteadyMedia_AreItsBitsPerSecondAndFrames()
    {
        var broadcast = new ScriptedBroadcast().Begin().Parts(2);
        Assert.Equal(72000, broadcast.Source.Rates.PeakBitsPerSecond);

        broadcast.Segments(4);

        Assert.Equal(new RenditionRates(72000, 72000, 30), broadcast.Source.Rates);
        Assert.Equal(9600, broadcast.Sound.Rates.AverageBitsPerSecond);
    }

    [Fact]
    public void Rates_OneHeavySegment_IsThePeakForEverAndRaisesTheAverage()
    {
        var timeline = new BroadcastTimeline(new TimelineContract(2, new MediaTime(2, 1)));
        timeline.BeginPeriod(new NewPeriod(0, default(MediaTime) with { Timescale = 1 }, ScriptedBroadcast.Origin,
            [new NewRendition("source", ScriptedBroadcast.Video(), new byte[] { 1 })]));
        int[] bytes = [1000, 5000, 1000, 1000];
        for (var i = 0; i < bytes.Length; i++)
        {
            var start = new MediaTime(i * 180000, 90000);
            timeline.AppendPart(new NewPart(0, i, 0, start, new MediaTime(180000, 90000), true, bytes[i], 60));
            timeline.EndSegment(new NewSegment(0, i, start, new MediaTime(180000, 90000), true, false));
        }

        Assert.Equal(20000, timeline.Read("source")!.Rates.PeakBitsPerSecond);
        Assert.Equal(8000, timeline.Read("source")!.Rates.AverageBitsPerSecond);
    }

    [Fact]
    public void FirstWithin_ShortWindow_IsNotBelowThreeTargetDurations()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(20);

        Assert.Equal(15, broadcast.Source.FirstWithin(TimeSpan.FromSeconds(10)));
        Assert.Equal(17, broadcast.Source.FirstWithin(TimeSpan.Zero));
        Assert.Equal(0, broadcast.Source.FirstWithin(TimeSpan.FromHours(1)));
    }

    [Fact]
    public void HasMedia_OnlyTheVideoHasBegun_IsFalseUntilTheAudioHasToo()
    {
        var broadcast = new ScriptedBroadcast().Begin().Parts(1, silent: "audio");
        Assert.False(broadcast.Timeline.Read().HasMedia);

        broadcast.Parts(1, silent: "audio");
        broadcast.Parts(4, silent: "audio").EndSegment(silent: "audio");

        Assert.True(broadcast.Timeline.Read().HasMedia);
    }

    [Fact]
    public void RemoveBefore_DateRangeOverBeforeTheWindow_IsRememberedAsRemoved()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(2);
        broadcast.Timeline.AddDateRange(new DateRange("ad", ScriptedBroadcast.Origin.AddSeconds(4)) { Duration = TimeSpan.FromSeconds(3) });
        broadcast.Segments(8);
        broadcast.Timeline.RemoveBefore(3);
        Assert.Equal(("ad", 2L), (broadcast.Source.DateRanges.Single().Range.Id, broadcast.Source.DateRanges.Single().Segment));

        broadcast.Timeline.RemoveBefore(4);

        Assert.Empty(broadcast.Source.DateRanges);
        Assert.Equal([new RemovedDateRange("ad", 10)], broadcast.Source.RemovedDateRanges);
    }

    [Theory]
    [InlineData("", "the id")]
    [InlineData("a\"b", "the id")]
    public void AddDateRange_BadId_Throws(string id, string because)
    {
        var fault = Assert.Throws<ArgumentException>(
            () => new ScriptedBroadcast().Begin().Timeline.AddDateRange(new DateRange(id, ScriptedBroadcast.Origin)));
        Assert.StartsWith(because, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_VideoWithBFrames_StartsSegmentsWhereTheyAreShown()
    {
        const uint Second = 90000;
        const long Delay = 6000;
        var timeline = new BroadcastTimeline(new TimelineContract(2, new MediaTime(Second / 2, Second)));
        timeline.BeginPeriod(new NewPeriod(0, new MediaTime(Second, Second), ScriptedBroadcast.Origin,
        [
            new NewRendition("source", ScriptedBroadcast.Video(), new byte[] { 1 }),
            new NewRendition("audio", ScriptedBroadcast.Audio(), new byte[] { 2 }),
        ]));
        Part(0, 0, new MediaTime(Second - Delay, Second));
        Part(1, 0, new MediaTime(48100, 48000));
        Assert.Equal(Second, timeline.Read("source")!.Running!.Start.Ticks);
        End(0, 0, new MediaTime(Second - Delay, Second));
        End(1, 0, new MediaTime(48100, 48000));
        Part(0, 1, new MediaTime(3 * Second - Delay, Second));

        var source = timeline.Read("source")!;
        Assert.Equal([Second, 3 * Second], [source.Segments[0].Start.Ticks, source.Running!.Start.Ticks]);
        Assert.Equal(ScriptedBroadcast.Origin, source.Segments[0].WallClock);
        // Audio is shown when it is decoded, wherever in the period it begins.
        Assert.Equal(48100, timeline.Read("audio")!.Segments[0].Start.Ticks);

        // What nobody ended is ended where it was shown.
        timeline.End();
        Assert.Equal(3 * Second, timeline.Read("source")!.Segments[1].Start.Ticks);

        void Part(int rendition, long segment, MediaTime start) =>
            timeline.AppendPart(new NewPart(rendition, segment, 0, start, start with { Ticks = start.Timescale / 2 }, true, 100, 1));

        void End(int rendition, long segment, MediaTime start) => timeline.EndSegment(
            new NewSegment(rendition, segment, start, start with { Ticks = 2 * start.Timescale }, true, false));
    }
}
