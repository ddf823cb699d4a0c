using System.Globalization;
using System.Text.Json;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>Renditions made beside the source, by the real ffmpeg: what is offered, what fits together, and what happens when it breaks.</summary>
public sealed class LadderTests(ITestOutputHelper output)
{
    private static readonly FfmpegSource Hd = new() { Width = 1280, Height = 720 };
    private static readonly FfmpegSource Small = new() { Width = 640, Height = 360 };
    private const string OneRung = "--Transcoding:Ladder=180p@200k/ultrafast";

    [Fact]
    public async Task Ladder_Of720p30_IsOfferedWholeAlignedAndClean()
    {
        using var directory = new TestDirectory();
        // Nothing declares its bitrate: less would leave no room for the largest rung.
        var film = await FilmPublisher.EncodeAsync(directory, Hd, 12, "-b:v", "2500k", "-maxrate", "2500k", "-minrate", "2500k", "-bufsize", "1000k", "-x264-params", "nal-hrd=cbr");
        await using var server = await MillraceProcess.StartAsync("--Transcoding:Ladder=auto", "--Transcoding:MaxPixelsPerSecond=1000000000");
        await using var publisher = FilmPublisher.Start(server.RtmpUrl("high"), film);
        var viewer = await HlsViewer.TuneInAsync(server, "high");
        var variants = viewer.Master.Variants.Where(variant => variant.Attributes.Has("RESOLUTION")).ToList();
        Assert.Equal(
            ["1280x720", "284x160", "640x360", "854x480"],
            variants.Select(variant => variant.Attributes.Plain("RESOLUTION")).Order(StringComparer.Ordinal));
        Assert.Contains(viewer.Master.Variants, variant => !variant.Attributes.Has("RESOLUTION"));

        var renditions = variants.Select(variant => viewer.Rendition(variant.Uri, isDerived: !variant.Uri.Contains("/source/", StringComparison.Ordinal))).ToList();
        // A machine that is busy with other things may leave a gap in a rung while its encoders start.
        static int Whole(HlsMediaPlaylist playlist) => playlist.Segments.Count(segment => !segment.IsGap);
        await Task.WhenAll(renditions.Select(rendition => rendition.UntilAsync(playlist => Whole(playlist) >= 5 && !playlist.Segments[^1].IsGap, TimeSpan.FromSeconds(60))));
        var compared = 0;
        foreach (var number in renditions[0].Current.Segments.Select(segment => segment.Number))
        {
            var segments = renditions.Select(rendition => rendition.Current.Segments.FirstOrDefault(segment => segment.Number == number && !segment.IsGap)).OfType<HlsSegment>().ToList();
            if (segments.Count < renditions.Count || compared == 3)
                continue;
            var beginnings = new List<double>();
            foreach (var (rendition, segment) in renditions.Zip(segments))
                beginnings.Add(await BeginningAsync(directory, rendition, segment));
            output.WriteLine($"segment {number} begins at {string.Join(" ", beginnings.Select(time => time.ToString("0.0000", CultureInfo.InvariantCulture)))} s");
            // The very same moments: timestamps are the source's.
            Assert.True(beginnings.Max() - beginnings.Min() < 0.001, string.Join(' ', beginnings));
            compared++;
        }
        Assert.True(compared > 0, "No segment is whole in every rendition.");
        foreach (var (rendition, variant) in renditions.Zip(variants))
        {
            foreach (var file in await rendition.SaveAsync(directory))
            {
                await Ffmpeg.DecodeSilentlyAsync(file);
                Assert.Equal(variant.Attributes.Plain("RESOLUTION").Replace('x', ','), await Ffmpeg.ProbeAsync(file, "stream=width,height"));
            }
        }
        var manifest = await server.Http.GetStringAsync(server.Uri("live/high/manifest.mpd"));
        Assert.All((string[])["width=\"854\"", "width=\"640\"", "width=\"284\"", "width=\"1280\""], width => Assert.Contains(width, manifest, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Ladder_ChildKilledAgainAndAgain_SourceIsWholeAndTheRungComesBack()
    {
        using var directory = new TestDirectory();
        var film = await FilmPublisher.EncodeAsync(directory, Small, 12);
        await using var server = await MillraceProcess.StartAsync(OneRung);
        await using var publisher = FilmPublisher.Start(server.RtmpUrl("fragile"), film);
        var viewer = await HlsViewer.TuneInAsync(server, "fragile");
        var source = viewer.Rendition("/" + SourceOf(viewer));
        var rung = viewer.Rendition(RungOf(viewer), isDerived: true);
        await rung.SegmentsAsync(1);

        var child = 0;
        for (var kill = 0; kill < 3; kill++)
        {
            child = await LadderChild.NextAsync(server, child);
            var next = rung.Current.NextSegment;
            await rung.UntilAsync(playlist => playlist.NextSegment > next && playlist.OpenParts.Count > 0);
            LadderChild.Signal(child, LadderChild.SigKill);
        }
        var last = rung.Current.NextSegment;
        await rung.UntilAsync(playlist => playlist.NextSegment >= last + 3);
        await source.UntilAsync(playlist => playlist.NextSegment >= last + 3);

        Assert.DoesNotContain(source.Current.Segments, segment => segment.IsGap || segment.IsDiscontinuity);
        Assert.DoesNotContain(rung.Current.Segments, segment => segment.IsDiscontinuity);
        Assert.False(rung.Current.Segment(last + 2).IsGap, rung.Current.Text);
        output.WriteLine($"{rung.Current.Segments.Count(segment => segment.IsGap)} gaps of {rung.Current.Segments.Count} segments over 3 kills");
        foreach (var file in await rung.SaveAsync(directory))
            await Ffmpeg.DecodeSilentlyAsync(file);
        var health = await HealthAsync(server, "fragile");
        Assert.True(health.GetProperty("restarts").GetInt32() >= 3, health.ToString());
    }

    [Fact]
    public async Task Ladder_ChildStopped_LeavesGapsUntilAnotherTakesOver()
    {
        using var directory = new TestDirectory();
        var film = await FilmPublisher.EncodeAsync(directory, Small, 12);
        await using var server = await MillraceProcess.StartAsync(OneRung);
        await using var publisher = FilmPublisher.Start(server.RtmpUrl("stuck"), film);
        var viewer = await HlsViewer.TuneInAsync(server, "stuck");
        var source = viewer.Rendition("/" + SourceOf(viewer));
        var rung = viewer.Rendition(RungOf(viewer), isDerived: true);
        await rung.SegmentsAsync(1);
        var child = await LadderChild.NextAsync(server);
        LadderChild.Signal(child, LadderChild.SigStop);

        await rung.UntilAsync(playlist => playlist.Segments.Any(segment => segment.IsGap));
        await rung.UntilAsync(playlist => playlist.Segments.Any(segment => segment.IsGap) && !playlist.Segments[^1].IsGap);
        await source.UntilAsync(playlist => playlist.NextSegment >= rung.Current.NextSegment);
        Assert.DoesNotContain(source.Current.Segments, segment => segment.IsGap || segment.IsDiscontinuity);
        Assert.False(LadderChild.Exists(child), "The stopped child is still there.");
        // The same number is the same moment behind the gaps, too.
        var number = rung.Current.Segments[^1].Number;
        Assert.Equal(
            await BeginningAsync(directory, source, source.Current.Segment(number)),
            await BeginningAsync(directory, rung, rung.Current.Segment(number)), 0.001);
    }

    [Fact]
    public async Task Ladder_ServerKilledWhileTheChildIsStopped_LeavesNoOrphan()
    {
        using var directory = new TestDirectory();
        var film = await FilmPublisher.EncodeAsync(directory, Small, 6);
        await using var server = await MillraceProcess.StartAsync(OneRung);
        await using var publisher = FilmPublisher.Start(server.RtmpUrl("orphan"), film);
        await HlsViewer.TuneInAsync(server, "orphan");
        var child = await LadderChild.NextAsync(server);
        LadderChild.Signal(child, LadderChild.SigStop);
        LadderChild.Signal(server.Id, LadderChild.SigKill);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (LadderChild.Exists(child))
            await timer.WaitForNextTickAsync(timeout.Token);
    }

    [Fact]
    public async Task Ladder_SourceChangesItsSize_GoesOnBehindADiscontinuity()
    {
        using var directory = new TestDirectory();
        await using var server = await MillraceProcess.StartAsync(OneRung);
        var first = FfmpegPublisher.Start(server.RtmpUrl("turning"), Small);
        var viewer = await HlsViewer.TuneInAsync(server, "turning");
        var rung = viewer.Rendition(RungOf(viewer), isDerived: true);
        await rung.SegmentsAsync(2);
        await first.DisposeAsync();
        await using var second = FfmpegPublisher.Start(server.RtmpUrl("turning"), Small with { Width = 360, Height = 640 });
        await rung.UntilAsync(playlist => playlist.Segments.SkipWhile(segment => !segment.IsDiscontinuity).Count(segment => !segment.IsGap) >= 2, TimeSpan.FromSeconds(40));
        var files = await rung.SaveAsync(directory);
        Assert.Equal(2, files.Count);
        foreach (var file in files)
            await Ffmpeg.DecodeSilentlyAsync(file);
        Assert.Equal("320,180", await Ffmpeg.ProbeAsync(files[0], "stream=width,height"));
        // A picture that stands upright keeps its short side.
        Assert.Equal("180,320", await Ffmpeg.ProbeAsync(files[1], "stream=width,height"));
    }

    [Fact]
    public async Task Ladder_PixelsChangeTheirShape_RungsComeBackInTheNewOne()
    {
        using var directory = new TestDirectory();
        string[] encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"];
        var square = await CodecSources.EncodeAsync(directory, encoder, 4, Small);
        var wide = await CodecSources.EncodeAsync(directory, [.. encoder, "-vf", "setsar=4/3"], 7, Small);
        var sound = await CodecSources.EncodeAsync(directory, ["-c:a", "aac", "-b:a", "96k"], 11);
        await using var server = await MillraceProcess.StartAsync(OneRung);
        await using var publisher = await RtmpPublisher.PublishAsync(server, "shape");
        var sending = publisher.SendAsync(FlvTags.Interleave(
            FlvTags.Messages(square, FlvForm.Legacy), FlvTags.Messages(wide, FlvForm.Legacy, startAt: 4), FlvTags.Messages(sound, FlvForm.Legacy)));
        var viewer = await HlsViewer.TuneInAsync(server, "shape");
        var rung = viewer.Rendition(RungOf(viewer), isDerived: true);
        await rung.UntilAsync(playlist => playlist.Segments.SkipWhile(segment => !segment.IsDiscontinuity).Count(segment => !segment.IsGap) >= 2, TimeSpan.FromSeconds(40));
        var health = await HealthAsync(server, "shape");
        Assert.Equal("running", health.GetProperty("state").GetString());
        Assert.Equal(0, health.GetProperty("restarts").GetInt32());
        Assert.Equal(426, Assert.Single(health.GetProperty("rungs").EnumerateArray()).GetProperty("width").GetInt32());
        var files = await rung.SaveAsync(directory);
        Assert.Equal(["320,180", "426,180"], await Task.WhenAll(files.Select(file => Ffmpeg.ProbeAsync(file, "stream=width,height"))));
        foreach (var file in files)
            await Ffmpeg.DecodeSilentlyAsync(file);
        var now = await HlsViewer.TuneInAsync(server, "shape");
        Assert.Contains(now.Master.Variants, variant => variant.Attributes.Plain("RESOLUTION") == "426x180");
        await sending;
        await publisher.LeaveAsync();
    }

    [Fact]
    public async Task Ladder_BudgetForOneAndAPart_IsGivenInTurnAndOpusGoesThroughAsItIs()
    {
        using var directory = new TestDirectory();
        var film = await CodecSources.EncodeAsync(directory, ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"], 8, Small);
        var sound = await CodecSources.EncodeAsync(directory, ["-c:a", "libopus", "-b:a", "64k"], 8);
        var messages = FlvTags.Interleave(FlvTags.Messages(film, FlvForm.Enhanced), FlvTags.Messages(sound, FlvForm.Enhanced));
        // 1.04 million pixels a second for the larger rung and 0.29 for the smaller: both once, and the smaller once more.
        await using var server = await MillraceProcess.StartAsync("--Transcoding:Ladder=180p@200k/ultrafast,96p@100k/ultrafast", "--Transcoding:MaxPixelsPerSecond=1750000");
        await using var first = await RtmpPublisher.PublishAsync(server, "first");
        await using var second = await RtmpPublisher.PublishAsync(server, "second");
        await using var third = await RtmpPublisher.PublishAsync(server, "third");
        List<Task> sending = [];
        List<HlsViewer> viewers = [];
        foreach (var (publisher, channel) in (IEnumerable<(RtmpPublisher, string)>)[(first, "first"), (second, "second"), (third, "third")])
        {
            sending.Add(publisher.SendAsync(messages));
            viewers.Add(await HlsViewer.TuneInAsync(server, channel));
        }
        Assert.Equal(["180p 96p source", "96p source", "source"],
            viewers.Select(viewer => string.Join(' ', viewer.Master.Variants.Where(variant => variant.Attributes.Has("RESOLUTION")).Select(NameOf).Order(StringComparer.Ordinal))));
        Assert.DoesNotContain("ladder_left_out", await ProblemsAsync(server, "first"));
        foreach (var channel in (string[])["second", "third"])
            Assert.Contains("Transcoding:MaxPixelsPerSecond", (await ProblemsAsync(server, channel))["ladder_left_out"], StringComparison.Ordinal);

        var smallest = viewers[1].Rendition(RungOf(viewers[1]), isDerived: true);
        await smallest.UntilAsync(playlist => playlist.Segments.Any(segment => !segment.IsGap), TimeSpan.FromSeconds(40));
        // No AAC beside what browsers play.
        Assert.All(viewers[0].Master.Variants, variant => Assert.EndsWith("opus", variant.Attributes.Quoted("CODECS"), StringComparison.Ordinal));
        var (picture, audio) = (viewers[0].Video, viewers[0].Audio);
        await Task.WhenAll(sending);
        await picture.SegmentsAsync(3);
        await audio.SegmentsAsync(3);
        var file = Assert.Single(await audio.SaveAsync(directory));
        Assert.Equal("opus", await Ffmpeg.ProbeAsync(file, "stream=codec_name"));
        output.WriteLine($"{await Sync.AssertAsync(Assert.Single(await picture.SaveAsync(directory)), file, atLeast: 3):0.0} ms apart");
    }

    [Fact]
    public async Task Ladder_SourceWithRareKeyFrames_IsNormalisedAndSaysSo()
    {
        using var directory = new TestDirectory();
        await using var server = await MillraceProcess.StartAsync("--Transcoding:Ladder=auto", "--Transcoding:MaxPixelsPerSecond=1000000000");
        await using var publisher = FfmpegPublisher.Start(server.RtmpUrl("rare"), Small with { Width = 320, Height = 180, KeyFrameInterval = 150 });
        var viewer = await HlsViewer.TuneInAsync(server, "rare");
        // The interval is known with the second key frame; from there on every segment can be joined.
        var source = viewer.Video;
        static IEnumerable<HlsSegment> Behind(HlsMediaPlaylist playlist) => playlist.Segments.SkipWhile(segment => !segment.IsDiscontinuity);
        await source.UntilAsync(playlist => Behind(playlist).Count(segment => !segment.IsGap) >= 3, TimeSpan.FromSeconds(40));
        Assert.All(Behind(source.Current).Where(segment => !segment.IsGap && segment.Parts.Count > 0), segment => Assert.True(segment.Parts[0].IsIndependent));
        Assert.All(Behind(source.Current).Where(segment => !segment.IsGap), segment => Assert.Equal(2, segment.Duration, 0.05));
        foreach (var file in await source.SaveAsync(directory))
            await Ffmpeg.DecodeSilentlyAsync(file);
        var health = await HealthAsync(server, "rare");
        Assert.Equal("normalized", health.GetProperty("source").GetString());
        Assert.NotEmpty(health.GetProperty("reason").GetString()!);
    }

    [Fact]
    public async Task Ladder_OfHevc_ShowsTheSourceInACodecThatBrowsersHave()
    {
        using var directory = new TestDirectory();
        var film = await CodecSources.EncodeAsync(
            directory, ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:bframes=2:keyint=60:min-keyint=60:scenecut=0", "-tag:v", "hvc1"], 10);
        await using var server = await MillraceProcess.StartAsync("--Transcoding:Ladder=96p@100k/ultrafast", "--Transcoding:MaxPixelsPerSecond=1000000000");
        await using var publisher = await RtmpPublisher.PublishAsync(server, "new");
        // Three pictures of the third GOP are lost, two of which nobody refers to.
        var sending = publisher.SendAsync(FlvTags.Messages(film, FlvForm.Enhanced).Where((_, index) => index is < 140 or > 142));
        var viewer = await HlsViewer.TuneInAsync(server, "new");
        Assert.Equal(2, viewer.Master.Variants.Count);
        Assert.All(viewer.Master.Variants, variant => Assert.StartsWith("avc1.", variant.Attributes.Quoted("CODECS"), StringComparison.Ordinal));
        var source = viewer.Rendition("/" + SourceOf(viewer));
        await source.UntilAsync(playlist => playlist.Segments.Count(segment => !segment.IsGap) >= 3, TimeSpan.FromSeconds(40));
        var health = await HealthAsync(server, "new");
        Assert.Equal("normalized", health.GetProperty("source").GetString());
        Assert.Contains("hvc1", health.GetProperty("reason").GetString(), StringComparison.Ordinal);
        // Both ways of knowing: by the pictures' own word, and by the decoder's.
        var problems = await ProblemsAsync(server, "new");
        Assert.Contains("pictures_missing", problems);
        Assert.Contains("Could not find ref", problems["source_undecodable"], StringComparison.Ordinal);
        foreach (var file in await source.SaveAsync(directory))
            await Ffmpeg.DecodeSilentlyAsync(file);
        await sending;
        await publisher.LeaveAsync();
    }

    [Fact]
    public async Task Ladder_AudioThatBrowsersCannotPlay_GetsAac()
    {
        using var directory = new TestDirectory();
        var film = await FilmPublisher.EncodeAsync(directory, Small, 10, "-c:a", "libmp3lame");
        await using var server = await MillraceProcess.StartAsync("--Transcoding:Ladder=auto");
        await using var publisher = FilmPublisher.Start(server.RtmpUrl("old"), film);
        var viewer = await HlsViewer.TuneInAsync(server, "old");
        var aac = Assert.Single(viewer.Master.Media, media => media.Uri!.Contains("/aac/", StringComparison.Ordinal));
        var audio = viewer.Rendition(aac.Uri);
        await audio.SegmentsAsync(3);
        var source = viewer.Rendition("/" + SourceOf(viewer));
        await source.SegmentsAsync(3);
        var sound = Assert.Single(await audio.SaveAsync(directory));
        await Ffmpeg.DecodeSilentlyAsync(sound);
        Assert.Equal("aac", await Ffmpeg.ProbeAsync(sound, "stream=codec_name"));
        output.WriteLine($"{await Sync.AssertAsync(Assert.Single(await source.SaveAsync(directory)), sound, atLeast: 3):0.0} ms apart");
    }

    /// <summary>Presentation time of a segment's first picture, in seconds.</summary>
    private static async Task<double> BeginningAsync(TestDirectory directory, HlsRendition rendition, HlsSegment segment)
    {
        var file = directory.NewFile("mp4");
        await File.WriteAllBytesAsync(file, [.. await rendition.GetAsync(segment.Map!), .. await rendition.GetAsync(segment.Uri!)]);
        var times = await Ffmpeg.ProbeAsync(file, "packet=pts_time", "-select_streams", "v");
        return times.Split('\n').Select(line => double.Parse(line.Trim().TrimEnd(','), CultureInfo.InvariantCulture)).Min();
    }

    /// <summary>The rendition's name in a variant's address.</summary>
    private static string NameOf(HlsVariant variant) => variant.Uri.Split('/')[^2];

    private static string SourceOf(HlsViewer viewer) =>
        viewer.Master.Variants.First(variant => variant.Uri.Contains("/source/", StringComparison.Ordinal)).Uri.TrimStart('/');

    private static string RungOf(HlsViewer viewer) =>
        viewer.Master.Variants.First(variant => variant.Attributes.Has("RESOLUTION") && !variant.Uri.Contains("/source/", StringComparison.Ordinal)).Uri;

    private static async Task<JsonElement> HealthAsync(MillraceProcess server, string channel) =>
        (await WholeHealthAsync(server, channel)).GetProperty("transcoding");

    /// <summary>What the channel's health names, by code.</summary>
    private static async Task<IReadOnlyDictionary<string, string>> ProblemsAsync(MillraceProcess server, string channel) =>
        (await WholeHealthAsync(server, channel)).GetProperty("problems").EnumerateArray()
        .ToDictionary(problem => problem.GetProperty("code").GetString()!, problem => problem.GetProperty("message").GetString()!);

    private static async Task<JsonElement> WholeHealthAsync(MillraceProcess server, string channel)
    {
        using var document = JsonDocument.Parse(await server.Http.GetStringAsync(server.Uri($"api/v1/channels/{channel}")));
        return document.RootElement.GetProperty("health").Clone();
    }
}
