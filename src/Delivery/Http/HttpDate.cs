using System.Globalization;
using System.Text;

namespace Millrace.Delivery;

/// <summary>The value of Date (RFC 9110 §6.6.1), made once a second for everyone.</summary>
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

    private sealed record Made(DateTimeOffset At, byte[] Text);
}
