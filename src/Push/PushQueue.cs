using Millrace.Packaging;

namespace Millrace.Push;

/// <summary>
/// What one origin has not acknowledged of one broadcast, in order. Bounded: when the origin does not keep up, or is not
/// there, whole segments become gaps, oldest first, but none of which it may have a part already. Thread-safe: the
/// broadcast's owner appends and never waits, the sender takes.
/// </summary>
internal sealed class PushQueue : IDisposable
{
    /// <summary>
    /// Most frames: what is left of dropped segments are their ends, some 200 bytes each, and a day without an origin would be
    /// many. Beyond it the origin begins anew.
    /// </summary>
    internal const int MaxFrames = 20_000;

    private readonly record struct Entry(PushFrame Frame, MediaChunk? Chunk, long At);

    private readonly Lock gate = new();
    private readonly PushHistory history;
    private readonly PushOptions options;
    private readonly TimeProvider time;
    private readonly HashSet<(int Period, int Rendition, long Segment)> dropping = [];
    private List<Entry> entries = [];
    private List<PushFrame> prelude = [];
    private int preludeSent;
    private int sent;
    private long bytes;
    private long dropped;
    private PushCursor? known;
    // What of it would be there after a crash of the origin.
    private PushCursor? stored;
    private bool isClosed;
    private bool isLeaving;
    private TaskCompletionSource arrival = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PushQueue(PushHistory history, PushOptions options, TimeProvider time)
    {
        this.history = history;
        this.options = options;
        this.time = time;
    }

    /// <summary>Bytes of media that wait.</summary>
    public long Bytes
    {
        get
        {
            lock (gate)
                return bytes;
        }
    }

    /// <summary>Segments that became gaps.</summary>
    public long DroppedSegments => Volatile.Read(ref dropped);

    /// <summary>Frames that wait, sent or not.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return entries.Count;
        }
    }

    /// <summary>Takes a frame, and a part's chunk over.</summary>
    public void Append(PushFrame frame, MediaChunk? chunk)
    {
        TaskCompletionSource signal;
        lock (gate)
        {
            var key = KeyOf(frame);
            if (isClosed || (frame is PushPart or PushBegin && dropping.Contains(key)))
            {
                chunk?.Release();
                return;
            }
            if (frame is PushSegmentEnd end && dropping.Remove(key))
                frame = AsGap(end);
            entries.Add(new Entry(frame, chunk, time.GetTimestamp()));
            AddBytes(chunk?.Length ?? 0);
            Limit();
            signal = arrival;
            arrival = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        signal.TrySetResult();
    }

    /// <summary>Ends with the next frame that comes, or at once when there is one to take.</summary>
    public Task ArrivalAsync()
    {
        lock (gate)
            return preludeSent < prelude.Count || SkipKnown() < entries.Count ? Task.CompletedTask : arrival.Task;
    }

    /// <summary>Ends with the next frame that comes.</summary>
    public Task NextArrivalAsync()
    {
        lock (gate)
            return arrival.Task;
    }

    /// <summary>The next frame to send, with a reference to its chunk for the caller; false when there is none now.</summary>
    public bool TryTake(out PushFrame frame, out MediaChunk? chunk)
    {
        lock (gate)
        {
            chunk = null;
            if (preludeSent < prelude.Count)
            {
                frame = prelude[preludeSent++];
                return true;
            }
            frame = null!;
            if (SkipKnown() == entries.Count)
                return false;
            (frame, chunk, _) = entries[sent++];
            if (chunk is not null && !chunk.TryAddReference())
                throw new InvalidOperationException("A queued chunk was released.");
            return true;
        }
    }

    /// <summary>
    /// Goes on where the origin is. False when what it lacks is not here any more: then it has to begin anew
    /// (<see cref="TryStart"/>).
    /// </summary>
    public bool TryResume(PushPosition position)
    {
        lock (gate)
        {
            prelude = [];
            preludeSent = sent = 0;
            Follow(position);
            if (position.IsEnded)
            {
                Close();
                return true;
            }
            var cursor = new PushCursor(position);
            for (var i = 0; i < entries.Count; i++)
            {
                var frame = entries[i].Frame;
                var step = cursor.Check(frame);
                if (step == PushStep.Next)
                {
                    cursor.Advance(frame);
                }
                else if (step == PushStep.Hole)
                {
                    // The origin lost a segment's first parts: a gap there is less than a new beginning.
                    if (frame is not PushPart part || part.Period != cursor.Periods - 1
                        || cursor[part.Description.Rendition] is not { HasInit: true } place || !place.IsAt(part.Description.Segment))
                        return false;
                    Drop(KeyOf(frame), from: 0);
                    (cursor, i) = (new PushCursor(position), -1);
                }
            }
            Trim();
            return true;
        }
    }

    /// <summary>
    /// Begins at the earliest segment that is here as a whole in every rendition, behind a recapitulation. False when there is
    /// none: wait for the next frame.
    /// </summary>
    public bool TryStart(bool isAnew)
    {
        lock (gate)
        {
            prelude = [];
            preludeSent = sent = 0;
            known = stored = null;
            if (FindStart(isAnew) is not var (period, segment, recap))
                return false;
            prelude = recap;
            var kept = new List<Entry>(entries.Count);
            foreach (var entry in entries)
            {
                if (IsBefore(entry.Frame, period, segment))
                    Release(entry);
                else
                    kept.Add(entry);
            }
            entries = kept;
            return true;
        }
    }

    /// <summary>
    /// The origin has everything up to there. What it has on disk goes; the rest stays: an origin that loses what it had in memory
    /// in a crash gets that again.
    /// </summary>
    public void Acknowledge(PushPosition position)
    {
        lock (gate)
        {
            prelude = [];
            preludeSent = 0;
            Follow(position);
            if (position.IsEnded)
            {
                Close();
                return;
            }
            Trim();
            // What was sent has been taken.
            if (isLeaving && SkipKnown() == entries.Count)
                Close();
        }
    }

    /// <summary>The broadcast is over and the origin knows, or it refused it: nothing is kept any more.</summary>
    public bool IsClosed
    {
        get
        {
            lock (gate)
                return isClosed;
        }
    }

    /// <summary>Nothing more will come: the newest frame is the broadcast's end, or this pusher leaves it.</summary>
    public bool HasAll
    {
        get
        {
            lock (gate)
                return isClosed || isLeaving || HasEndLocked;
        }
    }

    /// <summary>The newest frame is the broadcast's end.</summary>
    public bool HasEnd
    {
        get
        {
            lock (gate)
                return isClosed || HasEndLocked;
        }
    }

    private bool HasEndLocked => entries.Count > 0 && entries[^1].Frame is PushEnd;

    /// <summary>This pusher leaves the broadcast: what is here is brought to the origin, and then the queue is closed.</summary>
    public void Leave()
    {
        TaskCompletionSource signal;
        lock (gate)
        {
            isLeaving = true;
            if (entries.TrueForAll(entry => known?.Check(entry.Frame) == PushStep.Known))
                Close();
            signal = arrival;
        }
        signal.TrySetResult();
    }

    /// <summary>Gives everything up, also what still comes.</summary>
    public void Dispose()
    {
        lock (gate)
            Close();
    }

    private (int Period, long Segment, List<PushFrame> Recap)? FindStart(bool isAnew)
    {
        if (entries.Count == 0)
            return null;
        for (var period = PeriodOf(entries[0].Frame); period < history.Periods; period++)
        {
            List<PushFrame>? recap;
            if (entries.Exists(entry => entry.Frame is PushPeriod begun && begun.Index == period))
            {
                var description = ((PushPeriod)entries.Find(entry => entry.Frame is PushPeriod begun && begun.Index == period).Frame).Description;
                recap = history.Recap(period, description.FirstSegment, default, isAnew, IsQueued);
                return recap is null ? null : (period, description.FirstSegment, recap);
            }
            if (FindWhole(period) is not { } begun)
                continue;
            var segment = 0L;
            foreach (var (first, _) in begun)
                segment = Math.Max(segment, first);
            recap = history.Recap(period, segment, begun, isAnew, IsQueued);
            if (recap is not null)
                return (period, segment, recap);
        }
        return null;
    }

    private bool IsQueued(PushInit init) => entries.Exists(entry => ReferenceEquals(entry.Frame, init));

    /// <summary>For each rendition of a period whose beginning is gone, the first segment that is here from its first part on.</summary>
    private (long Segment, Core.MediaTime DecodeTime)[]? FindWhole(int period)
    {
        var found = new Dictionary<int, (long Segment, Core.MediaTime DecodeTime)>();
        foreach (var entry in entries)
        {
            switch (entry.Frame)
            {
                case PushPart { Description: { Part: 0 } part } of when of.Period == period:
                    found.TryAdd(part.Rendition, (part.Segment, part.Start));
                    break;
                case PushSegmentEnd { Description: { IsGap: true } gap } of when of.Period == period:
                    found.TryAdd(gap.Rendition, (gap.Segment, gap.Start));
                    break;
            }
        }
        var count = history.RenditionsOf(period);
        if (found.Count < count)
            return null;
        var begun = new (long, Core.MediaTime)[count];
        foreach (var (rendition, first) in found)
            begun[rendition] = first;
        return begun;
    }

    private void Follow(PushPosition position)
    {
        known = new PushCursor(position);
        stored = new PushCursor(position.Stored ?? position.WithoutRunning());
    }

    /// <summary>What the origin has on disk goes.</summary>
    private void Trim()
    {
        var gone = 0;
        while (gone < entries.Count && stored!.Check(entries[gone].Frame) == PushStep.Known)
            Release(entries[gone++]);
        Forget(gone);
    }

    /// <summary>What the origin has taken but not written goes when it is too much: a crash there leaves a hole then.</summary>
    private void TrimTaken()
    {
        var gone = 0;
        while (gone < entries.Count && IsOverLimit(entries[gone]) && known?.Check(entries[gone].Frame) == PushStep.Known && !IsOfRunning(entries[gone].Frame))
            Release(entries[gone++]);
        Forget(gone);
    }

    private void Forget(int gone)
    {
        entries.RemoveRange(0, gone);
        sent = Math.Max(0, sent - gone);
    }

    private bool IsOverLimit(in Entry oldest) => bytes > options.MaxBufferBytes || time.GetElapsedTime(oldest.At) > options.MaxBufferAge;

    private bool IsOfRunning(PushFrame frame) =>
        frame is PushPart or PushBegin && KeyOf(frame) is var (period, rendition, segment)
        && period == known!.Periods - 1 && known[rendition].Segment == segment;

    /// <summary>With this frame a segment begins that nobody has been told anything of.</summary>
    private bool BeginsSegment(PushFrame frame) => frame switch
    {
        PushBegin => true,
        PushPart { Description: { Part: 0 } part } of => !history.IsDerived(of.Period, part.Rendition),
        _ => false,
    };

    private int SkipKnown()
    {
        while (known is not null && sent < entries.Count && known.Check(entries[sent].Frame) == PushStep.Known)
            sent++;
        return sent;
    }

    private void Limit()
    {
        if (entries.Count > MaxFrames)
        {
            PushMetrics.Overflows.Add(1);
            Clear();
            return;
        }
        TrimTaken();
        while (entries.Count > 0 && IsOverLimit(entries[0]))
        {
            var isOverBytes = bytes > options.MaxBufferBytes;
            var victim = entries.FindIndex(sent, entry => BeginsSegment(entry.Frame) && known?.Check(entry.Frame) != PushStep.Known);
            if (victim < 0 || (!isOverBytes && time.GetElapsedTime(entries[victim].At) <= options.MaxBufferAge))
                return;
            Drop(KeyOf(entries[victim].Frame), from: victim);
        }
    }

    /// <summary>Makes a gap of a segment.</summary>
    private void Drop((int Period, int Rendition, long Segment) key, int from)
    {
        PushMetrics.DroppedSegments.Add(1);
        Volatile.Write(ref dropped, dropped + 1);
        var isEnded = false;
        for (var i = from; i < entries.Count; i++)
        {
            if (KeyOf(entries[i].Frame) != key)
                continue;
            if (entries[i].Frame is PushSegmentEnd end)
            {
                entries[i] = entries[i] with { Frame = AsGap(end) };
                isEnded = true;
            }
            else
            {
                Release(entries[i]);
                entries.RemoveAt(i--);
            }
        }
        if (!isEnded)
            dropping.Add(key);
    }

    private void Close()
    {
        Clear();
        isClosed = true;
    }

    private void Clear()
    {
        foreach (var entry in entries)
            Release(entry);
        entries.Clear();
        prelude = [];
        preludeSent = sent = 0;
        dropping.Clear();
    }

    private void Release(Entry entry)
    {
        if (entry.Chunk is null)
            return;
        AddBytes(-entry.Chunk.Length);
        entry.Chunk.Release();
    }

    private void AddBytes(int count)
    {
        bytes += count;
        PushMetrics.AddQueued(count);
    }

    private static bool IsBefore(PushFrame frame, int period, long segment) => frame switch
    {
        // The present one stays where its beginning is here: whoever starts once more starts there again.
        PushPeriod begun => begun.Index < period,
        PushPart part => part.Period < period || (part.Period == period && part.Description.Segment < segment),
        PushSegmentEnd end => end.Period < period || (end.Period == period && end.Description.Segment < segment),
        PushInit init => init.Period < period,
        PushBegin begin => begin.Period < period || (begin.Period == period && begin.Segment < segment),
        PushSuspend suspend => suspend.Period < period,
        PushResume resume => resume.Period < period,
        _ => false,
    };

    private static PushSegmentEnd AsGap(PushSegmentEnd end) =>
        end with { Description = end.Description with { IsGap = true, IsIndependent = false } };

    private static int PeriodOf(PushFrame frame) => frame switch
    {
        PushPeriod begun => begun.Index,
        PushPart part => part.Period,
        PushSegmentEnd end => end.Period,
        PushInit init => init.Period,
        PushBegin begin => begin.Period,
        PushSuspend suspend => suspend.Period,
        PushResume resume => resume.Period,
        PushEnd end => end.Period,
        _ => throw new ArgumentOutOfRangeException(nameof(frame)),
    };

    private static (int Period, int Rendition, long Segment) KeyOf(PushFrame frame) => frame switch
    {
        PushPart part => (part.Period, part.Description.Rendition, part.Description.Segment),
        PushSegmentEnd end => (end.Period, end.Description.Rendition, end.Description.Segment),
        PushBegin begin => (begin.Period, begin.Rendition, begin.Segment),
        _ => (-1, -1, -1),
    };
}
