using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Packaging;

namespace Millrace.Delivery;

/// <summary>
/// What an earlier run left in a store: replays are known again, and broadcasts that had not ended wait for their publishers.
/// <see cref="Run"/> is for the store's start, before anybody else has the store; the rest is thread-safe.
/// </summary>
internal sealed class StoreRecovery
{
    private readonly OriginStore store;
    private readonly OriginSettings settings;
    private readonly ILogger logger;
    private readonly Lock gate = new();
    private readonly List<RecoveredBroadcast> broadcasts = [];
    private readonly List<OriginBroadcast> pushes = [];

    public StoreRecovery(OriginStore store, in OriginSettings settings, ILogger logger)
    {
        this.store = store;
        this.settings = settings;
        this.logger = logger;
    }

    /// <summary>Finds it, on disk and in the archive.</summary>
    public void Run()
    {
        RecoverFromDisk();
        if (store.Archive is not null)
            RecoverFromArchive(store.Archive);
        if (broadcasts.Count + pushes.Count + store.Replays.Count > 0)
            logger.Recovered(broadcasts.Count + pushes.Count, store.Replays.Count);
    }

    /// <summary>Broadcasts published here that had not ended. The caller owns them; a second call gives nothing.</summary>
    public IReadOnlyList<RecoveredBroadcast> TakeBroadcasts() => Take(broadcasts);

    /// <summary>The same of those that were pushed here.</summary>
    public IReadOnlyList<OriginBroadcast> TakePushes() => Take(pushes);

    /// <summary>The archive brought what this node had on air when it lost its disk, too late for its publisher: it is over.</summary>
    public void FinishFound(string id)
    {
        var directory = Path.Combine(settings.Directory, id);
        if (Replay.Read(directory, out _) is { } replay)
        {
            AddFound(replay, directory);
            return;
        }
        if (JournalReplay.Open(store, settings, directory) is not { } found || !store.TryAdd(found))
            return;
        logger.OpenFinished(id, found.Channel.Value);
        if (found.IsEnded)
            store.Ended(found);
        else
            found.End();
    }

    private T[] Take<T>(List<T> found)
    {
        lock (gate)
        {
            T[] taken = [.. found];
            found.Clear();
            return taken;
        }
    }

    private void RecoverFromDisk()
    {
        if (!Directory.Exists(settings.Directory))
            return;
        foreach (var directory in Directory.EnumerateDirectories(settings.Directory).Order(StringComparer.Ordinal).ToList())
        {
            var name = Path.GetFileName(directory);
            if (name.EndsWith(Spooler.DeletedSuffix, StringComparison.Ordinal) && BroadcastId.TryParse(name[..^Spooler.DeletedSuffix.Length], out _))
            {
                store.Spooler.DeleteDirectory(directory[..^Spooler.DeletedSuffix.Length]);
                continue;
            }
            if (name.EndsWith(Archive.FetchingSuffix, StringComparison.Ordinal) && BroadcastId.TryParse(name[..^Archive.FetchingSuffix.Length], out _))
            {
                store.Spooler.DeleteDirectory(directory);
                continue;
            }
            if (name.EndsWith(ClipWriter.Suffix, StringComparison.Ordinal))
            {
                ClipWriter.Discard(directory);
                continue;
            }
            // Only what we could have made.
            if (!BroadcastId.TryParse(name, out _))
                continue;
            if (store.Archive?.IsDoomedDirectory(directory) == true)
                store.Spooler.DeleteDirectory(directory);
            else
                Recover(directory);
        }
    }

    private void Recover(string directory)
    {
        var replay = Replay.Read(directory, out var opened);
        if (replay is not null && opened!.Mode != DvrMode.Off)
            AddFound(replay, directory);
        else if (replay is null && opened is not null && JournalReplay.Open(store, settings, directory) is { } broadcast)
            Resume(broadcast);
        else
            store.Spooler.DeleteDirectory(directory);
    }

    /// <summary>What this node had on air when it lost its disk waits for its publisher too.</summary>
    private void RecoverFromArchive(Archive archive)
    {
        foreach (var id in archive.FetchOpen().Order(StringComparer.Ordinal))
            Recover(Path.Combine(settings.Directory, id));
    }

    private void AddFound(Replay replay, string directory)
    {
        store.Replays.Add(replay);
        if (store.Archive?.Of(directory) is not { } archive)
            return;
        if (archive.IsComplete)
            replay.Archived(archive.Bytes);
        else
            archive.Finish(replay);
    }

    private void Resume(OriginBroadcast broadcast)
    {
        if (!store.TryAdd(broadcast))
            return;
        if (broadcast.IsEnded)
        {
            store.Ended(broadcast);
            return;
        }
        // Ids sort by time: a later one of the same channel takes the place of an earlier one.
        if (store.FindNewest(broadcast.Channel.Value) is { IsEnded: false } before)
        {
            if (string.CompareOrdinal(before.Id.Value, broadcast.Id.Value) > 0)
            {
                broadcast.End();
                return;
            }
            broadcasts.RemoveAll(known => known.Id == before.Id);
            pushes.Remove(before);
            before.End();
        }
        store.SetNewest(broadcast);
        if (broadcast.IsPushed)
            pushes.Add(broadcast);
        else
            broadcasts.Add(broadcast.LostNumbers.Recover());
    }
}
