namespace Millrace.Timeline;

/// <summary>
/// Who waits for what in one rendition: one signal per target, however many wait for it. Guarded by the timeline's lock;
/// only <see cref="Signal.Fire"/> is called outside.
/// </summary>
/// <remarks>
/// Targets are at most a few segments ahead and their part indexes are bounded by the Advance Part Limit, so there are
/// seldom more than four signals and never many.
/// </remarks>
internal sealed class WaitList
{
    /// <summary>The part index that stands for the whole segment.</summary>
    public const int WholeSegment = int.MaxValue;

    private readonly List<Signal> pending = [];

    /// <summary>The signal of that target; made when nobody waits for it yet.</summary>
    public Task For(long segment, int part)
    {
        foreach (var signal in pending)
        {
            if (signal.Segment == segment && signal.Part == part)
                return signal.Task;
        }
        var added = new Signal(segment, part);
        pending.Add(added);
        return added.Task;
    }

    /// <summary>
    /// Takes out the signals that have come due, linked in front of <paramref name="due"/>: all up to that part of that segment.
    /// </summary>
    public void TakeUpTo(long segment, int part, ref Signal? due)
    {
        for (var i = pending.Count - 1; i >= 0; i--)
        {
            var signal = pending[i];
            if (signal.Segment > segment || (signal.Segment == segment && signal.Part > part))
                continue;
            pending.RemoveAt(i);
            signal.Next = due;
            due = signal;
        }
    }

    /// <summary>One target's waiters.</summary>
    /// <remarks>
    /// Completed on a pool thread, so that not even the queueing of thousands of continuations delays the thread that
    /// brought the part; and with asynchronous continuations, so that all cores share them.
    /// </remarks>
    internal sealed class Signal(long segment, int part)
        : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), IThreadPoolWorkItem
    {
        public long Segment { get; } = segment;

        public int Part { get; } = part;

        public Signal? Next { get; set; }

        /// <summary>Releases the waiters of this signal and of all linked behind it.</summary>
        public static void Fire(Signal? first)
        {
            for (var signal = first; signal is not null; signal = signal.Next)
                ThreadPool.UnsafeQueueUserWorkItem(signal, preferLocal: false);
        }

        void IThreadPoolWorkItem.Execute() => TrySetResult();
    }
}
