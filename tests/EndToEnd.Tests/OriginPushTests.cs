using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>One node takes the stream in and pushes it to two origins; a relay in front of both hands it on.</summary>
public sealed class OriginPushTests(ITestOutputHelper output)
{
    private const string Channel = "studio";
    private const string Secret = "0123456789abcdef0123456789abcdef";
    private static readonly FfmpegSource Small = new() { Width = 320, Height = 180 };

    private static readonly string[] Common = [$"--Origin:Secret={Secret}", "--Cluster:Secret=a-secret-of-the-tests"];

    [Fact]
    public async Task TwoOrigins_OneIsKilledAndComesBack_BothHaveTheSameBytesAndTheRelayPlaysOn()
    {
        using var dataA = new TestDirectory();
        using var dataB = new TestDirectory();
        using var dataIngest = new TestDirectory();
        string[] origin = [.. Common, "--Dvr:Mode=full", "--Retention:MinFreeBytes=0", "--Origin:LostAfter=5m"];
        var a = await MillraceProcess.StartNodeAsync("origin", dataA.Path, null, origin);
        try
        {
            await using var b = await MillraceProcess.StartNodeAsync("origin", dataB.Path, null, origin);
            await using var ingest = await MillraceProcess.StartNodeAsync("ingest,platform", dataIngest.Path, null,
                ["--origin", a.Origin, "--origin", b.Origin, .. Common, "--Ingest:ReconnectGrace=1s", "--Origin:MaxBufferAge=3m"]);
            await using var relay = await MillraceProcess.StartRelayAsync("edge", [a.Origin, b.Origin], null,
                "--Cluster:Secret=a-secret-of-the-tests", "--Relay:ProbeTimeout=1s");
            await using var publisher = FfmpegPublisher.Start(ingest.RtmpUrl(Channel), Small);

            // 1. It plays through the relay, from either origin.
            var viewer = await HlsViewer.TuneInAsync(relay, Channel);
            var id = await IdAsync(ingest);
            Assert.Equal((id, id), (await IdAsync(a), await IdAsync(b)));
            await viewer.Video.SegmentsAsync(2);
            Assert.Equal("ok\n", await ingest.Http.GetStringAsync("health/ready"));

            // 2. Whoever may not push is told so, and nobody keeps that.
            await RefusedAsync(b, HttpStatusCode.Unauthorized, $"push/{Channel}/{id}", null);
            await RefusedAsync(b, HttpStatusCode.Unauthorized, $"push/{Channel}/{id}", Secret + "x");
            await RefusedAsync(b, HttpStatusCode.Unauthorized, $"push/{Channel}", null);
            await RefusedAsync(b, HttpStatusCode.Forbidden, $"push/another/{id}", Secret);
            using (var through = await relay.Http.PostAsync(relay.Uri($"push/{Channel}/{id}"), new ByteArrayContent("MRP1"u8.ToArray())))
                Assert.Equal(HttpStatusCode.NotFound, through.StatusCode);
            var metrics = await b.Http.GetStringAsync("metrics");
            Assert.Contains("millrace_origin_push_requests_total{otel_scope_name=\"Millrace.Delivery\",status=\"401\"} 3", metrics, StringComparison.Ordinal);
            Assert.Contains("millrace_origin_push_requests_total{otel_scope_name=\"Millrace.Delivery\",status=\"403\"} 1", metrics, StringComparison.Ordinal);

            // 3. An origin is killed. Its viewers go on at the other one, and the ingest node says what is wrong.
            var port = a.HttpPort;
            await a.KillAsync();
            await ingest.LogAsync(line => line.Contains("does not take studio", StringComparison.Ordinal));
            Assert.Contains($"origin {a.Origin}/ does not take 1 broadcasts", await ingest.Http.GetStringAsync("health/ready"), StringComparison.Ordinal);
            var video = viewer.Video;
            var seen = (await video.LoadAsync()).NextSegment;
            await video.UntilAsync(playlist => playlist.NextSegment >= seen + 2, TimeSpan.FromSeconds(60));
            await a.DisposeAsync();
            a = await MillraceProcess.StartNodeAsync("origin", dataA.Path, port, origin);
            await ingest.LogAsync(line => line.Contains("takes studio", StringComparison.Ordinal) && line.Contains("again", StringComparison.Ordinal));

            // It was not ready before it had what it missed: at the very first look nothing is behind. The other one may be a frame
            // ahead; where this machine is so busy that ten seconds are too few, the origin says so.
            var other = await new HlsRendition(b, b.Uri($"b/{id}/source/dvr.m3u8")).LoadAsync();
            var again = new HlsRendition(a, a.Uri($"b/{id}/source/dvr.m3u8"));
            var first = await again.LoadAsync();
            Assert.True(first.NextSegment >= other.NextSegment - 1 || a.Output.Contains("this node is ready without", StringComparison.Ordinal), $"Ready at {first.NextSegment}, behind {other.NextSegment}.");
            seen = (await video.LoadAsync()).NextSegment;
            await again.UntilAsync(playlist => playlist.NextSegment > seen, TimeSpan.FromSeconds(60));

            // 4. To the end: the same playlists, and the same bytes behind every name.
            Assert.True(await publisher.StopAsync(TimeSpan.FromSeconds(10)), publisher.Output);
            foreach (var rendition in (string[])["source", "audio"])
            {
                var fromA = await EndAsync(a, $"b/{id}/{rendition}/dvr.m3u8");
                var fromB = await EndAsync(b, $"b/{id}/{rendition}/dvr.m3u8");
                Assert.Equal(fromB.Text, fromA.Text);
                Assert.All(fromA.Segments, segment => Assert.False(segment.IsGap || segment.IsDiscontinuity, fromA.Text));
                output.WriteLine($"{rendition}: {fromA.Segments.Count} segments");
                foreach (var segment in fromA.Segments)
                {
                    var bytes = await b.Http.GetByteArrayAsync($"b/{id}/{rendition}/{segment.Uri}");
                    Assert.Equal(bytes, await a.Http.GetByteArrayAsync($"b/{id}/{rendition}/{segment.Uri}"));
                    Assert.Equal(await b.Http.GetByteArrayAsync($"b/{id}/{rendition}/{segment.Number}.0.m4s"), await a.Http.GetByteArrayAsync($"b/{id}/{rendition}/{segment.Number}.0.m4s"));
                }
                Assert.Equal(await b.Http.GetByteArrayAsync($"b/{id}/{rendition}/0-init.mp4"), await a.Http.GetByteArrayAsync($"b/{id}/{rendition}/0-init.mp4"));
            }

            // 5. A takedown at the ingest node reaches both, and the relay.
            Assert.Equal(HttpStatusCode.OK, (await relay.Http.GetAsync($"b/{id}/source/0.m4s")).StatusCode);
            await MillraceProcess.RunAsync(dataIngest.Path, "broadcast", "delete", id, $"--Http:Port={ingest.HttpPort}");
            await relay.LogAsync(line => line.Contains($"Purged /b/{id}/", StringComparison.Ordinal));
            foreach (var node in (MillraceProcess[])[a, b, relay])
                Assert.Equal(HttpStatusCode.NotFound, (await node.Http.GetAsync($"b/{id}/source/0.m4s")).StatusCode);
            ingest.AssertAlive();
            b.AssertAlive();
        }
        finally
        {
            await a.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task IngestNode_IsKilledOrStoppedAndThePublisherComesToAnother_TheSameBroadcastGoesOn(bool isKilled)
    {
        using var dataA = new TestDirectory();
        using var dataB = new TestDirectory();
        using var dataIngest = new TestDirectory();
        string[] origin = [.. Common, "--Dvr:Mode=full", "--Retention:MinFreeBytes=0", "--Origin:LostAfter=5m"];
        await using var a = await MillraceProcess.StartNodeAsync("origin", dataA.Path, null, origin);
        await using var b = await MillraceProcess.StartNodeAsync("origin", dataB.Path, null, origin);
        string[] pushing = ["--origin", a.Origin, "--origin", b.Origin, .. Common, "--Ingest:ReconnectGrace=2s"];
        await using var ingest = await MillraceProcess.StartNodeAsync("ingest,platform", dataIngest.Path, null, pushing);
        await using var publisher = FfmpegPublisher.Start(ingest.RtmpUrl(Channel), Small);
        var video = (await HlsViewer.TuneInAsync(a, Channel)).Video;
        var id = await IdAsync(a);
        var seen = (await video.SegmentsAsync(2)).NextSegment;

        // 1. The node goes in the midst of a segment; the publisher comes to one that knows nothing.
        if (isKilled)
            await ingest.KillAsync();
        else
            Assert.True(await ingest.StopAsync(TimeSpan.FromSeconds(10)), ingest.Output);
        await using var next = await MillraceProcess.StartNodeAsync("ingest,platform", dataIngest.Path, null, pushing);
        await using var again = FfmpegPublisher.Start(next.RtmpUrl(Channel), Small);

        // 2. The playlist that the viewer has goes on, and says so. Each text of it is held against the one before.
        var playlist = await video.UntilAsync(playlist => playlist.Segments.Count(segment => !segment.IsGap && AfterDiscontinuity(playlist, segment)) >= 2, TimeSpan.FromSeconds(60));
        Assert.True(playlist.NextSegment >= seen + 2);
        Assert.Equal((id, id, id), (await IdAsync(a), await IdAsync(b), await IdAsync(next)));
        Assert.Contains($"{Channel} goes on (broadcast {id}) behind what 2 origins have", next.Output, StringComparison.Ordinal);

        // 3. To the end: one discontinuity at both, and behind each name the same bytes or, of the segment that was cut off, none. A node
        // that is stopped ends that segment first: nothing is missing.
        Assert.True(await again.StopAsync(TimeSpan.FromSeconds(10)), again.Output);
        foreach (var rendition in (string[])["source", "audio"])
        {
            var fromA = await EndAsync(a, $"b/{id}/{rendition}/dvr.m3u8");
            var fromB = await EndAsync(b, $"b/{id}/{rendition}/dvr.m3u8");
            Assert.Equal(fromB.Segments.Select(segment => (segment.Number, segment.IsDiscontinuity)), fromA.Segments.Select(segment => (segment.Number, segment.IsDiscontinuity)));
            Assert.Single(fromA.Segments, segment => segment.IsDiscontinuity);
            Assert.True(fromA.Segments.Concat(fromB.Segments).Count(segment => segment.IsGap) <= (isKilled ? 2 : 0), $"{fromA.Text}\n{fromB.Text}");
            Assert.Equal(Enumerable.Range(0, fromA.Segments.Count).Select(number => (long)number), fromA.Segments.Select(segment => segment.Number));
            output.WriteLine($"{rendition}: {fromA.Segments.Count} segments, gaps {string.Join(' ', fromA.Segments.Concat(fromB.Segments).Where(segment => segment.IsGap).Select(segment => segment.Number))}");
            foreach (var (one, other) in fromA.Segments.Zip(fromB.Segments).Where(pair => !pair.First.IsGap && !pair.Second.IsGap))
                Assert.Equal(await b.Http.GetByteArrayAsync($"b/{id}/{rendition}/{other.Uri}"), await a.Http.GetByteArrayAsync($"b/{id}/{rendition}/{one.Uri}"));
        }
        next.AssertAlive();
        a.AssertAlive();
        b.AssertAlive();

        static bool AfterDiscontinuity(HlsMediaPlaylist playlist, HlsSegment segment) =>
            playlist.Segments.Any(other => other.IsDiscontinuity && other.Number <= segment.Number);
    }

    private static async Task<HlsMediaPlaylist> EndAsync(MillraceProcess node, string path)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var playlist = HlsMediaPlaylist.Parse(await node.Http.GetStringAsync(node.Uri(path), patience.Token));
        // While the publisher may come back a held reload is answered with what is there.
        while (!playlist.Ended)
            playlist = HlsMediaPlaylist.Parse(await node.Http.GetStringAsync(node.Uri($"{path}?_HLS_msn={playlist.NextSegment}"), patience.Token));
        return playlist;
    }

    private static async Task RefusedAsync(MillraceProcess node, HttpStatusCode expected, string path, string? secret)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, node.Uri(path)) { Content = new ByteArrayContent("MRP1\0\0\0\0\0\0\0\0\u0006\0\0\0\u0004\0\0\0\0"u8.ToArray()) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/vnd.millrace.push");
        if (secret is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        using var answer = await node.Http.SendAsync(request);
        Assert.Equal(expected, answer.StatusCode);
        Assert.True(answer.Headers.CacheControl?.NoStore);
    }

    private static async Task<string> IdAsync(MillraceProcess node)
    {
        using var document = JsonDocument.Parse(await node.Http.GetStringAsync($"api/v1/channels/{Channel}"));
        Assert.True(document.RootElement.GetProperty("live").GetBoolean());
        return document.RootElement.GetProperty("broadcast").GetString()!;
    }
}
