using System.Diagnostics.Metrics;

namespace Millrace.Delivery.Relay;

/// <summary>What relays count: in meter <c>Millrace.Delivery</c>, once for the process.</summary>
internal static class RelayMetrics
{
    private static readonly Meter Meter = new("Millrace.Delivery");
    private static long memory;
    private static long objects;
    private static long waiting;
    private static long fetching;
    private static long disk;
    private static long parentsUp;
    private static long parentsDown;

    public static readonly Counter<long> Requests = Meter.CreateCounter<long>("millrace.relay.requests", "{request}", "Viewers' and lower tiers' requests, by verdict.");
    public static readonly Counter<long> Upstream = Meter.CreateCounter<long>("millrace.relay.upstream", "{request}", "Requests to parents, by outcome.");
    public static readonly Counter<long> Received = Meter.CreateCounter<long>("millrace.relay.received", "By", "Body bytes from parents.");
    public static readonly Counter<long> Sent = Meter.CreateCounter<long>("millrace.relay.sent", "By", "Body bytes to viewers and lower tiers.");
    public static readonly Counter<long> Evictions = Meter.CreateCounter<long>("millrace.relay.evictions", "{object}", "Objects dropped because memory was short.");
    public static readonly Counter<long> Refused = Meter.CreateCounter<long>("millrace.relay.refused", "{request}", "Requests refused, by reason.");
    public static readonly Counter<long> Purges = Meter.CreateCounter<long>("millrace.relay.purges", "{purge}", "Purges carried out.");

    public static readonly Counter<long> Disk = Meter.CreateCounter<long>("millrace.relay.disk.objects", "{object}", "Objects of the disk cache, by what became of them.");

    static RelayMetrics()
    {
        Meter.CreateObservableGauge("millrace.relay.disk", () => Volatile.Read(ref disk), "By", "Bodies in the disk cache.");
        Meter.CreateObservableGauge("millrace.relay.memory", () => Volatile.Read(ref memory), "By", "Bodies in memory.");
        Meter.CreateObservableGauge("millrace.relay.objects", () => Volatile.Read(ref objects), "{object}", "Objects kept.");
        Meter.CreateObservableGauge("millrace.relay.waiting", () => Volatile.Read(ref waiting), "{request}", "Requests that wait for an answer's head.");
        Meter.CreateObservableGauge("millrace.relay.fetching", () => Volatile.Read(ref fetching), "{request}", "Requests to parents under way.");
        Meter.CreateObservableGauge("millrace.relay.parents", () => (Measurement<long>[])
        [
            new(Volatile.Read(ref parentsUp), new KeyValuePair<string, object?>("state", "up")),
            new(Volatile.Read(ref parentsDown), new KeyValuePair<string, object?>("state", "down")),
        ], "{parent}", "Parents, by state.");
    }

    private static readonly string[] VerdictNames = ["hit", "collapsed", "miss", "stale", "refused"];

    public static void AddMemory(long bytes) => Interlocked.Add(ref memory, bytes);

    public static void AddDisk(long bytes) => Interlocked.Add(ref disk, bytes);

    public static void CountDisk(string outcome) => Disk.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public static void AddObjects(int count) => Interlocked.Add(ref objects, count);

    public static void AddWaiting(int count) => Interlocked.Add(ref waiting, count);

    public static void AddFetching(int count) => Interlocked.Add(ref fetching, count);

    public static void AddParents(int up, int down)
    {
        Interlocked.Add(ref parentsUp, up);
        Interlocked.Add(ref parentsDown, down);
    }

    public static void Count(RelayVerdict verdict) => Requests.Add(1, new KeyValuePair<string, object?>("verdict", VerdictNames[(int)verdict]));

    public static void CountUpstream(string outcome) => Upstream.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public static void CountRefused(string reason) => Refused.Add(1, new KeyValuePair<string, object?>("reason", reason));
}
