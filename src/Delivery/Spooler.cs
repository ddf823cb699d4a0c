using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Millrace.Delivery;

/// <summary>
/// Moves complete segments from memory to spool files, and deletes what has ended. A bounded queue, a few threads of its
/// own: whoever adds never waits, and a disk that hangs holds up these threads and nobody else.
/// </summary>
internal sealed class Spooler : IDisposable
{
    // After a failed write the disk is left alone for so long; retries that fail one by one help nobody.
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private readonly BlockingCollection<StoredSegment> queue;
    private readonly BlockingCollection<Action> chores = [];
    private readonly List<Thread> threads = [];
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private long restUntil;
    private long dropped;
    private int isFailing;

    public Spooler(DeliveryOptions options, TimeProvider time, ILogger logger)
    {
        this.time = time;
        this.logger = logger;
        queue = new BlockingCollection<StoredSegment>(options.SpoolQueue);
        for (var i = 0; i < options.SpoolThreads; i++)
            Start($"spool {i}", WriteAll);
        // Deleting is not writing: a directory that is slow to go does not hold up segments.
        Start("spool janitor", DoChores);
    }

    /// <summary>A segment has been dealt with, one way or the other; raised on a spool thread.</summary>
    public event Action? Progressed;

    /// <summary>The last write failed, or the queue ran full, and none has succeeded since.</summary>
    public bool IsFailing => Volatile.Read(ref isFailing) != 0;

    /// <summary>Offers a segment. False when the disk is behind or failing: the segment stays in memory.</summary>
    public bool TryAdd(StoredSegment segment)
    {
        if (time.GetTimestamp() < Volatile.Read(ref restUntil))
            return false;
        if (queue.IsAddingCompleted)
            return false;
        if (queue.TryAdd(segment))
            return true;
        Fail("its queue is full: the disk is too slow or hangs");
        return false;
    }

    /// <summary>Counts a segment that memory had no room for and the spool did not take.</summary>
    public void CountDropped()
    {
        Interlocked.Increment(ref dropped);
        DeliveryMetrics.SpoolDropped.Add(1);
    }

    /// <summary>Deletes a file that has ended.</summary>
    public void Retire(SpoolFile file) => AddChore(() => Delete(file.Path, file.Retire));

    /// <summary>Nothing more will be written to the rendition's files.</summary>
    public void Close(SpoolTrack track) => AddChore(() =>
    {
        if (track.Close() is { } ended)
            Delete(ended.Path, ended.Retire);
    });

    /// <summary>Deletes a broadcast's directory with everything in it.</summary>
    public void DeleteDirectory(string directory) => AddChore(() => Delete(directory, () =>
    {
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
    }));

    /// <summary>Waits until everything that was asked for before has been done, or <paramref name="limit"/> has passed.</summary>
    public void Dispose()
    {
        queue.CompleteAdding();
        chores.CompleteAdding();
        var deadline = time.GetTimestamp() + (long)(2 * time.TimestampFrequency);
        foreach (var thread in threads)
        {
            var left = time.GetElapsedTime(time.GetTimestamp(), deadline);
            thread.Join(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }

    private void Start(string name, Action work)
    {
        // Background: a disk that hangs does not keep the process from ending.
        var thread = new Thread(() => work()) { Name = name, IsBackground = true };
        threads.Add(thread);
        thread.Start();
    }

    private void AddChore(Action chore)
    {
        if (!chores.IsAddingCompleted)
            chores.Add(chore);
    }

    private void DoChores()
    {
        foreach (var chore in chores.GetConsumingEnumerable())
            chore();
    }

    private void Delete(string path, Action delete)
    {
        try
        {
            delete();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            logger.SpoolNotDeleted(path, fault.Message);
        }
    }

    private void WriteAll()
    {
        var slices = new List<ReadOnlyMemory<byte>>();
        foreach (var segment in queue.GetConsumingEnumerable())
        {
            Write(segment, slices);
            slices.Clear();
            Progressed?.Invoke();
        }
    }

    private void Write(StoredSegment segment, List<ReadOnlyMemory<byte>> slices)
    {
        var rendition = segment.Rendition;
        if (rendition.TakeForSpool(segment) is not { } chunks)
            return;
        SpoolFile? file = null;
        try
        {
            foreach (var chunk in chunks)
            {
                foreach (var slice in chunk.Slices)
                    slices.Add(slice.Memory);
            }
            file = rendition.Spool.Reserve(segment.Start, segment.Length, out var offset, out var ended);
            if (ended is not null)
                Retire(ended);
            if (file is null)
                return;
            RandomAccess.Write(file.Handle, slices, offset);
            rendition.Spooled(segment, file, offset);
            DeliveryMetrics.SpoolBytes.Add(segment.Length);
            Recover();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Volatile.Write(ref restUntil, time.GetTimestamp() + (long)(Rest.TotalSeconds * time.TimestampFrequency));
            if (file?.Leave() == true)
                Retire(file);
            rendition.NotSpooled(segment);
            Fail(fault.Message);
        }
        finally
        {
            foreach (var chunk in chunks)
                chunk.Release();
        }
    }

    private void Fail(string reason)
    {
        if (Interlocked.Exchange(ref isFailing, 1) == 0)
            logger.SpoolFailing(reason);
    }

    private void Recover()
    {
        if (Volatile.Read(ref isFailing) != 0 && Interlocked.Exchange(ref isFailing, 0) != 0)
            logger.SpoolRecovered(Interlocked.Exchange(ref dropped, 0));
    }
}
