using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>The replays on this node: found, opened when somebody watches, and removed when <see cref="RetentionOptions"/> says so. Thread-safe.</summary>
public sealed class ReplayShelf
{
    private static readonly TimeSpan CheckEvery = TimeSpan.FromSeconds(30);

    // What is being watched this minute never goes by itself.
    private static readonly TimeSpan Watched = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, Replay> replays = new(StringComparer.Ordinal);
    private readonly OriginStore store;
    private readonly RetentionOptions retention;
    private readonly OriginSettings settings;
    private readonly ILogger logger;
    private long checkedAt;
    private int isDue = 1;

    internal ReplayShelf(OriginStore store, RetentionOptions retention, in OriginSettings settings, ILogger logger)
    {
        this.store = store;
        this.retention = retention;
        this.settings = settings;
        this.logger = logger;
    }

    /// <summary>How many there are.</summary>
    public int Count => replays.Count;

    /// <summary>All broadcasts among them, newest first.</summary>
    public IReadOnlyList<Replay> List() => [.. Broadcasts.OrderByDescending(replay => replay.Id.Value, StringComparer.Ordinal)];

    /// <summary>Those of a channel, newest first.</summary>
    public IReadOnlyList<Replay> List(ChannelName channel) =>
        [.. Broadcasts.Where(replay => replay.Channel == channel).OrderByDescending(replay => replay.Id.Value, StringComparer.Ordinal)];

    /// <summary>A channel's clips, newest first.</summary>
    public IReadOnlyList<Replay> Clips(ChannelName channel) =>
        [.. Clips().Where(clip => clip.Channel == channel).OrderByDescending(clip => clip.Id.Value, StringComparer.Ordinal)];

    /// <summary>The clips of a broadcast, newest first.</summary>
    public IReadOnlyList<Replay> ClipsOf(BroadcastId broadcast) =>
        [.. Clips().Where(clip => clip.Clip!.Of == broadcast).OrderByDescending(clip => clip.Id.Value, StringComparer.Ordinal)];

    /// <summary>The replay of that id, or null.</summary>
    public Replay? Find(string id) => replays.GetValueOrDefault(id);

    /// <summary>Broadcasts and clips.</summary>
    internal IEnumerable<Replay> All => replays.Select(entry => entry.Value);

    internal bool Contains(BroadcastId id) => replays.ContainsKey(id.Value);

    internal void Add(Replay replay)
    {
        if (!replays.TryAdd(replay.Id.Value, replay))
            return;
        DeliveryMetrics.AddReplays(1);
        Volatile.Write(ref isDue, 1);
    }

    /// <summary>Takes it off the shelf; nobody finds it from now on. False when it is not there.</summary>
    internal bool Remove(BroadcastId id)
    {
        if (!replays.TryRemove(id.Value, out _))
            return false;
        DeliveryMetrics.AddReplays(-1);
        return true;
    }

    /// <summary>The shelf is put away, what is on it stays.</summary>
    internal void Close() => DeliveryMetrics.AddReplays(-replays.Count);

    /// <summary>
    /// Opens a replay, once for all who ask at the same time. Null when it is gone, cannot be read, or too many are open and
    /// all of them watched.
    /// </summary>
    internal async ValueTask<OriginBroadcast?> OpenAsync(string id)
    {
        if (!replays.TryGetValue(id, out var replay))
            return null;
        Task<OriginBroadcast?> opening;
        var hasRoom = HasRoom();
        lock (replay.Gate)
        {
            if (replay.Opening is null && !hasRoom)
                return null;
            // The disk may take its time: a pool thread of its own waits for it.
            opening = replay.Opening ??= Task.Run(() => store.LoadAsync(replay));
        }
        OriginBroadcast? broadcast = null;
        var isOpen = false;
        try
        {
            broadcast = await opening.ConfigureAwait(false);
            isOpen = broadcast is not null && replays.ContainsKey(id);
        }
        finally
        {
            // Also when a fault of ours ended it: whoever asks next tries anew.
            if (!isOpen)
                Forget(replay, opening);
        }
        if (isOpen)
            return broadcast;
        if (broadcast is not null)
            store.Close(broadcast);
        return null;
    }

    private static void Forget(Replay replay, Task<OriginBroadcast?> opening)
    {
        lock (replay.Gate)
        {
            // Somebody else may be trying anew already.
            if (replay.Opening == opening)
                replay.Opening = null;
        }
    }

    /// <summary>Its broadcast has left memory.</summary>
    internal void Closed(BroadcastId id)
    {
        if (!replays.TryGetValue(id.Value, out var replay))
            return;
        lock (replay.Gate)
            replay.Opening = null;
    }

    /// <summary>Every second: has the shelf looked through when it is time.</summary>
    internal void Tick(long now)
    {
        if (Volatile.Read(ref isDue) == 0 && settings.Time.GetElapsedTime(checkedAt, now) < CheckEvery)
            return;
        checkedAt = now;
        Volatile.Write(ref isDue, 0);
        if (!replays.IsEmpty)
            store.Spooler.Run(Check);
    }

    /// <summary>
    /// Deletes from the disk the oldest replays and clips that are in the archive too and that nobody has open. Bytes that became free. On
    /// the janitor's thread, or a spool thread.
    /// </summary>
    internal long Evict(long wanted)
    {
        long freed = 0;
        foreach (var replay in All.OrderBy(replay => replay.Id.Value, StringComparer.Ordinal))
        {
            if (freed >= wanted)
                break;
            if (replay.IsArchived && Directory.Exists(store.DirectoryOf(replay.Id)))
                freed += Evict(replay);
        }
        return freed;
    }

    private long Evict(Replay replay)
    {
        // Whoever asks now is told to come again.
        var evicting = new TaskCompletionSource<OriginBroadcast?>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (replay.Gate)
        {
            if (replay.Opening is not null || store.Find(replay.Id.Value) is not null)
                return 0;
            replay.Opening = evicting.Task;
        }
        long freed = 0;
        try
        {
            var directory = store.DirectoryOf(replay.Id);
            freed = new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
            var doomed = directory + Spooler.DeletedSuffix;
            Directory.Move(directory, doomed);
            store.Archive!.Close(replay.Id.Value);
            Directory.Delete(doomed, recursive: true);
            ArchiveMetrics.Evicted.Add(freed);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            logger.SpoolNotDeleted(store.DirectoryOf(replay.Id), fault.Message);
        }
        lock (replay.Gate)
            replay.Opening = null;
        evicting.SetResult(null);
        return freed;
    }

    /// <summary>Removes the oldest replay that nobody watches, which gives the disk something back. Null when there is none.</summary>
    internal Replay? RemoveOldest()
    {
        foreach (var replay in Oldest())
        {
            if (!replay.IsArchived && TryRemove(replay))
                return replay;
        }
        return null;
    }

    /// <summary>Looks the shelf through. On the janitor's thread: it looks at the disk.</summary>
    internal void Check()
    {
        foreach (var replay in Oldest())
        {
            if (replay.Bytes == 0 && !replay.IsArchived && store.Find(replay.Id.Value) is null or { IsStored: true })
                replay.Measure(store.DirectoryOf(replay.Id));
        }
        var now = settings.Time.GetUtcNow();
        if (retention.MaxAge > TimeSpan.Zero)
            Remove(Oldest().Where(replay => now - replay.EndedAt > retention.MaxAge), "it is older than Retention:MaxAge");
        foreach (var channel in Broadcasts.Select(replay => replay.Channel).Distinct().ToList())
        {
            var own = Oldest().Where(replay => replay.Channel == channel).ToList();
            if (retention.MaxCount > 0)
                Remove(own.Take(Math.Max(0, own.Count - retention.MaxCount)), "the channel has more than Retention:MaxCount");
            if (retention.MaxBytes > 0)
                Shrink(own.Where(replay => replays.ContainsKey(replay.Id.Value)).ToList(), retention.MaxBytes, "the channel has more than Retention:MaxBytes");
        }
        if (retention.NodeBytes > 0)
            Shrink(Oldest(), retention.NodeBytes, "the node has more than Retention:NodeBytes");
        KeepFree();
    }

    private void KeepFree()
    {
        if (retention.MinFreeBytes == 0 || Free() is not { } free)
            return;
        if (store.LocalSpace is { } local && free < retention.MinFreeBytes)
            free += local.Evict(retention.MinFreeBytes - free);
        foreach (var replay in Oldest())
        {
            if (free >= retention.MinFreeBytes)
                return;
            // What is in the archive is not on the disk any more, or is being watched.
            if (replay.IsArchived || !TryRemove(replay))
                continue;
            free += replay.Bytes;
            logger.ReplayRemoved(replay.Id.Value, replay.Channel.Value, "the disk has less than Retention:MinFreeBytes");
        }
    }

    private long? Free()
    {
        try
        {
            return new DriveInfo(settings.Directory).AvailableFreeSpace;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private void Shrink(List<Replay> oldestFirst, long most, string reason)
    {
        var total = oldestFirst.Sum(replay => replay.Bytes);
        foreach (var replay in oldestFirst)
        {
            if (total <= most)
                return;
            if (!TryRemove(replay))
                continue;
            total -= replay.Bytes;
            logger.ReplayRemoved(replay.Id.Value, replay.Channel.Value, reason);
        }
    }

    private void Remove(IEnumerable<Replay> doomed, string reason)
    {
        foreach (var replay in doomed.ToList())
        {
            if (TryRemove(replay))
                logger.ReplayRemoved(replay.Id.Value, replay.Channel.Value, reason);
        }
    }

    private bool TryRemove(Replay replay) => store.IsIdle(replay, Watched) && store.Delete(replay.Id);

    private IEnumerable<Replay> Broadcasts => All.Where(replay => replay.Clip is null);

    private IEnumerable<Replay> Clips() => All.Where(replay => replay.Clip is not null);

    // Clips go when somebody says so, and not by themselves.
    private List<Replay> Oldest() => [.. Broadcasts.OrderBy(replay => replay.Id.Value, StringComparer.Ordinal)];

    private bool HasRoom()
    {
        var open = store.Broadcasts.Where(broadcast => broadcast.IsEnded).ToList();
        if (open.Count < store.Options.MaxOpenReplays)
            return true;
        var idle = open.Where(broadcast => broadcast.IsStored && Contains(broadcast.Id) && broadcast.Unwatched > TimeSpan.FromSeconds(15))
            .MaxBy(broadcast => broadcast.Unwatched);
        if (idle is null)
            return false;
        store.Close(idle);
        return true;
    }
}
