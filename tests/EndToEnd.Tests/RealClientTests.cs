using System.Globalization;
using System.Net.Sockets;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>Other encoders than ffmpeg: GStreamer live, and the recorded first seconds of all that Rtmp.Tests keeps.</summary>
public sealed class RealClientTests(ITestOutputHelper output)
{
    private static readonly string Captures = Path.Combine(Tools.Root, "tests", "Rtmp.Tests", "captures");

    public static TheoryData<string> CaptureNames =>
        [.. Directory.EnumerateFiles(Captures, "*.bin").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    /// <summary>rtmp2sink is GStreamer's own client, rtmpsink is librtmp.</summary>
    [Theory]
    [InlineData("rtmp2sink")]
    [InlineData("rtmpsink")]
    public async Task GStreamer_Publishes_PlaysCleanly(string sink)
    {
        var launch = Tools.Need("gst-launch-1.0");
        await NeedElementsAsync(sink, "x264enc", "voaacenc", "flvmux");
        await using var server = await MillraceProcess.StartAsync("--Ingest:ReconnectGrace=1s");
        using var directory = new TestDirectory();
        // Not a live source: on a busy machine that would leave frames out. The sink paces it by its clock.
        var pipeline =
            "videotestsrc num-buffers=210 ! video/x-raw,width=320,height=180,framerate=30/1"
            + " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 bitrate=400 ! h264parse ! flvmux name=mux streamable=true"
            + $" ! {sink} location={server.RtmpUrl("gstreamer")}"
            + " audiotestsrc num-buffers=330 ! audio/x-raw,rate=48000 ! voaacenc ! aacparse ! mux.";
        await using var publisher = new ChildProcess(launch, ["-q", .. pipeline.Split(' ')]);

        var recording = await Recording.FollowAsync(server, "gstreamer", directory, TimeSpan.FromSeconds(40));
        Assert.Equal(0, await publisher.ExitAsync(TimeSpan.FromSeconds(10)));
        await recording.AssertCleanAsync();
        Assert.InRange(await DurationAsync(Assert.Single(recording.Video)), 6.5, 7.1);
        Assert.InRange(await DurationAsync(Assert.Single(recording.Audio)), 6.5, 7.3);
    }

    /// <summary>Every byte that the encoder sent, as fast as the socket takes it.</summary>
    [Theory]
    [MemberData(nameof(CaptureNames))]
    public async Task Capture_SentAgain_IsDeliveredWhole(string name)
    {
        await using var server = await MillraceProcess.StartAsync("--Ingest:ReconnectGrace=2s");
        using var directory = new TestDirectory();
        var following = Recording.FollowAsync(server, "capture", directory, TimeSpan.FromSeconds(20));
        using (var client = new TcpClient())
        {
            await client.ConnectAsync("127.0.0.1", server.RtmpPort);
            var stream = client.GetStream();
            var bytes = await File.ReadAllBytesAsync(Path.Combine(Captures, name + ".bin"));
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            var reading = stream.CopyToAsync(Stream.Null, timeout.Token);
            await stream.WriteAsync(bytes);
            client.Client.Shutdown(SocketShutdown.Send);
            await reading;
        }
        var recording = await following;
        await recording.AssertCleanAsync();
        foreach (var file in recording.Video.Concat(recording.Audio))
            output.WriteLine($"{await DurationAsync(file):0.00} s {await Ffmpeg.ProbeAsync(file, "stream=codec_name,width,height,sample_rate")}");
        Assert.NotEmpty(recording.Video.Concat(recording.Audio));
    }

    private static async Task NeedElementsAsync(params string[] elements)
    {
        var inspect = Tools.Need("gst-inspect-1.0");
        foreach (var element in elements)
        {
            await using var child = new ChildProcess(inspect, ["--exists", element]);
            Assert.SkipUnless(await child.ExitAsync(TimeSpan.FromSeconds(20)) == 0, $"GStreamer's {element} is missing on this machine.");
        }
    }

    private static async Task<double> DurationAsync(string file) =>
        double.Parse(await Ffmpeg.ProbeAsync(file, "format=duration"), CultureInfo.InvariantCulture);
}
