using System.Globalization;
using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>Which rungs are wanted.</summary>
public enum LadderMode
{
    /// <summary>None.</summary>
    Off,
    /// <summary>Those that suit the source.</summary>
    Auto,
    /// <summary>Those that are named.</summary>
    List,
}

/// <summary>Reads a ladder as options write it: <c>off</c>, <c>auto</c> or a list of rungs between commas (or <c>+</c>).</summary>
/// <remarks><code>
/// rung    = [codec ":"] height "p" [fps] ["@" bitrate] ["/" preset]
/// codec   = "h264" | "hevc" | "av1"          default h264
/// height  = 96 … 2160, even;  fps = 1 … 120;  bitrate = number ("k" | "M"), 50k … 100M
/// preset  = x264's and x265's names from ultrafast to slow; for AV1 its speed, 5 … 8
/// </code></remarks>
public static class LadderText
{
    /// <summary>Most rungs in a list: the largest ladders in use have eight.</summary>
    public const int MaxRungs = 8;

    private static readonly string[] Presets = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"];

    /// <summary>Reads a ladder.</summary>
    /// <param name="text">What the option says.</param>
    /// <param name="mode">Off when it can't be read.</param>
    /// <param name="rungs">The list's, in its order; empty for the other modes.</param>
    /// <param name="faults">A sentence for every fault; empty on success.</param>
    public static bool TryParse(string text, out LadderMode mode, out IReadOnlyList<RungSpec> rungs, out IReadOnlyList<string> faults)
    {
        ArgumentNullException.ThrowIfNull(text);
        rungs = [];
        faults = [];
        mode = LadderMode.Off;
        if (text.Trim().Equals("off", StringComparison.OrdinalIgnoreCase))
            return true;
        if (text.Trim().Equals("auto", StringComparison.OrdinalIgnoreCase))
        {
            mode = LadderMode.Auto;
            return true;
        }
        var read = new List<RungSpec>();
        var wrong = new List<string>();
        foreach (var part in text.Split([',', '+'], StringSplitOptions.TrimEntries))
        {
            if (TryParseRung(part, out var rung, out var fault))
                read.Add(rung);
            else
                wrong.Add($"'{part}': {fault}");
        }
        if (read.Count > MaxRungs)
            wrong.Add($"{read.Count} rungs; {MaxRungs} are the most.");
        foreach (var same in read.GroupBy(rung => (rung.Codec, rung.Height)).Where(group => group.Count() > 1))
            wrong.Add($"{Ladder.NameOf(same.Key.Codec, same.Key.Height)} stands there twice.");
        faults = wrong;
        if (wrong.Count > 0)
            return false;
        mode = LadderMode.List;
        rungs = read;
        return true;
    }

    internal static IReadOnlyList<string> Faults(string text) => TryParse(text, out _, out _, out var faults) ? [] : faults;

    private static bool TryParseRung(string text, out RungSpec rung, out string? fault)
    {
        rung = default;
        if (text.Length == 0)
            return Wrong("a rung is missing; a list looks like 720p30@2500k,480p@1200k/veryfast, and beside it there are off and auto.", out fault);
        var rest = text;
        var codec = Codec.Avc;
        if (rest.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon)
        {
            switch (rest[..colon].ToLowerInvariant())
            {
                case "h264":
                    break;
                case "hevc":
                    codec = Codec.Hevc;
                    break;
                case "av1":
                    codec = Codec.Av1;
                    break;
                default:
                    return Wrong($"'{rest[..colon]}' is not one of h264, hevc, av1.", out fault);
            }
            rest = rest[(colon + 1)..];
        }
        string? preset = null;
        if (rest.IndexOf('/', StringComparison.Ordinal) is >= 0 and var slash)
        {
            preset = rest[(slash + 1)..].ToLowerInvariant();
            rest = rest[..slash];
            if (codec == Codec.Av1 && preset is not ("5" or "6" or "7" or "8"))
                return Wrong($"preset '{preset}' of AV1 is not 5 to 8.", out fault);
            if (codec != Codec.Av1 && !Presets.Contains(preset))
                return Wrong($"preset '{preset}' is not one of {string.Join(", ", Presets)}.", out fault);
        }
        long? bits = null;
        if (rest.IndexOf('@', StringComparison.Ordinal) is >= 0 and var at)
        {
            bits = Bits(rest[(at + 1)..]);
            if (bits is not (>= 50_000 and <= 100_000_000))
                return Wrong($"bitrate '{rest[(at + 1)..]}' is not 50k to 100M (such as 1200k or 2.5M).", out fault);
            rest = rest[..at];
        }
        var p = rest.IndexOf('p', StringComparison.OrdinalIgnoreCase);
        if (p <= 0 || !int.TryParse(rest.AsSpan(0, p), NumberStyles.None, CultureInfo.InvariantCulture, out var height))
            return Wrong("it does not begin with a height such as 480p.", out fault);
        if (height is < 96 or > 2160 || height % 2 != 0)
            return Wrong($"height {height} is not an even number from 96 to 2160.", out fault);
        double? rate = null;
        if (p + 1 < rest.Length)
        {
            if (!double.TryParse(rest.AsSpan(p + 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var fps) || fps is < 1 or > 120)
                return Wrong($"frame rate '{rest[(p + 1)..]}' is not 1 to 120.", out fault);
            rate = fps;
        }
        rung = new RungSpec(height, rate, bits, codec, preset);
        fault = null;
        return true;
    }

    private static long? Bits(string text)
    {
        var unit = text.Length == 0 ? 0 : text[^1] switch { 'k' or 'K' => 1_000, 'm' or 'M' => 1_000_000, _ => 0 };
        return unit != 0 && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number <= 1_000_000 ? (long)Math.Round(number * unit) : null;
    }

    private static bool Wrong(string what, out string? fault)
    {
        fault = what;
        return false;
    }
}
