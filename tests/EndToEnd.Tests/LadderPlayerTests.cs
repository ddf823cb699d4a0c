using Microsoft.Playwright;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>
/// Players on a network that gets worse and better again: each goes down to a rung that fits, and back up. Shaka Player is not
/// among them: it counts the encoder's pace at the live edge as the network's, and does not come back up (docs/measurements.md).
/// </summary>
public sealed class LadderPlayerTests(Browser browser, OtherPlayers players, ITestOutputHelper output)
    : IClassFixture<Browser>, IClassFixture<OtherPlayers>
{
    // The source's bits are wanted, not its pixels: encoders and the browser's decoder share two cores here.
    private static readonly FfmpegSource Source = new() { Width = 640, Height = 360 };

    [Theory]
    [InlineData("page")]
    [InlineData("dash")]
    public async Task Player_NetworkGetsWorseAndBetter_SwitchesDownAndUp(string player)
    {
        using var directory = new TestDirectory();
        var film = await FilmPublisher.EncodeAsync(directory, Source, 12, "-b:v", "2500k", "-maxrate", "2500k", "-minrate", "2500k", "-bufsize", "1000k", "-x264-params", "nal-hrd=cbr");
        await using var server = await MillraceProcess.StartAsync("--Transcoding:Ladder=180p@250k/ultrafast");
        await using var publisher = FilmPublisher.Start(server.RtmpUrl("road"), film);
        var viewer = await HlsViewer.TuneInAsync(server, "road");
        await viewer.Rendition(viewer.Master.Variants.First(variant => variant.Uri.Contains("/180p/", StringComparison.Ordinal)).Uri).SegmentsAsync(3);

        await using var page = await browser.OpenAsync(player == "page"
            ? $"{server.Origin}/c/road"
            : await players.PageAsync(player, server.Uri("live/road/manifest.mpd")));
        var network = await page.Page.Context.NewCDPSessionAsync(page.Page);
        await network.SendAsync("Network.enable");
        // Not the loopback's own speed: a part that comes in one piece tells a player nothing of the network.
        await ThrottleAsync(network, kilobitsPerSecond: 20_000);
        await page.UntilAsync("document.querySelector('video')?.videoHeight === 360 && document.querySelector('video').currentTime > 0", TimeSpan.FromSeconds(60));
        await page.PlaysOnAsync(3, TimeSpan.FromSeconds(20));
        var stallsBefore = await StallsAsync(page, player);

        await ThrottleAsync(network, kilobitsPerSecond: 1500);
        await page.UntilAsync("document.querySelector('video').videoHeight === 180", TimeSpan.FromSeconds(40));
        await page.PlaysOnAsync(4, TimeSpan.FromSeconds(30));
        await page.ScreenshotAsync($"ladder-{player}-down");
        await ThrottleAsync(network, kilobitsPerSecond: 20_000);
        await page.UntilAsync("document.querySelector('video').videoHeight === 360", TimeSpan.FromSeconds(60));
        await page.PlaysOnAsync(3, TimeSpan.FromSeconds(30));
        await page.Page.Mouse.MoveAsync(640, 400);
        await page.ScreenshotAsync($"ladder-{player}-up");

        output.WriteLine($"{player}: {await StallsAsync(page, player) - stallsBefore} stalls while it went down and up");
        Assert.Equal(1, page.Loads);
        Assert.Empty(page.Exceptions);
    }

    [Fact]
    public async Task Page_QualityChosenByHand_IsShown()
    {
        using var directory = new TestDirectory();
        var film = await FilmPublisher.EncodeAsync(directory, Source, 12);
        await using var server = await MillraceProcess.StartAsync("--Transcoding:Ladder=180p@250k/ultrafast");
        await using var publisher = FilmPublisher.Start(server.RtmpUrl("choice"), film);
        await using var page = await browser.OpenAsync($"{server.Origin}/c/choice");
        await page.UntilAsync("document.querySelector('video')?.currentTime > 1", TimeSpan.FromSeconds(40));
        await page.Page.Mouse.MoveAsync(640, 400);
        await page.Page.ClickAsync(".control-quality");
        await page.Page.ClickAsync("text=180p");
        await page.UntilAsync("document.querySelector('video').videoHeight === 180", TimeSpan.FromSeconds(20));
        await page.PlaysOnAsync(2);
        await page.Page.Mouse.MoveAsync(640, 410);
        await page.ScreenshotAsync("ladder-chosen");
        await page.Page.ClickAsync(".control-quality");
        await page.Page.ClickAsync("text=360p");
        await page.UntilAsync("document.querySelector('video').videoHeight === 360", TimeSpan.FromSeconds(20));
        await page.PlaysOnAsync(2);
        Assert.Empty(page.Exceptions);
    }

    private static Task<int> StallsAsync(BrowserPage page, string player) =>
        page.EvaluateAsync<int>(player == "page" ? "window.millrace.stalls" : "window.probe.stalls");

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
