using System.Globalization;
using System.Net;
using System.Text.Json;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>What was live can be rewound, outlives the process, and is watched afterwards until somebody takes it down.</summary>
public sealed class RecordingTests(ITestOutputHelper output)
{
    private static readonly FfmpegSource Small = new() { Width = 320, Height = 180 };

    [Fact]
    public async Task Broadcast_KilledServerAndBack_GoesOnAndIsAReplayThatFfmpegReads()
    {
        using var data = new TestDirectory();
        string[] options = ["--Dvr:Mode=full", "--Ingest:ReconnectGrace=15s", "--Retention:MinFreeBytes=0"];
        string id, before;
        await using (var first = await MillraceProcess.StartOverAsync(data.Path, options))
        {
            await using var publisher = FfmpegPublisher.Start(first.RtmpUrl("studio"), Small);
            var viewer = await HlsViewer.TuneInAsync(first, "studio");
            id = await IdAsync(first);
            var seen = await viewer.Video.SegmentsAsync(5);
            await first.KillAsync();
            // The last one was complete a moment ago: its bytes may have been on their way.
            before = string.Join('\n', seen.Segments.SkipLast(1).Select(segment => segment.Number));
        }

        await using var server = await MillraceProcess.StartOverAsync(data.Path, options);
        var dvr = server.Uri($"b/{id}/source/dvr.m3u8");
        var after = HlsMediaPlaylist.Parse(await server.Http.GetStringAsync(dvr));
        Assert.Equal(before, string.Join('\n', after.Segments.Take(before.Split('\n').Length).Select(segment => segment.Number)));
        var (kept, text) = (after.Segments.Count, await server.Http.GetStringAsync(dvr));
        Assert.Contains("#EXT-X-PLAYLIST-TYPE:EVENT", text, StringComparison.Ordinal);
        foreach (var segment in after.Segments)
            Assert.True((await server.Http.GetByteArrayAsync(new Uri(dvr, $"{segment.Number}.m4s"))).Length > 0);

        // The publisher comes back within the grace: the same broadcast, numbers go on behind a discontinuity.
        await using (FfmpegPublisher.Start(server.RtmpUrl("studio"), Small))
        {
            var again = await HlsViewer.TuneInAsync(server, "studio");
            Assert.Equal(id, await IdAsync(server));
            var video = again.Video;
            await video.UntilAsync(playlist => playlist.Segments.SkipWhile(segment => !segment.IsDiscontinuity).Count() >= 3, TimeSpan.FromSeconds(40));
        }
        // While the publisher may come back a held reload is answered with what is there.
        var end = after;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!end.Ended)
            end = HlsMediaPlaylist.Parse(await server.Http.GetStringAsync(new Uri(dvr, $"dvr.m3u8?_HLS_msn={end.NextSegment}"), patience.Token));
        Assert.Equal(0, end.MediaSequence);
        Assert.Single(end.Segments, segment => segment.IsDiscontinuity);
        Assert.Equal(Enumerable.Range(0, end.Segments.Count).Select(number => (long)number), end.Segments.Select(segment => segment.Number));
        Assert.True(end.Segments.Count >= kept + 3);

        // A replay under the same address, for any player.
        var replay = JsonDocument.Parse(await server.Http.GetStringAsync($"api/v1/channels/studio/broadcasts")).RootElement.GetProperty("broadcasts")[0];
        Assert.Equal((id, false), (replay.GetProperty("id").GetString(), replay.GetProperty("live").GetBoolean()));
        Assert.Contains("source/dvr.m3u8", await server.Http.GetStringAsync($"b/{id}/main.m3u8"), StringComparison.Ordinal);
        var seconds = double.Parse(await Ffmpeg.ProbeAsync($"{server.Origin}/b/{id}/main.m3u8", "format=duration"), CultureInfo.InvariantCulture);
        output.WriteLine($"{seconds:0.0} s of {end.Segments.Count} segments, {kept} of them from before the kill");
        Assert.InRange(seconds, end.Segments.Count * 2 - 8, end.Segments.Count * 2 + 2);
        Assert.Contains("type=\"static\"", await server.Http.GetStringAsync($"b/{id}/manifest.mpd"), StringComparison.Ordinal);

        // Only an operator takes it down; then it is gone.
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.DeleteAsync($"api/v1/broadcasts/{id}")).StatusCode);
        await MillraceProcess.RunAsync(data.Path, "broadcast", "delete", id, $"--Http:Port={server.HttpPort}");
        foreach (var gone in (string[])["main.m3u8", "manifest.mpd", "source/dvr.m3u8", "source/0.m4s", "source/0-init.mp4"])
            Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync($"b/{id}/{gone}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync($"api/v1/broadcasts/{id}")).StatusCode);
        server.AssertAlive();
    }

    [Fact]
    public async Task Broadcast_StoppedServerAndBack_GoesOnAndNothingIsMissing()
    {
        using var data = new TestDirectory();
        string[] options = ["--Dvr:Mode=full", "--Retention:MinFreeBytes=0"];
        string id;
        await using (var first = await MillraceProcess.StartOverAsync(data.Path, options))
        {
            await using var publisher = FfmpegPublisher.Start(first.RtmpUrl("studio"), Small);
            var viewer = await HlsViewer.TuneInAsync(first, "studio");
            id = await IdAsync(first);
            await viewer.Video.SegmentsAsync(2);
            Assert.True(await first.StopAsync(TimeSpan.FromSeconds(10)), first.Output);
        }

        await using var server = await MillraceProcess.StartOverAsync(data.Path, options);
        var waiting = HlsMediaPlaylist.Parse(await server.Http.GetStringAsync($"b/{id}/source/dvr.m3u8"));
        Assert.False(waiting.Ended);
        await using var again = FfmpegPublisher.Start(server.RtmpUrl("studio"), Small);
        var video = (await HlsViewer.TuneInAsync(server, "studio")).Video;
        Assert.Equal(id, await IdAsync(server));
        await video.UntilAsync(playlist => playlist.Segments.SkipWhile(segment => !segment.IsDiscontinuity).Count() >= 2, TimeSpan.FromSeconds(40));
        var all = HlsMediaPlaylist.Parse(await server.Http.GetStringAsync($"b/{id}/source/dvr.m3u8"));
        Assert.Equal(Enumerable.Range(0, all.Segments.Count).Select(number => (long)number), all.Segments.Select(segment => segment.Number));
        Assert.DoesNotContain(all.Segments, segment => segment.IsGap);
        Assert.Equal(waiting.NextSegment, Assert.Single(all.Segments, segment => segment.IsDiscontinuity).Number);
        server.AssertAlive();
    }

    private static async Task<string> IdAsync(MillraceProcess server)
    {
        using var document = JsonDocument.Parse(await server.Http.GetStringAsync("api/v1/channels/studio"));
        return document.RootElement.GetProperty("broadcast").GetString()!;
    }
}
