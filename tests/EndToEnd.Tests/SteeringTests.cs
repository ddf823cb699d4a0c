using System.Net;
using System.Text.Json;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>
/// Three relays as edges, and viewers in Chromium that are moved between them: by our page (hls.js) and by dash.js on another site,
/// which outlives its edge with what docs/players.md has for it.
/// </summary>
public sealed class SteeringTests(Browser browser, OtherPlayers players, ITestOutputHelper output) : IClassFixture<Browser>, IClassFixture<OtherPlayers>
{
    private const string Channel = "studio";
    private const string Secret = "a-secret-of-the-tests";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string[] Options = [$"--Cluster:Secret={Secret}", "--Relay:AnswerTimeout=8s", "--Relay:ConnectTimeout=2s", "--Relay:ProbeTimeout=2s"];

    [Fact]
    public async Task Viewers_TheirEdgeDrainsAndTheNextOneDies_PlayOnFromOthersWithoutAReload()
    {
        _ = Tools.Ffmpeg;
        // 1. Two of three edges drain, so that everybody begins at the first.
        var ports = MillraceProcess.FreePorts(4);
        var address = $"http://127.0.0.1:{ports[0]}";
        List<MillraceProcess> edges = [];
        try
        {
            var list = $"--Playback:Edges={string.Join(',', Enumerable.Range(1, 3).Select(index => $"edge-{index}=http://127.0.0.1:{ports[index]};region=here"))}";
            for (var i = 1; i <= 3; i++)
                edges.Add(await MillraceProcess.StartRelayAsync($"edge-{i}", [address], ports[i], [.. Options, $"--Playback:Url={address}", list]));
            await using var origin = await MillraceProcess.StartAsync($"--Http:Port={ports[0]}", $"--Cluster:Secret={Secret}", $"--Playback:Url={address}", list,
                "--Playback:SteeringTtl=1s", "--Playback:ProbeInterval=0.3s", "--Playback:ProbeTimeout=2s");
            await DrainAsync(1, true);
            await DrainAsync(2, true);
            await origin.LogAsync(line => line.Contains("Edge edge-2 drains", StringComparison.Ordinal));
            await origin.LogAsync(line => line.Contains("Edge edge-3 drains", StringComparison.Ordinal));
            await using var publisher = FfmpegPublisher.Start(origin.RtmpUrl(Channel), new FfmpegSource { Width = 640, Height = 360 });
            await (await HlsViewer.TuneInAsync(edges[0], Channel)).Video.SegmentsAsync(2);
            var playback = JsonDocument.Parse(await edges[0].Http.GetStringAsync(edges[0].Uri($"api/v1/channels/{Channel}/playback"))).RootElement;
            Assert.Equal("here", playback.GetProperty("region").GetString());
            var place = Assert.Single(playback.GetProperty("places").EnumerateArray());
            Assert.Equal($"{edges[0].Origin}/live/{Channel}/main.m3u8", place.GetProperty("hls").GetString());

            await using var hls = await browser.OpenAsync($"{edges[0].Origin}/c/{Channel}");
            await using var dash = await browser.OpenAsync(await players.PageAsync("dash", edges[0].Uri($"live/{Channel}/manifest.mpd")), OtherPlayers.Watch);
            await hls.UntilAsync("window.millrace?.state === 'playing'", Patience);
            await hls.PlaysOnAsync(2, Patience);
            await dash.UntilAsync("document.querySelector('video').currentTime > 2", Patience);
            Assert.All([hls, dash], page => Assert.All(page.Requests.Where(IsMedia), url => Assert.StartsWith(edges[0].Origin, url, StringComparison.Ordinal)));

            // 2. The second edge takes viewers. Nobody moves, but both players learn of it.
            await DrainAsync(1, false);
            await origin.LogAsync(line => line.Contains("Edge edge-2 is up", StringComparison.Ordinal));
            await SteeredAsync(hls);
            await SteeredAsync(dash);
            Assert.All([hls, dash], page => Assert.DoesNotContain(page.Requests.Where(IsMedia), url => url.StartsWith(edges[1].Origin, StringComparison.Ordinal)));

            // 3. The first wants to be rid of its viewers, and is stopped when they are gone.
            await DrainAsync(0, true);
            await PlaysFromAsync(hls, edges[1]);
            await PlaysFromAsync(dash, edges[1]);
            edges[0].AssertAlive();
            await edges[0].KillAsync();
            await hls.PlaysOnAsync(4, Patience);
            await dash.PlaysOnAsync(4, Patience);

            // 4. The third takes viewers; the second is killed under them.
            await DrainAsync(2, false);
            await origin.LogAsync(line => line.Contains("Edge edge-3 is up", StringComparison.Ordinal));
            await SteeredAsync(hls);
            await SteeredAsync(dash);
            await dash.EvaluateAsync<object?>("window.watch.begin()");
            await edges[1].KillAsync();
            await PlaysFromAsync(hls, edges[2]);
            await PlaysFromAsync(dash, edges[2]);
            // Long behind everything that it knew of when its edge died.
            await dash.PlaysOnAsync(8, Patience);
            output.WriteLine($"dash.js: {await dash.EvaluateAsync<string>("JSON.stringify(window.watch)")}, errors {await dash.EvaluateAsync<string>("JSON.stringify(window.probe.errors)")}");
            await dash.ScreenshotAsync("steering-dash");
            // The page was loaded from the first edge: what it asks besides media goes to the one that lives.
            await UntilAsync(() => hls.Requests.Any(url => url.StartsWith($"{edges[2].Origin}/api/v1/channels/", StringComparison.Ordinal)), hls, "it asks nobody about the channel");
            Assert.Equal(1, dash.Loads);

            await hls.ScreenshotAsync("steering-hls");
            output.WriteLine($"hls.js: stalls {await hls.EvaluateAsync<int>("window.millrace.stalls")}, restarts {await hls.EvaluateAsync<int>("window.millrace.restarts")}, errors {await hls.EvaluateAsync<string>("JSON.stringify(window.millrace.errors)")}");
            Assert.Equal(1, hls.Loads);
            Assert.Empty(hls.Exceptions);
        }
        finally
        {
            foreach (var edge in edges)
                await edge.DisposeAsync();
        }

        async Task DrainAsync(int index, bool wanted)
        {
            using var request = new HttpRequestMessage(wanted ? HttpMethod.Put : HttpMethod.Delete, edges[index].Uri("internal/drain"));
            request.Headers.Authorization = new("Bearer", Secret);
            using var answer = await edges[index].Http.SendAsync(request);
            Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        }
    }

    private static bool IsMedia(string url) => url.EndsWith(".m4s", StringComparison.Ordinal);

    /// <summary>Until the page has asked twice more from where it should play: what the first answer says counts then.</summary>
    private static async Task SteeredAsync(BrowserPage page)
    {
        var before = page.Requests.Count(IsSteering);
        await UntilAsync(() => page.Requests.Count(IsSteering) >= before + 2, page, "it asks nobody where to play from");

        static bool IsSteering(string url) => url.Contains("/steering", StringComparison.Ordinal);
    }

    /// <summary>Until the page has fetched media from an edge, and then for four seconds of its stream.</summary>
    private static async Task PlaysFromAsync(BrowserPage page, MillraceProcess edge)
    {
        await UntilAsync(() => page.Requests.Any(url => IsMedia(url) && url.StartsWith(edge.Origin, StringComparison.Ordinal)), page, $"it does not fetch from {edge.Origin}");
        await page.PlaysOnAsync(4, Patience);
    }

    private static async Task UntilAsync(Func<bool> holds, BrowserPage page, string otherwise)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!holds())
        {
            Assert.False(limit.IsCancellationRequested, $"{otherwise}\n{string.Join('\n', page.Requests.TakeLast(20))}\n{string.Join('\n', page.Console.Split('\n').Take(60))}");
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }
}
