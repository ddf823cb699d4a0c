namespace Millrace.Server.Rtmp;

/// <summary>
/// Says a fault that peers repeat at most once per interval: the first one at once, those that follow together at the interval's end, with
/// the latest one's detail. Nothing stays unsaid. Thread-safe.
/// </summary>
/// <param name="time">Clock and timer.</param>
/// <param name="interval">The least time between two reports.</param>
/// <param name="say">Called with the latest detail and the number since the last report; must not block.</param>
internal sealed class ThrottledReport<T>(TimeProvider time, TimeSpan interval, Action<T, long> say)
{
    private readonly Lock gate = new();
    private ITimer? timer;
    private T latest = default!;
    private long count;

    /// <summary>Counts one.</summary>
    public void Count(T detail)
    {
        lock (gate)
        {
            latest = detail;
            count++;
            if (timer is null)
                Say();
        }
    }

    private void Elapse()
    {
        lock (gate)
        {
            timer?.Dispose();
            timer = null;
            if (count > 0)
                Say();
        }
    }

    private void Say()
    {
        var said = count;
        count = 0;
        timer = time.CreateTimer(static state => ((ThrottledReport<T>)state!).Elapse(), this, interval, Timeout.InfiniteTimeSpan);
        say(latest, said);
    }
}
