using Millrace.Core;
using Millrace.Media;

namespace Millrace.Packaging.Tests;

/// <summary>Makes access units and feeds a packager in the order in which an encoder sends them.</summary>
public sealed class Feed : IDisposable
{
    public static readonly VideoFormat Video = new(Codec.Avc, "avc1.64001f", [1, 0x64, 0, 0x1f, 0xff, 0xe0, 0], 1280, 720);

    public static readonly AudioFormat Aac48 = new(Codec.Aac, "mp4a.40.2", [0x11, 0x90], 48000, 2, 1024);

    public static readonly AudioFormat Aac44Mono = new(Codec.Aac, "mp4a.40.2", [0x12, 0x08], 44100, 1, 1024);

    public static readonly AudioFormat Mp3 = new(Codec.Mp3, "mp4a.40.34", [], 48000, 2, 1152);

    private static readonly DateTimeOffset Epoch = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly MediaArena arena;
    private readonly PeriodRendition[] renditions;

    public Feed(int partTargetMs, params TrackFormat[] tracks)
        : this(partTargetMs, new PackagingOptions(), tracks) { }

    public Feed(int partTargetMs, PackagingOptions options, params TrackFormat[] tracks)
        : this(partTargetMs, options, [.. tracks.Select(t => new PeriodRendition(t.Kind == MediaKind.Video ? "source" : "audio", t))]) { }

    public Feed(int partTargetMs, PackagingOptions options, params PeriodRendition[] renditions)
    {
        this.renditions = renditions;
        arena = new MediaArena(Pool);
        var contract = new LowLatencyContract((int)Math.Ceiling(options.SegmentDuration.TotalSeconds), new MediaTime(partTargetMs, 1000));
        Sink.Contract = contract;
        Packager = new BroadcastPackager(contract, options, Pool, Sink);
    }

    public MediaBlockPool Pool { get; } = new();

    public RecordingSink Sink { get; } = new();

    public BroadcastPackager Packager { get; }

    public void Begin(double start = 0, double compositionOffset = 0)
    {
        var timescale = renditions[0].Format.Timescale;
        var decode = (long)Math.Round(start * timescale);
        Packager.BeginPeriod(
            new MediaTime(decode + (long)Math.Round(compositionOffset * timescale), timescale), decode, Epoch.AddSeconds(start), renditions);
    }

    public void Append(int track, long decodeTime, long compositionOffset, long duration, bool randomAccess)
    {
        var seconds = (double)decodeTime / renditions[track].Format.Timescale;
        Packager.Append(track, new AccessUnit(
            arena.Copy(new byte[100]), decodeTime, (int)compositionOffset, (uint)duration, randomAccess, Epoch.AddSeconds(seconds).UtcTicks));
    }

    /// <summary>Feeds video and audio interleaved by decode time, with video timestamps rounded to milliseconds as RTMP has them.</summary>
    public void Play(IEnumerable<(double Time, bool Key)> video, IEnumerable<double> audio, double compositionOffset = 0)
    {
        var units = video.Select(v => (v.Time, v.Key, Track: 0))
            .Concat(audio.Select(a => (Time: a, Key: true, Track: 1)))
            .OrderBy(u => u.Time).ThenBy(u => u.Track);
        foreach (var unit in units)
        {
            if (unit.Track == 0 && renditions[0].Format.Kind == MediaKind.Video)
            {
                Append(0, (long)Math.Round(unit.Time * 1000) * 90, (long)Math.Round(compositionOffset * 1000) * 90, 0, unit.Key);
                continue;
            }
            var track = renditions.Length - 1;
            var format = (AudioFormat)renditions[track].Format;
            Append(track, (long)Math.Round(unit.Time * format.SampleRate), 0, format.SamplesPerFrame, true);
        }
    }

    public static IEnumerable<(double, bool)> Frames(double rate, double seconds, double gop, double from = 0)
    {
        var perGop = (int)Math.Round(gop * rate);
        for (var i = 0; i < (int)(seconds * rate); i++)
            yield return (from + i / rate, i % perGop == 0);
    }

    public static IEnumerable<double> Audio(AudioFormat format, double seconds, double from = 0)
    {
        var frame = (double)format.SamplesPerFrame / format.SampleRate;
        for (var i = 0; i * frame < seconds; i++)
            yield return from + i * frame;
    }

    /// <summary>Ends the period and demands that every byte came back.</summary>
    public void End()
    {
        Packager.EndPeriod();
        Packager.Dispose();
        arena.Dispose();
        Assert.Equal(0, Pool.UsedBytes);
    }

    public void Dispose()
    {
        Packager.Dispose();
        arena.Dispose();
    }
}
