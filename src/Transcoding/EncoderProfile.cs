using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>How a rung's level is written for an encoder.</summary>
internal enum LevelForm
{
    /// <summary><c>3.1</c>, by an option of the encoder's own.</summary>
    Text,
    /// <summary>Ten times the level (AVC) or thirty times (HEVC): libavcodec's common option.</summary>
    Number,
    /// <summary>Not by <c>-level</c>: in the encoder's own parameters, or not at all.</summary>
    None,
}

/// <summary>An encoder of ffmpeg and the options that make it fit: no delay, no B-frames, IDR where it is told, one rate.</summary>
/// <param name="Name">As <c>-c:v</c> takes it.</param>
/// <param name="Options">Pairs of option and value, for each rung. <c>{level}</c> and <c>{threads}</c> are filled in.</param>
/// <param name="Level">How it takes the level.</param>
/// <param name="TakesPreset">Whether the rung's preset is meant for it; hardware has presets of its own.</param>
internal sealed record VideoEncoder(string Name, IReadOnlyList<(string Option, string Value)> Options, LevelForm Level, string? TakesPreset = null);

/// <summary>
/// A family of encoders as data. The software one is run by the tests. The hardware ones are made from ffmpeg's documentation
/// and its encoders' own help; their arguments are tested, but none of them has been run yet.
/// </summary>
public sealed class EncoderProfile
{
    private readonly Dictionary<Codec, VideoEncoder> encoders;

    private EncoderProfile(string name, Dictionary<Codec, VideoEncoder> encoders)
    {
        Name = name;
        this.encoders = encoders;
    }

    /// <summary>As <c>Transcoding:Hardware</c> names it.</summary>
    public string Name { get; }

    /// <summary>Options in front of the input: the device.</summary>
    internal IReadOnlyList<string> DeviceOptions { get; private init; } = [];

    /// <summary>The end of each rung's filters: the pixel format, and the way into the device.</summary>
    internal string LastFilter { get; private init; } = "format=yuv420p";

    /// <summary>Names of the ffmpeg encoders that the profile uses.</summary>
    public IEnumerable<string> EncoderNames => encoders.Values.Select(encoder => encoder.Name);

    /// <summary>libx264, libx265, libaom-av1.</summary>
    public static EncoderProfile Software { get; } = new("none", new()
    {
        [Codec.Avc] = new("libx264",
            // 8x8 transform and CABAC whatever the preset, so that the profile is High in the stream and not only allowed to be.
            [("tune", "zerolatency"), ("profile", "high"), ("8x8dct", "1"), ("coder", "cabac"), ("sc_threshold", "0"), ("threads", "{threads}")], LevelForm.Text, "preset"),
        [Codec.Hevc] = new("libx265",
            [("tune", "zerolatency"), ("profile", "main"), ("forced-idr", "1"),
             ("x265-params", "level-idc={level}:scenecut=0:open-gop=0:frame-threads=1:pools={threads}:repeat-headers=0:log-level=error")], LevelForm.None, "preset"),
        [Codec.Av1] = new("libaom-av1",
            [("usage", "realtime"), ("lag-in-frames", "0"), ("row-mt", "1"), ("threads", "{threads}")], LevelForm.None, "cpu-used"),
    });

    /// <summary>NVIDIA. Not yet run.</summary>
    public static EncoderProfile Nvenc { get; } = new("nvenc", new()
    {
        [Codec.Avc] = new("h264_nvenc", [.. NvencOptions, ("profile", "high")], LevelForm.Text),
        [Codec.Hevc] = new("hevc_nvenc", [.. NvencOptions, ("profile", "main")], LevelForm.Text),
    });

    /// <summary>Intel and AMD on Linux. Not yet run.</summary>
    public static EncoderProfile Vaapi { get; } = new("vaapi", new()
    {
        [Codec.Avc] = new("h264_vaapi", [("rc_mode", "CBR"), ("idr_interval", "0"), ("async_depth", "1"), ("profile", "high")], LevelForm.Text),
        [Codec.Hevc] = new("hevc_vaapi", [("rc_mode", "CBR"), ("idr_interval", "0"), ("async_depth", "1"), ("profile", "main")], LevelForm.Text),
    })
    {
        DeviceOptions = ["-init_hw_device", "vaapi=va:/dev/dri/renderD128", "-filter_hw_device", "va"],
        LastFilter = "format=nv12,hwupload",
    };

    /// <summary>Intel Quick Sync. Not yet run.</summary>
    public static EncoderProfile QuickSync { get; } = new("qsv", new()
    {
        [Codec.Avc] = new("h264_qsv",
            [("preset", "veryfast"), ("async_depth", "1"), ("look_ahead", "0"), ("adaptive_i", "0"), ("forced_idr", "1"), ("profile", "high")], LevelForm.Number),
        [Codec.Hevc] = new("hevc_qsv",
            [("preset", "veryfast"), ("async_depth", "1"), ("forced_idr", "1"), ("profile", "main")], LevelForm.Number),
    })
    {
        LastFilter = "format=nv12",
    };

    /// <summary>Apple. Not yet run.</summary>
    public static EncoderProfile VideoToolbox { get; } = new("videotoolbox", new()
    {
        [Codec.Avc] = new("h264_videotoolbox", [("realtime", "1"), ("allow_sw", "0"), ("profile", "high")], LevelForm.Text),
        [Codec.Hevc] = new("hevc_videotoolbox", [("realtime", "1"), ("allow_sw", "0"), ("profile", "main")], LevelForm.None),
    });

    /// <summary>The hardware profiles, in the order in which <c>auto</c> tries them.</summary>
    public static IReadOnlyList<EncoderProfile> Hardware { get; } = [Nvenc, QuickSync, Vaapi, VideoToolbox];

    private static (string, string)[] NvencOptions =>
        [("preset", "p3"), ("tune", "ull"), ("rc", "cbr"), ("zerolatency", "1"), ("delay", "0"), ("forced-idr", "1"), ("no-scenecut", "1")];

    /// <summary>The hardware profile of a name, or null.</summary>
    public static EncoderProfile? Find(string name) =>
        Hardware.FirstOrDefault(profile => profile.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The encoder of a codec; hardware without one leaves it to software.</summary>
    internal VideoEncoder EncoderOf(Codec codec) => encoders.TryGetValue(codec, out var encoder) ? encoder : Software.encoders[codec];

    internal bool IsInHardware(Codec codec) => this != Software && encoders.ContainsKey(codec);
}
