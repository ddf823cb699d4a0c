using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>One way to send a codec.</summary>
internal sealed record CodecSource(string Video, string Audio, FlvForm Form, string ExpectedCodecs);

/// <summary>Codecs that ffmpeg here cannot publish, sent by the tests' own RTMP client, all at the same time.</summary>
public sealed class CodecSources : IAsyncLifetime
{
    private const double Seconds = 8;

    private static readonly Dictionary<string, string[]> Encoders = new()
    {
        ["avc"] = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"],
        ["hevc"] = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:bframes=2:keyint=60:min-keyint=60:scenecut=0", "-tag:v", "hvc1"],
        ["av1"] = ["-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "pred-struct=1"],
        ["vp9"] = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k"],
        ["aac"] = ["-c:a", "aac", "-b:a", "96k"],
        ["opus"] = ["-c:a", "libopus", "-b:a", "64k"],
        ["flac"] = ["-c:a", "flac"],
        ["ac3"] = ["-c:a", "ac3", "-b:a", "128k"],
        ["mp3"] = ["-c:a", "libmp3lame", "-b:a", "96k"],
    };

    private static readonly Dictionary<string, CodecSource> Sources = new()
    {
        ["avc-aac"] = new("avc", "aac", FlvForm.Legacy, "^avc1\\.[0-9a-f]{6},mp4a\\.40\\.2$"),
        ["avc-aac-enhanced"] = new("avc", "aac", FlvForm.Enhanced, "^avc1\\.[0-9a-f]{6},mp4a\\.40\\.2$"),
        ["hevc-aac"] = new("hevc", "aac", FlvForm.EnhancedX, "^hvc1\\.[0-9A-Z.]+,mp4a\\.40\\.2$"),
        ["hevc-legacy"] = new("hevc", "aac", FlvForm.Legacy, "^hvc1\\.[0-9A-Z.]+,mp4a\\.40\\.2$"),
        ["av1-opus"] = new("av1", "opus", FlvForm.Enhanced, "^av01\\.[0-9MH.]+,opus$"),
        ["vp9-flac"] = new("vp9", "flac", FlvForm.Enhanced, "^vp09\\.[0-9.]+,fLaC$"),
        ["avc-ac3"] = new("avc", "ac3", FlvForm.Enhanced, "^avc1\\.[0-9a-f]{6},ac-3$"),
        ["avc-mp3"] = new("avc", "mp3", FlvForm.Enhanced, "^avc1\\.[0-9a-f]{6},mp4a\\.(40\\.34|6b|6B)$"),
        ["avc-mp3-legacy"] = new("avc", "mp3", FlvForm.Legacy, "^avc1\\.[0-9a-f]{6},mp4a\\.(40\\.34|6b|6B)$"),
    };

    private readonly TestDirectory directory = new();
    private readonly Dictionary<string, Task<Recording>> recordings = [];
    private MillraceProcess? server;

    internal static IEnumerable<string> Names => Sources.Keys;

    internal static CodecSource Of(string name) => Sources[name];

    internal async Task<Recording> RecordingAsync(string name)
    {
        if (server is null)
        {
            _ = Tools.Ffmpeg;
            server = await MillraceProcess.StartAsync("--Ingest:ReconnectGrace=1s");
            Dictionary<string, Mp4File> tracks = [];
            foreach (var (codec, arguments) in Encoders)
                tracks[codec] = await EncodeAsync(directory, arguments, Seconds);
            foreach (var (channel, source) in Sources)
                recordings[channel] = PublishAsync(channel, tracks[source.Video], tracks[source.Audio], source.Form);
        }
        return await recordings[name];
    }

    /// <summary>Encodes flashes or beeps; <paramref name="arguments"/> begin with <c>-c:v</c> or <c>-c:a</c>.</summary>
    internal static Task<Mp4File> EncodeAsync(TestDirectory directory, string[] arguments, double seconds, FfmpegSource? source = null)
    {
        var graphs = source ?? new FfmpegSource { Width = 320, Height = 180 };
        var isVideo = arguments[0] == "-c:v";
        return Mp4File.EncodeAsync(directory,
            ["-f", "lavfi", "-i", isVideo ? graphs.Picture : graphs.Sound, "-t", $"{seconds}",
             .. isVideo ? new[] { "-pix_fmt", "yuv420p", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0" } : ["-ac", "2"], .. arguments]);
    }

    private async Task<Recording> PublishAsync(string channel, Mp4File video, Mp4File audio, FlvForm form)
    {
        await using var publisher = await RtmpPublisher.PublishAsync(server!, channel);
        var following = Recording.FollowAsync(server!, channel, directory, TimeSpan.FromSeconds(40));
        await publisher.SendAsync(FlvTags.Interleave(FlvTags.Messages(video, form), FlvTags.Messages(audio, form)));
        await publisher.LeaveAsync();
        return await following;
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
            await server.DisposeAsync();
        await Task.WhenAll(recordings.Values).ContinueWith(static _ => { }, TaskScheduler.Default);
        directory.Dispose();
    }
}
