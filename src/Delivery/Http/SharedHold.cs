using System.Collections.Concurrent;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// One wait at the timeline for all requests that wait for the same. Whoever gets one from <see cref="Enter"/> leaves it, once; when the
/// last one has left, the wait ends. Thread-safe.
/// </summary>
#pragma warning disable CA1001 // A token source without a timer needs no disposal.
internal sealed class SharedHold
#pragma warning restore CA1001
{
    private readonly CancellationTokenSource abandoned = new();
    private readonly Waiters waiters = new();
    private int users = 1;

    /// <summary>There is a result.</summary>
    public bool IsOver => waiters.IsOver;

    /// <summary>What came of it; <see cref="TimelineWait.Cancelled"/> before it is over.</summary>
    public TimelineWait Result { get; private set; } = TimelineWait.Cancelled;

    /// <summary>The wait for this, begun when nobody waits for it yet.</summary>
    /// <param name="all">All that are under way.</param>
    /// <param name="hold">What is waited for.</param>
    public static SharedHold Enter(ConcurrentDictionary<MediaHold, SharedHold> all, MediaHold hold)
    {
        while (true)
        {
            if (all.TryGetValue(hold, out var known) && known.TryEnter())
                return known;
            var begun = new SharedHold();
            if (known is null ? all.TryAdd(hold, begun) : all.TryUpdate(hold, begun, known))
            {
                _ = begun.RunAsync(all, hold);
                return begun;
            }
        }
    }

    /// <summary>Has somebody woken when it is over; false when it is.</summary>
    public bool TryWait(IWaiter waiter) => waiters.TryAdd(waiter);

    /// <summary>A user leaves.</summary>
    /// <param name="waiter">Who was to be woken, or null.</param>
    public void Leave(IWaiter? waiter)
    {
        if (waiter is not null)
            waiters.Remove(waiter);
        if (Interlocked.Decrement(ref users) == 0)
            abandoned.Cancel();
    }

    // What nobody uses any more is about to end: it takes nobody in.
    private bool TryEnter()
    {
        for (var seen = Volatile.Read(ref users); seen > 0;)
        {
            var before = Interlocked.CompareExchange(ref users, seen + 1, seen);
            if (before == seen)
                return true;
            seen = before;
        }
        return false;
    }

    private async Task RunAsync(ConcurrentDictionary<MediaHold, SharedHold> all, MediaHold hold)
    {
        Result = await hold.WaitAsync(abandoned.Token).ConfigureAwait(false);
        all.TryRemove(KeyValuePair.Create(hold, this));
        waiters.Release();
    }
}
