using System.Diagnostics.Metrics;

namespace Millrace.Push;

/// <summary>What the pushing side counts: meter <c>Millrace.Push</c>, one for the process.</summary>
internal static class PushMetrics
{
    private static readonly Meter Meter = new("Millrace.Push");
    private static long queued;

    public static readonly Counter<long> SentBytes = Meter.CreateCounter<long>("millrace.push.sent", "By", "Bytes pushed to origins, repetitions included.");
    public static readonly Counter<long> Requests = Meter.CreateCounter<long>("millrace.push.requests", "{request}", "Requests to origins, by outcome.");
    public static readonly Counter<long> DroppedSegments = Meter.CreateCounter<long>("millrace.push.dropped", "{segment}", "Segments of a rendition that became gaps at an origin that did not take them.");
    public static readonly Counter<long> Starts = Meter.CreateCounter<long>("millrace.push.starts", "{start}", "Times that an origin was told a broadcast from its beginning: new to it, or anew.");
    public static readonly Counter<long> Overflows = Meter.CreateCounter<long>("millrace.push.overflows", "{overflow}", "Times that an origin was away for so long that it has to begin anew.");

    static PushMetrics() =>
        Meter.CreateObservableGauge("millrace.push.queued", () => Volatile.Read(ref queued), "By", "Media kept for origins that have not acknowledged it.");

    /// <summary>Makes every instrument known, so that a scrape finds them all at 0.</summary>
    public static void Announce()
    {
        // The static constructor has done it by now.
    }

    public static void AddQueued(long bytes) => Interlocked.Add(ref queued, bytes);
}
