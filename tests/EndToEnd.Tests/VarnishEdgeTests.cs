using System.Net;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>deploy/varnish/edge.vcl, run by a real varnishd in front of a real origin.</summary>
public sealed class VarnishEdgeTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Edge_TwentyPlayers_CostOneRequestForEachObject()
    {
        var varnishd = Tools.Need("varnishd");
        _ = Tools.Ffmpeg;
        await using var origin = await MillraceProcess.StartAsync();
        await using var link = new CountingLink("varnish", "origin", origin.HttpPort);
        await using var publisher = FfmpegPublisher.Start(origin.RtmpUrl("studio"));
        using var directory = new TestDirectory();
        var port = MillraceProcess.FreePorts(1)[0];

        // 1. The file as it is shipped, with this test's addresses.
        var text = await File.ReadAllTextAsync(Path.Combine(Tools.Root, "deploy", "varnish", "edge.vcl"));
        Assert.Contains("\"127.0.0.1\";", text, StringComparison.Ordinal);
        Assert.Contains("\"8080\";", text, StringComparison.Ordinal);
        await File.WriteAllTextAsync($"{directory.Path}/edge.vcl", text.Replace("\"8080\"", $"\"{new Uri(link.Address).Port}\"", StringComparison.Ordinal));
        // Without a jail: it would change to a user who may not read a test's directory.
        await using var edge = new ChildProcess(varnishd,
            ["-F", "-j", "none", "-n", $"{directory.Path}/work", "-a", $"127.0.0.1:{port}", "-f", $"{directory.Path}/edge.vcl", "-s", "malloc,64m", "-T", "none"], directory.Path);
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1000 }) { Timeout = Timeout.InfiniteTimeSpan };
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        List<SwarmPlayer> players = [];
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        await UntilAsync(async () => (await http.GetAsync(new Uri($"http://127.0.0.1:{port}/health/ready"), limit.Token)).IsSuccessStatusCode, "Varnish does not come up");

        // 2. Players: each object crosses the wire once, held requests included.
        var video = (await HlsViewer.TuneInAsync(origin, "studio")).Video;
        var playlist = new UriBuilder(video.PlaylistUri) { Port = port }.Uri;
        using var end = new CancellationTokenSource();
        players.AddRange(Enumerable.Range(0, 20).Select(_ => new SwarmPlayer(http, [playlist])));
        var playing = players.Select(player => player.PlayAsync(end.Token)).ToList();
        await UntilAsync(() => Task.FromResult(players.All(player => player.Parts >= 9)), "the players do not play");
        await end.CancelAsync();
        await Task.WhenAll(playing);
        output.WriteLine($"{link.Targets.Count} objects, {link.Parts} parts; longest stall {players.Max(player => player.LongestStall).TotalMilliseconds:0} ms");
        Assert.True(!link.Repeated.Any(), string.Join(", ", link.Repeated));

        // 3. A running segment reaches the second viewer while it still grows, over one request.
        var running = (await video.UntilAsync(current => current.OpenParts.Count == 1)).NextSegment;
        var segment = new Uri(playlist, $"{running}.m4s");
        using var first = await http.GetAsync(segment, HttpCompletionOption.ResponseHeadersRead);
        using var second = await http.GetAsync(segment, HttpCompletionOption.ResponseHeadersRead);
        await using var last = await second.Content.ReadAsStreamAsync();
        await (await first.Content.ReadAsStreamAsync()).ReadExactlyAsync(new byte[1]);
        await last.ReadExactlyAsync(new byte[1]);
        var isStill = (await video.LoadAsync()).NextSegment == running;
        output.WriteLine(isStill ? "Both viewers had the beginning before its end" : "Too busy to tell: the segment was over before it was looked at");
        await video.UntilAsync(current => current.NextSegment > running);
        using var rest = new MemoryStream();
        await last.CopyToAsync(rest);
        Assert.Equal((await video.GetAsync($"{running}.m4s")).Length, 1 + rest.Length);
        Assert.Equal(1, link.Targets.Single(target => target.Key.EndsWith($"/{running}.m4s", StringComparison.Ordinal)).Value);

        // 4. A query beside the directives, a cookie and another host's name make no other object; nor does the directives' order.
        var part = new Uri(playlist, link.Targets.Keys.Last(target => target.EndsWith(".0.m4s", StringComparison.Ordinal)));
        Assert.Equal((HttpStatusCode.OK, "HIT", "*"), await AskAsync(new UriBuilder(part) { Query = "session=1" }.Uri, request =>
        {
            request.Headers.Host = "evil.example";
            request.Headers.Add("Cookie", "a=b");
            request.Headers.Add("X-Forwarded-Host", "evil.example");
        }));
        var known = link.Targets.Keys.Last(target => target.Contains("_HLS_part=", StringComparison.Ordinal)).Split('?');
        var turned = "x=1&" + string.Join('&', known[1].Split('&').Reverse());
        Assert.Equal("HIT", (await AskAsync(new UriBuilder(new Uri(playlist, known[0])) { Query = turned }.Uri)).Cache);
        Assert.Equal((HttpStatusCode.NotFound, "*"), await AskAsync(new Uri(playlist, "/live/nobody/main.m3u8")) is var missing ? (missing.Status, missing.Cors) : default);
        foreach (var path in (string[])["/internal/purges", "/metrics"])
            Assert.Equal(HttpStatusCode.NotFound, (await AskAsync(new Uri(playlist, path))).Status);
        using var ranged = new HttpRequestMessage(HttpMethod.Get, part);
        ranged.Headers.Range = new(1, 10);
        using (var answer = await http.SendAsync(ranged))
            Assert.Equal((HttpStatusCode.PartialContent, 10), (answer.StatusCode, (await answer.Content.ReadAsByteArrayAsync()).Length));

        // 5. The parent is gone: what was kept is served, and for the rest there is an answer.
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(new Uri(playlist, "/live/studio/main.m3u8"))).Status);
        await origin.KillAsync();
        await link.DisposeAsync();
        await UntilAsync(async () => (await AskAsync(new Uri(playlist, "/b/nobody/main.m3u8"))).Status == HttpStatusCode.ServiceUnavailable, "Varnish does not notice that its parent is gone");
        Assert.Equal((HttpStatusCode.OK, "HIT"), await AskAsync(part) is var kept ? (kept.Status, kept.Cache) : default);
        await UntilAsync(async () => (await AskAsync(new Uri(playlist, "/live/studio/main.m3u8"))).Status == HttpStatusCode.OK, "the last playlist is not served");

        async Task<(HttpStatusCode Status, string Cache, string Cors)> AskAsync(Uri uri, Action<HttpRequestMessage>? change = null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, uri);
            change?.Invoke(request);
            using var answer = await http.SendAsync(request, limit.Token);
            return (answer.StatusCode, answer.Headers.TryGetValues("X-Cache", out var cache) ? cache.Single() : "",
                answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var cors) ? cors.Single() : "");
        }

        async Task UntilAsync(Func<Task<bool>> holds, string otherwise)
        {
            while (true)
            {
                Assert.False(limit.IsCancellationRequested || edge.HasExited, $"{otherwise}; {(players.Count > 0 ? players[0].LastFault : "")}\n{edge.Output}");
                try
                {
                    if (await holds())
                        return;
                }
                catch (HttpRequestException)
                {
                    // Not there yet.
                }
                await timer.WaitForNextTickAsync(CancellationToken.None);
            }
        }
    }
}
