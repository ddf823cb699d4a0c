namespace Millrace.Delivery;

/// <summary>
/// All who wait for one thing. One thread wakes them in one pass: there is neither a task for each nor a turn of the runtime's
/// pool, of which a crowd would need thousands at once. Thread-safe.
/// </summary>
internal sealed class Waiters
{
    private readonly Lock gate = new();
    private HashSet<IWaiter>? waiting;
    private bool isOver;

    /// <summary>It is there.</summary>
    public bool IsOver => Volatile.Read(ref isOver);

    /// <summary>Has somebody woken when it is there; false when it is.</summary>
    public bool TryAdd(IWaiter waiter)
    {
        lock (gate)
        {
            if (isOver)
                return false;
            (waiting ??= []).Add(waiter);
            return true;
        }
    }

    /// <summary>Somebody waits no longer. He may be woken in this moment all the same.</summary>
    public void Remove(IWaiter waiter)
    {
        lock (gate)
            waiting?.Remove(waiter);
    }

    /// <summary>It is there: wakes all, once.</summary>
    public void Release()
    {
        HashSet<IWaiter>? due;
        lock (gate)
        {
            Volatile.Write(ref isOver, true);
            due = waiting;
            waiting = null;
        }
        foreach (var waiter in due ?? [])
            waiter.Wake();
    }
}
