using System.Diagnostics;

namespace Millrace.Core;

/// <summary>A point or length in media time: <c>Ticks / Timescale</c> seconds.</summary>
/// <param name="Ticks">Count of timescale units; may be negative.</param>
/// <param name="Timescale">Units per second, at least 1 (ISO/IEC 14496-12 §8.4.2, <c>mdhd.timescale</c>).</param>
/// <remarks><see cref="TimeSpan"/> counts 100 ns and cannot hold 1/90000 s; it stays for wall-clock durations.</remarks>
public readonly record struct MediaTime(long Ticks, uint Timescale) : IComparable<MediaTime>
{
    /// <summary>The same time in seconds, for display and for playlists; never for arithmetic.</summary>
    public double Seconds => (double)Ticks / Timescale;

    /// <summary>Converts to another timescale, rounding to nearest (halves away from zero). Exact in 128 bits.</summary>
    public MediaTime In(uint timescale)
    {
        if (timescale == Timescale)
            return this;
        Debug.Assert(Timescale != 0);
        var scaled = (Int128)Ticks * timescale;
        var half = Timescale / 2;
        var rounded = scaled >= 0 ? (scaled + half) / Timescale : (scaled - half) / Timescale;
        return new MediaTime((long)rounded, timescale);
    }

    /// <summary>Converts a wall-clock duration, rounding to nearest.</summary>
    public static MediaTime From(TimeSpan duration, uint timescale) =>
        new MediaTime(duration.Ticks, (uint)TimeSpan.TicksPerSecond).In(timescale);

    /// <summary>Converts to a wall-clock duration, rounding to 100 ns.</summary>
    public TimeSpan ToTimeSpan() => TimeSpan.FromTicks(In((uint)TimeSpan.TicksPerSecond).Ticks);

    /// <summary>Compares exactly, whatever the timescales.</summary>
    public int CompareTo(MediaTime other) =>
        ((Int128)Ticks * other.Timescale).CompareTo((Int128)other.Ticks * Timescale);

    /// <summary>Earlier than.</summary>
    public static bool operator <(MediaTime left, MediaTime right) => left.CompareTo(right) < 0;

    /// <summary>Later than.</summary>
    public static bool operator >(MediaTime left, MediaTime right) => left.CompareTo(right) > 0;

    /// <summary>Earlier than or the same moment.</summary>
    public static bool operator <=(MediaTime left, MediaTime right) => left.CompareTo(right) <= 0;

    /// <summary>Later than or the same moment.</summary>
    public static bool operator >=(MediaTime left, MediaTime right) => left.CompareTo(right) >= 0;

    /// <summary>Sum in the left operand's timescale.</summary>
    public static MediaTime operator +(MediaTime left, MediaTime right) =>
        left with { Ticks = left.Ticks + right.In(left.Timescale).Ticks };

    /// <summary>Difference in the left operand's timescale.</summary>
    public static MediaTime operator -(MediaTime left, MediaTime right) =>
        left with { Ticks = left.Ticks - right.In(left.Timescale).Ticks };

    /// <inheritdoc/>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Seconds:0.######}s");
}
