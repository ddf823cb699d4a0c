using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>
/// The S3-compatible store behind the recordings of a node: uploads what is full, in the background, deletes what has left,
/// finds the replays of other nodes, and reads what the disk does not hold. Owns the tasks that do it. Whatever the store does
/// or does not, nobody who records or watches live waits for it. Thread-safe.
/// </summary>
internal sealed partial class Archive : IDisposable
{
    /// <summary>What a directory's name ends with while it is fetched.</summary>
    public const string FetchingSuffix = ".fetching";

    // What is on air, under the name of the node that it is on air at: a handful of objects.
    private const string OpenPrefix = "open/";

    // A start waits for it no longer.
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(5);

    // A store that is back is found within a minute, and one that is down is asked no oftener.
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<string, BroadcastArchive> broadcasts = new(StringComparer.Ordinal);
    // Each broadcast stands in it once; deletions are names of things that exist.
    private readonly Channel<BroadcastArchive> uploads = Channel.CreateUnbounded<BroadcastArchive>();
    private readonly Channel<string> deletions = Channel.CreateUnbounded<string>();
    private readonly CancellationTokenSource stop = new();
    private readonly Lock gate = new();
    private readonly OriginStore store;
    private readonly StorageOptions options;
    private readonly S3Bucket bucket;
    private readonly BlockCache cache;
    private readonly DoomedList doomed;
    private readonly ILogger logger;
    private readonly List<Task> tasks = [];
    private readonly string directory;
    private readonly string openPrefix;
    private bool isOpenFetched;
    private int failures;
    private int deleting;
    private string? problem;

    /// <param name="store">Whose recordings they are.</param>
    /// <param name="options">Which store, and how much of it stays on the disk.</param>
    /// <param name="directory">Where the broadcasts' directories are.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where trouble with the store is said.</param>
    public Archive(OriginStore store, StorageOptions options, string directory, TimeProvider time, ILogger logger)
    {
        this.store = store;
        this.options = options;
        this.logger = logger;
        this.directory = directory;
        openPrefix = $"{OpenPrefix}{(options.S3.Node.Length > 0 ? options.S3.Node : Named(directory))}/";
        Time = time;
        ArchiveMetrics.Announce();
        bucket = new S3Bucket(options.S3, time);
        cache = new BlockCache(bucket, options, Path.Combine(directory, "cache"), time, MakeRoom);
        doomed = new DoomedList(Path.Combine(directory, DoomedList.DirectoryName));
    }

    /// <summary>Something was done, or failed; raised on one of the archive's tasks.</summary>
    public event Action? Progressed;

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>Why the store does not do what it is asked for; null while it does.</summary>
    public string? Problem => Volatile.Read(ref problem);

    /// <summary>How long the file that waits longest to be uploaded has been full.</summary>
    public TimeSpan Lag => broadcasts.Select(entry => entry.Value.Lag).DefaultIfEmpty().Max();

    /// <summary>Nothing is still to be deleted.</summary>
    public bool IsIdle => doomed.All.Count == 0 && Volatile.Read(ref deleting) == 0;

    /// <summary>Name of an object of a broadcast.</summary>
    public static string NameOf(string id, string name) => $"b/{id}/{name}";

    /// <summary>Name of the object that says that a broadcast is on air at this node.</summary>
    public string OpenNameOf(string id) => openPrefix + id;

    /// <summary>It is on air no more: nobody says so any longer, whatever this node was called when it began.</summary>
    public async Task CloseAsync(string id, CancellationToken cancellation)
    {
        var open = await bucket.ListAsync(OpenPrefix, cancellation).ConfigureAwait(false);
        await bucket.DeleteAsync([.. open.Select(entry => entry.Name).Where(name => name.EndsWith("/" + id, StringComparison.Ordinal))], cancellation).ConfigureAwait(false);
    }

    /// <summary>Begins: with what an earlier run had to delete.</summary>
    public void Start()
    {
        foreach (var id in doomed.All)
            QueueDeletion(id);
        for (var i = 0; i < options.S3.Uploads; i++)
            tasks.Add(Task.Run(UploadAllAsync));
        tasks.Add(Task.Run(DeleteAllAsync));
        tasks.Add(Task.Run(ListAllAsync));
    }

    /// <summary>What is archived of the broadcast in a directory.</summary>
    public BroadcastArchive Of(string directory) =>
        broadcasts.GetOrAdd(Path.GetFileName(directory), static (_, of) => new BroadcastArchive(of.Self, of.directory, of.Self.bucket.Identity), (Self: this, directory));

    /// <summary>Its directory has gone from this node.</summary>
    public void Close(string id) => broadcasts.TryRemove(id, out _);

    /// <summary>A broadcast has something to upload.</summary>
    public void Offer(BroadcastArchive broadcast)
    {
        lock (gate)
        {
            if (broadcast.IsQueued)
            {
                broadcast.IsAgain = true;
                return;
            }
            broadcast.IsQueued = true;
        }
        uploads.Writer.TryWrite(broadcast);
    }

    /// <summary>Deletes everything of a broadcast, however long it takes; a restart in between changes nothing.</summary>
    /// <param name="id">The broadcast.</param>
    /// <param name="withClips">It was taken down: what was cut from it goes too, on whichever node.</param>
    public void DeleteBroadcast(string id, bool withClips = false)
    {
        doomed.Add(id, withClips);
        if (broadcasts.TryGetValue(id, out var broadcast))
            broadcast.Delete();
        cache.Forget(NameOf(id, ""));
        QueueDeletion(id);
    }

    /// <summary>Something of it is still to be deleted: what is recorded under its id now is not to go with it, and stays on the disk.</summary>
    public bool IsDoomed(string id) => doomed.Contains(id);

    /// <summary>A directory that an earlier run was told to delete, and did not get to.</summary>
    public bool IsDoomedDirectory(string directory) => doomed.Overtook(Path.GetFileName(directory), Directory.GetCreationTimeUtc(directory));

    /// <summary>Deletes one object.</summary>
    public void DeleteObject(string name) => QueueDeletion(name);

    /// <summary>Reads a run of a media file's bytes, as far as one block of it goes. Null when the store does not hand them out.</summary>
    public ValueTask<SegmentBytes?> ReadAsync(BroadcastArchive broadcast, string name, long from, int length) =>
        broadcast.TryGet(name, out var total) && from < total ? cache.ReadAsync(broadcast.NameOf(name), total, from, length) : ValueTask.FromResult<SegmentBytes?>(null);

    /// <summary>The disk is full: what was read from the store a moment ago leaves it. Bytes that became free.</summary>
    public long FreeCache() => cache.Clear();

    /// <summary>Brings what a replay needs to be opened onto this node's disk: its journal, its sprite sheets, the list of its media. False when that fails.</summary>
    public async Task<bool> FetchAsync(string id, string directory)
    {
        try
        {
            using var limit = new LinkedLimit(TimeSpan.FromSeconds(60), Time, stop.Token);
            if (!await ReplayFetch.RunAsync(bucket, id, directory, isFinished: true, limit.Token).ConfigureAwait(false))
                throw new InvalidDataException("It has no journal in the store.");
            Close(id);
            return true;
        }
        catch (Exception fault) when (fault is StorageException or IOException or UnauthorizedAccessException or InvalidDataException or OperationCanceledException)
        {
            logger.ReplayNotFetched(id, fault.Message);
            return false;
        }
    }

    /// <summary>
    /// For a start: brings what this node had on air when it lost its disk onto the disk. Waits for the store, but not long; what is not here
    /// then is found later, when its publisher cannot go on with it any more.
    /// </summary>
    /// <returns>The broadcasts' ids.</returns>
    public IReadOnlyList<string> FetchOpen()
    {
        List<string> found = [];
        try
        {
            using var limit = new LinkedLimit(StartPatience, Time, stop.Token);
            Task.Run(() => FetchOpenAsync(found, limit.Token)).GetAwaiter().GetResult();
            isOpenFetched = true;
        }
        catch (Exception fault) when (fault is StorageException or IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            logger.OpenNotFetched(fault.Message);
        }
        return found;
    }

    /// <summary>Counts an upload.</summary>
    public static async Task CountAsync(Task upload, long bytes)
    {
        try
        {
            await upload.ConfigureAwait(false);
        }
        catch (StorageException)
        {
            ArchiveMetrics.Uploads.Add(1, new KeyValuePair<string, object?>("outcome", "failed"));
            throw;
        }
        ArchiveMetrics.Uploads.Add(1, new KeyValuePair<string, object?>("outcome", "done"));
        ArchiveMetrics.Uploaded.Add(bytes);
    }

    /// <summary>Ends what is under way. What was not uploaded is, after the next start.</summary>
    public void Dispose()
    {
        uploads.Writer.TryComplete();
        deletions.Writer.TryComplete();
        stop.Cancel();
        Task.WhenAll(tasks).Wait(TimeSpan.FromSeconds(2));
        if (Volatile.Read(ref problem) is not null)
            ArchiveMetrics.AddFailing(-1);
        cache.Dispose();
        adopting.Dispose();
        bucket.Dispose();
    }

    // For a block that somebody waits for: what the store has can go, no more.
    private void MakeRoom()
    {
        if (cache.Clear() == 0)
            store.LocalSpace?.Evict(BlockCache.BlockBytes);
    }

    private async Task UploadAllAsync()
    {
        try
        {
            await foreach (var broadcast in uploads.Reader.ReadAllAsync(stop.Token).ConfigureAwait(false))
            {
                // One step at a time: then it is the next broadcast's turn.
                var isDone = await TryAsync(async () => !await broadcast.StepAsync(bucket, stop.Token).ConfigureAwait(false)).ConfigureAwait(false);
                lock (gate)
                {
                    broadcast.IsQueued = !isDone || broadcast.IsAgain;
                    broadcast.IsAgain = false;
                    if (!broadcast.IsQueued)
                        continue;
                }
                uploads.Writer.TryWrite(broadcast);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    private void QueueDeletion(string name)
    {
        Interlocked.Increment(ref deleting);
        deletions.Writer.TryWrite(name);
    }

    private async Task DeleteAllAsync()
    {
        try
        {
            await foreach (var name in deletions.Reader.ReadAllAsync(stop.Token).ConfigureAwait(false))
            {
                if (!await TryAsync(() => DeleteAsync(name)).ConfigureAwait(false))
                {
                    // It waited; the others are first now, for what the store does not let go of holds up nothing else.
                    deletions.Writer.TryWrite(name);
                    continue;
                }
                Interlocked.Decrement(ref deleting);
                Progressed?.Invoke();
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    private async Task<bool> DeleteAsync(string name)
    {
        if (!BroadcastId.TryParse(name, out _))
        {
            await bucket.DeleteAsync([name], stop.Token).ConfigureAwait(false);
            ArchiveMetrics.Deleted.Add(1);
            return true;
        }
        if (doomed.HasClips(name))
            await DeleteClipsAsync(name).ConfigureAwait(false);
        // First what makes it known, then what it consists of.
        foreach (var under in (string[])[$"{ArchivedReplay.Prefix}{name}/", $"{ArchivedReplay.ClipPrefix}{name}/", NameOf(name, "")])
        {
            var found = await bucket.ListAsync(under, stop.Token).ConfigureAwait(false);
            await bucket.DeleteAsync([.. found.Select(entry => entry.Name)], stop.Token).ConfigureAwait(false);
            ArchiveMetrics.Deleted.Add(found.Count);
        }
        await CloseAsync(name, stop.Token).ConfigureAwait(false);
        await bucket.AbortUploadsAsync(NameOf(name, ""), stop.Token).ConfigureAwait(false);
        // An upload that is on its way still has it deleted once more when it ends.
        if (!broadcasts.TryGetValue(name, out var broadcast) || broadcast.Delete())
        {
            broadcasts.TryRemove(name, out _);
            doomed.Remove(name);
        }
        return true;
    }

    /// <summary>The clips of a broadcast that was taken down go too, those that this node has not heard of yet included.</summary>
    private async Task DeleteClipsAsync(string of)
    {
        foreach (var (name, _) in await bucket.ListAsync(ArchivedReplay.ClipPrefix, stop.Token).ConfigureAwait(false))
        {
            if (ArchivedReplay.TryParse(name, out var clip) && clip.Clip?.Of.Value == of && !doomed.Contains(clip.Id.Value) && !store.Delete(clip.Id))
                DeleteBroadcast(clip.Id.Value);
        }
    }

    private async Task ListAllAsync()
    {
        try
        {
            while (true)
            {
                await TryAsync(ListAsync).ConfigureAwait(false);
                await Task.Delay(options.S3.ListInterval, Time, stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    /// <summary>Replays that other nodes recorded and clips that they made are on the shelf, those that they took down are not.</summary>
    private async Task<bool> ListAsync()
    {
        if (!isOpenFetched)
            await FinishOpenAsync().ConfigureAwait(false);
        var before = store.Replays.All.Where(replay => replay.IsArchived).ToList();
        var names = await bucket.ListAsync(ArchivedReplay.Prefix, stop.Token).ConfigureAwait(false);
        names.AddRange(await bucket.ListAsync(ArchivedReplay.ClipPrefix, stop.Token).ConfigureAwait(false));
        var there = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, _) in names)
        {
            if (!ArchivedReplay.TryParse(name, out var replay) || doomed.Contains(replay.Id.Value))
                continue;
            there.Add(replay.Id.Value);
            replay.Archived(replay.Bytes);
            store.AddArchived(replay);
        }
        foreach (var replay in before)
        {
            if (!there.Contains(replay.Id.Value) && store.Forget(replay.Id))
                logger.ReplayTakenDownElsewhere(replay.Id.Value, replay.Channel.Value);
        }
        return true;
    }

    /// <summary>What this node had on air in an earlier run, and its disk knows nothing of, comes onto the disk.</summary>
    private async Task FetchOpenAsync(List<string> found, CancellationToken cancellation)
    {
        foreach (var (name, _) in await bucket.ListAsync(openPrefix, cancellation).ConfigureAwait(false))
        {
            if (!BroadcastId.TryParse(name[openPrefix.Length..], out var id) || doomed.Contains(id.Value) || store.Find(id.Value) is not null)
                continue;
            var target = Path.Combine(directory, id.Value);
            // The disk was not lost: whoever has it there uploads it.
            if (Directory.Exists(target))
                continue;
            // Its end was all but carried out.
            if ((await bucket.ListAsync($"{ArchivedReplay.Prefix}{id.Value}/", cancellation).ConfigureAwait(false)).Count > 0)
                DeleteObject(name);
            else if (await ReplayFetch.RunAsync(bucket, id.Value, target, isFinished: false, cancellation).ConfigureAwait(false))
                found.Add(id.Value);
            else
                // Without a journal nobody can tell what its media are.
                DeleteBroadcast(id.Value);
        }
    }

    /// <summary>The same when the start did not wait for it: each becomes a replay.</summary>
    private async Task FinishOpenAsync()
    {
        List<string> found = [];
        try
        {
            await FetchOpenAsync(found, stop.Token).ConfigureAwait(false);
            isOpenFetched = true;
        }
        finally
        {
            foreach (var id in found)
                store.Recovery.FinishFound(id);
        }
    }

    private static string Named(string directory) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Environment.MachineName}\n{directory}")).AsSpan(0, 8));

    /// <summary>Does something with the store. False when that failed; then a while has passed.</summary>
    private async Task<bool> TryAsync(Func<Task<bool>> work)
    {
        try
        {
            var done = await work().ConfigureAwait(false);
            Recover();
            return done;
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            await FailAsync(fault.Message).ConfigureAwait(false);
            return false;
        }
        finally
        {
            Progressed?.Invoke();
        }
    }

    private async Task FailAsync(string reason)
    {
        // What is cancelled at the end may fail in words of its own.
        stop.Token.ThrowIfCancellationRequested();
        ArchiveMetrics.Retries.Add(1);
        int count;
        lock (gate)
        {
            count = ++failures;
            if (problem is null)
            {
                ArchiveMetrics.AddFailing(1);
                logger.ArchiveFailing(reason);
            }
            Volatile.Write(ref problem, reason);
        }
        Progressed?.Invoke();
        var pause = TimeSpan.FromSeconds(Math.Pow(2, Math.Min(count, 10) - 1) * (0.75 + Random.Shared.NextDouble() / 2));
        await Task.Delay(pause < LongestPause ? pause : LongestPause, Time, stop.Token).ConfigureAwait(false);
    }

    private void Recover()
    {
        lock (gate)
        {
            failures = 0;
            if (problem is null)
                return;
            Volatile.Write(ref problem, null);
        }
        ArchiveMetrics.AddFailing(-1);
        logger.ArchiveRecovered();
    }
}
