using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Millrace.Delivery;

/// <summary>
/// The append-only record of one broadcast on disk, written behind its back: events queue up in their order, and a spool
/// thread writes as far as every segment's bytes are in their files. So what the journal holds is always a beginning of what
/// happened, and no record speaks of bytes that are not there.
/// </summary>
/// <remarks>
/// Thread-safe. Nobody who adds waits. At most one spool thread writes at a time. A write that fails is repeated at the same
/// place, over what it left.
/// </remarks>
internal sealed class Journal : ISpoolWork
{
    /// <summary>The file's name in the broadcast's directory.</summary>
    public const string FileName = "journal";

    /// <summary>The name of one that is being made, shorter, to take its place.</summary>
    public const string NewFileName = "journal.new";

    /// <summary>
    /// A journal up to here is not made shorter: five hours of two renditions' segments, read in 10 ms. Above it, it is when it has
    /// twice what it had after the last time; so at least half of what is read then is left out.
    /// </summary>
    internal const long LeastCheckpointBytes = 1 << 20;

    /// <summary>
    /// Records that may wait, 18 hours of two renditions' segments while a disk refuses to write. Beyond it the recording ends
    /// where it stands: what came after could not be understood without what is missing.
    /// </summary>
    private const int MaxPending = 1 << 16;

    // Enough for all that gathers in a disk's slow moment, little enough to hold no memory worth speaking of.
    private const int MaxBatchBytes = 256 * 1024;

    private readonly Lock gate = new();
    // Held while a spool thread is at the file, by nobody else but whoever closes it.
    private readonly Lock writing = new();
    private readonly Queue<Entry> pending = [];
    private readonly Spooler spooler;
    private readonly string path;
    private SafeFileHandle? file;
    private long length;
    private long generation;
    private long checkpointAt = LeastCheckpointBytes;
    private int isInCheckpoint;
    private long added;
    private long written;
    private bool isQueued;
    private bool isClosed;

    /// <param name="spooler">Whose threads write.</param>
    /// <param name="directory">The broadcast's directory, made with the first write.</param>
    public Journal(Spooler spooler, string directory)
    {
        this.spooler = spooler;
        path = Path.Combine(directory, FileName);
    }

    /// <summary>Bytes written and good.</summary>
    public long Length => Volatile.Read(ref length);

    /// <summary>How often it was made shorter, and bytes of it that are written and good: with the next generation they are others.</summary>
    public (long Generation, long Length) Good
    {
        get
        {
            lock (gate)
                return (generation, length);
        }
    }

    /// <summary>It is being made shorter.</summary>
    public bool IsInCheckpoint => Volatile.Read(ref isInCheckpoint) != 0;

    /// <summary>
    /// Goes on with a journal of an earlier run, of which so many bytes are good, after so many checkpoints; what lies behind
    /// them is cut off.
    /// </summary>
    public void Resume(long good, long after)
    {
        lock (gate)
        {
            Volatile.Write(ref length, good);
            generation = after;
        }
    }

    /// <summary>Records that were added in this run.</summary>
    public long Added => Volatile.Read(ref added);

    /// <summary>How many of them are on disk: the first ones, and with them the media that they speak of.</summary>
    public long Written => Volatile.Read(ref written);

    /// <summary>Everything that was added is on disk.</summary>
    public bool IsCaughtUp
    {
        get
        {
            lock (gate)
                return pending.Count == 0 && !isQueued;
        }
    }

    /// <summary>It gave up: too much waited for too long.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Adds what needs no media.</summary>
    public void Add(JournalRecord record) => Enqueue(new Entry { Record = record });

    /// <summary>Adds a segment whose bytes are not in a file yet.</summary>
    public Entry AddSegment(JournalRecord.SegmentEnded record)
    {
        var entry = new Entry { Segment = record };
        Enqueue(entry);
        return entry;
    }

    /// <summary>A segment's bytes are in their file.</summary>
    public void Settle(Entry entry, RecordedPlace place)
    {
        lock (gate)
            entry.Record = entry.Segment! with { Place = place };
        Pump();
    }

    /// <summary>A segment's bytes are gone and were never in a file.</summary>
    public void Lost(Entry entry)
    {
        lock (gate)
            entry.Record ??= entry.Segment! with { Place = RecordedPlace.Nowhere };
        Pump();
    }

    /// <summary>Has what is ready written, if it is not on its way already.</summary>
    public void Pump()
    {
        lock (gate)
        {
            if (isQueued || isClosed || !pending.TryPeek(out var first) || first.Record is null)
                return;
            isQueued = spooler.TryAdd(this);
        }
    }

    /// <summary>Nothing more is added. <see cref="CloseFile"/> follows, on a thread that may wait for the disk.</summary>
    public void Close()
    {
        lock (gate)
        {
            isClosed = true;
            pending.Clear();
        }
    }

    /// <summary>Waits for a write that is under way and closes the file: from now on nothing makes it again.</summary>
    public void CloseFile()
    {
        lock (writing)
            file?.Dispose();
    }

    /// <summary>True when it has grown enough to be made shorter; <see cref="Checkpoint"/> follows.</summary>
    public bool TryBeginCheckpoint() => Length >= Volatile.Read(ref checkpointAt) && Interlocked.Exchange(ref isInCheckpoint, 1) == 0;

    /// <summary>
    /// Makes it shorter: a new file is written beside it and takes its place when it is whole, so that a kill at any moment leaves one or
    /// the other. Spool threads go on writing meanwhile, but for the moment in which what they wrote is copied. Null, or why not.
    /// </summary>
    /// <param name="keep">How long media stay behind the end of their rendition.</param>
    public string? Checkpoint(TimeSpan keep)
    {
        var made = Path.Combine(Path.GetDirectoryName(path)!, NewFileName);
        SafeFileHandle? to = null;
        try
        {
            if (Volatile.Read(ref isClosed))
                return null;
            to = File.OpenHandle(made, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            var upTo = Length;
            var checkpoint = new JournalCheckpoint(path, upTo, keep, to);
            if (checkpoint.Write())
            {
                // On the medium before its name is: a power cut does not leave an empty one.
                RandomAccess.FlushToDisk(to);
                Replace(made, ref to, upTo, checkpoint);
                Volatile.Write(ref checkpointAt, Math.Max(LeastCheckpointBytes, 2 * checkpoint.Length));
                return null;
            }
            Volatile.Write(ref checkpointAt, Length + LeastCheckpointBytes);
            return "it holds what cannot be put shorter";
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            // Also what a bug of ours says of it: the old one is whole.
            Volatile.Write(ref checkpointAt, Length + LeastCheckpointBytes);
            return fault.Message;
        }
        finally
        {
            if (to is not null)
            {
                to.Dispose();
                Discard(made);
            }
            Volatile.Write(ref isInCheckpoint, 0);
        }
    }

    /// <summary>What was written meanwhile follows, and the new file is the journal. Its handle is ours then, and null.</summary>
    private void Replace(string made, ref SafeFileHandle? to, long upTo, JournalCheckpoint checkpoint)
    {
        lock (writing)
        {
            if (Volatile.Read(ref isClosed))
                return;
            var from = Open();
            var at = checkpoint.Length;
            var buffer = new byte[64 * 1024];
            for (var done = upTo; done < length;)
            {
                var read = RandomAccess.Read(from, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done)), done);
                if (read == 0)
                    throw new IOException("The journal is shorter than what was written to it.");
                RandomAccess.Write(to!, buffer.AsSpan(0, read), at);
                done += read;
                at += read;
            }
            File.Move(made, path, overwrite: true);
            from.Dispose();
            file = to;
            to = null;
            lock (gate)
            {
                Volatile.Write(ref length, at);
                generation = checkpoint.Generation;
            }
        }
    }

    private static void Discard(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The next one writes over it, the next start deletes it.
        }
    }

    /// <inheritdoc/>
    public bool IsMedia => false;

    /// <inheritdoc/>
    public bool Write(Spooler spooler)
    {
        lock (writing)
            return WriteReady();
    }

    private bool WriteReady()
    {
        var output = new ArrayBufferWriter<byte>(4096);
        var wrote = false;
        while (true)
        {
            var count = 0;
            output.ResetWrittenCount();
            lock (gate)
            {
                if (isClosed)
                {
                    isQueued = false;
                    return wrote;
                }
                foreach (var entry in pending)
                {
                    if (entry.Record is null || output.WrittenCount > MaxBatchBytes)
                        break;
                    JournalWriter.Write(output, entry.Record);
                    count++;
                }
                if (count == 0)
                {
                    isQueued = false;
                    return wrote;
                }
            }
            RandomAccess.Write(Open(), output.WrittenSpan, length);
            lock (gate)
            {
                Volatile.Write(ref length, length + output.WrittenCount);
                Volatile.Write(ref written, written + count);
                for (; count > 0 && pending.Count > 0; count--)
                    pending.Dequeue();
            }
            DeliveryMetrics.SpoolBytes.Add(output.WrittenCount);
            wrote = true;
        }
    }

    /// <inheritdoc/>
    public void Failed(Spooler spooler)
    {
        lock (gate)
        {
            isQueued = false;
        }
    }

    private SafeFileHandle Open()
    {
        if (file is not null)
            return file;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var opened = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        if (RandomAccess.GetLength(opened) > length)
            RandomAccess.SetLength(opened, length);
        return file = opened;
    }

    private void Enqueue(Entry entry)
    {
        lock (gate)
        {
            if (isClosed || IsBroken)
                return;
            if (pending.Count >= MaxPending)
            {
                IsBroken = true;
                return;
            }
            pending.Enqueue(entry);
            Volatile.Write(ref added, added + 1);
        }
        Pump();
    }

    /// <summary>A place in the journal's order.</summary>
    public sealed class Entry
    {
        internal JournalRecord? Record { get; set; }

        internal JournalRecord.SegmentEnded? Segment { get; init; }
    }
}
