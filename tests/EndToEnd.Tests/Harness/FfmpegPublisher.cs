using System.Globalization;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>What ffmpeg publishes: moving bars that flash white, and a tone that beeps, on each full second.</summary>
internal sealed record FfmpegSource
{
    public int Width { get; init; } = 640;

    public int Height { get; init; } = 360;

    public int FrameRate { get; init; } = 30;

    /// <summary>Pictures from one key frame to the next.</summary>
    public int KeyFrameInterval { get; init; } = 60;

    public int BFrames { get; init; }

    public bool HasVideo { get; init; } = true;

    public bool HasAudio { get; init; } = true;

    public int SampleRate { get; init; } = 48000;

    public int Channels { get; init; } = 2;

    /// <summary>A tone without a pause in place of the beeps, so that a gap could be heard anywhere.</summary>
    public bool HasContinuousTone { get; init; }

    /// <summary>Seconds by which the sound begins after the picture; negative: before it.</summary>
    public double AudioDelay { get; init; }

    /// <summary>Two pictures of three are left out in every other two seconds.</summary>
    public bool IsVariableFrameRate { get; init; }

    /// <summary>Seconds until the publisher leaves; null: it stays.</summary>
    public double? Duration { get; init; }

    public string Preset { get; init; } = "ultrafast";

    /// <summary>The lavfi graph of the picture.</summary>
    public string Picture =>
        $"testsrc2=s={Width}x{Height}:r={FrameRate},drawbox=w=iw:h=ih:color=white:t=fill:enable='lt(mod(t+0.001,1),0.1)'"
        + (IsVariableFrameRate ? ",select='lt(mod(t,4),2)+not(mod(n,3))'" : "");

    /// <summary>The lavfi graph of the sound.</summary>
    public string Sound => $"aevalsrc=exprs='0.8*sin(2*PI*880*t){(HasContinuousTone ? "" : "*lt(mod(t,1),0.1)")}':s={SampleRate}:c=mono";

    /// <summary>Inputs, maps and codecs: everything up to the output.</summary>
    public IReadOnlyList<string> Arguments(bool realTime)
    {
        List<string> arguments = [];
        void Input(string graph, double offset)
        {
            if (realTime)
                arguments.Add("-re");
            if (offset > 0)
                arguments.AddRange(["-itsoffset", offset.ToString(CultureInfo.InvariantCulture)]);
            arguments.AddRange(["-f", "lavfi", "-i", graph]);
        }
        if (HasVideo)
            Input(Picture, -AudioDelay);
        if (HasAudio)
            Input(Sound, AudioDelay);
        if (HasVideo)
        {
            arguments.AddRange(["-map", "0:v", "-c:v", "libx264", "-preset", Preset, "-pix_fmt", "yuv420p", "-threads", "1",
                "-g", KeyFrameInterval.ToString(CultureInfo.InvariantCulture), "-keyint_min", KeyFrameInterval.ToString(CultureInfo.InvariantCulture),
                "-sc_threshold", "0", "-bf", BFrames.ToString(CultureInfo.InvariantCulture), "-b:v", "800k", "-maxrate", "800k", "-bufsize", "800k",
                "-fps_mode", IsVariableFrameRate ? "vfr" : "cfr"]);
            if (BFrames == 0)
                arguments.AddRange(["-tune", "zerolatency"]);
        }
        if (HasAudio)
        {
            arguments.AddRange(["-map", HasVideo ? "1:a" : "0:a", "-c:a", "aac", "-b:a", "96k",
                "-ac", Channels.ToString(CultureInfo.InvariantCulture), "-ar", SampleRate.ToString(CultureInfo.InvariantCulture)]);
        }
        if (Duration is { } duration)
            arguments.AddRange(["-t", duration.ToString(CultureInfo.InvariantCulture)]);
        return arguments;
    }
}

/// <summary>A real ffmpeg on the air.</summary>
internal static class FfmpegPublisher
{
    /// <summary>Starts publishing to <paramref name="url"/>.</summary>
    public static ChildProcess Start(string url, FfmpegSource? source = null, params string[] output) =>
        new(Tools.Ffmpeg, ["-hide_banner", "-nostats", .. (source ?? new FfmpegSource()).Arguments(realTime: true), .. output, "-f", "flv", url]);
}
