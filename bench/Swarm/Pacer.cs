using System.Diagnostics;

namespace Millrace.Swarm;

/// <summary>One thread that ticks every publisher each millisecond or two.</summary>
internal sealed class Pacer(IReadOnlyList<Publisher> publishers)
{
    /// <summary>Longest time between two rounds: above some 20 ms the swarm itself is what is late.</summary>
    public double WorstRoundMilliseconds { get; private set; }

    /// <summary>Connects all publishers, a few at a time, and waits until each is live or has failed.</summary>
    public void Connect(int atOnce, CancellationToken cancellationToken)
    {
        var next = 0;
        var started = new List<Publisher>();
        while (!cancellationToken.IsCancellationRequested)
        {
            started.RemoveAll(publisher => publisher.IsLive || publisher.Failure is not null);
            while (started.Count < atOnce && next < publishers.Count)
            {
                publishers[next].Start();
                started.Add(publishers[next++]);
            }
            Round();
            if (started.Count == 0 && next == publishers.Count)
                return;
            Thread.Sleep(1);
        }
    }

    /// <summary>Paces for so long.</summary>
    public void Run(TimeSpan time, CancellationToken cancellationToken)
    {
        var end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        var drainAt = 0L;
        var scratch = new byte[16 * 1024];
        var last = Stopwatch.GetTimestamp();
        WorstRoundMilliseconds = 0;
        while (last < end && !cancellationToken.IsCancellationRequested)
        {
            Round();
            if (last >= drainAt)
            {
                foreach (var publisher in publishers)
                    publisher.Drain(scratch);
                drainAt = last + Stopwatch.Frequency / 2;
            }
            Thread.Sleep(1);
            var now = Stopwatch.GetTimestamp();
            WorstRoundMilliseconds = Math.Max(WorstRoundMilliseconds, Stopwatch.GetElapsedTime(last, now).TotalMilliseconds);
            last = now;
        }
    }

    private void Round()
    {
        var now = Stopwatch.GetTimestamp();
        foreach (var publisher in publishers)
            publisher.Tick(now);
    }
}
