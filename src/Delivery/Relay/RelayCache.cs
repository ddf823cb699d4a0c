using System.Collections.Concurrent;

namespace Millrace.Delivery.Relay;

/// <summary>How a request was met.</summary>
internal enum RelayVerdict
{
    /// <summary>It is here, and fresh.</summary>
    Hit,
    /// <summary>Somebody asks for it already.</summary>
    Collapsed,
    /// <summary>A parent is asked.</summary>
    Miss,
    /// <summary>It is here and no longer fresh: a parent is asked whether it still holds.</summary>
    Stale,
    /// <summary>Too much is under way; nobody was asked.</summary>
    Refused,
}

/// <summary>
/// The collapsing cache. For each key there is at most one fetch at a time, and whoever asks meanwhile shares it, requests
/// that are held for the future included.
/// </summary>
internal sealed class RelayCache
{
    private readonly ConcurrentDictionary<RelayKey, RelayObject> objects = new();
    // The newest good version of each playlist, for when no parent answers.
    private readonly ConcurrentDictionary<RelayKey, RelayKey> newest = new();
    private readonly ConcurrentDictionary<RelayObject, byte> fetching = new();
    private readonly EvictionPolicy policy;
    private readonly Lock gate = new();
    private readonly RelayOptions options;
    private readonly RelayMemory memory;
    private readonly TimeProvider time;
    private int fetchingCount;
    private bool isStopping;

    public RelayCache(RelayOptions options, RelayMemory memory, TimeProvider time)
    {
        this.options = options;
        this.memory = memory;
        this.time = time;
        policy = new EvictionPolicy(options.MaxObjects);
    }

    /// <summary>Fetches an object; the second is the version that was kept, with a use of its own, or null. Set once, before the first request.</summary>
    public Func<RelayObject, RelayObject?, Task> Fetch { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>Where objects go that memory drops, or null. Set once, before the first request.</summary>
    public RelayDisk? Disk { get; set; }

    /// <summary>Whether an object is live media; see <see cref="EvictionPolicy"/>.</summary>
    public Func<RelayObject, bool> IsLive { get; set; } = _ => false;

    /// <summary>Objects kept.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return policy.Count;
        }
    }

    /// <summary>Fetches under way.</summary>
    public int Fetching => Volatile.Read(ref fetchingCount);

    /// <summary>The object of a key, begun when it is not here. The caller leaves it with <see cref="Leave"/>; null only with <see cref="RelayVerdict.Refused"/>.</summary>
    /// <param name="key">What is wanted.</param>
    /// <param name="loop">The request's <c>CDN-Loop</c>, or null.</param>
    /// <param name="verdict">How the request was met.</param>
    public RelayObject? Enter(in RelayKey key, string? loop, out RelayVerdict verdict)
    {
        while (true)
        {
            RelayObject? previous = null;
            if (objects.TryGetValue(key, out var found))
            {
                if (!found.TryEnter())
                {
                    objects.TryRemove(KeyValuePair.Create(key, found));
                    continue;
                }
                if (found.Head is not { } head)
                {
                    verdict = RelayVerdict.Collapsed;
                    return found;
                }
                if (found.IsFetching || head.IsUsable(time))
                {
                    EvictionPolicy.Use(found);
                    verdict = found.IsFetching ? RelayVerdict.Collapsed : RelayVerdict.Hit;
                    return found;
                }
                previous = found;
            }

            if (isStopping || Fetching >= options.MaxUpstream || memory.UsedBytes >= 2 * options.MemoryBytes)
            {
                if (previous is not null)
                    Leave(previous);
                verdict = RelayVerdict.Refused;
                return null;
            }
            var begun = new RelayObject(key, loop);
            if (previous is null ? objects.TryAdd(key, begun) : objects.TryUpdate(key, begun, previous))
            {
                if (previous is not null)
                    Unstore(previous);
                fetching.TryAdd(begun, 0);
                Interlocked.Increment(ref fetchingCount);
                begun.Fetch = Fetch(begun, previous);
                verdict = previous is null ? RelayVerdict.Miss : RelayVerdict.Stale;
                return begun;
            }
            if (previous is not null)
                Leave(previous);
        }
    }

    /// <summary>Ends a use. The last one to leave an object that is still fetched abandons the fetch.</summary>
    public void Leave(RelayObject item)
    {
        if (item.Leave())
            Forget(item);
    }

    /// <summary>It is found no more; those who use it go on.</summary>
    public void Forget(RelayObject item) => objects.TryRemove(KeyValuePair.Create(item.Key, item));

    /// <summary>The fetch of an object ended: it is kept when it may be, else forgotten.</summary>
    public void Finish(RelayObject item)
    {
        var isKept = item is { Head.MayStore: true, Body.IsComplete: true } && Store(item);
        item.EndFetch();
        fetching.TryRemove(item, out _);
        Interlocked.Decrement(ref fetchingCount);
        if (!isKept)
            Forget(item);
    }

    /// <summary>The newest good version of a playlist, entered for the caller, or null.</summary>
    public RelayObject? EnterNewest(in RelayKey key) =>
        newest.TryGetValue(key.AnyVersion, out var known) && objects.TryGetValue(known, out var item) && item is { IsFetching: false, Head.MayBeStale: true }
            && item.TryEnter() ? item : null;

    /// <summary>Evicts until there is room for what comes; called as bytes come.</summary>
    public void MakeRoom()
    {
        // What waits for the disk is on its way out: dropping more for its sake would empty memory in front of a slow disk.
        while (memory.UsedBytes - (Disk?.WaitingBytes ?? 0) > options.MemoryBytes)
        {
            RelayObject? worst;
            lock (gate)
                worst = policy.Evict();
            if (worst is null)
                return;
            Evict(worst);
            RelayMetrics.Evictions.Add(1);
        }
    }

    /// <summary>Drops everything whose path begins so, what is under way included; how many that were.</summary>
    public int Purge(string prefix)
    {
        var count = 0;
        foreach (var (key, item) in objects)
        {
            if (!key.Path.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            item.Doom();
            Unstore(item);
            Forget(item);
            count++;
        }
        count += Disk?.Purge(prefix) ?? 0;
        foreach (var (key, _) in newest)
        {
            if (key.Path.StartsWith(prefix, StringComparison.Ordinal))
                newest.TryRemove(key, out _);
        }
        return count;
    }

    /// <summary>Drops what nobody can use any more: errors and past versions of playlists. Called every few seconds.</summary>
    public void Sweep()
    {
        List<RelayObject> dead = [];
        lock (gate)
        {
            foreach (var item in policy.Objects)
            {
                if (item.Head is { } head && -head.TimeToLive(time) > (MayServeStale(item) ? options.StaleLimit : TimeSpan.Zero))
                    dead.Add(item);
            }
        }
        foreach (var item in dead)
            Drop(item);
        foreach (var (playlist, version) in newest)
        {
            if (!objects.ContainsKey(version))
                newest.TryRemove(KeyValuePair.Create(playlist, version));
        }
    }

    /// <summary>Asks parents for nothing more, and ends every fetch that has no answer yet: those who wait get an error and go elsewhere.</summary>
    public void EndWaits()
    {
        isStopping = true;
        foreach (var (item, _) in fetching)
        {
            if (item.Head is null)
                item.Abandon();
        }
    }

    /// <summary>Ends every fetch and waits for them.</summary>
    public async Task StopAsync()
    {
        isStopping = true;
        foreach (var (item, _) in fetching)
            item.Abandon();
        foreach (var (item, _) in fetching)
            await item.Fetch;
    }

    // Of a playlist's numbered versions only the newest is of use to anyone.
    private bool MayServeStale(RelayObject item) =>
        item.Head!.MayBeStale && (!item.Key.IsBlocking || (newest.TryGetValue(item.Key.AnyVersion, out var version) && version == item.Key));

    private bool Store(RelayObject item)
    {
        // Only what can still be found: a purge or a newer version may have come between.
        if (!objects.TryGetValue(item.Key, out var current) || current != item || !item.TryStore())
            return false;
        var isLive = IsLive(item);
        lock (gate)
            policy.Add(item, item.Body!.Length, isLive);
        RelayMetrics.AddObjects(1);
        if (item is { Head.Status: 200 } && RelayPath.IsPlaylist(item.Key.Path))
            newest.AddOrUpdate(item.Key.AnyVersion, static (_, added) => added, static (_, known, added) => IsNewer(added, known) ? added : known, item.Key);
        // A purge that came while it was being put away did not find it among what is kept.
        if (item.IsDoomed)
        {
            Drop(item);
            return false;
        }
        RelayObject? tooMany = null;
        lock (gate)
        {
            if (policy.Count > options.MaxObjects)
                tooMany = policy.Evict();
        }
        if (tooMany is not null)
            Evict(tooMany);
        MakeRoom();
        return true;
    }

    // A version that was asked for by number is at least that new; one that was not replaces and is replaced.
    private static bool IsNewer(RelayKey added, RelayKey known) =>
        !added.IsBlocking || !known.IsBlocking || added.Segment > known.Segment || (added.Segment == known.Segment && added.Part >= known.Part);

    private void Evict(RelayObject item)
    {
        // A purge in this moment takes nothing from under the disk.
        if (Disk is not null && item.TryEnter())
        {
            Disk.Offer(item);
            Leave(item);
        }
        Drop(item);
    }

    private void Drop(RelayObject item)
    {
        Forget(item);
        Unstore(item);
    }

    private void Unstore(RelayObject item)
    {
        lock (gate)
        {
            if (item.Slot.Node is not null)
                policy.Remove(item);
            if (!item.Slot.IsCounted)
                return;
            item.Slot.IsCounted = false;
        }
        RelayMetrics.AddObjects(-1);
        item.Unstore();
    }
}
