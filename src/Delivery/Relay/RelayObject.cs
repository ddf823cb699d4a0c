namespace Millrace.Delivery.Relay;

/// <summary>
/// One answer on its way or kept: the head when it is there, the body as it comes, and who uses it. Whoever enters leaves
/// through <see cref="RelayCache"/>. When the last user leaves before all is there, the fetch is abandoned.
/// </summary>
#pragma warning disable CA1001 // A token source without a timer needs no disposal.
internal sealed class RelayObject
#pragma warning restore CA1001
{
    private readonly Lock gate = new();
    private readonly TaskCompletionSource answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource abandoned = new();
    private readonly Waiters ready = new();
    private int users = 1;
    private bool isFetching = true;
    private bool isWhole;
    private bool isStored;
    private bool isClosed;
    private bool isDoomed;

    /// <param name="key">What it is.</param>
    /// <param name="loop">Through which relays the request came that it is fetched for (<c>CDN-Loop</c>), or null.</param>
    public RelayObject(in RelayKey key, string? loop)
    {
        Key = key;
        Loop = loop;
    }

    public RelayKey Key { get; }

    public string? Loop { get; }

    /// <summary>Set before <see cref="Answered"/> ends.</summary>
    public RelayHead? Head { get; private set; }

    /// <summary>Set together with the head.</summary>
    public RelayBody? Body { get; private set; }

    /// <summary>Ends when there is a head.</summary>
    public Task Answered => answered.Task;

    /// <summary>
    /// An answer can be sent: its head is there, and its body begins to come. A short text lies in memory that moves while it is not
    /// pinned, so it is sent in one go, when it is whole.
    /// </summary>
    public bool IsReady => ready.IsOver;

    /// <summary>Cancelled when nobody waits for it any more, or it is in nobody's interest.</summary>
    public CancellationToken Abandoned => abandoned.Token;

    /// <summary>The task that fetches it; ended when it is kept.</summary>
    public Task Fetch { get; set; } = Task.CompletedTask;

    /// <summary>Where the policy has it. Guarded by the policy's lock.</summary>
    public EvictionSlot Slot { get; } = new();

    /// <summary>What its last hit was told, or null. Any thread; the newest need not win.</summary>
    public HitFields? HitFields { get; set; }

    /// <summary>The fetch goes on.</summary>
    public bool IsFetching => Volatile.Read(ref isFetching);

    /// <summary>It was purged while it came: its users get it, nobody keeps it.</summary>
    public bool IsDoomed => Volatile.Read(ref isDoomed);

    /// <summary>One more user; false when it has been given up.</summary>
    public bool TryEnter()
    {
        lock (gate)
        {
            if (isClosed)
                return false;
            users++;
            return true;
        }
    }

    /// <summary>One user less. True when the fetch is abandoned by that.</summary>
    public bool Leave()
    {
        RelayBody? freed = null;
        var isAbandoned = false;
        lock (gate)
        {
            if (--users > 0)
                return false;
            if (!isFetching)
                freed = CloseUnlessStored();
            else if (!isWhole)
                isAbandoned = isClosed = true;
        }
        freed?.Release();
        if (isAbandoned)
            abandoned.Cancel();
        return isAbandoned;
    }

    /// <summary>Stops the fetch whoever waits: the node stops.</summary>
    public void Abandon() => abandoned.Cancel();

    /// <summary>It will not be kept.</summary>
    public void Doom() => Volatile.Write(ref isDoomed, true);

    /// <summary>The head is there; takes the reference to the body over.</summary>
    public void Answer(RelayHead head, RelayBody body)
    {
        lock (gate)
        {
            Head = head;
            Body = body;
            isWhole = body.IsComplete;
        }
        answered.TrySetResult();
        if (!body.IsSmall || body.IsOver)
            ready.Release();
    }

    /// <summary>Has somebody woken when it is ready; false when it is.</summary>
    public bool TryWait(IWaiter waiter) => ready.TryAdd(waiter);

    /// <summary>Somebody waits no longer.</summary>
    public void StopWaiting(IWaiter waiter) => ready.Remove(waiter);

    /// <summary>
    /// More of the body came. With its last declared byte it counts as whole, before anyone can see that byte and leave.
    /// </summary>
    public void Advance(int count)
    {
        if (Head!.Length == Body!.Length + count)
        {
            lock (gate)
                isWhole = true;
        }
        Body.Advance(count);
    }

    /// <summary>The body is there to its end: from now on nobody who leaves makes it worthless.</summary>
    public void Complete()
    {
        lock (gate)
            isWhole = true;
        Body!.Complete();
        ready.Release();
    }

    /// <summary>The rest of the body will not come.</summary>
    public void Fail()
    {
        Body!.Fail();
        ready.Release();
    }

    /// <summary>Whether it may be kept from now on; false when it was given up meanwhile.</summary>
    public bool TryStore()
    {
        lock (gate)
        {
            if (isClosed || isDoomed)
                return false;
            isStored = true;
            return true;
        }
    }

    /// <summary>It is kept no longer.</summary>
    public void Unstore()
    {
        RelayBody? freed;
        lock (gate)
        {
            isStored = false;
            freed = users == 0 && !isFetching ? CloseUnlessStored() : null;
        }
        freed?.Release();
    }

    /// <summary>The fetch has ended, one way or the other.</summary>
    public void EndFetch()
    {
        RelayBody? freed;
        lock (gate)
        {
            isFetching = false;
            freed = users == 0 ? CloseUnlessStored() : null;
        }
        freed?.Release();
    }

    private RelayBody? CloseUnlessStored()
    {
        if (isStored)
            return null;
        isClosed = true;
        var body = Body;
        Body = null;
        return body;
    }
}
