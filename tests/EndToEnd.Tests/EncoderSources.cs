using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>
/// All kinds of ffmpeg sources, published at the same time to one server with a short grace and followed to their ends: the
/// tests share the eleven seconds that this takes.
/// </summary>
public sealed class EncoderSources : IAsyncLifetime
{
    private const double Seconds = 9;

    private static readonly FfmpegSource Small = new() { Width = 320, Height = 180, Duration = Seconds };

    private static readonly Dictionary<string, FfmpegSource> Sources = new()
    {
        ["plain"] = Small,
        ["audio-late"] = Small with { AudioDelay = 2, Duration = Seconds + 2 },
        ["video-late"] = Small with { AudioDelay = -2, Duration = Seconds + 2 },
        ["audio-only"] = Small with { HasVideo = false },
        ["video-only"] = Small with { HasAudio = false },
        ["variable-rate"] = Small with { IsVariableFrameRate = true },
        ["b-frames"] = Small with { BFrames = 3, Preset = "veryfast" },
        ["mono-44100"] = Small with { SampleRate = 44100, Channels = 1 },
        ["sixty-fps"] = Small with { FrameRate = 60, KeyFrameInterval = 120 },
        ["mono-22050"] = Small with { SampleRate = 22050, Channels = 1 },
        ["long-gop"] = Small with { KeyFrameInterval = 300 },
        ["odd-size"] = Small with { Width = 322, Height = 182 },
    };

    private readonly Dictionary<string, Task<Recording>> recordings = [];
    private readonly List<ChildProcess> publishers = [];
    private readonly TestDirectory directory = new();

    internal static IEnumerable<string> Names => Sources.Keys;

    internal MillraceProcess? Server { get; private set; }

    internal async Task<Recording> OfAsync(string name)
    {
        if (Server is null)
        {
            _ = Tools.Ffmpeg;
            Server = await MillraceProcess.StartAsync("--Ingest:ReconnectGrace=1s");
            foreach (var (channel, source) in Sources)
            {
                publishers.Add(FfmpegPublisher.Start(Server.RtmpUrl(channel), source));
                recordings[channel] = Recording.FollowAsync(Server, channel, directory, TimeSpan.FromSeconds(40));
            }
        }
        return await recordings[name];
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var publisher in publishers)
            await publisher.DisposeAsync();
        if (Server is not null)
            await Server.DisposeAsync();
        await Task.WhenAll(recordings.Values).ContinueWith(static _ => { }, TaskScheduler.Default);
        directory.Dispose();
    }
}
