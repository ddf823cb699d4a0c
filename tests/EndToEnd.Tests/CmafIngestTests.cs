using System.Net;
using System.Net.Http.Headers;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>Another packager posts CMAF, a long request for each track: the channel is on air as if it had come over RTMP.</summary>
public sealed class CmafIngestTests
{
    private const string Channel = "studio";

    [Fact]
    public async Task Ffmpeg_PostsTwoTracksOfCmaf_TheChannelPlaysAndEnds()
    {
        await using var server = await MillraceProcess.StartAsync("--Ingest:ReconnectGrace=1s");
        await using var publisher = new ChildProcess(Tools.Ffmpeg, Arguments(server));
        var viewer = await HlsViewer.TuneInAsync(server, Channel);
        await viewer.Video.SegmentsAsync(3);
        await viewer.Audio.SegmentsAsync(2);

        // Picture and sound belong together: what is played is what was sent.
        using var directory = new TestDirectory();
        var video = viewer.Video;
        await video.LoadAsync();
        var files = await video.SaveAsync(directory);
        await Ffmpeg.DecodeSilentlyAsync(files[^1]);

        // Whoever has no key, or another channel's, is told so.
        Assert.Equal(HttpStatusCode.Unauthorized, await PostAsync(server, $"cmaf/{Channel}/video.cmfv", null));
        Assert.Equal(HttpStatusCode.Unauthorized, await PostAsync(server, $"cmaf/{Channel}/video.cmfv", "no such key"));
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(server, $"cmaf/{Channel}/video.cmfv", "another"));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(server, "cmaf/another/video.cmfv", "another"));

        Assert.True(await publisher.StopAsync(TimeSpan.FromSeconds(10)), publisher.Output);
        await video.EndAsync();
        server.AssertAlive();
    }

    [Fact]
    public async Task Garbage_WithTheRightKey_TakesNobodyOffAir()
    {
        await using var server = await MillraceProcess.StartAsync();
        await using var publisher = FfmpegPublisher.Start(server.RtmpUrl(Channel), new FfmpegSource { Width = 320, Height = 180 });
        var viewer = await HlsViewer.TuneInAsync(server, Channel);
        var video = viewer.Video;
        await video.SegmentsAsync(1);
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(server, $"cmaf/{Channel}/video.cmfv", Channel));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(server, $"cmaf/{Channel}/video.cmfv", Channel, []));
        var before = video.Current.NextSegment;
        var after = await video.UntilAsync(playlist => playlist.NextSegment >= before + 2);
        Assert.DoesNotContain(after.Segments, segment => segment.IsDiscontinuity);
        Assert.False(publisher.HasExited, publisher.Output);
    }

    private static string[] Arguments(MillraceProcess server)
    {
        var source = new FfmpegSource { Width = 320, Height = 180, BFrames = 2 };
        string[] output = ["-f", "mp4", "-movflags", "+cmaf", "-frag_duration", "300000", "-flush_packets", "1", "-headers", $"Authorization: Bearer {Channel}\r\n"];
        return
        [
            "-hide_banner", "-nostats",
            "-re", "-f", "lavfi", "-i", source.Picture, "-re", "-f", "lavfi", "-i", source.Sound,
            "-map", "0:v", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-threads", "1", "-g", "60", "-keyint_min", "60",
            "-sc_threshold", "0", "-bf", "2", .. output, $"{server.Origin}/cmaf/{Channel}/video.cmfv",
            "-map", "1:a", "-c:a", "aac", "-b:a", "96k", .. output, $"{server.Origin}/cmaf/{Channel}/audio.cmfa",
        ];
    }

    // What nobody can read unless given: whoever may send is told that.
    private static async Task<HttpStatusCode> PostAsync(MillraceProcess server, string path, string? key, byte[]? body = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, server.Uri(path)) { Content = new ByteArrayContent(body ?? [0, 0, 0, 4, 1, 2, 3, 4]) };
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var answer = await server.Http.SendAsync(request);
        Assert.True(answer.Headers.CacheControl?.NoStore);
        return answer.StatusCode;
    }
}
