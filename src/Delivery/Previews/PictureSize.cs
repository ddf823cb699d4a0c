using Millrace.Media;

namespace Millrace.Delivery.Previews;

/// <summary>Width and height of a picture with square samples, both even and at least 2.</summary>
internal readonly record struct PictureSize(int Width, int Height)
{
    /// <summary>
    /// The size at which <paramref name="format"/> fits into a square of <paramref name="longest"/>: its display aspect ratio
    /// (sample aspect ratio included, ISO/IEC 14496-12 §12.1.4), never larger than the video.
    /// </summary>
    public static PictureSize Fit(VideoFormat format, int longest)
    {
        var (horizontal, vertical) = format.SampleAspectRatio;
        // A ratio from outside: beyond these it is an encoder's mistake, and the picture would be a line.
        var aspect = horizontal > 0 && vertical > 0 ? Math.Clamp((double)horizontal / vertical, 0.1, 10) : 1;
        var width = format.Width * aspect;
        double height = format.Height;
        var scale = Math.Min(1, longest / Math.Max(width, height));
        return new PictureSize(Even(width * scale, longest), Even(height * scale, longest));
    }

    private static int Even(double length, int longest) => Math.Clamp((int)Math.Round(length / 2, MidpointRounding.AwayFromZero) * 2, 2, longest);
}
