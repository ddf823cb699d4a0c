using System.Net;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>deploy/nginx/edge.conf, run by a real nginx in front of a real origin.</summary>
public sealed class NginxEdgeTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Edge_TwentyPlayers_CostOneRequestForEachObject()
    {
        var nginx = Tools.Need("nginx");
        _ = Tools.Ffmpeg;
        await using var origin = await MillraceProcess.StartAsync();
        await using var link = new CountingLink("nginx", "origin", origin.HttpPort);
        await using var publisher = FfmpegPublisher.Start(origin.RtmpUrl("studio"));
        using var directory = new TestDirectory();
        var port = MillraceProcess.FreePorts(1)[0];

        // 1. The file as it is shipped, with this test's addresses.
        var text = await File.ReadAllTextAsync(Path.Combine(Tools.Root, "deploy", "nginx", "edge.conf"));
        foreach (var (shipped, here) in new[] { ("127.0.0.1:8080", new Uri(link.Address).Authority), ("listen 8081", $"listen 127.0.0.1:{port}"), ("/var/cache/nginx/millrace", $"{directory.Path}/cache") })
        {
            Assert.Contains(shipped, text, StringComparison.Ordinal);
            text = text.Replace(shipped, here, StringComparison.Ordinal);
        }
        var user = Environment.IsPrivilegedProcess ? "user root;" : "";
        await File.WriteAllTextAsync($"{directory.Path}/nginx.conf", $$"""
            daemon off;
            master_process off;
            {{user}}
            pid {{directory.Path}}/pid;
            error_log stderr warn;
            events { worker_connections 1024; }
            http {
              access_log off;
              client_body_temp_path {{directory.Path}}/body;
              proxy_temp_path {{directory.Path}}/proxy;
              fastcgi_temp_path {{directory.Path}}/fastcgi;
              uwsgi_temp_path {{directory.Path}}/uwsgi;
              scgi_temp_path {{directory.Path}}/scgi;
            {{text}}
            }
            """);
        await using var edge = new ChildProcess(nginx, ["-p", directory.Path, "-c", $"{directory.Path}/nginx.conf", "-e", "stderr"], directory.Path);

        // 2. Players.
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1000 }) { Timeout = Timeout.InfiniteTimeSpan };
        var video = (await HlsViewer.TuneInAsync(origin, "studio")).Video.PlaylistUri;
        var playlist = new UriBuilder(video) { Port = port }.Uri;
        using var end = new CancellationTokenSource();
        var players = Enumerable.Range(0, 20).Select(_ => new SwarmPlayer(http, [playlist])).ToList();
        var playing = players.Select(player => player.PlayAsync(end.Token)).ToList();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (players.Any(player => player.Parts < 9))
        {
            Assert.False(limit.IsCancellationRequested || edge.HasExited, $"{players.Min(player => player.Parts)} parts; {players[0].LastFault}\n{edge.Output}");
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
        await end.CancelAsync();
        await Task.WhenAll(playing);
        output.WriteLine($"{link.Targets.Count} objects, {link.Parts} parts; longest stall {players.Max(player => player.LongestStall).TotalMilliseconds:0} ms");
        Assert.True(!link.Repeated.Any(), string.Join(", ", link.Repeated));

        // 3. What a query adds beside the directives makes no other object; CORS and the cache's own word stand on the answer.
        var part = new Uri(playlist, link.Targets.Keys.Last(target => target.EndsWith(".0.m4s", StringComparison.Ordinal)));
        using var answer = await http.GetAsync(new UriBuilder(part) { Query = "session=1" }.Uri);
        Assert.Equal((HttpStatusCode.OK, "HIT", "*"), (answer.StatusCode, answer.Headers.GetValues("X-Cache").Single(), answer.Headers.GetValues("Access-Control-Allow-Origin").Single()));
        // 4. A directive in other letters does not put the present playlist in the place of a future one.
        var newest = (await HlsViewer.TuneInAsync(origin, "studio")).Video;
        await newest.SegmentsAsync(1);
        var coming = newest.Current.NextSegment + 2;
        var odd = http.GetStringAsync(new UriBuilder(playlist) { Query = $"_hls_msn={coming}" }.Uri);
        var even = http.GetStringAsync(new UriBuilder(playlist) { Query = $"_HLS_msn={coming}" }.Uri);
        Assert.All(await Task.WhenAll(odd, even), text => Assert.Contains($"/{coming}.m4s", "/" + text.Replace('\n', '/'), StringComparison.Ordinal));
        Assert.Single(link.Targets.Keys, target => target.EndsWith($"?_HLS_msn={coming}", StringComparison.Ordinal));

        // 5. Who asks where to play is asked by region.
        foreach (var region in new[] { "eu", "us" })
        {
            using var steering = await http.GetAsync(new Uri(playlist, $"/b/{playlist.Segments[2]}steering.json?region={region}"));
            Assert.NotEqual("HIT", steering.Headers.GetValues("X-Cache").Single());
            Assert.Contains(link.Targets.Keys, target => target.EndsWith($"steering.json?region={region}", StringComparison.Ordinal));
        }

        using var missing = await http.GetAsync(new Uri(playlist, "/live/nobody/main.m3u8"));
        Assert.Equal((HttpStatusCode.NotFound, "*"), (missing.StatusCode, missing.Headers.GetValues("Access-Control-Allow-Origin").Single()));
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri(playlist, "/internal/purges"))).StatusCode);
    }
}
