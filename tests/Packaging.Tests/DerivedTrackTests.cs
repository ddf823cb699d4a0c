using CsCheck;
using Millrace.Media;

namespace Millrace.Packaging.Tests;

public sealed class DerivedTrackTests
{
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.6)]
    [InlineData(1.9)]
    public void Append_SteadyLag_IsTheSameSegmentsLater(double lag)
    {
        using var ladder = Play(_ => lag);
        Assert.Equal("IIIIIIIIII", ladder.Segments(2));
        ladder.Sink.DemandRules(alignment: 0.0215);
        ladder.DemandDerived(2, frame: 0);
        Assert.Equal((0, 0), (ladder.Counters.DerivedDropped, ladder.Counters.DerivedGaps));
        Assert.Equal(600, ladder.Sink.PartsOf(0, 2).Sum(part => part.SampleCount));
    }

    [Fact]
    public void Append_LagBelowAPart_FollowsAtThatDistance()
    {
        var told = new List<double>();
        using var ladder = new Ladder(Ladder.Source, Ladder.Rung);
        var newest = 0.0;
        ladder.Sink.OnPart = part =>
        {
            if (part.Rendition == 0)
                newest = (part.Start + part.Duration).Seconds;
            else
                told.Add(newest - (part.Start + part.Duration).Seconds);
        };
        ladder.Begin();
        ladder.Plan(0, Feed.Frames(30, 20, 2)).Plan(1, Feed.Frames(30, 20, 2), _ => 0.1).Play();
        Assert.All(told, behind => Assert.InRange(behind, -0.001, 0.335));
        ladder.End();
    }

    [Fact]
    public void Append_EncoderStartsASecondLate_LosesNothing()
    {
        using var ladder = Play(time => Math.Max(0.1, 1 - time));
        Assert.Equal("IIIIIIIIII", ladder.Segments(2));
        ladder.DemandDerived(2, frame: 0);
        Assert.Equal(0, ladder.Counters.DerivedDropped);
    }

    [Fact]
    public void Append_EncoderDeadForSevenSeconds_IsGapsAndComesBackAtACut()
    {
        using var ladder = Play(_ => 0.1, time => time is < 5.5 or >= 12.5);
        Assert.Equal("IIIGGGGIII", ladder.Segments(2));
        ladder.DemandDerived(2, frame: 0);
        Assert.Equal(4, ladder.Counters.DerivedGaps);
        // What came between its new beginning and the cut.
        Assert.Equal(45, ladder.Counters.DerivedDropped);
        Assert.Equal(0, ladder.Counters.GapSegments);
        var back = ladder.Sink.SegmentsOf(0, 2).First(segment => segment.Segment == 7);
        Assert.Equal(14, back.Start.Seconds, 0.001);
    }

    [Fact]
    public void Append_GapsOfADeadEncoder_AreToldBeforeTheLeadersEnd()
    {
        using var ladder = Play(_ => 0.1, time => time is < 5.5 or >= 12.5);
        var calls = ladder.Sink.Calls;
        foreach (var segment in new[] { 3, 4, 5 })
            Assert.True(calls.IndexOf($"segment 2 {segment}") < calls.IndexOf($"segment 0 {segment}"));
    }

    [Fact]
    public void Append_LagOfThreeSeconds_IsGapsOnly()
    {
        using var ladder = Play(_ => 3);
        // The last one's tail is let in, for nobody is late any more.
        Assert.Equal("GGGGGGGGGI", ladder.Segments(2));
        Assert.Equal(540, ladder.Counters.DerivedDropped);
        ladder.DemandDerived(2);
    }

    [Fact]
    public void Append_HiccupInsideASegment_ItIsCompletedLate()
    {
        // The encoder holds back from 5 s to 6.7 s, and catches up.
        using var ladder = Play(time => time is >= 5 and < 6.7 ? 6.7 - time : 0.1);
        Assert.Equal("IIIIIIIIII", ladder.Segments(2));
        Assert.Equal(0, ladder.Counters.DerivedDropped);
        ladder.DemandDerived(2, frame: 0);
    }

    [Fact]
    public void Append_ShortSegments_TwoSecondsOfLagAreAllowed()
    {
        using var ladder = new Ladder(new PackagingOptions { SegmentDuration = TimeSpan.FromSeconds(1) }, Ladder.Source, Ladder.Rung);
        ladder.Begin();
        ladder.Plan(0, Feed.Frames(30, 20, 1)).Plan(1, Feed.Frames(30, 20, 1), _ => 1.8).Play().End();
        Assert.DoesNotContain('G', ladder.Segments(1));
        ladder.DemandDerived(1, frame: 0);
    }

    [Fact]
    public void Append_LeaderCutInMidGop_IsCutThereToo()
    {
        using var ladder = Play(_ => 0.1, gop: 10);
        ladder.DemandDerived(2, frame: 0);
        Assert.Equal(ladder.Segments(0), ladder.Segments(2));
        Assert.Contains('d', ladder.Segments(2));
        ladder.Sink.DemandRules(alignment: 0.0215);
    }

    [Fact]
    public void Append_EncoderDiesInALongGop_ComesBackWithTheSourcesKeyFrame()
    {
        using var ladder = Play(_ => 0.1, time => time is < 3 or >= 4, gop: 10);
        ladder.DemandDerived(2);
        // Its own key frame at 4 s is nowhere near a cut; the frame before stands until then.
        Assert.Equal('I', ladder.Segments(2)[0]);
        Assert.Contains("I", ladder.Segments(2)[4..], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(60, 30, 0.25)]
    [InlineData(50, 25, 0.9)]
    [InlineData(29.97002997, 29.97002997, 0)]
    [InlineData(30, 15, 0.5)]
    public void Append_OtherFrameRate_StartsWithinAFrame(double rate, double own, double phase)
    {
        // The rung's frames lie on a grid of their own; the one nearest to a key frame of the source is its key frame.
        var format = new VideoFormat(Codec.Avc, "avc1.64001e", [1], 854, 480) { DeclaredFrameRate = own };
        using var ladder = new Ladder(Ladder.Source, new PeriodRendition("480p", format, IsDerived: true));
        ladder.Begin();
        var grid = Enumerable.Range(0, (int)(20 * own)).Select(i => i == 0 ? 0 : (i - phase / 2) / own);
        var gop = Math.Round(2 * rate) / rate;
        ladder.Plan(0, Feed.Frames(rate, 20, gop)).Plan(1, grid.Select(time => (time, Key(time))), _ => 0.1).Play().End();
        ladder.DemandDerived(1, frame: 1 / own);
        Assert.All(ladder.Segments(1), letter => Assert.Equal('I', letter));
        Assert.Equal(0, ladder.Counters.DerivedDropped);

        bool Key(double time) => Math.Abs(time - Math.Round(time / gop) * gop) <= 0.5001 / own;
    }

    [Fact]
    public void Append_SlowFramesAndAForcedCut_StayWithinTheTargetDuration()
    {
        var format = new VideoFormat(Codec.Avc, "avc1.64001e", [1], 320, 180) { DeclaredFrameRate = 5 };
        using var ladder = new Ladder(Ladder.Source, Ladder.Sound, new PeriodRendition("180p", format, IsDerived: true));
        ladder.Begin();
        ladder.Plan(0, Feed.Frames(30, 40, 20)).PlanSound(1, 40).Plan(2, Feed.Frames(5, 40, 20), _ => 0.3).Play().End();
        ladder.DemandDerived(2, frame: 0.2);
        Assert.DoesNotContain('G', ladder.Segments(2));
    }

    [Fact]
    public void Append_ReorderingEncoder_IsCutByWhatIsShown()
    {
        using var ladder = new Ladder(Ladder.Source, Ladder.Rung);
        ladder.Begin(start: 1);
        Assert.True(ladder.Feed.Packager.SetFormat(1, Ladder.True480));
        var rung = 0;
        for (var i = 0; i < 300; i++)
        {
            ladder.Feed.Append(0, 90000 + i * 3000, 0, 0, i % 60 == 0);
            // Decoded two frames before it is shown, ten frames late.
            if (i >= 10)
                ladder.Feed.Append(1, 84000 + rung * 3000, 6000, 0, rung++ % 60 == 0);
        }
        ladder.End();
        Assert.Equal("IIIII", ladder.Segments(1));
        Assert.All(ladder.Sink.PartsOf(0, 1), part => Assert.Equal(6000, part.PresentationDelay));
        Assert.All(ladder.Sink.SegmentsOf(0, 1), segment => Assert.Equal(84000 + segment.Segment * 180000, segment.Start.Ticks));
    }

    [Fact]
    public void Append_NormalizedLeader_LeadsWhateverItsLag()
    {
        using var ladder = new Ladder(new PeriodRendition("source", Ladder.Predicted, IsDerived: true), Ladder.Sound, Ladder.Rung);
        ladder.Begin();
        ladder.Plan(0, Feed.Frames(30, 20, 2), time => Math.Max(0.3, 1 - time)).PlanSound(1, 20)
            .Plan(2, Feed.Frames(30, 20, 2), time => Math.Max(0.31, 1.01 - time)).Play().End();
        Assert.Equal(("IIIIIIIIII", "IIIIIIIIII", "IIIIIIIIII"), (ladder.Segments(0), ladder.Segments(1), ladder.Segments(2)));
        ladder.Sink.DemandRules(alignment: 0.0215);
        Assert.Equal(0, ladder.Counters.LeaderStalls);
        Assert.True(ladder.Sink.Inits.ContainsKey((0, 0)));
    }

    [Fact]
    public void Append_NormalizedLeaderDies_SoundGoesOnAndItComesBackAligned()
    {
        using var ladder = new Ladder(new PeriodRendition("source", Ladder.Predicted, IsDerived: true), Ladder.Sound);
        ladder.Begin();
        var lives = (double time) => time is < 5.5 or >= 14.5;
        ladder.Plan(0, Ladder.Encoded(Feed.Frames(30, 30, 2), lives), _ => 0.3).PlanSound(1, 30).Play().End();
        ladder.Sink.DemandRules(fullParts: false, alignment: 3, contiguous: false);
        Assert.Contains('G', ladder.Segments(0));
        Assert.DoesNotContain('G', ladder.Segments(1));
        Assert.Equal(ladder.Sink.SegmentsOf(0, 0).Last().Start.Seconds, ladder.Sink.SegmentsOf(0, 1).Last().Start.Seconds, 0.03);
        Assert.True(ladder.Counters.LeaderStalls > 0);
    }

    [Fact]
    public void CloseDerived_TailCameBehindTheSourcesEnd_IsInIt()
    {
        using var ladder = new Ladder(Ladder.Source, Ladder.Sound, Ladder.Rung);
        for (var period = 0; period < 2; period++)
        {
            var from = period * 6.0;
            ladder.Begin(from);
            ladder.Plan(0, Feed.Frames(30, 5.1, 2, from)).PlanSound(1, 5.1, from).Plan(2, Feed.Frames(30, 5.1, 2, from), _ => 0.2);
            ladder.Play(from + 5.1);
            ladder.Feed.Packager.EndPeriod();
            Assert.False(ladder.Feed.Packager.IsOpen);
            Assert.True(ladder.Feed.Packager.HasTail);
            var (next, end) = (ladder.Feed.Packager.NextSegment, ladder.Feed.Packager.End);
            ladder.Play();
            // The next period's beginning closes the first one's tail by itself.
            if (period == 1)
                ladder.Feed.Packager.CloseDerived();
            Assert.Equal((next, end), (ladder.Feed.Packager.NextSegment, ladder.Feed.Packager.End));
        }
        ladder.End();
        ladder.Sink.DemandRules(alignment: 0.0215);
        for (var period = 0; period < 2; period++)
        {
            ladder.DemandDerived(2, frame: 0, period);
            Assert.Equal("III", ladder.Segments(2, period));
            Assert.Equal(153, ladder.Sink.PartsOf(period, 2).Sum(part => part.SampleCount));
        }
    }

    [Fact]
    public void CloseDerived_NothingEverCame_AllIsGaps()
    {
        using var ladder = new Ladder(Ladder.Source, Ladder.Rung);
        ladder.Begin();
        ladder.Plan(0, Feed.Frames(30, 5, 2)).Play().End();
        Assert.Equal("GGG", ladder.Segments(1));
        Assert.Empty(ladder.Sink.Inits);
        ladder.DemandDerived(1);
    }

    [Fact]
    public void Append_DerivedSound_IsAlignedAndSilentInItsHoles()
    {
        using var ladder = new Ladder(Ladder.Source, new PeriodRendition("audio", Feed.Mp3), new PeriodRendition("aac", Feed.Aac48, IsDerived: true));
        ladder.Begin();
        ladder.Plan(0, Feed.Frames(30, 20, 2)).PlanSound(1, 20)
            .Plan(2, Feed.Audio(Feed.Aac48, 20).Where(time => time is < 5 or >= 5.6).Select(time => (time, true)), _ => 0.2).Play().End();
        Assert.Equal("IIIIIIIIII", ladder.Segments(2));
        ladder.DemandDerived(2, frame: 0.0215);
        ladder.Sink.DemandRules(alignment: 0.0245);
    }

    [Fact]
    public void Append_DerivedSoundDead_IsGapsAndComesBack()
    {
        using var ladder = new Ladder(Ladder.Source, new PeriodRendition("aac", Feed.Aac48, IsDerived: true));
        ladder.Begin();
        ladder.Plan(0, Feed.Frames(30, 20, 2))
            .Plan(1, Feed.Audio(Feed.Aac48, 20).Where(time => time is < 5.5 or >= 12.5).Select(time => (time, true)), _ => 0.2).Play().End();
        Assert.Equal("IIIGGGIIII", ladder.Segments(1));
        ladder.DemandDerived(1, frame: 0.0215);
    }

    [Fact]
    public void SetFormat_OfOtherTracksOrTwice_IsRefused()
    {
        using var ladder = new Ladder(Ladder.Source, Ladder.Rung);
        var packager = ladder.Feed.Packager;
        Assert.Throws<InvalidOperationException>(() => packager.SetFormat(1, Ladder.True480));
        ladder.Begin();
        Assert.Throws<InvalidOperationException>(() => packager.SetFormat(0, Ladder.True480));
        Assert.Throws<ArgumentException>(() => packager.SetFormat(1, Feed.Aac48));
        Assert.Throws<InvalidOperationException>(() => packager.Append(1, default));
        Assert.True(packager.SetFormat(1, Ladder.True480));
        Assert.True(packager.SetFormat(1, new VideoFormat(Codec.Avc, "avc1.64001e", Ladder.True480.Configuration.ToArray(), 854, 480)));
        Assert.False(packager.SetFormat(1, new VideoFormat(Codec.Avc, "avc1.640028", Ladder.True480.Configuration.ToArray(), 1920, 1080)));
        Assert.Single(ladder.Sink.Inits);
    }

    [Fact]
    public void Append_WhateverDerivedTracksDo_TheOthersAreTheSameBytesInTheSameOrder() =>
        (from gop in Gen.Int[0, 3].Select(i => new[] { 0.5, 2.0, 3.1, 10.0 }[i])
         from segment in Gen.Int[0, 2].Select(i => new[] { 1.0, 2.0, 4.0 }[i])
         from lag in Gen.Double[0, 4]
         from jitter in Gen.Double[0, 2].Array[40]
         from dead in Gen.Bool.Array[40]
         from deadShare in Gen.Int[0, 3]
         from stall in Gen.Bool
         select (gop, segment, lag, jitter, dead, deadShare, stall)).Sample(
            sample =>
            {
                var options = new PackagingOptions { SegmentDuration = TimeSpan.FromSeconds(sample.segment) };
                bool Lives(double time) => sample.deadShare == 0 || (int)time % 4 >= sample.deadShare || sample.dead[(int)time % 40];
                double Lag(double time) => sample.lag + sample.jitter[(int)(time * 2) % 40];
                var source = Feed.Frames(30, 20, sample.gop).Where(unit => !sample.stall || unit.Item1 is < 7 or >= 11).ToArray();

                using var plain = new Ladder(options, Ladder.Source, Ladder.Sound);
                plain.Begin();
                plain.Plan(0, source).PlanSound(1, 20).Play().End();
                using var ladder = new Ladder(
                    options, Ladder.Source, Ladder.Sound, Ladder.Rung, new PeriodRendition("aac", Feed.Aac48, IsDerived: true));
                ladder.Begin();
                ladder.Plan(0, source).PlanSound(1, 20).Plan(2, Ladder.Encoded(source, Lives), Lag)
                    .Plan(3, Feed.Audio(Feed.Aac48, 20).Where(Lives).Select(time => (time, true)), Lag)
                    .Play(20).End();

                var calls = ladder.Sink.Calls.Where(call => call == "period" || call.Split(' ')[1] is "0" or "1");
                Assert.Equal(plain.Sink.Calls, calls);
                var parts = ladder.Sink.Parts.Where(part => part.Description.Rendition < 2).ToArray();
                Assert.Equal(plain.Sink.Parts.Select(part => part.Description), parts.Select(part => part.Description));
                Assert.Equal(plain.Sink.Parts.Select(part => Convert.ToHexString(part.Header)), parts.Select(part => Convert.ToHexString(part.Header)));
                Assert.Equal(
                    plain.Sink.Segments.Select(s => s.Description),
                    ladder.Sink.Segments.Where(s => s.Description.Rendition < 2).Select(s => s.Description));
                ladder.DemandDerived(2);
                ladder.DemandDerived(3, frame: 0.0215);
            },
            iter: 60);

    /// <summary>Twenty seconds of a source with sound and a rung of it.</summary>
    private static Ladder Play(Func<double, double> lag, Func<double, bool>? lives = null, double gop = 2)
    {
        var ladder = new Ladder(Ladder.Source, Ladder.Sound, Ladder.Rung);
        ladder.Begin();
        var source = Feed.Frames(30, 20, gop).ToArray();
        ladder.Plan(0, source).PlanSound(1, 20).Plan(2, Ladder.Encoded(source, lives ?? (_ => true)), lag).Play(20).End();
        return ladder;
    }
}
