using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Delivery.Steering;
using Millrace.Packaging;

namespace Millrace.Delivery;

/// <summary>
/// Keeps broadcasts: those on air, for <see cref="DeliveryOptions.KeepEnded"/> those that have ended, and as replays on disk
/// those that could be rewound. What an earlier run left it opens again. Thread-safe.
/// </summary>
public sealed class OriginStore : IBroadcastSinkFactory, IDisposable
{
    // Ended broadcasts go early when there are more: a publisher that comes and goes all the time does not fill memory.
    private const int MaxEnded = 200;

    // What a full disk gets back at a time of what an archive has too.
    private const long RoomBytes = 64L << 20;

    // A player asks every few seconds; one that is paused finds its replay opened again.
    private static readonly TimeSpan CloseUnwatched = TimeSpan.FromMinutes(2);

    private readonly ConcurrentDictionary<string, OriginBroadcast> broadcasts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, OriginBroadcast> newest = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, OriginBroadcast>.AlternateLookup<ReadOnlySpan<char>> byId;
    private readonly ConcurrentDictionary<string, OriginBroadcast>.AlternateLookup<ReadOnlySpan<char>> byChannel;
    private readonly Queue<(OriginBroadcast Broadcast, long At)> ended = [];
    // Ids whose directories are still to be deleted: whoever opened one again would lose what it writes.
    private readonly ConcurrentDictionary<string, byte> leaving = new(StringComparer.Ordinal);
    private readonly OriginSettings settings;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly ITimer reaper;

    /// <param name="options">What is kept in memory, and for how long.</param>
    /// <param name="dvr">How far back viewers may go.</param>
    /// <param name="retention">How long replays stay.</param>
    /// <param name="window">How far back live playlists go: <c>Packaging:Window</c>.</param>
    /// <param name="dataPath"><c>Data:Path</c>; recordings are in its directory <c>recordings</c>.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where trouble with the disk is said.</param>
    /// <param name="storage">Where recordings are kept; null is the disk alone.</param>
    /// <param name="edges">Which nodes viewers play from; null: this one.</param>
    public OriginStore(
        DeliveryOptions options, DvrOptions dvr, RetentionOptions retention, TimeSpan window, string dataPath, TimeProvider time, ILogger<OriginStore> logger,
        StorageOptions? storage = null, EdgeSet? edges = null)
    {
        Storage = storage ?? new StorageOptions();
        this.time = time;
        this.logger = logger;
        DeliveryMetrics.Announce();
        settings = new OriginSettings(options, dvr, window, Path.Combine(Path.GetFullPath(dataPath), "recordings"), time, edges ?? new EdgeSet(new PlaybackOptions()));
        byId = broadcasts.GetAlternateLookup<ReadOnlySpan<char>>();
        byChannel = newest.GetAlternateLookup<ReadOnlySpan<char>>();
        Spooler = new Spooler(options, time, logger) { OutOfSpace = MakeRoom };
        Replays = new ReplayShelf(this, retention, settings, logger);
        if (Storage.Kind == StorageKind.S3)
        {
            Archive = new Archive(this, Storage, settings.Directory, time, logger);
            LocalSpace = new LocalSpace(this, Storage, settings.Directory, time, logger);
        }
        Recovery = new StoreRecovery(this, settings, logger);
        Recovery.Run();
        Archive?.Start();
        reaper = time.CreateTimer(_ => Reap(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    /// <summary>All broadcasts that are open: on air, just ended, or replays that are being watched.</summary>
    public IEnumerable<OriginBroadcast> Broadcasts => broadcasts.Select(entry => entry.Value);

    /// <summary>The broadcasts that have ended and stay.</summary>
    public ReplayShelf Replays { get; }

    /// <summary>The disk cannot be written at the moment: streams are live, but what can be rewound to gets shorter.</summary>
    public bool IsSpoolFailing => Spooler.IsFailing;

    /// <summary>What is wrong with the S3-compatible store behind the disk, as it said it; null when nothing is, or when there is none.</summary>
    public string? ArchiveProblem => Archive?.Problem;

    /// <summary>Which nodes viewers play from.</summary>
    internal EdgeSet Edges => settings.Edges;

    internal Spooler Spooler { get; }

    internal StorageOptions Storage { get; }

    /// <summary>The store behind the disk; null when the disk is all there is.</summary>
    internal Archive? Archive { get; }

    internal LocalSpace? LocalSpace { get; }

    /// <summary>What an earlier run left.</summary>
    internal StoreRecovery Recovery { get; }

    internal DeliveryOptions Options => settings.Delivery;

    /// <inheritdoc/>
    public IBroadcastSink Open(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt) =>
        Open(new JournalRecord.Opened(channel, broadcast, startedAt, contract, settings.Dvr.Mode));

    /// <summary>Opens a broadcast that an ingest node elsewhere brings.</summary>
    internal OriginBroadcast OpenPushed(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt) =>
        Open(new JournalRecord.Opened(channel, broadcast, startedAt, contract, settings.Dvr.Mode, IsPushed: true));

    private OriginBroadcast Open(JournalRecord.Opened record)
    {
        var opened = new OriginBroadcast(this, settings, record);
        if (!TryAdd(opened))
            throw new InvalidOperationException($"Broadcast {record.Id} is open already.");
        opened.Journal.Add(record);
        SetNewest(opened);
        return opened;
    }

    /// <summary>A broadcast is open. False when one of its id is already.</summary>
    internal bool TryAdd(OriginBroadcast broadcast)
    {
        if (!broadcasts.TryAdd(broadcast.Id.Value, broadcast))
            return false;
        DeliveryMetrics.AddBroadcasts(1);
        return true;
    }

    /// <summary>A broadcast is its channel's newest.</summary>
    internal void SetNewest(OriginBroadcast broadcast) => newest[broadcast.Channel.Value] = broadcast;

    /// <inheritdoc/>
    public IReadOnlyList<RecoveredBroadcast> TakeRecovered() => Recovery.TakeBroadcasts();

    /// <summary>The open broadcast of that id, or null.</summary>
    public OriginBroadcast? Find(ReadOnlySpan<char> id) => byId.TryGetValue(id, out var found) ? found : null;

    /// <summary>The newest broadcast of a channel, on air or just ended; null when there is none.</summary>
    public OriginBroadcast? FindNewest(ReadOnlySpan<char> channel) => byChannel.TryGetValue(channel, out var found) ? found : null;

    /// <summary>The channel whose <c>/live/{channel}/</c> is this broadcast; null when it is another, or none.</summary>
    public ChannelName? FindChannel(BroadcastId id) => Find(id.Value) is { } open && FindNewest(open.Channel.Value) == open ? open.Channel : null;

    /// <summary>
    /// Deletes an ended broadcast from memory and disk: nothing of it can be fetched when this returns. False when there is none
    /// of that id, or it is on air.
    /// </summary>
    public bool Delete(BroadcastId id) => Delete(id, withClips: false);

    private bool Delete(BroadcastId id, bool withClips)
    {
        var open = Find(id.Value);
        if (open is { IsEnded: false })
            return false;
        // 1. Out of the list before off the shelf: one that is just ending sees it (see Ended).
        if (open is not null)
            Leave(open);
        if (!Replays.Remove(id) && open is null)
            return false;

        // 2. Whoever asked in between had it opened anew. One that is still being opened leaves by itself: its shelf has forgotten it.
        var anew = Find(id.Value);
        if (anew is not null)
            Leave(anew);

        // 3. What it has goes.
        leaving.TryAdd(id.Value, 0);
        open?.Free();
        anew?.Free();
        Spooler.DeleteDirectory(DirectoryOf(id));
        Spooler.Run(() => leaving.TryRemove(id.Value, out _));
        Archive?.DeleteBroadcast(id.Value, withClips);
        return true;
    }

    /// <summary>
    /// Deletes an ended broadcast or a clip, and the clips of the broadcast, which may have outlived it. What was deleted; empty when
    /// there is none of that id, or it is on air.
    /// </summary>
    public IReadOnlyList<BroadcastId> TakeDown(BroadcastId id)
    {
        if (Find(id.Value) is { IsEnded: false })
            return [];
        List<BroadcastId> gone = [];
        if (Delete(id, withClips: true))
            gone.Add(id);
        // They may have outlived it.
        foreach (var clip in Replays.ClipsOf(id))
        {
            if (Delete(clip.Id))
                gone.Add(clip.Id);
        }
        return gone;
    }

    /// <summary>What other nodes have begun in the store and not finished; null when there is no store behind the disk.</summary>
    public async Task<OpenRecordings?> FindOpenAsync(CancellationToken cancellation) =>
        Archive is null ? null : await Archive.FindOpenAsync(cancellation).ConfigureAwait(false);

    /// <summary>Takes up what a node left in the store that never returns; null when there is no store (<see cref="Archive.AdoptAsync"/>).</summary>
    public async Task<OpenRecordings?> AdoptAsync(string node, CancellationToken cancellation) =>
        Archive is null ? null : await Archive.AdoptAsync(node, cancellation).ConfigureAwait(false);

    /// <summary>The clips of a broadcast in a data directory that no server holds.</summary>
    public static IReadOnlyList<string> FindClips(string dataPath, BroadcastId of)
    {
        var recordings = Path.Combine(dataPath, "recordings");
        return Directory.Exists(recordings)
            ? [.. Directory.EnumerateDirectories(recordings).Where(directory => Replay.Read(directory, out _)?.Clip?.Of == of)] : [];
    }

    /// <summary>Another node deleted a replay from the archive: it leaves this one. False when there is none of that id.</summary>
    internal bool Forget(BroadcastId id)
    {
        if (!Replays.Remove(id))
            return false;
        if (Find(id.Value) is { } open)
        {
            Leave(open);
            open.Free();
        }
        Spooler.DeleteDirectory(DirectoryOf(id));
        Archive!.Close(id.Value);
        return true;
    }

    /// <summary>A replay is in the archive; most are known here already.</summary>
    internal void AddArchived(Replay replay)
    {
        // One that is on air here, or whose recording here has not left the disk yet, is not another node's.
        if (Find(replay.Id.Value) is null)
            Replays.Add(replay);
    }

    /// <summary>Frees everything and waits a moment for the disk. Recordings stay; what has not ended goes on with the next start.</summary>
    public void Dispose()
    {
        reaper.Dispose();
        Spooler.Drain(() => broadcasts.All(entry => entry.Value.IsStored));
        foreach (var broadcast in Broadcasts)
        {
            Leave(broadcast);
            if (broadcast.Mode == DvrMode.Off && broadcast.IsEnded)
                broadcast.Free();
            else
                broadcast.Close();
        }
        Replays.Close();
        Archive?.Dispose();
        Spooler.Dispose();
    }

    /// <summary>Deletes a broadcast, on air or not. Its id may be opened anew once it is not <see cref="IsLeaving"/>.</summary>
    internal void Remove(OriginBroadcast broadcast)
    {
        broadcast.End();
        Delete(broadcast.Id);
    }

    /// <summary>A deleted broadcast's directory is still on disk.</summary>
    internal bool IsLeaving(BroadcastId id) => leaving.ContainsKey(id.Value);

    internal string RecordingsPath => settings.Directory;

    internal string DirectoryOf(BroadcastId id) => Path.Combine(settings.Directory, id.Value);

    /// <summary>Reads a replay from disk, fetched from the archive first when it is not there. Blocks on the disk.</summary>
    internal async Task<OriginBroadcast?> LoadAsync(Replay replay)
    {
        var directory = DirectoryOf(replay.Id);
        if (replay.IsArchived && !File.Exists(Path.Combine(directory, Journal.FileName)) && !await Archive!.FetchAsync(replay.Id.Value, directory).ConfigureAwait(false))
            return null;
        if (JournalReplay.Open(this, settings, DirectoryOf(replay.Id)) is not { IsEnded: true } loaded)
            return null;
        return TryAdd(loaded) ? loaded : Find(replay.Id.Value);
    }

    /// <summary>A broadcast is over.</summary>
    internal void Ended(OriginBroadcast broadcast)
    {
        lock (ended)
            ended.Enqueue((broadcast, time.GetTimestamp()));
        if (broadcast.Mode == DvrMode.Off || !broadcast.Timeline.Read().HasMedia)
            return;
        Replays.Add(new Replay(broadcast.Channel, broadcast.Id, broadcast.StartedAt, time.GetUtcNow(), broadcast.Duration, 0, broadcast.Mode));
        // Deleted in the moment in which it ended: it does not come back as a replay that nobody can play.
        if (Find(broadcast.Id.Value) != broadcast)
            Replays.Remove(broadcast.Id);
    }

    /// <summary>Has a broadcast's journal made shorter. On the janitor's thread.</summary>
    internal void Checkpoint(OriginBroadcast broadcast, TimeSpan keep)
    {
        if (broadcast.Journal.Checkpoint(keep) is { } fault)
            logger.JournalNotShortened(broadcast.Id.Value, fault);
    }

    /// <summary>Whether a replay can be deleted to make room: it is not watched, and not just being written.</summary>
    internal bool IsIdle(Replay replay, TimeSpan within) =>
        !replay.WasWatched(time, within) && Find(replay.Id.Value) is null or { IsStored: true };

    private void Reap()
    {
        foreach (var broadcast in Broadcasts)
        {
            if (!broadcast.IsEnded || !broadcast.IsStored)
                broadcast.Retry();
        }
        while (true)
        {
            OriginBroadcast? due = null;
            lock (ended)
            {
                if (ended.TryPeek(out var oldest) && (ended.Count > MaxEnded || time.GetElapsedTime(oldest.At) >= settings.Delivery.KeepEnded))
                    due = ended.Dequeue().Broadcast;
            }
            if (due is null)
                break;
            newest.TryRemove(KeyValuePair.Create(due.Channel.Value, due));
            if (due.Mode == DvrMode.Off || !Replays.Contains(due.Id))
            {
                // Nothing was ever seen of it; what the store has is not worth finding.
                if (due.Archive is not null && Find(due.Id.Value) == due)
                    Archive!.DeleteBroadcast(due.Id.Value);
                Leave(due);
                due.Free();
            }
        }
        foreach (var broadcast in Broadcasts)
        {
            if (broadcast is { IsEnded: true, IsStored: true, IsFinished: false, Archive.IsComplete: false, Previews.IsInWork: false } && Replays.Find(broadcast.Id.Value) is { } replay)
                broadcast.Finish(replay);
        }
        foreach (var broadcast in Broadcasts)
        {
            if (broadcast is { IsEnded: true, IsStored: true } && broadcast.Mode != DvrMode.Off && broadcast.Unwatched > CloseUnwatched && !IsQueued(broadcast))
                Close(broadcast);
        }
        Replays.Tick(time.GetTimestamp());
        if (LocalSpace?.IsDue(time.GetTimestamp()) == true)
            Spooler.Run(LocalSpace.Check);
    }

    /// <summary>A replay leaves memory; the next one who asks has it opened again.</summary>
    internal void Close(OriginBroadcast broadcast)
    {
        Leave(broadcast);
        broadcast.Close();
    }

    private bool IsQueued(OriginBroadcast broadcast)
    {
        lock (ended)
            return ended.Any(entry => entry.Broadcast == broadcast);
    }

    private void Leave(OriginBroadcast broadcast)
    {
        if (!broadcasts.TryRemove(KeyValuePair.Create(broadcast.Id.Value, broadcast)))
            return;
        newest.TryRemove(KeyValuePair.Create(broadcast.Channel.Value, broadcast));
        Replays.Closed(broadcast.Id);
        DeliveryMetrics.AddBroadcasts(-1);
    }

    /// <summary>The disk is full: the oldest replay goes, or what the longest live broadcast can be rewound to gets shorter.</summary>
    private bool MakeRoom()
    {
        if (Archive?.FreeCache() > 0 || LocalSpace?.Evict(RoomBytes) > 0)
            return true;
        if (Replays.RemoveOldest() is { } removed)
        {
            logger.RoomMadeByReplay(removed.Id.Value, removed.Channel.Value);
            return true;
        }
        if (LocalSpace is not null)
        {
            var shorter = LocalSpace.LoseOldest();
            if (shorter is not null)
                logger.RoomMadeByRewinding(shorter.Id.Value, shorter.Channel.Value);
            return shorter is not null;
        }
        var longest = Broadcasts.Where(broadcast => broadcast is { IsEnded: false } && broadcast.Mode != DvrMode.Off)
            .OrderByDescending(broadcast => broadcast.Duration).FirstOrDefault(broadcast => broadcast.Room.Shrink());
        if (longest is not null)
            logger.RoomMadeByRewinding(longest.Id.Value, longest.Channel.Value);
        return longest is not null;
    }
}
