using System.Globalization;
using Millrace.Core;

namespace Millrace.Transcoding;

/// <summary>The ffmpeg of this machine and the encoders that are used of it.</summary>
/// <param name="Path">Of the program.</param>
/// <param name="Version">As it names itself, such as <c>5.1.9-0+deb12u1</c>.</param>
/// <param name="Encoders">Software, or the hardware profile that works.</param>
/// <param name="EncoderNames">Every encoder that it was built with.</param>
/// <param name="Notes">What was tried and why it was not taken, in sentences.</param>
public sealed record Ffmpeg(string Path, string Version, EncoderProfile Encoders, IReadOnlySet<string> EncoderNames, IReadOnlyList<string> Notes)
{
    /// <summary>
    /// The oldest version that is taken: 5.1 brought <c>-fps_mode</c>, and with it the tests were made. Builds from its
    /// repository name a commit instead (<c>N-…</c>, <c>git-…</c>) and are taken as new.
    /// </summary>
    public static Version Oldest { get; } = new(5, 1);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Looks for ffmpeg and tries its encoders; takes some tenths of a second, with hardware seconds.</summary>
    /// <param name="options">Where it is, and which hardware is wanted.</param>
    /// <param name="found">Null when there is none that can be used.</param>
    /// <param name="fault">Why, and what to do about it; null on success.</param>
    public static bool TryFind(TranscodingOptions options, out Ffmpeg? found, out string? fault)
    {
        ArgumentNullException.ThrowIfNull(options);
        found = null;
        var named = options.Ffmpeg.Length > 0;
        if (FfmpegProgram.Find(options.Ffmpeg).Path is not { } path)
        {
            fault = named ? $"Transcoding:Ffmpeg: there is no file {options.Ffmpeg}." : "ffmpeg is not on the PATH. Install it (Debian: apt-get install ffmpeg), or name it with Transcoding:Ffmpeg.";
            return false;
        }
        var first = Run(path, ["-hide_banner", "-version"]).Output.Split('\n')[0];
        if (VersionOf(first) is not { } version)
        {
            fault = $"{path} does not say that it is ffmpeg.";
            return false;
        }
        if (NumberOf(version) is { } number && number < Oldest)
        {
            fault = $"{path} is version {version}; {Oldest} or newer is needed.";
            return false;
        }
        var encoders = EncodersOf(Run(path, ["-hide_banner", "-encoders"]).Output);
        if (!encoders.Contains("libx264") || !encoders.Contains("aac"))
        {
            fault = $"{path} was built without {(encoders.Contains("libx264") ? "aac" : "libx264")}.";
            return false;
        }
        var notes = new List<string>();
        found = new Ffmpeg(path, version, ChooseHardware(path, encoders, options.Hardware, notes), encoders, notes);
        fault = null;
        return true;
    }

    /// <summary>The version in the first line of <c>ffmpeg -version</c>; null when it is another program's.</summary>
    internal static string? VersionOf(string line)
    {
        const string Begin = "ffmpeg version ";
        return line.StartsWith(Begin, StringComparison.Ordinal) ? line[Begin.Length..].Split(' ')[0] : null;
    }

    /// <summary>Major and minor of a release's version; null for a build from the repository.</summary>
    internal static Version? NumberOf(string version)
    {
        var text = version.StartsWith('n') ? version[1..] : version;
        var end = 0;
        while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] == '.'))
            end++;
        var parts = text[..end].Split('.', StringSplitOptions.RemoveEmptyEntries);
        return parts.Length > 0 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            ? new Version(major, parts.Length > 1 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minor) ? minor : 0)
            : null;
    }

    /// <summary>The names in the list of <c>ffmpeg -encoders</c>: the second word of each line behind the rule.</summary>
    internal static HashSet<string> EncodersOf(string list)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var isBehindRule = false;
        foreach (var line in list.Split('\n'))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (isBehindRule && words.Length >= 2)
                names.Add(words[1]);
            isBehindRule |= line.TrimStart().StartsWith("------", StringComparison.Ordinal);
        }
        return names;
    }

    private static EncoderProfile ChooseHardware(string path, HashSet<string> encoders, string wanted, List<string> notes)
    {
        if (wanted.Equals("none", StringComparison.OrdinalIgnoreCase))
            return EncoderProfile.Software;
        var isAuto = wanted.Equals("auto", StringComparison.OrdinalIgnoreCase);
        foreach (var profile in EncoderProfile.Hardware)
        {
            if (!isAuto && !profile.Name.Equals(wanted, StringComparison.OrdinalIgnoreCase))
                continue;
            if (WhyNot(path, encoders, profile) is not { } reason)
            {
                notes.Add($"{profile.Name} encodes.");
                return profile;
            }
            notes.Add($"{profile.Name} does not work: {reason.TrimEnd('.')}.");
        }
        notes.Add("Encoding is done in software.");
        return EncoderProfile.Software;
    }

    /// <summary>One frame through the profile's AVC encoder with the options that it will be used with; null when that works.</summary>
    private static string? WhyNot(string path, HashSet<string> encoders, EncoderProfile profile)
    {
        var name = profile.EncoderOf(Media.Codec.Avc).Name;
        if (!encoders.Contains(name))
            return $"this ffmpeg was built without {name}.";
        var (exitCode, _, errors) = Run(path, HardwareTrial.Arguments(profile));
        if (exitCode == 0)
            return null;
        var last = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "";
        return last.Length > 0 ? last.Trim() : $"exit code {exitCode}.";
    }

    /// <summary>Runs it to its end; kills it when that takes too long.</summary>
    internal static (int ExitCode, string Output, string Errors) Run(string path, IEnumerable<string> arguments)
    {
        try
        {
            using var process = ChildSpawner.Start(path, arguments);
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(Patience))
                process.Kill();
            process.WaitForExit();
            return (process.ExitCode, output.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult());
        }
        catch (Exception fault) when (fault is System.ComponentModel.Win32Exception or IOException or InvalidOperationException)
        {
            return (-1, "", fault.Message);
        }
    }
}
