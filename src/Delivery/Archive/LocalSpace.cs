using Microsoft.Extensions.Logging;

namespace Millrace.Delivery;

/// <summary>
/// Keeps the recordings on this node's disk below <see cref="StorageOptions.LocalLimit"/> when they are in an archive too. First
/// goes what the archive has: replays that nobody watches, then media files behind the live window. When the archive does not
/// take media for so long that this is not enough, the oldest that only the disk has. Used by the spool's janitor.
/// </summary>
internal sealed class LocalSpace(OriginStore store, StorageOptions options, string directory, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan CheckEvery = TimeSpan.FromSeconds(10);

    private long checkedAt;

    /// <summary>Every second: true when it is time for <see cref="Check"/>.</summary>
    public bool IsDue(long now)
    {
        if (time.GetElapsedTime(checkedAt, now) < CheckEvery)
            return false;
        checkedAt = now;
        return true;
    }

    /// <summary>Looks through the disk, and makes room when there is more than may be.</summary>
    public void Check()
    {
        ArchiveMetrics.SetLag(store.Archive!.Lag.TotalSeconds);
        var limit = options.LocalLimit;
        var total = Measure();
        if (total > limit)
            total -= Evict(total - limit);
        ArchiveMetrics.SetLocal(total);
        if (total <= limit)
            return;
        // Deletions come behind this: the next look sees what they brought, so one step at a time.
        if (store.Replays.RemoveOldest() is { } removed)
            logger.RoomMadeByReplay(removed.Id.Value, removed.Channel.Value);
        else if (LoseOldest() is { } broadcast)
            logger.LocalLimitReached(broadcast.Id.Value, broadcast.Channel.Value);
    }

    /// <summary>Of the broadcast that has been on air the longest the oldest media that only the disk has are given up. Null: there is nothing to give.</summary>
    public OriginBroadcast? LoseOldest() =>
        store.Broadcasts.Where(broadcast => !broadcast.IsEnded).OrderBy(broadcast => broadcast.Id.Value, StringComparer.Ordinal).FirstOrDefault(broadcast => broadcast.Room.LoseOldestLocal());

    /// <summary>Deletes from the disk what the archive has too. Bytes that became free.</summary>
    public long Evict(long wanted)
    {
        var freed = store.Replays.Evict(wanted);
        foreach (var (file, name, archive) in Candidates())
        {
            if (freed >= wanted)
                break;
            if (!archive.TryGet(name, out _))
                continue;
            try
            {
                var length = file.Length;
                file.Delete();
                freed += length;
                ArchiveMetrics.Evicted.Add(length);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                logger.SpoolNotDeleted(file.FullName, fault.Message);
            }
        }
        return freed;
    }

    /// <summary>Media files of open broadcasts, oldest first, but not what players at the live edge read.</summary>
    private List<(FileInfo File, string Name, BroadcastArchive Archive)> Candidates()
    {
        var found = new List<(FileInfo, string, BroadcastArchive)>();
        foreach (var broadcast in store.Broadcasts)
        {
            if (broadcast.Archive is not { } archive)
                continue;
            var young = DateTime.UtcNow - broadcast.LiveWindow - TimeSpan.FromSeconds(30);
            foreach (var file in Files(broadcast.Directory, "*.m4s"))
            {
                if (broadcast.IsEnded || file.LastWriteTimeUtc < young)
                    found.Add((file, file.Name, archive));
            }
        }
        return [.. found.OrderBy(candidate => candidate.Item1.LastWriteTimeUtc)];
    }

    private long Measure()
    {
        long total = 0;
        try
        {
            if (Directory.Exists(directory))
                total = new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Exists ? file.Length : 0);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Something left while it was counted: the next look is right.
        }
        return total;
    }

    private static List<FileInfo> Files(string path, string pattern)
    {
        try
        {
            return Directory.Exists(path) ? [.. new DirectoryInfo(path).EnumerateFiles(pattern)] : [];
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
