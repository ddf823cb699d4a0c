using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Millrace.Transcoding;

/// <summary>
/// Measures once how many pixels a second this machine encodes with the usual settings, and keeps the result in a small file.
/// As many encoders run at once as there are processors, as they will later; each makes 480p, 360p and 160p of test pictures.
/// </summary>
public static class Calibration
{
    /// <summary>The file's name in the data directory.</summary>
    public const string FileName = "transcoding.json";

    /// <summary>
    /// The share of what was measured that is given out. Test pictures come without decoding, live streams are uneven, and the
    /// server needs some of the machine itself.
    /// </summary>
    public const double Share = 0.6;

    /// <summary>
    /// How long measuring may take, for a start waits for it: a machine that makes four seconds of pictures in more than a minute
    /// encodes no live stream, and an ffmpeg that hangs does not end at all.
    /// </summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private const int Frames = 120;
    private const int MaxEncoders = 32;
    private static readonly (int Width, int Height)[] Sizes = [(854, 480), (640, 360), (284, 160)];

    /// <summary>The kept result, or a new measurement, which takes a second or some; null when ffmpeg fails, or takes longer than <see cref="Limit"/>.</summary>
    /// <param name="ffmpeg">Whose encoders count: another version, other hardware or other processors measure anew.</param>
    /// <param name="directory">Where the file is; must exist. A file that cannot be written costs the next start a measurement.</param>
    /// <param name="cancellation">Gives up, and kills what runs.</param>
    public static long? Measure(Ffmpeg ffmpeg, string directory, CancellationToken cancellation) => Measure(ffmpeg, directory, Limit, cancellation);

    internal static long? Measure(Ffmpeg ffmpeg, string directory, TimeSpan limit, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(ffmpeg);
        var path = Path.Combine(directory, FileName);
        var machine = string.Create(CultureInfo.InvariantCulture, $"{ffmpeg.Version} {ffmpeg.Encoders.Name} {Environment.ProcessorCount}");
        if (TryRead(path, machine, out var kept))
            return kept;
        if (Run(ffmpeg, limit, cancellation) is not { } measured)
            return null;
        try
        {
            File.WriteAllText(path, JsonSerializer.Serialize(new CalibrationResult(machine, measured), CalibrationJson.Default.CalibrationResult));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The result is good for this run.
        }
        return measured;
    }

    private static bool TryRead(string path, string machine, out long pixels)
    {
        pixels = 0;
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > 4096)
                return false;
            var result = JsonSerializer.Deserialize(File.ReadAllText(path), CalibrationJson.Default.CalibrationResult);
            pixels = result?.PixelsPerSecond ?? 0;
            return result?.Machine == machine && pixels > 0;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            return false;
        }
    }

    private static long? Run(Ffmpeg ffmpeg, TimeSpan limit, CancellationToken cancellation)
    {
        var encoders = Math.Clamp(Environment.ProcessorCount, 1, MaxEncoders);
        var children = new List<FfmpegChild>();
        using var kill = cancellation.Register(() =>
        {
            lock (children)
                children.ForEach(child => child.Kill());
        });
        var clock = Stopwatch.StartNew();
        try
        {
            for (var i = 0; i < encoders; i++)
            {
                var child = FfmpegChild.Start(ffmpeg.Path, Arguments(ffmpeg.Encoders));
                lock (children)
                    children.Add(child);
            }
            foreach (var child in children)
            {
                // It has no output that someone must read. The limit is that of all together, and kills.
                var left = limit - clock.Elapsed;
                if (child.WaitForEnd(left > TimeSpan.Zero ? left : TimeSpan.Zero) != "it ended")
                    return null;
            }
            cancellation.ThrowIfCancellationRequested();
            var pixels = Sizes.Sum(size => (long)size.Width * size.Height) * Frames * encoders;
            return (long)(pixels / clock.Elapsed.TotalSeconds * Share);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
        finally
        {
            children.ForEach(child => child.Dispose());
        }
    }

    private static List<string> Arguments(EncoderProfile encoders)
    {
        var arguments = new List<string> { "-hide_banner", "-nostats", "-nostdin", "-loglevel", "error" };
        arguments.AddRange(encoders.DeviceOptions);
        arguments.AddRange(["-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30"]);
        arguments.AddRange(["-filter_complex", "[0:v]split=3[a][b][c];" + string.Join(';', Sizes.Select((size, i) =>
            string.Create(CultureInfo.InvariantCulture, $"[{(char)('a' + i)}]scale={size.Width}:{size.Height},setsar=1,{encoders.LastFilter}[v{i}]")))]);
        for (var i = 0; i < Sizes.Length; i++)
        {
            var (width, height) = Sizes[i];
            var level = CodecLevel.Of(Media.Codec.Avc, width, height, 30, 1_200_000);
            var rung = new VideoRung("", width, height, 30, 1, 1_200_000, Media.Codec.Avc, "veryfast", level.Announce(Media.Codec.Avc, width, height)) { Level = level };
            arguments.AddRange(["-map", $"[v{i}]", $"-frames:v:{i}", Frames.ToString(CultureInfo.InvariantCulture)]);
            arguments.AddRange(FfmpegArguments.EncoderOptions(i, rung, encoders.EncoderOf(Media.Codec.Avc)));
        }
        arguments.AddRange(["-f", "null", "-"]);
        return arguments;
    }
}

/// <summary>What the file holds.</summary>
/// <param name="Machine">What was measured with; another one measures anew.</param>
/// <param name="PixelsPerSecond">To give out.</param>
internal sealed record CalibrationResult(string Machine, long PixelsPerSecond);

[JsonSerializable(typeof(CalibrationResult))]
internal sealed partial class CalibrationJson : JsonSerializerContext;
