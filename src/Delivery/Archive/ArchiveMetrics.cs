using System.Diagnostics.Metrics;

namespace Millrace.Delivery;

/// <summary>What the archive counts: meter <c>Millrace.Archive</c>, one for the process.</summary>
internal static class ArchiveMetrics
{
    private static readonly Meter Meter = new("Millrace.Archive");
    private static long queue;
    private static long failing;
    private static long localBytes;
    private static double lag;

    public static readonly Counter<long> Uploads = Meter.CreateCounter<long>("millrace.archive.uploads", "{object}", "Objects uploaded, by outcome; one that failed is tried again.");
    public static readonly Counter<long> Uploaded = Meter.CreateCounter<long>("millrace.archive.uploaded", "By", "Bytes uploaded.");
    public static readonly Counter<long> Retries = Meter.CreateCounter<long>("millrace.archive.retries", "{request}", "Work that failed and was put off.");
    public static readonly Counter<long> Reads = Meter.CreateCounter<long>("millrace.archive.reads", "{read}", "Reads of media that the disk does not hold, by outcome.");
    public static readonly Counter<long> Fetched = Meter.CreateCounter<long>("millrace.archive.fetched", "By", "Bytes of media and journals read from the store.");
    public static readonly Counter<long> Deleted = Meter.CreateCounter<long>("millrace.archive.deleted", "{object}", "Objects deleted from the store.");
    public static readonly Counter<long> Evicted = Meter.CreateCounter<long>("millrace.archive.evicted", "By", "Bytes that left the disk because the store has them.");

    static ArchiveMetrics()
    {
        Meter.CreateObservableGauge("millrace.archive.queue", () => Volatile.Read(ref queue), "{file}", "Media files that wait to be uploaded.");
        Meter.CreateObservableGauge("millrace.archive.lag", () => Volatile.Read(ref lag), "s", "How long the file that waits longest to be uploaded has been full.");
        Meter.CreateObservableGauge("millrace.archive.failing", () => Volatile.Read(ref failing), "{store}", "1 while the store does not do what it is asked for.");
        Meter.CreateObservableGauge("millrace.archive.local", () => Volatile.Read(ref localBytes), "By", "Recordings on this node's disk, against Storage:LocalLimit.");
    }

    /// <summary>Makes every instrument known.</summary>
    public static void Announce()
    {
        // The static constructor has done it by now.
    }

    public static void AddQueue(int files) => Interlocked.Add(ref queue, files);

    public static void AddFailing(int count) => Interlocked.Add(ref failing, count);

    public static void SetLocal(long bytes) => Volatile.Write(ref localBytes, bytes);

    public static void SetLag(double seconds) => Volatile.Write(ref lag, seconds);
}
