using Millrace.Media;

namespace Millrace.Transcoding.Tests;

public sealed class LadderTests
{
    private static readonly AudioFormat Aac = new(Codec.Aac, "mp4a.40.2", [], 48000, 2, 1024);

    private static SourceFacts Source(int width = 1280, int height = 720, double rate = 30, long bits = 3_000_000, int h = 1, int v = 1,
        Codec codec = Codec.Avc, string codecs = "avc1.64001f", AudioFormat? audio = null, double gop = 2, bool unusable = false, byte transfer = 1) =>
        new(new VideoFormat(codec, codecs, [], width, height) { SampleAspectRatio = (h, v), Color = new ColorDescription(1, transfer, 1, false) },
            audio ?? Aac, rate, bits, gop, unusable, 2);

    private static LadderPlan Derive(SourceFacts source, string ladder = "auto", SourceMode mode = SourceMode.Auto) =>
        Ladder.Derive(source, new TranscodingOptions { Ladder = ladder, Source = mode });

    private static string Sizes(LadderPlan plan) =>
        string.Join(' ', plan.Video.Select(rung => FormattableString.Invariant($"{rung.Name}={rung.Width}x{rung.Height}@{rung.MaxFramesPerSecond:0.##}/{rung.BitsPerSecond / 1000}")));

    [Theory]
    [InlineData(1280, 720, 30, 3_000_000, "480p=854x480@30/1200 360p=640x360@30/700 160p=284x160@30/230")]
    [InlineData(1280, 720, 30, 0, "480p=854x480@30/1200 360p=640x360@30/700 160p=284x160@30/230")]
    [InlineData(1280, 720, 60, 4_500_000, "480p=854x480@30/1200 360p=640x360@30/700 160p=284x160@30/230")]
    [InlineData(1280, 720, 50, 4_500_000, "480p=854x480@25/1200 360p=640x360@25/700 160p=284x160@25/230")]
    [InlineData(1920, 1080, 60, 8_000_000, "720p=1280x720@60/3500 480p=854x480@30/1200 360p=640x360@30/700 160p=284x160@30/230")]
    [InlineData(1920, 1080, 120, 20_000_000, "720p=1280x720@60/3500 480p=854x480@30/1200 360p=640x360@30/700 160p=284x160@30/230")]
    [InlineData(3840, 2160, 30, 20_000_000, "1080p=1920x1080@30/4500 720p=1280x720@30/2500 480p=854x480@30/1200 360p=640x360@30/700 160p=284x160@30/230")]
    // A bitrate that is small already leaves nothing to the larger rungs.
    [InlineData(1280, 720, 30, 1_100_000, "360p=640x360@30/700 160p=284x160@30/230")]
    [InlineData(1280, 720, 30, 250_000, "")]
    // Nothing is scaled up, and what is nearly the source is left out.
    [InlineData(854, 480, 30, 2_000_000, "360p=640x360@30/700 160p=284x160@30/230")]
    [InlineData(640, 400, 30, 2_000_000, "160p=256x160@30/230")]
    [InlineData(256, 144, 30, 500_000, "")]
    // Higher than wide: the short side counts.
    [InlineData(1080, 1920, 30, 6_000_000, "720p=720x1280@30/2500 480p=480x854@30/1200 360p=360x640@30/700 160p=160x284@30/230")]
    [InlineData(1279, 719, 29.97, 3_000_000, "480p=854x480@29.97/1200 360p=640x360@29.97/700 160p=284x160@29.97/230")]
    public void Derive_Auto_FitsTheSource(int width, int height, double rate, long bits, string expected)
    {
        var plan = Derive(Source(width, height, rate, bits));
        Assert.Equal(expected, Sizes(plan));
        Assert.False(plan.IsNormalized);
        Assert.Null(plan.Audio);
        Assert.All(plan.Video, rung => Assert.Equal((0, 0), (rung.Width % 2, rung.Height % 2)));
    }

    [Theory]
    [InlineData(60, 60, "60 30 30 30")]
    [InlineData(59.94, 58, "59.94 29.97 29.97 29.97")]
    [InlineData(1000, 30, "0 0 0 0")]
    [InlineData(0, 30, "0 0 0 0")]
    public void Derive_RateThatTheSourceKeepsTo_IsAnnounced(double declared, double measured, string expected)
    {
        var facts = Source(1920, 1080, measured, 8_000_000);
        facts = facts with { Video = new VideoFormat(Codec.Avc, "avc1.64002a", [], 1920, 1080) { DeclaredFrameRate = declared } };
        Assert.Equal(expected, string.Join(' ', Derive(facts).Video.Select(rung => FormattableString.Invariant($"{rung.Announced.DeclaredFrameRate:0.##}"))));
    }

    [Fact]
    public void Derive_WidePixels_BecomeSquareOnes() =>
        Assert.Equal("360p=640x360@25/700 160p=284x160@25/230", Sizes(Derive(Source(720, 576, 25, 3_000_000, 64, 45), "360p,160p")));

    [Theory]
    // Narrow pixels: the picture is no higher than the source.
    [InlineData(720, 480, 1, 2, "360p=360x480@30/700 160p=160x214@30/230")]
    [InlineData(1440, 1080, 1, 2, "720p=720x1080@30/2500 480p=480x720@30/1200 360p=360x540@30/700 160p=160x240@30/230")]
    // Wide ones: it is no wider.
    [InlineData(1440, 1080, 4, 3, "720p=1280x720@30/2500 480p=854x480@30/1200 360p=640x360@30/700 160p=284x160@30/230")]
    [InlineData(720, 576, 64, 45, "360p=640x360@30/700 160p=284x160@30/230")]
    public void Derive_PixelsThatAreNotSquare_MakeNothingLargerThanTheSource(int width, int height, int h, int v, string expected)
    {
        var plan = Derive(Source(width, height, h: h, v: v), "1080p,720p,480p,360p,160p");
        Assert.Equal(expected, Sizes(plan));
        Assert.NotEmpty(plan.Notes);
        Assert.Equal(plan.Video.Select(rung => rung.Width * rung.Height).OrderDescending(), plan.Video.Select(rung => rung.Width * rung.Height));
    }

    [Fact]
    public void Derive_AnySource_GetsEvenSizesOfItsShapeThatAreNoLargerInEitherDirection()
    {
        var made = 0;
        var random = new Random(20);
        for (var i = 0; i < 3000; i++)
        {
            var source = Source(random.Next(64, 4096), random.Next(64, 2304), h: random.Next(1, 20), v: random.Next(1, 20));
            foreach (var plan in (LadderPlan[])[Derive(source), Derive(source, "2160p,1080p,720p,576p,480p,360p,160p,96p", SourceMode.Normalize)])
            {
                foreach (var rung in plan.Video)
                {
                    var video = source.Video!;
                    Assert.True(rung.Width <= video.Width && rung.Height <= video.Height && rung.Width % 2 == 0 && rung.Height % 2 == 0, $"{source}: {rung}");
                    var shape = Shape(video);
                    // To within two rows or columns of the rounding.
                    Assert.True(Math.Abs(Shape(rung.Announced) / shape - 1) <= 2.0 / Math.Min(rung.Width, rung.Height), $"{source}: {rung}");
                    Assert.True(rung.Announced.SampleAspectRatio == (1, 1) || plan.IsNormalized && rung == plan.Video[0], $"{source}: {rung}");
                    made++;
                }
            }
        }
        Assert.True(made > 3000);

        static double Shape(VideoFormat video) => (double)video.Width * video.SampleAspectRatio.Horizontal / video.SampleAspectRatio.Vertical / video.Height;
    }

    [Fact]
    public void Derive_NormalizedSource_KeepsAllOfItsPixelsAndTheirShape()
    {
        var plan = Derive(Source(720, 576, 25, 2_000_000, 16, 11), "360p", SourceMode.Normalize);
        Assert.Equal("576p=720x576@25/2000 360p=654x360@25/700", Sizes(plan));
        Assert.Equal([(16, 11), (1, 1)], plan.Video.Select(rung => rung.Announced.SampleAspectRatio));
        Assert.Contains("scale=720:576,setsar=16/11", string.Join(' ', FfmpegArguments.Build(plan, EncoderProfile.Software, default)), StringComparison.Ordinal);
    }

    [Fact]
    public void Derive_List_IsTakenAsItIsAndNeverScaledUp()
    {
        var plan = Derive(Source(rate: 60), "1080p,hevc:480p60@800k,720p30@2500k/superfast,av1:360p");
        Assert.Equal("720p=1280x720@30/2500 hevc-480p=854x480@60/800 av1-360p=640x360@30/420", Sizes(plan));
        Assert.Equal(["superfast", "ultrafast", "8"], plan.Video.Select(rung => rung.Preset));
        Assert.Contains("1080p is left out", Assert.Single(plan.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Codec.Hevc, "hvc1.1.6.L93.90", 2, false, "codec")]
    [InlineData(Codec.Avc, "avc1.6e001f", 2, false, "codec")]
    [InlineData(Codec.Avc, "avc1.f4001f", 2, false, "codec")]
    [InlineData(Codec.Avc, "avc1.64001f", 10, false, "10.0 s apart")]
    [InlineData(Codec.Avc, "avc1.64001f", 2, true, "cannot switch")]
    public void Derive_SourceThatViewersCannotUse_IsNormalized(Codec codec, string codecs, double gop, bool unusable, string reason)
    {
        var source = Source(codec: codec, codecs: codecs, gop: gop, unusable: unusable);
        var plan = Derive(source);
        Assert.Contains(reason, plan.NormalizeReason, StringComparison.Ordinal);
        Assert.Equal("720p=1280x720@30/3000 480p=854x480@30/1200 360p=640x360@30/700 160p=284x160@30/230", Sizes(plan));
        Assert.Null(Derive(source, mode: SourceMode.Passthrough).NormalizeReason);
        Assert.Empty(Derive(source, "off").Video);
    }

    [Theory]
    [InlineData(Codec.Vp9)]
    [InlineData(Codec.Av1)]
    public void Derive_OtherCodecsThatBrowsersPlay_PassThrough(Codec codec) => Assert.False(Derive(Source(codec: codec, codecs: "")).IsNormalized);

    [Theory]
    [InlineData(Codec.Aac, false)]
    [InlineData(Codec.Opus, false)]
    [InlineData(Codec.Mp3, true)]
    [InlineData(Codec.Ac3, true)]
    [InlineData(Codec.Eac3, true)]
    [InlineData(Codec.Flac, true)]
    public void Derive_Audio_GetsAacWhereBrowsersMayLackIt(Codec codec, bool wanted)
    {
        var plan = Derive(Source(audio: new AudioFormat(codec, "", [], 48000, 2, 0)));
        Assert.Equal(wanted, plan.Audio is not null);
        Assert.Equal(wanted ? 4 : 3, plan.RungCount);
        if (wanted)
            Assert.Equal("mp4a.40.2", plan.AnnouncedFormat(3).CodecString);
    }

    [Fact]
    public void Derive_HdrOrAbsurdPictures_GetNoRungsAndAReason()
    {
        foreach (var source in (SourceFacts[])[Source(transfer: 16), Source(transfer: 18), Source(16000, 16), Source(h: 100), Source(16, 16)])
        {
            var plan = Derive(source);
            Assert.True(plan.IsEmpty);
            Assert.Single(plan.Notes);
        }
    }

    [Fact]
    public void WithoutMostExpensive_UntilNothingIsLeft_DropsFromTheTop()
    {
        LadderPlan? plan = Derive(Source());
        Assert.Equal(854 * 480 * 30 + 640 * 360 * 30 + 284 * 160 * 30, plan.PixelsPerSecond);
        Assert.Equal("360p 160p", Names(plan = plan.WithoutMostExpensive()));
        Assert.Equal("160p", Names(plan = plan!.WithoutMostExpensive()));
        Assert.Equal("", Names(plan = plan!.WithoutMostExpensive()));
        Assert.Null(plan!.WithoutMostExpensive());
        // The one that takes the source's place goes last.
        plan = Derive(Source(gop: 10));
        Assert.Equal("720p 360p 160p", Names(plan.WithoutMostExpensive()));

        static string Names(LadderPlan? plan) => string.Join(' ', plan!.Video.Select(rung => rung.Name));
    }

    [Theory]
    [InlineData(Codec.Avc, 854, 480, 30, "avc1.64001f")]
    [InlineData(Codec.Avc, 640, 360, 30, "avc1.64001e")]
    [InlineData(Codec.Avc, 1280, 720, 60, "avc1.640020")]
    [InlineData(Codec.Avc, 1920, 1080, 30, "avc1.640028")]
    [InlineData(Codec.Avc, 1920, 1080, 60, "avc1.64002a")]
    [InlineData(Codec.Avc, 3840, 2160, 30, "avc1.640033")]
    [InlineData(Codec.Hevc, 1280, 720, 30, "hvc1.1.6.L93.90")]
    [InlineData(Codec.Hevc, 1920, 1080, 60, "hvc1.1.6.L123.90")]
    [InlineData(Codec.Av1, 640, 360, 30, "av01.0.01M.08")]
    [InlineData(Codec.Av1, 1280, 720, 30, "av01.0.05M.08")]
    public void Announce_Size_HasTheLowestLevelThatHoldsIt(Codec codec, int width, int height, double rate, string expected) =>
        Assert.Equal(expected, CodecLevel.Of(codec, width, height, rate, 2_000_000).Announce(codec, width, height).CodecString);

    [Theory]
    [InlineData("480", "height")]
    [InlineData("481p", "even")]
    [InlineData("4800p", "96 to 2160")]
    [InlineData("480p300", "1 to 120")]
    [InlineData("480p@1200", "bitrate")]
    [InlineData("480p@1k", "bitrate")]
    [InlineData("480p/quick", "preset")]
    [InlineData("av1:480p/fast", "5 to 8")]
    [InlineData("vp9:480p", "h264, hevc, av1")]
    [InlineData("480p,,360p", "missing")]
    [InlineData("", "missing")]
    [InlineData("480p,480p@1M", "twice")]
    [InlineData("96p,98p,100p,102p,104p,106p,108p,110p,112p", "8 are the most")]
    public void TryParse_Fault_IsSaidInWords(string text, string expected)
    {
        Assert.False(LadderText.TryParse(text, out _, out _, out var faults));
        Assert.Contains(expected, Assert.Single(faults), StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_SeveralFaults_AreAllSaid()
    {
        Assert.False(LadderText.TryParse("481p,vp9:480p,360p", out _, out _, out var faults));
        Assert.Equal(2, faults.Count);
    }

    [Fact]
    public void Check_Options_FindsEveryFault()
    {
        var options = new TranscodingOptions
        {
            Ladder = "481p", Channels = ["radio=off", "talk=480p@900k+160p", "radio=auto", "nothing", "a b=off", "xyz=1p"], Hardware = "cuda",
            MaxBacklog = TimeSpan.FromSeconds(2),
        };
        var faults = options.Check().ToList();
        Assert.Equal(7, faults.Count);
        Assert.All(faults, fault => Assert.StartsWith("Transcoding:", fault, StringComparison.Ordinal));
        Assert.Empty(new TranscodingOptions().Check());
        Assert.All(["None", "AUTO", "Nvenc"], name => Assert.Empty(new TranscodingOptions { Hardware = name }.Check()));
        Assert.Equal(("off", "480p@900k+160p", "481p"), (options.LadderOf("Radio"), options.LadderOf("talk"), options.LadderOf("other")));
        Assert.Equal("480p 160p", string.Join(' ', Ladder.Derive(Source(), options, "talk").Video.Select(rung => rung.Name)));
    }
}
