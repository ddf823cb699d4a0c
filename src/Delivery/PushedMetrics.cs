using System.Diagnostics.Metrics;

namespace Millrace.Delivery;

/// <summary>What an origin counts of pushes, on the meter <c>Millrace.Delivery</c>.</summary>
internal static class PushedMetrics
{
    private static readonly Meter Meter = new("Millrace.Delivery");

    public static readonly Counter<long> ReceivedBytes = Meter.CreateCounter<long>("millrace.origin.push_received", "By", "Media bytes pushed here, repetitions included.");
    public static readonly Counter<long> Requests = Meter.CreateCounter<long>("millrace.origin.push_requests", "{request}", "Push requests answered, by status.");

    /// <summary>Makes every instrument known.</summary>
    public static void Announce()
    {
        // The static constructor has done it by now.
    }
}
