using Microsoft.Win32.SafeHandles;

namespace Millrace.Delivery;

/// <summary>
/// What was read from the store a moment ago: blocks of objects, each in a file without a name, so that nothing of them is
/// left by a kill and a reader sends them like any other media. Whoever asks for a block that is on its way waits for it; the
/// one that was not asked for the longest goes first. Thread-safe.
/// </summary>
internal sealed class BlockCache : IDisposable
{
    /// <summary>Bytes of a block: 13 s of 2.5 Mbit/s, so a player's next few segments are there already.</summary>
    public const int BlockBytes = 4 << 20;

    // A player gives up about then.
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly Dictionary<(string Name, long Block), LinkedListNode<Entry>> blocks = [];
    private readonly LinkedList<Entry> order = [];
    private readonly SemaphoreSlim turns;
    private readonly S3Bucket bucket;
    private readonly string directory;
    private readonly long capacity;
    private readonly TimeProvider time;
    private readonly Action makeRoom;
    private readonly CancellationTokenSource stop = new();
    private long bytes;

    /// <param name="bucket">Where it reads.</param>
    /// <param name="options">How much it keeps, and how many requests it makes.</param>
    /// <param name="directory">Where the files are, for the moment that they have a name.</param>
    /// <param name="time">The clock.</param>
    /// <param name="makeRoom">Called, once for a read, when the disk is full: something of what the store has too leaves it.</param>
    public BlockCache(S3Bucket bucket, StorageOptions options, string directory, TimeProvider time, Action makeRoom)
    {
        this.makeRoom = makeRoom;
        this.bucket = bucket;
        this.directory = directory;
        this.time = time;
        capacity = options.CacheBytes;
        turns = new SemaphoreSlim(options.S3.Reads);
    }

    /// <summary>
    /// The bytes of an object from <paramref name="from"/> on, up to <paramref name="length"/> or the end of their block, for the
    /// caller to dispose. Null when the store does not hand them out now.
    /// </summary>
    /// <param name="name">The object.</param>
    /// <param name="total">Its length.</param>
    /// <param name="from">Less than that.</param>
    /// <param name="length">At least 1.</param>
    public async ValueTask<SegmentBytes?> ReadAsync(string name, long total, long from, int length)
    {
        var block = from / BlockBytes;
        var size = (int)Math.Min(BlockBytes, total - block * BlockBytes);
        var offset = (int)(from - block * BlockBytes);
        var count = Math.Min(length, size - offset);
        if (count <= 0)
            return null;
        // Twice: it may be evicted between its arrival and our turn.
        for (var attempt = 0; attempt < 2; attempt++)
        {
            Entry entry;
            bool isNew;
            lock (gate)
            {
                isNew = !blocks.TryGetValue((name, block), out var node);
                if (isNew)
                {
                    node = order.AddFirst(new Entry(name, block, size));
                    blocks.Add((name, block), node);
                    node.Value.Arrival = FetchAsync(node);
                }
                else
                {
                    order.Remove(node!);
                    order.AddFirst(node!);
                }
                entry = node!.Value;
            }
            var file = await entry.Arrival.ConfigureAwait(false);
            ArchiveMetrics.Reads.Add(1, new KeyValuePair<string, object?>("outcome", file is null ? "failed" : isNew ? "fetched" : "hit"));
            if (file is null)
                return null;
            try
            {
                var added = false;
                file.DangerousAddRef(ref added);
                return new SegmentBytes(file, offset, count);
            }
            catch (ObjectDisposedException)
            {
                continue;
            }
        }
        return null;
    }

    /// <summary>Everything goes that nobody waits for: the disk is full. Bytes that become free with their last readers.</summary>
    public long Clear()
    {
        lock (gate)
        {
            var before = bytes;
            foreach (var node in blocks.Values.Where(node => node.Value.File is not null).ToList())
                Remove(node);
            return before - bytes;
        }
    }

    /// <summary>Nothing of a broadcast is kept any more.</summary>
    public void Forget(string prefix)
    {
        lock (gate)
        {
            foreach (var node in blocks.Values.Where(node => node.Value.Name.StartsWith(prefix, StringComparison.Ordinal)).ToList())
                Remove(node);
        }
    }

    public void Dispose()
    {
        stop.Cancel();
        lock (gate)
        {
            foreach (var node in blocks.Values.ToList())
                Remove(node);
        }
    }

    private async Task<SafeFileHandle?> FetchAsync(LinkedListNode<Entry> node)
    {
        // Off the caller's lock.
        await Task.Yield();
        var entry = node.Value;
        SafeFileHandle? file = null;
        try
        {
            using var limit = new LinkedLimit(MaxWait, time, stop.Token);
            await turns.WaitAsync(limit.Token).ConfigureAwait(false);
            try
            {
                file = await FetchAsync(entry, limit.Token).ConfigureAwait(false);
            }
            finally
            {
                turns.Release();
            }
            ArchiveMetrics.Fetched.Add(entry.Length);
            if (Keep(node, file))
                return file;
        }
        catch (Exception fault) when (fault is StorageException or IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            // Nobody's fault here: the next one asks again.
        }
        file?.Dispose();
        lock (gate)
            Remove(node);
        return null;
    }

    private async Task<SafeFileHandle> FetchAsync(Entry entry, CancellationToken cancellation)
    {
        for (var isFirst = true; ; isFirst = false)
        {
            SafeFileHandle? file = null;
            try
            {
                file = Create();
                await bucket.ReadAsync(entry.Name, entry.Block * BlockBytes, entry.Length, file, 0, cancellation).ConfigureAwait(false);
                return file;
            }
            catch (Exception fault) when (isFirst && Spooler.IsFull(fault))
            {
                file?.Dispose();
                makeRoom();
            }
            catch
            {
                file?.Dispose();
                throw;
            }
        }
    }

    /// <summary>A file that has lost its name already.</summary>
    private SafeFileHandle Create()
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, Guid.NewGuid().ToString("N"));
        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, FileOptions.Asynchronous);
        File.Delete(path);
        return file;
    }

    private bool Keep(LinkedListNode<Entry> node, SafeFileHandle file)
    {
        lock (gate)
        {
            if (node.List is null)
                return false;
            node.Value.File = file;
            bytes += node.Value.Length;
            for (var oldest = order.Last; bytes > capacity && oldest is not null;)
            {
                var before = oldest.Previous;
                if (oldest != node && oldest.Value.File is not null)
                    Remove(oldest);
                oldest = before;
            }
            return true;
        }
    }

    // Readers that have a reference keep the file open.
    private void Remove(LinkedListNode<Entry> node)
    {
        if (node.List is null)
            return;
        order.Remove(node);
        blocks.Remove((node.Value.Name, node.Value.Block));
        if (node.Value.File is not { } file)
            return;
        bytes -= node.Value.Length;
        file.Dispose();
    }

    private sealed class Entry(string name, long block, int length)
    {
        public string Name { get; } = name;

        public long Block { get; } = block;

        public int Length { get; } = length;

        public Task<SafeFileHandle?> Arrival { get; set; } = null!;

        public SafeFileHandle? File { get; set; }
    }
}
