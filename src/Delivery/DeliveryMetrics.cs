using System.Diagnostics.Metrics;

namespace Millrace.Delivery;

/// <summary>What the origin counts: meter <c>Millrace.Delivery</c>, one for the process.</summary>
internal static class DeliveryMetrics
{
    private static readonly Meter Meter = new("Millrace.Delivery");
    private static long memoryBytes;
    private static long broadcasts;
    private static long held;
    private static long direct;
    private static long failing;
    private static long replays;
    private static long downloads;
    private static readonly string[] KindNames = ["none", "multivariant", "manifest", "playlist", "dvr", "dvr_multivariant", "init", "segment", "part", "preview", "sprite_index", "sprite_sheet", "download", "steering", "steering_dvr", "steering_dash"];
    // Boxed once: one answer in a thousand has a status that is not here.
    private static readonly Dictionary<int, object> Statuses = new() { [200] = 200, [206] = 206, [304] = 304, [404] = 404 };

    public static readonly Counter<long> SpoolBytes = Meter.CreateCounter<long>("millrace.spool.written", "By", "Bytes of media and journals written to disk.");
    public static readonly Counter<long> SpoolDropped = Meter.CreateCounter<long>("millrace.spool.dropped", "{segment}", "Segments lost because the disk did not take them.");
    public static readonly Counter<long> Responses = Meter.CreateCounter<long>("millrace.delivery.responses", "{response}", "Answered media requests, by kind of object and status.");
    public static readonly Counter<long> SentBytes = Meter.CreateCounter<long>("millrace.delivery.sent", "By", "Media and playlist bytes sent.");

    public static readonly Counter<long> TlsFailures = Meter.CreateCounter<long>("millrace.http.tls_failures", "{connection}", "HTTPS handshakes that failed.");
    public static readonly Counter<long> HandedOver = Meter.CreateCounter<long>("millrace.http.handed_over", "{connection}", "Connections that the direct path gave to Kestrel.");

    static DeliveryMetrics()
    {
        Meter.CreateObservableGauge("millrace.origin.memory", () => Volatile.Read(ref memoryBytes), "By", "Media held in memory.");
        Meter.CreateObservableGauge("millrace.origin.broadcasts", () => Volatile.Read(ref broadcasts), "{broadcast}", "Broadcasts that can be fetched, ended ones included.");
        Meter.CreateObservableGauge("millrace.spool.failing", () => Volatile.Read(ref failing), "{disk}", "1 while the disk does not take media.");
        Meter.CreateObservableGauge("millrace.replays", () => Volatile.Read(ref replays), "{replay}", "Replays that can be watched.");
        Meter.CreateObservableGauge("millrace.downloads", () => Volatile.Read(ref downloads), "{download}", "Files that are being downloaded.");
        Meter.CreateObservableGauge("millrace.delivery.held", () => Volatile.Read(ref held), "{request}", "Requests that wait for the future.");
        Meter.CreateObservableGauge("millrace.http.direct", () => Volatile.Read(ref direct), "{connection}", "Connections of the direct path.");
    }

    /// <summary>Makes every instrument known, so that a scrape finds them all at 0 before the first broadcast.</summary>
    public static void Announce()
    {
        // The static constructor has done it by now.
    }

    /// <summary>A request has been answered.</summary>
    public static void CountResponse(MediaObject kind, int status) =>
        Responses.Add(1, new("kind", KindNames[(int)kind]), new("status", Statuses.TryGetValue(status, out var boxed) ? boxed : status));

    public static void AddMemory(long bytes) => Interlocked.Add(ref memoryBytes, bytes);

    public static void AddBroadcasts(int count) => Interlocked.Add(ref broadcasts, count);

    public static void AddFailing(int count) => Interlocked.Add(ref failing, count);

    public static void AddReplays(int count) => Interlocked.Add(ref replays, count);

    public static void AddDownloads(int count) => Interlocked.Add(ref downloads, count);

    public static void AddDirect(int count) => Interlocked.Add(ref direct, count);

    public static void AddHeld(int count) => Interlocked.Add(ref held, count);
}
