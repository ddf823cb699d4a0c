using Millrace.Core;

namespace Millrace.Dash;

/// <summary>Values as XML Schema writes them.</summary>
internal static class Texts
{
    /// <summary><c>xs:duration</c> in seconds with up to three decimals, to the nearest.</summary>
    public static void WriteDuration(this ref Utf8Writer writer, TimeSpan duration)
    {
        writer.Write("PT"u8);
        writer.WriteDecimal((duration.Ticks + TimeSpan.TicksPerMillisecond / 2) / TimeSpan.TicksPerMillisecond, 3);
        writer.Write("S"u8);
    }

    /// <summary>
    /// <c>FrameRateType</c>: a whole number, a thousand-and-first where that is what it is (29.97), else in thousandths.
    /// </summary>
    public static void WriteFrameRate(this ref Utf8Writer writer, double framesPerSecond)
    {
        var whole = Math.Round(framesPerSecond);
        var ntsc = Math.Round(framesPerSecond * 1.001);
        if (Math.Abs(framesPerSecond - whole) < 0.0005)
        {
            writer.Write((long)whole);
        }
        else if (Math.Abs(framesPerSecond - ntsc / 1.001) < 0.0005)
        {
            writer.Write((long)ntsc * 1000);
            writer.Write("/1001"u8);
        }
        else
        {
            writer.Write((long)Math.Round(framesPerSecond * 1000));
            writer.Write("/1000"u8);
        }
    }
}
