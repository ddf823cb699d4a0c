using Millrace.Core;

namespace Millrace.Hls;

/// <summary>Durations as playlists write them: seconds with up to five decimals, 10 µs.</summary>
internal static class Decimals
{
    private const int Digits = 5;

    /// <summary>One second.</summary>
    public const long Second = 100_000;

    /// <summary>To the nearest.</summary>
    public static long Round(MediaTime time) => time.In((uint)Second).Ticks;

    /// <summary>Upwards, so that nothing rounded to the nearest is above it.</summary>
    public static long Ceiling(MediaTime time) =>
        (long)(((Int128)time.Ticks * Second + time.Timescale - 1) / time.Timescale);

    /// <summary>Writes a number of 10 µs as seconds.</summary>
    public static void WriteSeconds(this ref Utf8Writer writer, long units) => writer.WriteDecimal(units, Digits);
}
