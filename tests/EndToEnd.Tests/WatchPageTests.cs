using System.Globalization;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>The watch page and the embedded player in Chromium.</summary>
public sealed class WatchPageTests(Browser browser, ITestOutputHelper output) : IClassFixture<Browser>
{
    private static readonly FfmpegSource Small = new() { Width = 640, Height = 360 };

    [Theory]
    [InlineData("c/evening", "watch")]
    [InlineData("embed/evening", "embed")]
    public async Task Page_OpenedBeforeTheStream_StartsByItselfAndStaysNearLive(string path, string name)
    {
        await using var server = await MillraceProcess.StartAsync();
        await using var page = await browser.OpenAsync($"{server.Origin}/{path}");
        await page.UntilAsync("window.millrace?.state === 'waiting'");
        await page.ScreenshotAsync($"{name}-waiting");

        await using var publisher = FfmpegPublisher.Start(server.RtmpUrl("evening"), Small);
        await page.UntilAsync("window.millrace?.state === 'playing'", TimeSpan.FromSeconds(30));
        await page.PlaysOnAsync(6);
        await page.UntilAsync("window.millrace.latencySeconds !== null");
        var latency = await page.EvaluateAsync<double>("window.millrace.latencySeconds");
        await page.Page.Mouse.MoveAsync(640, 400);
        await page.ScreenshotAsync($"{name}-playing");

        output.WriteLine($"Latency {latency:0.00} s, stalls {await page.EvaluateAsync<int>("window.millrace.stalls")}, dropped {await page.EvaluateAsync<int>("window.millrace.droppedFrames")}");
        // Without low latency it would begin three target durations behind, and a part of a segment more.
        Assert.InRange(latency, 0.3, 7.5);
        Assert.Equal(640, await page.EvaluateAsync<int>("document.querySelector('video').videoWidth"));
        await AssertNoErrorsAsync(page);
        Assert.Empty(page.Exceptions);
        Assert.Equal(1, page.Loads);
        // Nothing is loaded from anywhere else.
        Assert.All(page.Requests, url => Assert.True(url.StartsWith(server.Origin, StringComparison.Ordinal) || url.StartsWith("blob:", StringComparison.Ordinal), url));
    }

    [Fact]
    public async Task Page_LatencyShown_IsTheTrueOne()
    {
        await using var server = await MillraceProcess.StartAsync();
        using var directory = new TestDirectory();
        var (video, audio) = await ReconnectTests.SmallTracksAsync(directory, 20);
        await using var page = await browser.OpenAsync($"{server.Origin}/c/exact");
        await page.UntilAsync("window.millrace?.state === 'waiting'");
        await using var publisher = await RtmpPublisher.PublishAsync(server, "exact");
        using var stop = new CancellationTokenSource();
        var sending = publisher.SendAsync(FlvTags.Interleave(FlvTags.Messages(video, FlvForm.Legacy), FlvTags.Messages(audio, FlvForm.Legacy)), cancellation: stop.Token);
        await page.UntilAsync("window.millrace.state === 'playing'", TimeSpan.FromSeconds(30));
        await page.PlaysOnAsync(4);

        // The page joined at the first segment, so its clock counts from the first picture, which left here at a known time.
        var values = await page.EvaluateAsync<double[]>("() => [Date.now() / 1000, document.querySelector('video').currentTime, window.millrace.latencySeconds]");
        var real = values[0] - (publisher.StartedAt.ToUnixTimeMilliseconds() / 1000.0) - FlvTags.Lead - values[1];
        // What a busy machine lets the first picture wait before it is read is not in the server's dates, so the page cannot know it.
        var viewer = await HlsViewer.TuneInAsync(server, "exact");
        var first = (await viewer.Video.LoadAsync()).Segments[0];
        Assert.Equal(0, first.Number);
        var unread = (first.ProgramDateTime!.Value - publisher.StartedAt).TotalSeconds - FlvTags.Lead;
        await stop.CancelAsync();
        await sending.ContinueWith(static _ => { }, TaskScheduler.Default);
        output.WriteLine($"Shown {values[2]:0.00} s, real {real:0.00} s from the encoder's socket to the screen's clock, {unread:0.00} s of them before the server read it");
        // Shown in steps of a tenth, renewed twice a second.
        Assert.InRange(values[2], real - Math.Max(0, unread) - 0.4, real + 0.4);
        Assert.InRange(real, 0.5, 6);
    }

    [Fact]
    public async Task Page_PublisherReconnects_PlaysOnWithoutReload()
    {
        await using var server = await MillraceProcess.StartAsync();
        var first = FfmpegPublisher.Start(server.RtmpUrl("evening"), Small);
        await using var page = await browser.OpenAsync($"{server.Origin}/c/evening");
        await page.UntilAsync("window.millrace?.state === 'playing'", TimeSpan.FromSeconds(30));
        await page.PlaysOnAsync(3);

        await first.KillAsync();
        await first.DisposeAsync();
        await using var second = FfmpegPublisher.Start(server.RtmpUrl("evening"), Small with { Width = 480, Height = 270 });
        await page.UntilAsync("document.querySelector('video').videoWidth === 480", TimeSpan.FromSeconds(40));
        await page.PlaysOnAsync(4);
        await page.Page.Mouse.MoveAsync(640, 400);
        await page.ScreenshotAsync("watch-reconnected");

        Assert.Equal("playing", await page.EvaluateAsync<string>("window.millrace.state"));
        Assert.Equal(1, page.Loads);
        Assert.Empty(page.Exceptions);
        output.WriteLine($"Latency {await page.EvaluateAsync<double?>("window.millrace.latencySeconds")} s; stalls {await page.EvaluateAsync<int>("window.millrace.stalls")}, restarts {await page.EvaluateAsync<int>("window.millrace.restarts")}, errors {await page.EvaluateAsync<string>("JSON.stringify(window.millrace.errors)")}");
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Page_AudioGoesOrComesWithAReconnect_PlaysOnWithoutReload(bool before, bool after)
    {
        await using var server = await MillraceProcess.StartAsync();
        var first = FfmpegPublisher.Start(server.RtmpUrl("evening"), Small with { HasAudio = before });
        await using var page = await browser.OpenAsync($"{server.Origin}/c/evening");
        await page.UntilAsync("window.millrace?.state === 'playing'", TimeSpan.FromSeconds(30));
        await page.PlaysOnAsync(3);

        await first.KillAsync();
        await first.DisposeAsync();
        await using var second = FfmpegPublisher.Start(server.RtmpUrl("evening"), Small with { Width = 480, Height = 270, HasAudio = after });
        var began = DateTimeOffset.UtcNow;
        await page.UntilAsync("document.querySelector('video').videoWidth === 480", TimeSpan.FromSeconds(60));
        output.WriteLine($"New picture after {(DateTimeOffset.UtcNow - began).TotalSeconds:0.0} s");
        await page.PlaysOnAsync(4, TimeSpan.FromSeconds(30));
        if (after)
            await page.UntilAsync("document.querySelector('video').webkitAudioDecodedByteCount > 0", TimeSpan.FromSeconds(40));

        Assert.Equal(1, page.Loads);
        Assert.Empty(page.Exceptions);
        output.WriteLine($"audio bytes {await page.EvaluateAsync<int>("document.querySelector('video').webkitAudioDecodedByteCount")}; stalls {await page.EvaluateAsync<int>("window.millrace.stalls")}, restarts {await page.EvaluateAsync<int>("window.millrace.restarts")}, errors {await page.EvaluateAsync<string>("JSON.stringify(window.millrace.errors)")}");
    }

    [Fact]
    public async Task Page_BroadcastEnds_SaysSoAndPlaysTheNextOne()
    {
        await using var server = await MillraceProcess.StartAsync("--Ingest:ReconnectGrace=2s");
        var first = FfmpegPublisher.Start(server.RtmpUrl("evening"), Small);
        await using var page = await browser.OpenAsync($"{server.Origin}/c/evening");
        await page.UntilAsync("window.millrace?.state === 'playing'", TimeSpan.FromSeconds(30));
        await page.PlaysOnAsync(2);

        await first.DisposeAsync();
        await page.UntilAsync("window.millrace.state === 'ended'", TimeSpan.FromSeconds(30));
        await page.ScreenshotAsync("watch-ended");

        await using var second = FfmpegPublisher.Start(server.RtmpUrl("evening"), Small);
        await page.UntilAsync("window.millrace.state === 'playing'", TimeSpan.FromSeconds(40));
        await page.PlaysOnAsync(2);
        Assert.Equal(1, page.Loads);
        Assert.Empty(page.Exceptions);
    }

    [Theory]
    [InlineData("audio-only")]
    [InlineData("video-only")]
    [InlineData("audio-late")]
    [InlineData("b-frames")]
    public async Task Page_UnusualSource_Plays(string kind)
    {
        await using var server = await MillraceProcess.StartAsync();
        await using var publisher = FfmpegPublisher.Start(server.RtmpUrl(kind), kind switch
        {
            "audio-only" => Small with { HasVideo = false },
            "video-only" => Small with { HasAudio = false },
            "audio-late" => Small with { AudioDelay = 3 },
            _ => Small with { BFrames = 3, Preset = "veryfast" },
        });
        await using var page = await browser.OpenAsync($"{server.Origin}/c/{kind}");
        await page.UntilAsync("window.millrace?.state === 'playing'", TimeSpan.FromSeconds(30));
        await page.PlaysOnAsync(5);
        await page.Page.Mouse.MoveAsync(640, 400);
        await page.ScreenshotAsync($"watch-{kind}");
        await AssertNoErrorsAsync(page);
        output.WriteLine((await page.EvaluateAsync<double?>("window.millrace.latencySeconds"))?.ToString("0.00", CultureInfo.InvariantCulture) ?? "no latency");
    }

    /// <summary>
    /// An encoder on a machine that is busy with other things may stall for seconds: the picture stands still, and hls.js gives
    /// a reload that the server holds 1.6 s before it asks anew. Anything else is a fault.
    /// </summary>
    private static async Task AssertNoErrorsAsync(BrowserPage page)
    {
        var errors = await page.EvaluateAsync<string>(
            "JSON.stringify(window.millrace.errors.filter((error) => !/^(bufferStalledError|bufferNudgeOnStall|levelLoadTimeOut|audioTrackLoadTimeOut) /.test(error)))");
        Assert.True(errors == "[]", $"{errors}\n{page.Console}");
    }

    [Fact]
    public async Task Page_Home_ShowsWhoIsLive()
    {
        await using var server = await MillraceProcess.StartAsync("--Preview:Interval=1s");
        await using var page = await browser.OpenAsync(server.Origin);
        await using var publisher = FfmpegPublisher.Start(server.RtmpUrl("evening"), Small);
        await page.UntilAsync("document.body.innerText.includes('evening')", TimeSpan.FromSeconds(30));
        await page.UntilAsync("document.querySelector('.channel-thumbnail')?.naturalWidth > 0", TimeSpan.FromSeconds(30));
        await page.ScreenshotAsync("home-live");
        Assert.Empty(page.Exceptions);
    }

    [Fact]
    public async Task Page_BadChannelName_SaysSo()
    {
        await using var server = await MillraceProcess.StartAsync();
        await using var page = await browser.OpenAsync($"{server.Origin}/c/No.Such.Name");
        await page.UntilAsync("document.body.innerText.length > 20");
        await page.ScreenshotAsync("watch-bad-name");
        Assert.Empty(page.Exceptions);
    }
}
