using Millrace.Core;
using Millrace.Media;

namespace Millrace.Transcoding.Tests;

/// <summary>What the command line does, by the real ffmpeg. Small pictures: it is about times and key frames, not about looks.</summary>
public sealed class FfmpegRunTests
{
    private static LadderPlan Plan(Clip clip, string ladder, double rate = 30, SourceMode source = SourceMode.Passthrough, int target = 2) =>
        Ladder.Derive(clip.Facts(rate, target), new TranscodingOptions { Ladder = ladder, Source = source });

    [Fact]
    public void Run_ThreeRungs_HaveTheSourcesTimesAndKeyFrames()
    {
        var clip = Clip.Pictures(gop: 37);
        var child = Child.Run(Plan(clip, "180p@300k,120p@150k,96p@100k"), clip, start: 100);
        Assert.Equal([180, 120, 96], child.Formats.Select(format => ((VideoFormat)format).Height));
        for (var rung = 0; rung < 3; rung++)
        {
            Assert.Equal(clip.Tracks[0].PresentationTimes.Select(time => time + 9_000_000), child.Times(rung));
            Assert.Equal(clip.Tracks[0].KeyTimes.Select(time => time + 9_000_000), child.Keys(rung));
        }
        Assert.Equal("", child.Errors);
    }

    [Fact]
    public void Run_Twice_MakesTheSameParameterSets()
    {
        var clip = Clip.Pictures();
        var plan = Plan(clip, "180p@300k,96p@100k");
        var first = Child.Run(plan, clip);
        var second = Child.Run(plan, clip, new ContinueAfter(new MediaTime(132_000, 90_000), null));
        Assert.Equal(first.Formats, second.Formats);
    }

    [Theory]
    [InlineData("180p@300k,120p@150k/ultrafast,96p@100k/fast")]
    [InlineData("hevc:180p@300k,hevc:96p@100k")]
    [InlineData("av1:180p@300k,av1:96p@100k")]
    public void Run_AnyCodec_IsAsAnnounced(string ladder)
    {
        var clip = Clip.Pictures(seconds: 1.5, gop: 20);
        var plan = Plan(clip, ladder);
        foreach (var rung in plan.Video)
            Assert.SkipWhen(!Tool.Ffmpeg.EncoderNames.Contains(EncoderProfile.Software.EncoderOf(rung.Codec).Name), $"ffmpeg lacks {EncoderProfile.Software.EncoderOf(rung.Codec).Name}");
        var child = Child.Run(plan, clip);
        for (var i = 0; i < plan.RungCount; i++)
        {
            var format = (VideoFormat)child.Formats[i];
            Assert.Equal((plan.Video[i].Announced.CodecString, plan.Video[i].Width, plan.Video[i].Height), (format.CodecString, format.Width, format.Height));
            Assert.Equal(clip.Tracks[0].KeyTimes, child.Keys(i));
            Assert.Equal(clip.Tracks[0].PresentationTimes, child.Times(i));
        }
    }

    [Fact]
    public void Run_LargePictures_AreAsAnnounced()
    {
        var clip = Clip.Pictures("1280x720", seconds: 0.5, gop: 30);
        var plan = Plan(clip, "720p,480p,360p,160p");
        var child = Child.Run(plan, clip);
        Assert.Equal(plan.Video.Select(rung => rung.Announced.CodecString), child.Formats.Select(format => format.CodecString));
        Assert.Equal(["avc1.64001f", "avc1.64001f", "avc1.64001e", "avc1.64001e"], child.Formats.Select(format => format.CodecString));
    }

    /// <summary>A restarted child decodes from the key frame, but gives out only what comes behind, beginning with an IDR.</summary>
    [Fact]
    public void Run_ContinueAfter_GivesOutOnlyLaterFramesAndBeginsWithAKeyFrame()
    {
        var clip = Clip.Pictures(gop: 30);
        var last = clip.Tracks[0].PresentationTimes.ElementAt(44) + 900_000;
        var child = Child.Run(Plan(clip, "180p@300k,96p@100k"), clip, new ContinueAfter(new MediaTime(last, 90_000), null), start: 10);
        for (var rung = 0; rung < 2; rung++)
        {
            var expected = clip.Tracks[0].PresentationTimes.Select(time => time + 900_000).Where(time => time > last).ToList();
            Assert.Equal(expected, child.Times(rung));
            Assert.Equal([expected[0], .. clip.Tracks[0].KeyTimes.Select(time => time + 900_000).Where(time => time > last)], child.Keys(rung));
        }
    }

    [Fact]
    public void Run_SixtyFramesASecond_AreHalvedAtTheirOwnTimesAndKeepEveryKeyFrame()
    {
        var clip = Clip.Pictures(rate: 60, gop: 25);
        var plan = Plan(clip, "180p@300k,96p60@100k", rate: 60);
        Assert.Equal([2, 1], plan.Video.Select(rung => rung.KeepsEvery));
        var child = Child.Run(plan, clip);
        Assert.Equal(clip.Tracks[0].PresentationTimes, child.Times(1));
        Assert.Equal(clip.Tracks[0].KeyTimes, child.Keys(0));
        Assert.Equal(clip.Tracks[0].KeyTimes, child.Keys(1));
        var times = child.Times(0).ToList();
        Assert.Empty(times.Except(clip.Tracks[0].PresentationTimes));
        // Every second frame, and one more where the GOP's odd length meets the key frame.
        Assert.InRange(times.Count, 88, 98);
    }

    [Fact]
    public void Run_LongGop_IsNormalizedToTheSegmentGridOnEveryRung()
    {
        var clip = Clip.Pictures(rate: 60, seconds: 5, gop: 600);
        var plan = Plan(clip, "180p@300k,96p@100k", rate: 60, source: SourceMode.Normalize);
        Assert.Equal([180, 96], plan.Video.Select(rung => rung.Height));
        Assert.Equal([1, 2], plan.Video.Select(rung => rung.KeepsEvery));
        var child = Child.Run(plan, clip, start: 101);
        var times = child.Times(0).ToList();
        var keys = child.Keys(0).ToList();
        Assert.Equal(keys, child.Keys(1));
        Assert.Equal([times[0], times[0] + 180_000, times[0] + 360_000], keys);
        // After a restart at any moment they keep their distance.
        var last = times[150];
        var again = Child.Run(plan, clip, new ContinueAfter(new MediaTime(last, 90_000), null, new MediaTime(times[0], 90_000)), start: 101);
        Assert.Equal([times[151], times[0] + 360_000], again.Keys(0));
        Assert.Equal(again.Keys(0), again.Keys(1));
    }

    [Theory]
    [InlineData("320x180", "yuv420p10le", "1/1", "180x96:170x96")]
    [InlineData("321x181", "yuv444p", "1/1", "180x96:170x96")]
    [InlineData("360x288", "yuv422p", "64/45", "180x96:170x96")]
    [InlineData("202x360", "yuv420p", "1/1", "96x171:96x171")]
    public void Run_AnyShapeAndDepth_BecomesEvenEightBitSquarePixels(string size, string pixels, string aspect, string expected)
    {
        Assert.NotEmpty(expected);
        var clip = Clip.Make($"-f lavfi -i testsrc2=s={size}:r=25 -t 1 -vf setsar={aspect},format={pixels} -c:v libx264 -preset ultrafast -g 25");
        var child = Child.Run(Plan(clip, "96p@100k", rate: 25), clip);
        var format = Assert.IsType<VideoFormat>(Assert.Single(child.Formats));
        Assert.Equal("avc1.64001e", format.CodecString);
        Assert.Equal((1, 1), format.SampleAspectRatio);
        Assert.Equal(96, Math.Min(format.Width, format.Height));
        var (horizontal, vertical) = clip.Video!.SampleAspectRatio;
        var wanted = (double)clip.Video.Width * horizontal / (clip.Video.Height * vertical);
        Assert.InRange((double)format.Width / format.Height / wanted, 0.98, 1.02);
        Assert.Equal(clip.Tracks[0].PresentationTimes, child.Times(0));
    }

    /// <summary>Sources count in milliseconds and leave frames out: every rung has their times to the tick, with audio beside it too.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_IrregularTimes_AreKeptOnEveryRung(bool withAudio)
    {
        var clip = Clip.Make("-f lavfi -i testsrc2=s=320x180:r=1000 -f lavfi -i sine=f=440:r=44100 -t 2 "
            + "-vf settb=1/1000,select='not(mod(n,33+7*mod(floor(n/200),3)))' -fps_mode passthrough -enc_time_base 1/1000 "
            + $"-c:v libx264 -preset ultrafast -g 25 -bf 0 -sc_threshold 0 {(withAudio ? "-c:a libmp3lame" : "-an")}");
        var child = Child.Run(Plan(clip, "180p15@300k,120p@150k,96p@100k"), clip, start: 100);
        var times = clip.Tracks[0].PresentationTimes.Select(time => time + 9_000_000).ToList();
        Assert.Equal(times, child.Times(1));
        Assert.Equal(times, child.Times(2));
        Assert.Empty(child.Times(0).Except(times));
        Assert.InRange(child.Units[0].Count, times.Count / 3, times.Count * 2 / 3);
    }

    /// <summary>
    /// The picture's size and the shape of its pixels change in mid-stream, by parameter sets in front of a key frame and not
    /// by a new configuration: the rungs go on in their own size.
    /// </summary>
    [Theory]
    [InlineData("320x180", "4/3")]
    [InlineData("640x360", "1/1")]
    public void Run_PictureChangesInMidStream_RungsGoOn(string size, string aspect)
    {
        const string Encoder = "-c:v libx264 -preset ultrafast -bf 0 -g 30";
        var first = Clip.Make($"-f lavfi -i testsrc2=s=320x180:r=30 -t 1 {Encoder}");
        var second = Clip.Make($"-f lavfi -i testsrc2=s={size}:r=30 -t 1 -vf setsar={aspect} {Encoder}");
        var clip = first.Then(second);
        var child = Child.Run(Plan(clip, "180p@300k,96p@100k"), clip, start: 10);
        for (var rung = 0; rung < 2; rung++)
        {
            Assert.Equal(clip.Tracks[0].PresentationTimes.Select(time => time + 900_000), child.Times(rung));
            Assert.Equal(clip.Tracks[0].KeyTimes.Select(time => time + 900_000), child.Keys(rung));
        }
    }

    [Fact]
    public void Run_NegativeOffsets_KeepTheirPresentationTimes()
    {
        var clip = Clip.Make("-f lavfi -i testsrc2=s=320x180:r=30 -t 2 -c:v libx264 -preset ultrafast -g 30 -bf 2 -movflags +negative_cts_offsets");
        var child = Child.Run(Plan(clip, "96p@100k"), clip, start: 5);
        Assert.Equal(clip.Tracks[0].PresentationTimes.Select(time => time + 450_000), child.Times(0));
    }

    [Theory]
    [InlineData("libmp3lame -ar 44100")]
    [InlineData("ac3 -ar 48000")]
    [InlineData("flac -strict -2 -ar 48000")]
    public void Run_AudioThatBrowsersLack_BecomesAacBesideThePictures(string encoder)
    {
        var clip = Clip.Make($"-f lavfi -i testsrc2=s=320x180:r=30 -f lavfi -i sine=f=440:r=44100 -t 2 -c:v libx264 -preset ultrafast -g 30 -c:a {encoder} -ac 1");
        var plan = Plan(clip, "96p@100k");
        Assert.NotNull(plan.Audio);
        var child = Child.Run(plan, clip, start: 100);
        var audio = Assert.IsType<AudioFormat>(child.Formats[1]);
        Assert.Equal(("mp4a.40.2", 48000, 2), (audio.CodecString, audio.SampleRate, audio.Channels));
        var times = child.Times(1).ToList();
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.Equal(1024, pair.Second - pair.First));
        // The encoder's delay of a frame comes in front, and nothing later than that is missing.
        Assert.InRange(times[0] / 48000.0, 99.95, 100.05);
        Assert.InRange(times[^1] / 48000.0, 101.9, 102.1);
    }

    [Fact]
    public void Run_AudioAlone_IsMadeToAac()
    {
        var clip = Clip.Make("-f lavfi -i sine=f=440:r=44100 -t 2 -c:a libmp3lame");
        var plan = Ladder.Derive(clip.Facts(), new TranscodingOptions());
        Assert.Empty(plan.Video);
        var child = Child.Run(plan, clip);
        Assert.InRange(child.Units[0].Count, 90, 100);
    }
}
