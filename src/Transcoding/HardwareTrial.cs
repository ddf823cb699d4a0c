using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>The command line that finds out whether a hardware profile works here: one grey frame, the rung's own options.</summary>
internal static class HardwareTrial
{
    public static IReadOnlyList<string> Arguments(EncoderProfile profile)
    {
        var level = CodecLevel.Of(Codec.Avc, 640, 360, 30, 700_000);
        var rung = new VideoRung("trial", 640, 360, 30, 1, 700_000, Codec.Avc, "veryfast", level.Announce(Codec.Avc, 640, 360)) { Level = level };
        return
        [
            "-hide_banner", "-nostats", "-nostdin", "-loglevel", "error", .. profile.DeviceOptions,
            "-f", "lavfi", "-i", "color=gray:s=640x360:r=30", "-frames:v", "1", "-vf", profile.LastFilter,
            .. FfmpegArguments.EncoderOptions(0, rung, profile.EncoderOf(Codec.Avc)), "-f", "null", "-",
        ];
    }
}
