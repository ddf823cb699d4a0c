using System.Globalization;
using System.Text;

namespace Millrace.Delivery;

/// <summary>Dates in headers (RFC 9110 §5.6.7); the value of Date (§6.6.1) is made once a second for everyone.</summary>
internal static class HttpDate
{
    private static volatile Made made = new(DateTimeOffset.MinValue, []);

    /// <summary>Now by that clock, as 29 bytes.</summary>
    public static ReadOnlySpan<byte> Now(TimeProvider time)
    {
        var now = time.GetUtcNow();
        var last = made;
        if (now.Ticks / TimeSpan.TicksPerSecond != last.At.Ticks / TimeSpan.TicksPerSecond)
            made = last = new Made(now, Encoding.ASCII.GetBytes(now.ToString("R", CultureInfo.InvariantCulture)));
        return last.Text;
    }

    /// <summary>Whether an If-Modified-Since (RFC 9110 §13.1.3), empty when there is none, knows what was modified then. One that is no date is ignored.</summary>
    public static bool IsUnchanged(ReadOnlySpan<char> since, DateTimeOffset? modified) => IsNewer(since, modified) == false;

    /// <summary>Whether something was modified after an If-Unmodified-Since (RFC 9110 §13.1.4), empty when there is none. One that is no date is ignored.</summary>
    public static bool IsChanged(ReadOnlySpan<char> since, DateTimeOffset? modified) => IsNewer(since, modified) == true;

    /// <summary>A header's date; null when it is none.</summary>
    public static DateTimeOffset? Parse(ReadOnlySpan<char> text) =>
        DateTimeOffset.TryParseExact(text, "R", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date) ? date : null;

    private static bool? IsNewer(ReadOnlySpan<char> since, DateTimeOffset? modified) =>
        !since.IsEmpty && modified is { } at && Parse(since) is { } known ? at.Ticks / TimeSpan.TicksPerSecond > known.Ticks / TimeSpan.TicksPerSecond : null;

    private sealed record Made(DateTimeOffset At, byte[] Text);
}
