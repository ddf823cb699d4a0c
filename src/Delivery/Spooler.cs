using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Millrace.Delivery;

/// <summary>
/// Writes complete segments and journals to disk, and deletes what has ended. A bounded queue, a few threads of its own:
/// whoever adds never waits, and a disk that hangs holds up these threads and nobody else.
/// </summary>
internal sealed class Spooler : IDisposable
{
    /// <summary>What a directory's name ends with while it is deleted.</summary>
    public const string DeletedSuffix = ".deleted";

    // After a failed write the disk is left alone for so long; retries that fail one by one help nobody.
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    // So long the end of a process waits for a disk, by the clock on the wall.
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(2);

    private readonly BlockingCollection<ISpoolWork> queue;
    private readonly BlockingCollection<Action> chores = [];
    private readonly List<Thread> threads = [];
    // Whoever adds while the end comes is in front of it, or refused.
    private readonly Lock ending = new();
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private long restUntil;
    private long dropped;
    // Works that were taken and are not dealt with yet, those among them that wait for room.
    private int unsettled;
    private int isFailing;
    // A segment was refused, and none has been taken since: a journal's few bytes find room where segments do not.
    private int isMediaFailing;
    private int isMakingRoom;

    public Spooler(DeliveryOptions options, TimeProvider time, ILogger logger)
    {
        this.time = time;
        this.logger = logger;
        queue = new BlockingCollection<ISpoolWork>(options.SpoolQueue);
        for (var i = 0; i < options.SpoolThreads; i++)
            Start($"spool {i}", WriteAll);
        // Deleting is not writing: a directory that is slow to go does not hold up segments.
        Start("spool janitor", DoChores);
    }

    /// <summary>A segment has been dealt with, one way or the other; raised on a spool thread.</summary>
    public event Action? Progressed;

    /// <summary>A write failed, or the queue ran full, and none has succeeded since; where it was a segment's, none of a segment.</summary>
    public bool IsFailing => Volatile.Read(ref isFailing) != 0;

    /// <summary>Everything that was taken has been dealt with: nothing changes until more is offered.</summary>
    public bool IsIdle => Volatile.Read(ref unsettled) == 0;

    /// <summary>
    /// A write failed for want of space; raised on a spool thread. True when room was made: then it is tried again at once.
    /// </summary>
    public Func<bool>? OutOfSpace { get; set; }

    /// <summary>Offers something to write. False when the disk is behind or failing: it stays in memory.</summary>
    public bool TryAdd(ISpoolWork work)
    {
        if (time.GetTimestamp() < Volatile.Read(ref restUntil))
            return false;
        Interlocked.Increment(ref unsettled);
        if (TryQueue(work))
            return true;
        Interlocked.Decrement(ref unsettled);
        if (!queue.IsAddingCompleted)
            Fail("its queue is full: the disk is too slow or hangs");
        return false;
    }

    private bool TryQueue(ISpoolWork work)
    {
        lock (ending)
            return !queue.IsAddingCompleted && queue.TryAdd(work);
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

    /// <summary>
    /// Deletes a broadcast's directory with everything in it. It loses its name first: a half-deleted one never passes for a
    /// recording.
    /// </summary>
    public void DeleteDirectory(string directory) => AddChore(() => Delete(directory, () =>
    {
        var doomed = directory + DeletedSuffix;
        if (Directory.Exists(directory))
            Directory.Move(directory, doomed);
        if (Directory.Exists(doomed))
            Directory.Delete(doomed, recursive: true);
    }));

    /// <summary>Does something that looks at the disk, behind the deletions that were asked for before.</summary>
    public void Run(Action chore) => AddChore(chore);

    /// <summary>Waits until a condition holds that writing brings about, at most a moment: for the end of the process.</summary>
    public void Drain(Func<bool> isDone)
    {
        // Not disposed: a thread that raises the event now may still hold its handler.
        var progress = new SemaphoreSlim(0);
        void Signal() => progress.Release();
        Progressed += Signal;
        try
        {
            var began = Stopwatch.GetTimestamp();
            while (!queue.IsAddingCompleted && !isDone() && !IsFailing && !IsIdle && Moment - Stopwatch.GetElapsedTime(began) is var left && left > TimeSpan.Zero)
                progress.Wait(left);
        }
        finally
        {
            Progressed -= Signal;
        }
    }

    /// <summary>Waits until everything that was asked for before has been done, at most a moment.</summary>
    public void Dispose()
    {
        lock (ending)
        {
            queue.CompleteAdding();
            chores.CompleteAdding();
        }
        var began = Stopwatch.GetTimestamp();
        foreach (var thread in threads)
        {
            var left = Moment - Stopwatch.GetElapsedTime(began);
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
        lock (ending)
        {
            if (!chores.IsAddingCompleted)
                chores.Add(chore);
        }
    }

    private void DoChores()
    {
        // The outermost loop of every chore: a bug ends the one that met it and no other.
        foreach (var chore in chores.GetConsumingEnumerable())
        {
            try
            {
                chore();
            }
            catch (Exception fault) when (fault is not OutOfMemoryException)
            {
                logger.SpoolFault(fault);
            }
        }
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
        foreach (var work in queue.GetConsumingEnumerable())
        {
            if (TryWrite(work))
                Interlocked.Decrement(ref unsettled);
            Progressed?.Invoke();
        }
    }

    // The outermost loop of every write, as of the chores. False when it is to be written again.
    private bool TryWrite(ISpoolWork work)
    {
        try
        {
            return Write(work);
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            logger.SpoolFault(fault);
            work.Failed(this);
            return true;
        }
    }

    // False when it is to be written again.
    private bool Write(ISpoolWork work)
    {
        try
        {
            if (work.Write(this))
                Recover(work);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            if (work.IsMedia)
                Volatile.Write(ref isMediaFailing, 1);
            Fail(fault.Message);
            if (IsFull(fault) && TryMakeRoom())
            {
                // Behind the deletions that make the room.
                AddChore(() => AddAgain(work));
                return false;
            }
            Volatile.Write(ref restUntil, time.GetTimestamp() + (long)(Rest.TotalSeconds * time.TimestampFrequency));
            work.Failed(this);
        }
        return true;
    }

    /// <summary>True when room is being made, by this call or one before whose deletions are still to be done.</summary>
    private bool TryMakeRoom()
    {
        if (Interlocked.CompareExchange(ref isMakingRoom, 1, 0) != 0)
            return true;
        var isMade = false;
        try
        {
            isMade = OutOfSpace?.Invoke() == true;
            if (isMade)
                AddChore(() => Volatile.Write(ref isMakingRoom, 0));
            return isMade;
        }
        finally
        {
            if (!isMade)
                Volatile.Write(ref isMakingRoom, 0);
        }
    }

    private void AddAgain(ISpoolWork work)
    {
        if (TryQueue(work))
            return;
        work.Failed(this);
        Interlocked.Decrement(ref unsettled);
        Progressed?.Invoke();
    }

    // ENOSPC and EDQUOT: .NET hands Linux error numbers on as they are. A read from the store into a file says it in its own words.
    internal static bool IsFull(Exception? fault) =>
        fault is StorageException ? IsFull(fault.InnerException) : fault is IOException && fault.HResult is 28 or 122;

    private void Fail(string reason)
    {
        if (Interlocked.Exchange(ref isFailing, 1) != 0)
            return;
        DeliveryMetrics.AddFailing(1);
        logger.SpoolFailing(reason);
    }

    private void Recover(ISpoolWork by)
    {
        if (by.IsMedia)
            Volatile.Write(ref isMediaFailing, 0);
        if (Volatile.Read(ref isMediaFailing) != 0)
            return;
        if (Volatile.Read(ref isFailing) == 0 || Interlocked.Exchange(ref isFailing, 0) == 0)
            return;
        DeliveryMetrics.AddFailing(-1);
        logger.SpoolRecovered(Interlocked.Exchange(ref dropped, 0));
    }
}
