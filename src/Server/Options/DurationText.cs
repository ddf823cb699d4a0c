using System.Globalization;

namespace Millrace.Server.Options;

/// <summary>
/// Durations as people write them: <c>2</c> and <c>0.333</c> (seconds), <c>500ms</c>, <c>30s</c>, <c>10m</c>, <c>24h</c>,
/// or <c>00:00:30</c>. A bare number is seconds here, where <see cref="TimeSpan.Parse(string)"/> would read days.
/// </summary>
public static class DurationText
{
    /// <summary>Reads a duration; false when it is none, negative, or longer than 10 years.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var trimmed = text.AsSpan().Trim();
        if (trimmed.Contains(':'))
            return TimeSpan.TryParse(trimmed, CultureInfo.InvariantCulture, out duration) && duration >= TimeSpan.Zero;
        var (suffix, secondsPerUnit) = trimmed switch
        {
            [.., 'm', 's'] => (2, 0.001),
            [.., 's'] => (1, 1.0),
            [.., 'm'] => (1, 60.0),
            [.., 'h'] => (1, 3600.0),
            _ => (0, 1.0),
        };
        var digits = trimmed[..^suffix];
        if (!double.TryParse(digits, NumberStyles.AllowDecimalPoint | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var value) || !double.IsFinite(value))
            return false;
        var seconds = value * secondsPerUnit;
        if (seconds > 10 * 366 * 86400.0)
            return false;
        duration = TimeSpan.FromTicks((long)Math.Round(seconds * TimeSpan.TicksPerSecond));
        return true;
    }

    /// <summary>The shortest of those forms that reads back as the same duration.</summary>
    public static string Format(TimeSpan duration) =>
        (duration.Ticks / (decimal)TimeSpan.TicksPerSecond).ToString("0.#######", CultureInfo.InvariantCulture) + "s";
}
