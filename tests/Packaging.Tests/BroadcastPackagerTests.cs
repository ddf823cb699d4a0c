using Millrace.Core;
using Millrace.Media;

namespace Millrace.Packaging.Tests;

public sealed class BroadcastPackagerTests
{
    [Theory]
    [InlineData(30, 2, 334)]
    [InlineData(60, 2, 334)]
    [InlineData(29.97002997, 2.002, 334)]
    [InlineData(25, 2, 320)]
    [InlineData(5, 2, 400)]
    [InlineData(30, 1, 334)]
    [InlineData(30, 8.3333333, 334)]
    [InlineData(25, 2.4, 320)]
    [InlineData(50, 3, 340)]
    public void Append_SteadyStream_KeepsEveryRule(double rate, double gop, int partTarget)
    {
        using var feed = new Feed(partTarget, Feed.Video, Feed.Aac48);
        feed.Begin();
        feed.Play(Feed.Frames(rate, 30, gop), Feed.Audio(Feed.Aac48, 30));
        feed.End();
        feed.Sink.DemandRules(alignment: 1024.0 / 48000 + 0.001);
        Assert.Equal(0, feed.Packager.Counters.LateDropped);
        Assert.Equal(0, feed.Packager.Counters.SilentFrames);
        Assert.Equal(0, feed.Packager.Counters.ShortParts);
        Assert.Equal((int)(30 * rate), feed.Sink.PartsOf(0, 0).Sum(p => p.SampleCount));
    }

    [Fact]
    public void Append_ThirtyFramesASecond_TenFramesMakeAPart()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac44Mono);
        feed.Begin();
        feed.Play(Feed.Frames(30, 20, 2), Feed.Audio(Feed.Aac44Mono, 20));
        feed.End();
        feed.Sink.DemandRules();
        Assert.All(feed.Sink.PartsOf(0, 0), p => Assert.Equal(10, p.SampleCount));
        Assert.All(feed.Sink.PartsOf(0, 1).Where(p => p.Part < 6), p => Assert.Equal(14, p.SampleCount));
        Assert.All(feed.Sink.SegmentsOf(0, 0), s => Assert.Equal(2, s.Duration.Seconds, 3));
        Assert.All(feed.Sink.SegmentsOf(0, 0), s => Assert.True(s.IsIndependent));
    }

    /// <summary>Only the last part of a segment may be short of 85 % of PART-TARGET; of sound it is not by much more.</summary>
    [Theory]
    [InlineData(30, 2, 48000)]
    [InlineData(30, 2, 44100)]
    [InlineData(30, 1, 48000)]
    [InlineData(29.97002997, 2.002, 48000)]
    [InlineData(60, 2, 44100)]
    [InlineData(50, 2, 48000)]
    [InlineData(25, 2, 48000)]
    [InlineData(25, 2, 44100)]
    [InlineData(24, 2, 48000)]
    public void Append_SoundBesidePictures_NoPartOfItIsARemainder(double rate, double gop, int sampleRate)
    {
        var sound = sampleRate == 48000 ? Feed.Aac48 : Feed.Aac44Mono;
        var pictures = Feed.Frames(rate, 30, gop).ToArray();
        var target = PartTarget.Derive(
            TimeSpan.FromMilliseconds(333), pictures.Take(13).Select(p => Math.Round(p.Item1 * 1000)).ToArray(), (double)sound.SamplesPerFrame / sound.SampleRate);
        using var feed = new Feed((int)target.Ticks, Feed.Video, sound);
        feed.Begin();
        feed.Play(pictures, Feed.Audio(sound, 30));
        feed.End();
        feed.Sink.DemandRules(alignment: 1024.0 / sampleRate + 0.001);
        var last = feed.Sink.SegmentsOf(0, 1).Count() - 1;
        Assert.True(last >= 9);
        Assert.All(
            feed.Sink.PartsOf(0, 1).Where(p => p.Segment > 0 && p.Segment < last),
            p => Assert.True(p.Duration.Seconds > 0.75 * target.Seconds, $"Part {p.Part} of segment {p.Segment} lasts {p.Duration.Seconds:0.000} s."));
        // Each last part says that it is, so that no playlist hints at one that never comes.
        Assert.All(
            feed.Sink.PartsOf(0, 1).Where(p => p.Segment > 0 && p.Segment < last).GroupBy(p => p.Segment),
            segment => Assert.True(segment.Last().EndsSegment, $"Segment {segment.Key} ends behind its last part."));
    }

    [Fact]
    public void Append_AudioAlone_NoPartIsARemainder()
    {
        using var feed = new Feed(326, Feed.Aac44Mono);
        feed.Begin();
        feed.Play([], Feed.Audio(Feed.Aac44Mono, 20));
        feed.End();
        feed.Sink.DemandRules();
        Assert.All(feed.Sink.PartsOf(0, 0).SkipLast(7), p => Assert.InRange(p.SampleCount, 12, 13));
    }

    [Fact]
    public void Append_BFrames_CutsAudioAtThePresentationTime()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin(compositionOffset: 0.067);
        feed.Play(Feed.Frames(30, 10, 2), Feed.Audio(Feed.Aac48, 10, from: 0.0853333), compositionOffset: 0.067);
        feed.End();
        feed.Sink.DemandRules(alignment: 0.0215);
    }

    [Fact]
    public void Append_GopOutlastsTheTarget_CutsAndClaimsNothing()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin();
        feed.Play(Feed.Frames(30, 21, 10), Feed.Audio(Feed.Aac48, 21));
        feed.End();
        feed.Sink.DemandRules();
        var segments = feed.Sink.SegmentsOf(0, 0).ToArray();
        Assert.Equal(new[] { 0.0, 10.0, 20.0 }, segments.Where(s => s.IsIndependent).Select(s => s.Start.Seconds));
        Assert.True(feed.Packager.Counters.DependentSegments >= 6);
    }

    [Theory]
    [InlineData(0.5, 0.5)]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(0.1, 0.4)]
    public void Append_FirstSegmentOfABroadcast_EndsWithItsFirstGop(double gop, double expected)
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin();
        feed.Play(Feed.Frames(30, 9, gop), Feed.Audio(Feed.Aac48, 9));
        feed.End();
        feed.Sink.DemandRules(alignment: 0.0215);
        Assert.Equal(expected, feed.Sink.SegmentsOf(0, 0).First().Duration.Seconds, 0.002);
        Assert.All(feed.Sink.SegmentsOf(0, 0).Skip(1).SkipLast(1), s => Assert.Equal(2, s.Duration.Seconds, 0.002));
    }

    [Fact]
    public void Append_KeyFrameInMidSegment_DoesNotCutAPartShort()
    {
        using var feed = new Feed(334, Feed.Video);
        feed.Begin();
        feed.Play(Feed.Frames(30, 10, 0.5), []);
        feed.End();
        feed.Sink.DemandRules();
        Assert.Equal(0, feed.Packager.Counters.ShortParts);
    }

    [Fact]
    public void Append_AudioParts_DoNotWaitForVideoInsideASegment()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        var arrivals = new List<double>();
        var now = 0.0;
        feed.Sink.OnPart = p =>
        {
            if (p.Rendition == 1)
                arrivals.Add(now - p.Start.Seconds);
        };
        feed.Begin();
        var units = Feed.Frames(30, 20, 2).Select(v => (v.Item1, v.Item2, 0))
            .Concat(Feed.Audio(Feed.Aac48, 20).Select(a => (a, true, 1))).OrderBy(u => u.Item1);
        foreach (var (time, key, track) in units)
        {
            now = time;
            if (track == 0)
                feed.Append(0, (long)Math.Round(time * 1000) * 90, 0, 0, key);
            else
                feed.Append(1, (long)Math.Round(time * 48000), 0, 1024, true);
        }
        feed.End();
        Assert.All(arrivals, a => Assert.True(a <= 0.334 + 0.020, $"A part of audio came after {a:0.000} s."));
    }

    [Fact]
    public void Append_AudioAlone_Leads()
    {
        using var feed = new Feed(342, Feed.Aac48);
        feed.Begin();
        feed.Play([], Feed.Audio(Feed.Aac48, 20));
        feed.End();
        feed.Sink.DemandRules();
        Assert.InRange(feed.Sink.SegmentsOf(0, 0).Count(), 10, 11);
    }

    [Fact]
    public void Append_AudioStartsThreeSecondsLate_SilenceStandsBefore()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin();
        feed.Play(Feed.Frames(30, 12, 2), Feed.Audio(Feed.Aac48, 9, from: 3));
        feed.End();
        feed.Sink.DemandRules(alignment: 0.0215);
        Assert.InRange(feed.Packager.Counters.SilentFrames, 139, 142);
        Assert.InRange(feed.Packager.Counters.LateDropped, 0, 1);
        Assert.Equal(0, feed.Packager.Counters.GapSegments);
    }

    [Fact]
    public void Append_HoleInAudio_IsFilledWithSilence()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin();
        feed.Play(Feed.Frames(30, 20, 2), Feed.Audio(Feed.Aac48, 20).Where(a => a is < 5 or >= 10));
        feed.End();
        feed.Sink.DemandRules(alignment: 0.0215);
        Assert.InRange(feed.Packager.Counters.SilentFrames, 233, 236);
        Assert.Equal(0, feed.Packager.Counters.LateDropped);
    }

    [Fact]
    public void Append_HoleInAudioWithoutSilentFrame_BecomesGaps()
    {
        using var feed = new Feed(336, Feed.Video, Feed.Mp3);
        feed.Begin();
        feed.Play(Feed.Frames(30, 20, 2), Feed.Audio(Feed.Mp3, 20).Where(a => a is < 5 or >= 11));
        feed.End();
        feed.Sink.DemandRules(contiguous: false);
        Assert.InRange(feed.Packager.Counters.GapSegments, 2, 3);
    }

    [Fact]
    public void Append_AudioStops_SegmentsGoOn()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin();
        feed.Play(Feed.Frames(30, 20, 2), Feed.Audio(Feed.Aac48, 5));
        feed.End();
        feed.Sink.DemandRules(alignment: 0.0215);
        Assert.Equal(10, feed.Sink.SegmentsOf(0, 1).Count());
    }

    [Fact]
    public void Append_AudioAlwaysLate_IsNotReplacedForEver()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin();
        var units = Feed.Frames(30, 40, 2).Select(v => (Arrives: v.Item1, Time: v.Item1, Key: v.Item2, Track: 0))
            .Concat(Feed.Audio(Feed.Aac48, 40).Select(a => (Arrives: a + 1.5, Time: a, Key: true, Track: 1))).OrderBy(u => u.Arrives);
        foreach (var unit in units)
        {
            if (unit.Track == 0)
                feed.Append(0, (long)Math.Round(unit.Time * 1000) * 90, 0, 0, unit.Key);
            else
                feed.Append(1, (long)Math.Round(unit.Time * 48000), 0, 1024, true);
        }
        feed.End();
        feed.Sink.DemandRules();
        Assert.True(feed.Packager.Counters.SilentFrames < 100, $"{feed.Packager.Counters.SilentFrames} silent frames");
        Assert.True(feed.Packager.Counters.LateDropped < 100, $"{feed.Packager.Counters.LateDropped} dropped");
    }

    [Fact]
    public void Append_VideoStalls_AudioGoesOnAndNumbersStayAligned()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin();
        feed.Play(Feed.Frames(30, 30, 2).Where(v => v.Item1 is < 5 or >= 13), Feed.Audio(Feed.Aac48, 30));
        feed.End();
        feed.Sink.DemandRules(alignment: 1);
        Assert.True(feed.Packager.Counters.GapSegments > 0);
        Assert.True(feed.Packager.Counters.LeaderStalls > 0);
        Assert.Equal(0, feed.Packager.Counters.LateDropped);
        // It is aligned again after the stall.
        var video = feed.Sink.SegmentsOf(0, 0).Last();
        var audio = feed.Sink.SegmentsOf(0, 1).Last();
        Assert.Equal(video.Start.Seconds, audio.Start.Seconds, 0.03);
    }

    [Fact]
    public void Append_VideoAloneWithAHole_BecomesGaps()
    {
        using var feed = new Feed(334, Feed.Video);
        feed.Begin();
        feed.Play(Feed.Frames(30, 30, 2).Where(v => v.Item1 is < 5 or >= 13), []);
        feed.End();
        feed.Sink.DemandRules();
        Assert.True(feed.Packager.Counters.GapSegments > 0);
    }

    [Fact]
    public void Append_BothTracksWithAHole_KeepsNumbersAligned()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin();
        feed.Play(Feed.Frames(30, 30, 2).Where(v => v.Item1 is < 5 or >= 10), Feed.Audio(Feed.Aac48, 30).Where(a => a is < 5 or >= 10));
        feed.End();
        feed.Sink.DemandRules(alignment: 0.5);
    }

    [Fact]
    public void Append_VariableFrameRate_OversizedFramesStandAlone()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        var random = new Random(1);
        var times = new List<(double, bool)>();
        for (double t = 0, key = 0; t < 30; t += random.Next(3) == 0 ? 0.5 : 0.04)
        {
            times.Add((t, t >= key));
            if (t >= key)
                key = t + 2;
        }
        feed.Begin();
        feed.Play(times, Feed.Audio(Feed.Aac48, 30));
        feed.End();
        feed.Sink.DemandRules(fullParts: false);
        Assert.True(feed.Packager.Counters.OversizedParts > 0);
        Assert.Equal(0, feed.Packager.Counters.LateDropped);
    }

    [Fact]
    public void EndPeriod_ThenBegin_NumbersAndTimeGoOn()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin();
        feed.Play(Feed.Frames(30, 5.1, 2), Feed.Audio(Feed.Aac48, 5.3));
        feed.Packager.EndPeriod();
        var end = feed.Packager.End;
        Assert.Equal(3, feed.Packager.NextSegment);
        Assert.InRange(end.Seconds, 5.29, 5.33);
        feed.Begin(start: 6);
        feed.Play(Feed.Frames(30, 5, 2, from: 6), Feed.Audio(Feed.Aac48, 5, from: 6));
        feed.End();
        feed.Sink.DemandRules();
        Assert.Equal(2, feed.Sink.Periods.Count);
        Assert.Equal(3, feed.Sink.Periods[1].FirstSegment);
        Assert.Equal(feed.Sink.Periods[0].Renditions[0].InitSegment.ToArray(), feed.Sink.Periods[1].Renditions[0].InitSegment.ToArray());
    }

    [Fact]
    public void EndPeriod_AudioEndsBeforeTheLastPicture_SilenceReachesIt()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin(compositionOffset: 0.067);
        // What comes in by decode time is 67 ms of pictures ahead of the sound; another 50 ms of it were on their way.
        feed.Play(Feed.Frames(30, 5, 2), Feed.Audio(Feed.Aac48, 4.95), compositionOffset: 0.067);
        feed.End();
        feed.Sink.DemandRules(alignment: 0.0215);
        var last = feed.Sink.SegmentsOf(0, 1).Last();
        Assert.InRange(last.Start.Seconds + last.Duration.Seconds, 5.067 - 0.0215, 5.067);
        Assert.InRange(feed.Packager.End.Seconds, 5.066, 5.068);
        Assert.InRange(feed.Packager.DecodeEnd.Seconds, 4.999, 5.001);
    }

    [Fact]
    public void EndPeriod_AudioNeverCame_ItsSegmentsExist()
    {
        using var feed = new Feed(334, Feed.Video, Feed.Aac48);
        feed.Begin();
        feed.Play(Feed.Frames(30, 0.5, 2), []);
        feed.End();
        feed.Sink.DemandRules();
    }

    [Fact]
    public void Append_DecodeTimesThatDoNotRise_AreMovedAndKeepTheirPresentation()
    {
        using var feed = new Feed(334, Feed.Video);
        feed.Begin();
        for (var i = 0; i < 100; i++)
            feed.Append(0, i % 3 == 2 ? (i - 1) * 3000 - 500 : i * 3000, 0, 0, i == 0);
        feed.End();
        feed.Sink.DemandRules();
        Assert.Equal(33, feed.Packager.Counters.Reordered);
    }

    [Fact]
    public void Append_MadeUpTimestamps_PartsStayBounded()
    {
        using var feed = new Feed(334, Feed.Video);
        feed.Begin();
        for (var i = 0; i < 5000; i++)
            feed.Append(0, 0, 0, 0, i == 0);
        feed.End();
        Assert.True(feed.Sink.PartsOf(0, 0).Max(p => p.SampleCount) <= 1024);
    }
}
