using Microsoft.Playwright;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>
/// Players on a network that gets worse and better again: each goes down to a rung that fits, and back up, and no sound is missing
/// in between. Stalls are reported: they depend on the machine. <c>MILLRACE_PLAYERS=full</c> makes a measurement of it
/// (<c>bench/players/run</c>): 720p30 with the whole ladder, for longer; <c>MILLRACE_PLAYER=page</c> leaves out the others.
/// </summary>
public sealed class LadderPlayerTests(Browser browser, OtherPlayers players, ITestOutputHelper output)
    : IClassFixture<Browser>, IClassFixture<OtherPlayers>
{
    private static readonly bool IsMeasurement = Environment.GetEnvironmentVariable("MILLRACE_PLAYERS") == "full";

    private static readonly string? Only = Environment.GetEnvironmentVariable("MILLRACE_PLAYER");

    // In a test the source's bits are wanted, not its pixels: encoders and the browser's decoder share two cores.
    private static readonly FfmpegSource Source = IsMeasurement
        ? new() { Width = 1280, Height = 720, HasContinuousTone = true }
        : new() { Width = 640, Height = 360, HasContinuousTone = true };

    private static readonly string Ladder = IsMeasurement ? "480p/ultrafast,360p/ultrafast,160p/ultrafast" : "180p@250k/ultrafast";

    [Theory]
    [InlineData("page", "")]
    [InlineData("dash", "manifest.mpd")]
    [InlineData("shaka-whole", "main.m3u8")]
    public async Task Player_NetworkGetsWorseAndBetter_SwitchesDownAndUp(string player, string entry)
    {
        Assert.SkipUnless(Only is null || Only == player, "Left out.");
        // On a crowded machine it stopped in three of five runs once, for reasons not found (docs/players.md): the measurement has it.
        Assert.SkipUnless(IsMeasurement || Only is not null || player != "shaka-whole", "Shaka Player is measured with bench/players/run.");
        using var directory = new TestDirectory();
        var film = await FilmPublisher.EncodeAsync(directory, Source, 12, "-b:v", "2500k", "-maxrate", "2500k", "-minrate", "2500k", "-bufsize", "1000k", "-x264-params", "nal-hrd=cbr");
        await using var server = await MillraceProcess.StartAsync($"--Transcoding:Ladder={Ladder}");
        await using var publisher = FilmPublisher.Start(server.RtmpUrl("road"), film);
        var viewer = await HlsViewer.TuneInAsync(server, "road");
        var smallest = IsMeasurement ? "/160p/" : "/180p/";
        await viewer.Rendition(viewer.Master.Variants.First(variant => variant.Uri.Contains(smallest, StringComparison.Ordinal)).Uri).SegmentsAsync(3);

        await using var page = await browser.OpenAsync(
            player == "page" ? $"{server.Origin}/c/road" : await players.PageAsync(player, server.Uri($"live/road/{entry}")), OtherPlayers.Watch);
        var network = await page.Page.Context.NewCDPSessionAsync(page.Page);
        await network.SendAsync("Network.enable");
        // Not the loopback's own speed: a part that comes in one piece tells a player nothing of the network.
        await ThrottleAsync(network, kilobitsPerSecond: 20_000);
        await page.UntilAsync($"document.querySelector('video')?.videoHeight === {Source.Height} && document.querySelector('video').currentTime > 0", TimeSpan.FromSeconds(60));
        await page.PlaysOnAsync(IsMeasurement ? 15 : 3, TimeSpan.FromSeconds(40));
        await page.EvaluateAsync<bool>("(window.watch.begin(), true)");

        var worse = await page.EvaluateAsync<double>("window.watch.seconds()");
        await ThrottleAsync(network, kilobitsPerSecond: 1500);
        await page.UntilAsync($"document.querySelector('video').videoHeight < {Source.Height}", TimeSpan.FromSeconds(40));
        await page.PlaysOnAsync(IsMeasurement ? 20 : 4, TimeSpan.FromSeconds(40));
        await page.ScreenshotAsync($"ladder-{player}-down");
        var better = await page.EvaluateAsync<double>("window.watch.seconds()");
        await ThrottleAsync(network, kilobitsPerSecond: 20_000);
        await page.UntilAsync($"document.querySelector('video').videoHeight === {Source.Height}", TimeSpan.FromSeconds(60));
        await page.PlaysOnAsync(IsMeasurement ? 20 : 3, TimeSpan.FromSeconds(40));
        await page.Page.Mouse.MoveAsync(640, 400);
        await page.ScreenshotAsync($"ladder-{player}-up");

        output.WriteLine($"{player}: worse at {worse} s, better at {better} s; " + await page.EvaluateAsync<string>(
            "JSON.stringify({ ...window.watch, frames: document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames, dropped: document.querySelector('video').getVideoPlaybackQuality().droppedVideoFrames })"));
        Assert.Empty(await page.EvaluateAsync<string[]>("window.watch.audioHoles"));
        Assert.Equal(1, page.Loads);
        Assert.Empty(page.Exceptions);
    }

    /// <summary>The viewer's rung has nothing but gaps for a while: another one is played, and later this one again.</summary>
    [Fact]
    public async Task Page_EncoderOfItsRungStops_PlaysOnAndComesBackToIt()
    {
        using var directory = new TestDirectory();
        var film = await FilmPublisher.EncodeAsync(directory, new FfmpegSource { Width = 640, Height = 360, HasContinuousTone = true }, 12, "-b:v", "1500k", "-maxrate", "1500k", "-bufsize", "1000k");
        await using var server = await MillraceProcess.StartAsync("--Transcoding:Ladder=180p@250k/ultrafast", "--Transcoding:HangTimeout=3s");
        await using var publisher = FilmPublisher.Start(server.RtmpUrl("ridge"), film);
        var viewer = await HlsViewer.TuneInAsync(server, "ridge");
        await viewer.Rendition(viewer.Master.Variants.First(variant => variant.Uri.Contains("/180p/", StringComparison.Ordinal)).Uri).SegmentsAsync(2);
        await using var page = await browser.OpenAsync($"{server.Origin}/c/ridge", OtherPlayers.Watch);
        var network = await page.Page.Context.NewCDPSessionAsync(page.Page);
        await network.SendAsync("Network.enable");
        await ThrottleAsync(network, kilobitsPerSecond: 1200);
        await page.UntilAsync("document.querySelector('video')?.videoHeight === 180", TimeSpan.FromSeconds(60));
        await page.PlaysOnAsync(2, TimeSpan.FromSeconds(40));
        await page.EvaluateAsync<bool>("(window.watch.begin(), true)");

        var child = await LadderChild.NextAsync(server);
        LadderChild.Signal(child, LadderChild.SigStop);
        await LadderChild.NextAsync(server, child);
        await page.PlaysOnAsync(8, TimeSpan.FromSeconds(60));
        await page.UntilAsync("document.querySelector('video').videoHeight === 180", TimeSpan.FromSeconds(60));
        await page.PlaysOnAsync(4, TimeSpan.FromSeconds(40));

        output.WriteLine(await page.EvaluateAsync<string>("JSON.stringify({ ...window.watch, restarts: window.millrace.restarts, errors: window.millrace.errors })"));
        Assert.Equal(1, page.Loads);
        Assert.Empty(page.Exceptions);
    }

    [Fact]
    public async Task Page_QualityChosenByHand_IsShown()
    {
        using var directory = new TestDirectory();
        var film = await FilmPublisher.EncodeAsync(directory, Source, 12);
        await using var server = await MillraceProcess.StartAsync("--Transcoding:Ladder=240p@500k/ultrafast,180p@250k/ultrafast,96p@100k/ultrafast");
        await using var publisher = FilmPublisher.Start(server.RtmpUrl("choice"), film);
        await using var page = await browser.OpenAsync($"{server.Origin}/c/choice");
        await page.UntilAsync("document.querySelector('video')?.currentTime > 1", TimeSpan.FromSeconds(40));
        await page.Page.Mouse.MoveAsync(640, 400);
        await page.Page.ClickAsync(".control-quality");
        await page.ScreenshotAsync("ladder-menu");
        await page.Page.ClickAsync("text=180p");
        await page.UntilAsync("document.querySelector('video').videoHeight === 180", TimeSpan.FromSeconds(20));
        await page.PlaysOnAsync(2);
        await page.Page.Mouse.MoveAsync(640, 410);
        await page.ScreenshotAsync("ladder-chosen");
        await page.Page.SetViewportSizeAsync(390, 844);
        await page.Page.Mouse.MoveAsync(195, 150);
        await page.Page.ClickAsync(".control-quality");
        await page.ScreenshotAsync("ladder-menu-phone");
        await page.Page.ClickAsync("text=360p");
        await page.UntilAsync("document.querySelector('video').videoHeight === 360", TimeSpan.FromSeconds(20));
        await page.PlaysOnAsync(2);
        Assert.Empty(page.Exceptions);
    }

    /// <summary>Chromium's own brake on what the page loads.</summary>
    private static async Task ThrottleAsync(ICDPSession network, int kilobitsPerSecond) =>
        await network.SendAsync("Network.emulateNetworkConditions", new Dictionary<string, object>
        {
            ["offline"] = false,
            ["latency"] = 20,
            ["downloadThroughput"] = kilobitsPerSecond * 1000 / 8,
            ["uploadThroughput"] = -1,
        });
}
