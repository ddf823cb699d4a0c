using System.Diagnostics.Metrics;
using System.Text.Json;

namespace Millrace.Delivery.Previews;

/// <summary>Why a picture could not be made.</summary>
internal enum PreviewFailure
{
    /// <summary>ffmpeg decoded nothing.</summary>
    Undecodable,
    /// <summary>ffmpeg took longer than its limit.</summary>
    TimedOut,
    /// <summary>ffmpeg could not be started.</summary>
    NotStarted,
    /// <summary>The key frame or the pictures are larger than anything sensible.</summary>
    TooLarge,
    /// <summary>The picture is there, its sprite sheet could not be written.</summary>
    Disk,
}

/// <summary>What previews count: instruments of the meter <c>Millrace.Previews</c>, one for the process.</summary>
internal static class PreviewMetrics
{
    private static readonly Meter Meter = new("Millrace.Previews");
    private static readonly long[] Failed = new long[Enum.GetValues<PreviewFailure>().Length];
    private static readonly KeyValuePair<string, object?>[] Reasons =
        [.. Enum.GetNames<PreviewFailure>().Select(name => KeyValuePair.Create("reason", (object?)JsonNamingPolicy.SnakeCaseLower.ConvertName(name)))];
    private static long made;
    private static long skipped;
    private static long milliseconds;
    private static long backingOff;

    static PreviewMetrics()
    {
        Meter.CreateObservableCounter("millrace.preview.pictures", () => Volatile.Read(ref made), "{picture}", "Key frames that became a thumbnail.");
        Meter.CreateObservableCounter("millrace.preview.skipped", () => Volatile.Read(ref skipped), "{picture}", "Pictures left out because the one before was not made in time.");
        Meter.CreateObservableCounter("millrace.preview.failures", () => Failed.Select((_, i) => new Measurement<long>(Volatile.Read(ref Failed[i]), Reasons[i])), "{picture}", "Pictures that could not be made, by reason.");
        Meter.CreateObservableCounter("millrace.preview.work", () => Volatile.Read(ref milliseconds) / 1000.0, "s", "Time that ffmpeg ran for pictures.");
        Meter.CreateObservableGauge("millrace.preview.backing_off", () => Volatile.Read(ref backingOff), "{broadcast}", "Broadcasts whose pictures fail again and again, and are tried less often.");
    }

    /// <summary>Makes every instrument known, so that a scrape finds them all at 0.</summary>
    public static void Announce()
    {
        // The static constructor has done it by now.
    }

    public static void CountMade() => Interlocked.Increment(ref made);

    public static void CountSkipped() => Interlocked.Increment(ref skipped);

    public static void Count(PreviewFailure reason) => Interlocked.Increment(ref Failed[(int)reason]);

    public static void AddWork(TimeSpan ran) => Interlocked.Add(ref milliseconds, (long)ran.TotalMilliseconds);

    public static void SetBackingOff(int broadcasts) => Volatile.Write(ref backingOff, broadcasts);
}
