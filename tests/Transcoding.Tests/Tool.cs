using System.Collections.Concurrent;
using System.Diagnostics;
using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Media;

namespace Millrace.Transcoding.Tests;

/// <summary>The ffmpeg of this machine; a test that needs it skips and says so when there is none.</summary>
internal static class Tool
{
    private static readonly Lazy<(Ffmpeg? Found, string? Fault)> Search = new(() => Ffmpeg.TryFind(new TranscodingOptions(), out var found, out var fault) ? (found, null) : (null, fault));

    public static Ffmpeg Ffmpeg
    {
        get
        {
            Assert.SkipWhen(Search.Value.Found is null, Search.Value.Fault ?? "");
            return Search.Value.Found!;
        }
    }

    /// <summary>What ffmpeg's decoder has to say of a stream that it makes itself.</summary>
    /// <param name="encoding">Everything up to the output.</param>
    /// <param name="format">Of the stream.</param>
    public static string[] Complaints(string encoding, string format)
    {
        var file = Path.GetTempFileName();
        try
        {
            Run("ffmpeg", $"-v error -y {encoding} {file}");
            var start = new ProcessStartInfo("ffmpeg", $"-v error -nostdin -f {format} -i {file} -f null -") { RedirectStandardError = true };
            using var process = Process.Start(start)!;
            return process.StandardError.ReadToEnd().Split('\n');
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Runs a program to its end and returns what it wrote; fails when it says something is wrong.</summary>
    public static byte[] Run(string program, string arguments)
    {
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip(program + " is missing");
            throw;
        }
        using (process)
        {
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync();
            using var output = new MemoryStream();
            process.StandardOutput.BaseStream.CopyTo(output);
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, errors.GetAwaiter().GetResult());
            return output.ToArray();
        }
    }
}

/// <summary>A clip that ffmpeg made, as the access units that Ingest would have made of it.</summary>
internal sealed class Clip
{
    private static readonly ConcurrentDictionary<string, Clip> Clips = new();

    private Clip(IReadOnlyList<ClipTrack> tracks) => Tracks = tracks;

    public IReadOnlyList<ClipTrack> Tracks { get; }

    public VideoFormat? Video => Tracks.Select(track => track.Format).OfType<VideoFormat>().SingleOrDefault();

    public AudioFormat? Audio => Tracks.Select(track => track.Format).OfType<AudioFormat>().SingleOrDefault();

    /// <summary>Makes a clip with these inputs and encoders, once.</summary>
    public static Clip Make(string arguments) => Clips.GetOrAdd(arguments, static arguments =>
    {
        var file = Tool.Run("ffmpeg", $"-v error {arguments} -video_track_timescale 90000 -f mp4 "
            + "-movflags +empty_moov+delay_moov+default_base_moof+frag_custom -frag_duration 1 -use_editlist 0 pipe:1");
        Assert.True(InitSegmentReader.TryRead(file, out var tracks, out var fault), fault);
        Assert.True(FragmentReader.TryRead(file, tracks, out var fragments, out fault), fault);
        return new Clip([.. tracks.Select(track => new ClipTrack(track.Format, [.. fragments.Where(fragment => fragment.TrackId == track.Id)
            .SelectMany(fragment => fragment.Samples.Select(sample => new ClipUnit(fragment.DecodeTime, sample.Sample,
                file.AsSpan(sample.Offset, sample.Sample.Size).ToArray())))]))]);
    });

    /// <summary>Test pictures in H.264 with two B-frames, one key frame each <paramref name="gop"/> frames.</summary>
    public static Clip Pictures(string size = "320x180", int rate = 30, double seconds = 3, int gop = 30, string more = "-bf 2") =>
        Make($"-f lavfi -i testsrc2=s={size}:r={rate} -t {seconds.ToString(System.Globalization.CultureInfo.InvariantCulture)} -c:v libx264 -preset ultrafast -g {gop} -sc_threshold 0 -b:v 500k {more}");

    /// <summary>Another clip's pictures behind this one's, in the same track: the other's parameter sets stand in its first key frame.</summary>
    public Clip Then(Clip other)
    {
        var record = other.Video!.Configuration.Span;
        // avcC (ISO/IEC 14496-15 §5.3.3.1) with one set of each kind: 6 bytes, length, set, count, length, set.
        var sps = record.Slice(8, record[6] << 8 | record[7]);
        var behind = record[(8 + sps.Length)..];
        var pps = behind.Slice(3, behind[1] << 8 | behind[2]);
        byte[] sets = [0, 0, (byte)(sps.Length >> 8), (byte)sps.Length, .. sps, 0, 0, (byte)(pps.Length >> 8), (byte)pps.Length, .. pps];
        var own = Tracks[0].Units;
        var begin = own[^1].DecodeTime + own[^1].Sample.Duration;
        return new Clip([new ClipTrack(Video!, [.. own, .. other.Tracks[0].Units.Select(unit => unit.Sample.IsSync
            ? new ClipUnit(unit.DecodeTime + begin, unit.Sample with { Size = sets.Length + unit.Bytes.Length }, [.. sets, .. unit.Bytes])
            : unit with { DecodeTime = unit.DecodeTime + begin })])]);
    }

    /// <summary>All tracks' units by decode time, moved by <paramref name="start"/> seconds, in an arena's memory.</summary>
    public IEnumerable<(MediaKind Kind, AccessUnit Unit)> Units(MediaArena arena, double start = 0) =>
        Tracks.SelectMany(track => track.Units.Select(unit => (track.Format, unit)))
            .OrderBy(item => (double)item.unit.DecodeTime / item.Format.Timescale)
            .Select(item => (item.Format.Kind, new AccessUnit(arena.Copy(item.unit.Bytes), item.unit.DecodeTime + (long)(start * item.Format.Timescale),
                item.unit.Sample.CompositionOffset, item.Format.Kind == MediaKind.Audio ? item.unit.Sample.Duration : 0, item.unit.Sample.IsSync, 0)));

    public SourceFacts Facts(double rate = 30, int target = 2) => new(Video, Audio, rate, 0, 0, false, target);
}

internal sealed record ClipTrack(TrackFormat Format, IReadOnlyList<ClipUnit> Units)
{
    public IEnumerable<long> PresentationTimes => Units.Select(unit => unit.DecodeTime + unit.Sample.CompositionOffset).Order();

    public IEnumerable<long> KeyTimes => Units.Where(unit => unit.Sample.IsSync).Select(unit => unit.DecodeTime + unit.Sample.CompositionOffset);
}

internal sealed record ClipUnit(long DecodeTime, Sample Sample, byte[] Bytes);
