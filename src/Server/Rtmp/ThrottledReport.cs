namespace Millrace.Server.Rtmp;

/// <summary>Counts a fault that peers repeat, and says at most once per interval how often it happened. Thread-safe.</summary>
internal sealed class ThrottledReport(TimeProvider time, TimeSpan interval)
{
    private readonly Lock gate = new();
    private long count;
    private long nextReport;

    /// <summary>Counts one. Returns the number since the last report when a report is due, else null.</summary>
    public long? Count()
    {
        lock (gate)
        {
            count++;
            var now = time.GetTimestamp();
            if (now < nextReport)
                return null;
            nextReport = now + (long)(interval.TotalSeconds * time.TimestampFrequency);
            var reported = count;
            count = 0;
            return reported;
        }
    }
}
