using Millrace.Tests;

namespace Millrace.Timeline.Tests;

public class DerivedRenditionTests
{
    [Fact]
    public void HasMedia_DerivedRenditionHasNothing_DoesNotWaitForIt()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).Parts(1);

        Assert.True(broadcast.Timeline.Read().HasMedia);
        Assert.Equal(1, broadcast.Timeline.Read().ReadyPeriods);
        Assert.False(broadcast.Rung.HasMedia);
    }

    [Fact]
    public void HasMedia_DerivedLeaderHasNothing_WaitsForIt()
    {
        var timeline = new BroadcastTimeline(new TimelineContract(2, new Core.MediaTime(1, 1)));
        timeline.BeginPeriod(new NewPeriod(0, new Core.MediaTime(0, 90000), ScriptedBroadcast.Origin,
        [
            new NewRendition("source", ScriptedBroadcast.Video(), default, IsDerived: true),
            new NewRendition("audio", ScriptedBroadcast.Audio(), new byte[] { 2 }),
        ]));
        timeline.AppendPart(new NewPart(1, 0, 0, new Core.MediaTime(0, 48000), new Core.MediaTime(48000, 48000), true, 100, 47));
        Assert.False(timeline.Read().HasMedia);

        timeline.SetInit(0, ScriptedBroadcast.Video(), new byte[] { 1 });
        timeline.AppendPart(new NewPart(0, 0, 0, new Core.MediaTime(0, 90000), new Core.MediaTime(90000, 90000), true, 100, 30));

        Assert.True(timeline.Read().HasMedia);
    }

    [Fact]
    public void EndSegment_GapsBeforeTheFirstInit_AreNotListed()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungEnds().Segments(1).RungEnds().Segments(1);
        Assert.Equal((2L, 2L, 0), (broadcast.Rung.NextSegment, broadcast.Rung.FirstEver, broadcast.Rung.Segments.Count));
        Assert.DoesNotContain(broadcast.Source.Reports, report => report.Name == "480p");

        broadcast.RungInit().RungParts(6).Segments(1).RungEnds();

        var segment = Assert.Single(broadcast.Rung.Segments);
        Assert.Equal((2L, 0, 360000L), (segment.Number, segment.Track.Init, segment.Start.Ticks));
        Assert.Equal(new SegmentRun(2, segment.Start, false), segment.Run);
        Assert.Contains(broadcast.Source.Reports, report => report is { Name: "480p", LastSegment: 2, LastPart: 5 });
    }

    [Fact]
    public void SetInit_SameBytesInALaterPeriod_KeepsTheNumber()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungInit().RungParts(6).Segments(1).RungEnds();
        broadcast.Begin(rung: true);
        Assert.False(broadcast.Rung.Track.HasInit);
        broadcast.RungInit().RungParts(6).Segments(1).RungEnds().Begin(rung: true).RungInit(8).RungParts(6).Segments(1).RungEnds();

        Assert.Equal([0, 0, 1], broadcast.Rung.Segments.Select(segment => segment.Track.Init));
        Assert.Equal(new byte[] { 7 }, broadcast.Timeline.ReadInit("480p", 0)!.Value.ToArray());
        Assert.Equal(new byte[] { 8 }, broadcast.Timeline.ReadInit("480p", 1)!.Value.ToArray());
    }

    [Fact]
    public void SetInit_TwiceOrOfTheSource_Throws()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungInit();

        Assert.Throws<InvalidOperationException>(() => broadcast.RungInit());
        Assert.Throws<InvalidOperationException>(() => broadcast.Timeline.SetInit(0, ScriptedBroadcast.Video(), new byte[] { 1 }));
        Assert.Throws<InvalidOperationException>(() => broadcast.Timeline.BeginSegment(2, 5));
    }

    [Fact]
    public void AppendPart_BeforeItsInit_Throws() =>
        Assert.Throws<InvalidOperationException>(() => new ScriptedBroadcast().Begin(rung: true).RungParts(1));

    [Fact]
    public void Rates_NothingMeasured_AreTheTarget()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).Parts(1);
        Assert.Equal(new RenditionRates(50_000, 50_000, 30), broadcast.Rung.Rates);

        broadcast.RungInit().RungParts(6).RungEnds();

        Assert.Equal(36_000, broadcast.Rung.Rates.PeakBitsPerSecond);
    }

    [Fact]
    public async Task WaitForPlaylistAsync_LaggingRendition_IsReleasedByItsGap()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungInit().RungParts(6).Segments(1).RungEnds().Parts(6);
        var waiting = broadcast.Timeline.WaitForPlaylistAsync("480p", 1, 0, TestContext.Current.CancellationToken);
        Assert.False(waiting.IsCompleted);

        broadcast.RungEnds().EndSegment();

        Assert.Equal(TimelineWait.Available, await waiting);
        Assert.True(broadcast.Rung.Segments[^1].IsGap);
        Assert.Equal(
            TimelineWait.Absent, await broadcast.Timeline.WaitForPartAsync("480p", 1, 0, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void BeginPeriod_RungIsWithdrawnAndComesBack_HasGapsInBetween()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungInit().RungParts(6).Segments(1).RungEnds().Begin().Segments(2);
        broadcast.Begin(rung: true).RungInit().RungParts(6).Segments(1).RungEnds();

        Assert.Equal([false, true, true, false], broadcast.Rung.Segments.Select(segment => segment.IsGap));
        Assert.Equal([0, 1, 1, 2], broadcast.Rung.Segments.Select(segment => segment.Track.Period.Index));
    }
}
