namespace Millrace.Delivery.Relay;

/// <summary>An object's place in the <see cref="EvictionPolicy"/>: its queue, its size and how often it was used.</summary>
internal sealed class EvictionSlot
{
    /// <summary>Where it stands, or null.</summary>
    public LinkedListNode<RelayObject>? Node { get; set; }

    /// <summary>In the main queue, else in the small one.</summary>
    public bool IsMain { get; set; }

    /// <summary>Bytes that it was counted with.</summary>
    public long Bytes { get; set; }

    /// <summary>It is kept: counted among the objects, though an eviction may just have taken it out of its queue.</summary>
    public bool IsCounted { get; set; }

    /// <summary>It was live media when it came.</summary>
    public bool IsLive { get; set; }

    /// <summary>It was asked for again after it came, or it came again soon after it was dropped.</summary>
    public bool WasUsed { get; set; }

    /// <summary>Uses since it was last looked at, 0 to 3. Written without a lock: a lost count does no harm.</summary>
    public int Uses { get; set; }
}

/// <summary>
/// Who goes when memory is short: S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction",
/// SOSP 2023). What comes for the first time stands in a small queue, a tenth of the bytes; only what is used again there,
/// or comes back soon after it was dropped, gets into the main queue. So a scan of old replays, each object asked for once,
/// passes through the small queue and pushes nothing out of the main one.
/// </summary>
/// <remarks>
/// One difference: live media goes to the main queue at once. It was asked for ahead, by this node or by a player at the
/// live edge, and the crowd comes in the next moments; when they do not, it leaves main at the first look like all unused.
/// Not thread-safe; the cache locks.
/// </remarks>
internal sealed class EvictionPolicy
{
    private const int MaxUses = 3;
    // An object's bookkeeping, so that many tiny ones count as well.
    private const int OverheadBytes = 1024;

    private readonly LinkedList<RelayObject> small = [];
    private readonly LinkedList<RelayObject> main = [];
    private readonly Queue<int> ghostOrder = [];
    private readonly HashSet<int> ghosts = [];
    private readonly int maxGhosts;
    private long smallBytes;
    private long mainBytes;

    /// <param name="maxGhosts">Most dropped objects that are remembered, by a hash of four bytes each.</param>
    public EvictionPolicy(int maxGhosts) => this.maxGhosts = maxGhosts;

    public int Count => small.Count + main.Count;

    /// <summary>Objects in order of being looked at, for a walk over all.</summary>
    public IEnumerable<RelayObject> Objects => small.Concat(main);

    /// <summary>It was used once more. Any thread.</summary>
    public static void Use(RelayObject item)
    {
        item.Slot.WasUsed = true;
        if (item.Slot.Uses < MaxUses)
            item.Slot.Uses++;
    }

    /// <summary>Takes an object in.</summary>
    public void Add(RelayObject item, long bytes, bool isLive)
    {
        item.Slot.Bytes = bytes + OverheadBytes;
        item.Slot.IsCounted = true;
        item.Slot.IsLive = isLive;
        var isBack = ghosts.Remove(item.Key.GetHashCode());
        item.Slot.WasUsed |= isBack;
        Push(item, isLive || isBack);
    }

    /// <summary>Takes an object out, wherever it is.</summary>
    public void Remove(RelayObject item)
    {
        if (item.Slot.Node is not { } node)
            return;
        if (item.Slot.IsMain)
            mainBytes -= item.Slot.Bytes;
        else
            smallBytes -= item.Slot.Bytes;
        node.List!.Remove(node);
        item.Slot.Node = null;
    }

    /// <summary>Takes out the object that is worth least, or null when there is none.</summary>
    public RelayObject? Evict()
    {
        while (small.Count > 0 && (smallBytes * 10 >= smallBytes + mainBytes || main.Count == 0))
        {
            var oldest = small.First!.Value;
            Remove(oldest);
            if (oldest.Slot.Uses > 1)
            {
                oldest.Slot.Uses = 0;
                Push(oldest, isMain: true);
                continue;
            }
            Remember(oldest);
            return oldest;
        }
        while (main.Count > 0)
        {
            var oldest = main.First!.Value;
            Remove(oldest);
            if (oldest.Slot.Uses == 0)
                return oldest;
            oldest.Slot.Uses--;
            Push(oldest, isMain: true);
        }
        return null;
    }

    private void Push(RelayObject item, bool isMain)
    {
        item.Slot.IsMain = isMain;
        item.Slot.Node = (isMain ? main : small).AddLast(item);
        if (isMain)
            mainBytes += item.Slot.Bytes;
        else
            smallBytes += item.Slot.Bytes;
    }

    private void Remember(RelayObject item)
    {
        var hash = item.Key.GetHashCode();
        if (!ghosts.Add(hash))
            return;
        ghostOrder.Enqueue(hash);
        while (ghostOrder.Count > Math.Min(maxGhosts, Math.Max(64, main.Count)))
            ghosts.Remove(ghostOrder.Dequeue());
    }
}
