using System.Globalization;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>
/// Publishes a film that was encoded beforehand, in real time and again and again: the encoder's work does not stand
/// beside the one that is tested.
/// </summary>
internal static class FilmPublisher
{
    /// <summary>Encodes a film of moving bars and beeps.</summary>
    public static async Task<string> EncodeAsync(TestDirectory directory, FfmpegSource source, double seconds, params string[] output)
    {
        var file = directory.NewFile("mkv");
        await Ffmpeg.RunAsync(["-v", "error", .. source.Arguments(realTime: false), .. output, "-t", seconds.ToString(CultureInfo.InvariantCulture), file]);
        return file;
    }

    /// <summary>Starts publishing <paramref name="film"/>.</summary>
    public static ChildProcess Start(string url, string film) =>
        new(Tools.Ffmpeg, ["-hide_banner", "-nostats", "-re", "-stream_loop", "-1", "-i", film, "-c", "copy", "-f", "flv", url]);
}
