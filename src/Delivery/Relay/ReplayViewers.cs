using System.Collections.Concurrent;

namespace Millrace.Delivery.Relay;

/// <summary>
/// Lets the tiers above know that somebody watches what is answered from here. An origin keeps what was asked for within a minute
/// (<see cref="RetentionOptions"/>), and of a replay that is kept here it hears nothing: so now and then an object that a viewer gets is
/// asked for above as well, by its ETag, and the answer is a 304. Thread-safe.
/// </summary>
/// <remarks>
/// One request in <see cref="Interval"/> for each broadcast, and none while others go up, as they do for what is live. What a tier
/// below tells is told on after half of that already, so that nothing is late in the end because it was early on the way.
/// </remarks>
#pragma warning disable CA1001 // A token source without a timer needs no disposal.
internal sealed class ReplayViewers
#pragma warning restore CA1001
{
    /// <summary>How often the tier above hears of a broadcast: some three times in the minute for which it counts.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);

    private const int MaxBroadcasts = 20_000;
    private const int MaxTelling = 32;
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(2);

    private readonly ConcurrentDictionary<string, Broadcast> broadcasts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Broadcast>.AlternateLookup<ReadOnlySpan<char>> byGroup;
    private readonly Upstream upstream;
    private readonly LoopGuard loops;
    private readonly RelayOptions options;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly HashSet<Task> telling = [];
    private readonly CancellationTokenSource stop = new();

    public ReplayViewers(Upstream upstream, LoopGuard loops, RelayOptions options, TimeProvider time)
    {
        this.upstream = upstream;
        this.loops = loops;
        this.options = options;
        this.time = time;
        byGroup = broadcasts.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Media came from above for somebody here.</summary>
    public void Fetched(ReadOnlySpan<char> path)
    {
        if (Find(path) is { } broadcast)
            Volatile.Write(ref broadcast.Told, time.GetTimestamp());
    }

    /// <summary>Somebody gets from here what is kept.</summary>
    /// <param name="item">It.</param>
    /// <param name="isRelay">It is a relay that asks.</param>
    public void Served(RelayObject item, bool isRelay)
    {
        if (item.Head?.ETag is not { } tag || Find(item.Key.Path) is not { } broadcast)
            return;
        var known = Volatile.Read(ref broadcast.Told);
        if (known != 0 && time.GetElapsedTime(known) < (isRelay ? Interval / 2 : Interval))
            return;
        if (Interlocked.CompareExchange(ref broadcast.Told, time.GetTimestamp(), known) == known)
            Tell(item.Key, tag);
    }

    /// <summary>Forgets the broadcasts that nobody gets anything of.</summary>
    public void Sweep()
    {
        foreach (var (group, broadcast) in broadcasts)
        {
            if (time.GetElapsedTime(Volatile.Read(ref broadcast.Told)) > Forgotten)
                broadcasts.TryRemove(group, out _);
        }
    }

    /// <summary>Ends what is under way.</summary>
    public async Task StopAsync()
    {
        Task[] ending;
        await stop.CancelAsync();
        lock (gate)
            ending = [.. telling];
        await Task.WhenAll(ending);
    }

    private Broadcast? Find(ReadOnlySpan<char> path)
    {
        var group = RelayPath.GroupOf(path);
        if (!group.StartsWith("/b/"))
            return null;
        if (byGroup.TryGetValue(group, out var broadcast))
            return broadcast;
        if (broadcasts.Count >= MaxBroadcasts)
        {
            RelayMetrics.CountRefused("replays");
            return null;
        }
        return broadcasts.GetOrAdd(group.ToString(), static _ => new Broadcast());
    }

    private void Tell(RelayKey key, string tag)
    {
        lock (gate)
        {
            telling.RemoveWhere(task => task.IsCompleted);
            if (telling.Count < MaxTelling && !stop.IsCancellationRequested)
                telling.Add(Task.Run(() => TellAsync(key, tag)));
            else
                RelayMetrics.CountRefused("telling");
        }
    }

    private async Task TellAsync(RelayKey key, string tag)
    {
        var request = new UpstreamRequest(
            key.Target(), key.Path, key.Coding, tag, loops.Append(null), options.HedgePatience, MayBeHeld: false, options.AnswerTimeout, TimeSpan.Zero);
        // Whatever it is: that it was asked for is all that counts. What is gone is purged by another way.
        using var attempt = await upstream.SendAsync(request, stop.Token);
    }

    private sealed class Broadcast
    {
        /// <summary>When something of it was asked for above, the last time: a timestamp, 0 for never.</summary>
        public long Told;
    }
}
