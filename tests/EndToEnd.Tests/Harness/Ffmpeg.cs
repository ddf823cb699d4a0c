using System.Globalization;
using System.Text.RegularExpressions;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>ffmpeg and ffprobe as judges of what was delivered.</summary>
internal static partial class Ffmpeg
{
    /// <summary>Runs ffmpeg to its end, which must be a good one; what it printed.</summary>
    public static async Task<string> RunAsync(params string[] arguments)
    {
        await using var child = new ChildProcess(Tools.Ffmpeg, ["-hide_banner", "-nostats", "-y", .. arguments]);
        var code = await child.ExitAsync(TimeSpan.FromSeconds(120));
        Assert.True(code == 0, $"{child.CommandLine} ended with {code}.\n{child.Output}");
        return child.Output;
    }

    /// <summary>Decodes the whole file; a single word of complaint fails.</summary>
    public static async Task DecodeSilentlyAsync(string file) =>
        Assert.Equal("", await RunAsync("-v", "error", "-xerror", "-i", file, "-f", "null", "-"));

    /// <summary>One value of ffprobe for each line, for example of <c>stream=codec_name,width</c>.</summary>
    public static async Task<string> ProbeAsync(string file, string entries, params string[] arguments)
    {
        await using var child = new ChildProcess(Tools.Ffprobe, ["-v", "error", "-of", "csv=p=0", "-show_entries", entries, .. arguments, file]);
        var code = await child.ExitAsync(TimeSpan.FromSeconds(60));
        Assert.True(code == 0, $"{child.CommandLine} ended with {code}.\n{child.Output}");
        return child.Output.Trim().TrimEnd(',');
    }

    /// <summary>Presentation times of the pictures in which the screen turns white, in seconds of the file's own clock.</summary>
    public static async Task<IReadOnlyList<double>> FlashesAsync(string file)
    {
        var output = await RunAsync("-v", "error", "-copyts", "-i", file, "-an",
            "-vf", "scale=64:36,signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file=-", "-f", "null", "-");
        List<double> flashes = [];
        var bright = true;
        foreach (Match match in Brightness().Matches(output))
        {
            var isBright = Number(match.Groups[2]) > 200;
            if (isBright && !bright)
                flashes.Add(Number(match.Groups[1]));
            bright = isBright;
        }
        return flashes;
    }

    /// <summary>Times at which sound follows silence, in seconds of the file's own clock.</summary>
    public static async Task<IReadOnlyList<double>> BeepsAsync(string file)
    {
        var output = await RunAsync("-v", "info", "-copyts", "-i", file, "-vn", "-af", "silencedetect=noise=-25dB:d=0.2", "-f", "null", "-");
        return [.. SilenceEnd().Matches(output).Select(match => Number(match.Groups[1]))];
    }

    private static double Number(Group group) => double.Parse(group.ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"pts_time:([0-9.e+-]+)\s+lavfi\.signalstats\.YAVG=([0-9.]+)")]
    private static partial Regex Brightness();

    [GeneratedRegex(@"silence_end: ([0-9.e+-]+)")]
    private static partial Regex SilenceEnd();
}
