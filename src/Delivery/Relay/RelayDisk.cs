using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Millrace.Delivery.Relay;

/// <summary>
/// What memory has to drop and may be wanted again: immutable objects that were asked for more than once and are no live
/// media, one file each in <see cref="RelayOptions.DiskCache"/>. A scan of old replays, each object asked for once, writes
/// nothing. When there is no room the oldest goes, unless it was used since it was last looked at (FIFO with reinsertion).
/// Thread-safe.
/// </summary>
/// <remarks>
/// Empty at each start: a takedown that came while the node was down must not be undone. One task writes, in front of it
/// waits a queue bounded in objects and bytes, and what finds it full is not kept. A disk that fails or keeps a reader longer than
/// <see cref="RelayOptions.AnswerTimeout"/> is left alone from then on: parents have everything.
/// </remarks>
internal sealed class RelayDisk : IAsyncDisposable
{
    private const string Suffix = ".object";
    private const string LockName = "millrace-relay.lock";
    private const int MaxWaiting = 64;
    // What waits for the disk is in memory still: a slow disk may cost live media no more room than this share.
    private const int WaitingShare = 8;
    private const int ReadBytes = 256 * 1024;

    private readonly Dictionary<RelayKey, LinkedListNode<RelayDiskEntry>> index = [];
    private readonly LinkedList<RelayDiskEntry> order = [];
    private readonly Dictionary<RelayKey, Pending> waiting = [];
    private readonly Channel<Pending> queue = Channel.CreateBounded<Pending>(MaxWaiting);
    private readonly Lock gate = new();
    private readonly RelayOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly FileStream? owned;
    private readonly Task writing;
    private long bytes;
    private long waitingBytes;
    private long named;
    private bool isFailed;

    public RelayDisk(RelayOptions options, TimeProvider time, ILogger logger)
    {
        this.options = options;
        this.time = time;
        this.logger = logger;
        try
        {
            Directory.CreateDirectory(options.DiskCache);
            // Two relays over one directory would delete each other's files.
            owned = new FileStream(Path.Combine(options.DiskCache, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            foreach (var left in Directory.EnumerateFiles(options.DiskCache, "*" + Suffix))
                File.Delete(left);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Fail(fault.Message);
        }
        writing = WriteAsync();
    }

    private sealed record Pending(RelayKey Key, RelayHead Head, RelayBody Body)
    {
        public bool IsPurged { get; set; }
    }

    /// <summary>Bytes on disk.</summary>
    public long Bytes => Volatile.Read(ref bytes);

    /// <summary>Objects on disk.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return index.Count;
        }
    }

    /// <summary>Objects that wait for the disk, the one that is being written included.</summary>
    public int Waiting
    {
        get
        {
            lock (gate)
                return waiting.Count;
        }
    }

    /// <summary>Their bytes, which are in memory still.</summary>
    public long WaitingBytes => Volatile.Read(ref waitingBytes);

    /// <summary>The disk does not take part any more.</summary>
    public bool IsFailed => Volatile.Read(ref isFailed);

    /// <summary>Memory drops an object, whose body is still there: it is written down when it is worth it.</summary>
    public void Offer(RelayObject item)
    {
        if (IsFailed || item is not { Head: { Status: 200, IsImmutable: true, IsPassed: false, StaleUntil: null } head, Body: { IsComplete: true, Length: > 0 } body }
            || !item.Slot.WasUsed || item.Slot.IsLive || item.IsDoomed || body.Length > options.DiskCacheBytes / 4)
        {
            return;
        }
        var pending = new Pending(item.Key, head with { IsFromDisk = false }, body);
        bool isFull;
        lock (gate)
        {
            if (index.TryGetValue(item.Key, out var known))
            {
                known.Value.IsUsed = true;
                return;
            }
            if (waiting.ContainsKey(item.Key))
                return;
            // One may always wait, however large.
            isFull = waiting.Count == MaxWaiting || (waiting.Count > 0 && waitingBytes + body.Length > options.MemoryBytes / WaitingShare);
            if (!isFull)
            {
                waiting.Add(item.Key, pending);
                waitingBytes += body.Length;
                body.Share();
            }
        }
        if (isFull)
            RelayMetrics.CountDisk("dropped");
        else if (!queue.Writer.TryWrite(pending))
            // The relay stops.
            Forget(pending);
    }

    /// <summary>The object of a key, or null.</summary>
    public RelayDiskEntry? Find(in RelayKey key)
    {
        lock (gate)
        {
            if (IsFailed || !index.TryGetValue(key, out var node))
                return null;
            node.Value.IsUsed = true;
            return node.Value;
        }
    }

    /// <summary>Opens an object's file; null when it is gone or the disk does not answer. It can be read to its end even if it is deleted meanwhile.</summary>
    public async Task<SafeFileHandle?> OpenAsync(RelayDiskEntry entry)
    {
        try
        {
            return await Task.Run(() => File.OpenHandle(entry.Path, share: FileShare.Read | FileShare.Delete)).WaitAsync(options.AnswerTimeout, time);
        }
        catch (FileNotFoundException)
        {
            // Evicted in this moment.
            return null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or TimeoutException)
        {
            Fail(fault.Message);
            return null;
        }
    }

    /// <summary>Bytes from a position on; empty when the disk fails or does not answer.</summary>
    public async Task<ReadOnlyMemory<byte>> ReadAsync(SafeFileHandle file, RelayDiskEntry entry, long at)
    {
        // A buffer of its own: a disk that answers after its time must not write into what others have by then.
        var buffer = new byte[Math.Min(ReadBytes, entry.Length - at)];
        try
        {
            var read = await RandomAccess.ReadAsync(file, buffer, at).AsTask().WaitAsync(options.AnswerTimeout, time);
            if (read > 0)
                return buffer.AsMemory(0, read);
            Fail("a file is shorter than it was");
        }
        catch (Exception fault) when (fault is IOException or TimeoutException)
        {
            Fail(fault.Message);
        }
        return default;
    }

    /// <summary>Deletes everything whose path begins so, and what waits to be written; how many objects that were.</summary>
    public int Purge(string prefix)
    {
        List<RelayDiskEntry> purged;
        lock (gate)
        {
            foreach (var (key, pending) in waiting)
                pending.IsPurged |= key.Path.StartsWith(prefix, StringComparison.Ordinal);
            purged = [.. order.Where(entry => entry.Key.Path.StartsWith(prefix, StringComparison.Ordinal))];
            foreach (var entry in purged)
                Remove(index[entry.Key]);
        }
        purged.ForEach(Delete);
        return purged.Count;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // What is not written yet need not be: the next start empties the directory.
        while (queue.Reader.TryRead(out var pending))
            Forget(pending);
        queue.Writer.Complete();
        try
        {
            await writing.WaitAsync(options.AnswerTimeout);
        }
        catch (TimeoutException)
        {
            // A disk that hangs does not keep the node from stopping; what is half written goes at the next start.
        }
        if (owned is not null)
            await owned.DisposeAsync();
    }

    private async Task WriteAsync()
    {
        await foreach (var pending in queue.Reader.ReadAllAsync())
        {
            if (!IsFailed && !pending.IsPurged)
                await WriteAsync(pending);
            Forget(pending);
        }
    }

    private async Task WriteAsync(Pending pending)
    {
        var entry = new RelayDiskEntry
        {
            Key = pending.Key,
            Head = pending.Head,
            Length = pending.Body.Length,
            Path = Path.Combine(options.DiskCache, $"{named++:x}{Suffix}"),
        };
        MakeRoom(entry.Length);
        try
        {
            using (var file = File.OpenHandle(entry.Path, FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.Asynchronous, entry.Length))
            {
                for (var at = 0L; at < entry.Length;)
                {
                    var piece = pending.Body.At(at, entry.Length);
                    await RandomAccess.WriteAsync(file, piece, at);
                    at += piece.Length;
                }
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            Fail(fault.Message);
            Delete(entry);
            return;
        }
        lock (gate)
        {
            if (!pending.IsPurged)
            {
                index.Add(entry.Key, order.AddLast(entry));
                Add(entry.Length);
                RelayMetrics.CountDisk("written");
                return;
            }
        }
        Delete(entry);
    }

    private void MakeRoom(long wanted)
    {
        while (true)
        {
            RelayDiskEntry worst;
            lock (gate)
            {
                if (order.First is not { } first || (bytes + wanted <= options.DiskCacheBytes && index.Count < options.MaxObjects))
                    return;
                if (first.Value.IsUsed)
                {
                    first.Value.IsUsed = false;
                    order.RemoveFirst();
                    order.AddLast(first);
                    continue;
                }
                worst = first.Value;
                Remove(first);
            }
            RelayMetrics.CountDisk("evicted");
            Delete(worst);
        }
    }

    private void Remove(LinkedListNode<RelayDiskEntry> node)
    {
        order.Remove(node);
        index.Remove(node.Value.Key);
        Add(-node.Value.Length);
    }

    private void Add(long count)
    {
        Volatile.Write(ref bytes, bytes + count);
        RelayMetrics.AddDisk(count);
    }

    private void Forget(Pending pending)
    {
        lock (gate)
        {
            waiting.Remove(pending.Key);
            waitingBytes -= pending.Body.Length;
        }
        pending.Body.Release();
    }

    private void Delete(RelayDiskEntry entry)
    {
        try
        {
            File.Delete(entry.Path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Fail(fault.Message);
        }
    }

    private void Fail(string reason)
    {
        if (Interlocked.Exchange(ref isFailed, true))
            return;
        RelayMetrics.CountDisk("failed");
        logger.DiskCacheFailed(options.DiskCache, reason);
    }
}
