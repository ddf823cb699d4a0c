using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>
/// The access units that a child is fed: behind <em>next</em> those that wait, in front of it those that a restarted child
/// would need again, back to a key frame. Bounded in bytes and media time. No lock: the owner has one.
/// </summary>
internal sealed class UnitBuffer
{
    /// <summary>Longest media that is kept for a restart; longer GOPs begin again with their next key frame.</summary>
    private const int MaxReplaySeconds = 30;

    private readonly MediaKind primary;
    private readonly long maxBytes;
    private readonly long maxBacklogTicks;
    private readonly long maxReplayTicks;
    // Positions count from the first unit ever added.
    private readonly List<(long Position, long PresentationTime)> keys = [];
    private Entry[] ring = new Entry[256];
    private long head;
    private long next;
    private long end;
    private long bytes;
    private bool isDropping = true;

    internal readonly record struct Entry(MediaKind Kind, AccessUnit Unit);

    /// <param name="primary">The kind whose key frames and times count: video, or audio alone.</param>
    /// <param name="timescale">Of that kind's times.</param>
    /// <param name="maxBytes">Of everything kept.</param>
    /// <param name="maxBacklog">Of what waits.</param>
    public UnitBuffer(MediaKind primary, uint timescale, long maxBytes, TimeSpan maxBacklog)
    {
        this.primary = primary;
        this.maxBytes = maxBytes;
        maxBacklogTicks = (long)(maxBacklog.TotalSeconds * timescale);
        maxReplayTicks = MaxReplaySeconds * (long)timescale;
    }

    /// <summary>Units that were refused for want of room, up to the key frame at which it went on.</summary>
    public long Dropped { get; private set; }

    /// <summary>Whether units wait.</summary>
    public bool HasNext => next < end;

    /// <summary>Whether the next unit that waits is a key frame.</summary>
    public bool IsKeyNext => next < end && this[next] is { } entry && IsKey(entry.Kind, entry.Unit);

    /// <summary>Bytes kept.</summary>
    public long Bytes => bytes;

    /// <summary>
    /// Adds a unit, or refuses it: before the first key frame, or because there is no room, and then until the next key frame
    /// with room. When added the buffer owns the payload.
    /// </summary>
    public bool TryAdd(MediaKind kind, in AccessUnit unit)
    {
        var isKey = IsKey(kind, unit);
        if (isDropping)
        {
            if (!isKey || Backlog(unit) > maxBacklogTicks / 2 || bytes - ReplayBytes() + unit.Payload.Length > maxBytes / 2)
            {
                Dropped += end > 0 ? 1 : 0;
                return false;
            }
            isDropping = false;
        }
        if (bytes + unit.Payload.Length > maxBytes || (kind == primary && head < next && unit.DecodeTime - OldestDecodeTime() > maxReplayTicks + maxBacklogTicks))
            DropReplay();
        if (bytes + unit.Payload.Length > maxBytes || (kind == primary && Backlog(unit) > maxBacklogTicks))
        {
            isDropping = true;
            Dropped++;
            return false;
        }
        if (end - head == ring.Length)
            Grow();
        if (isKey)
            keys.Add((end, unit.PresentationTime));
        this[end++] = new Entry(kind, unit);
        bytes += unit.Payload.Length;
        return true;
    }

    /// <summary>Takes the next unit that waits. The caller owns a reference of its own.</summary>
    public bool TryTake(out Entry entry)
    {
        entry = default;
        if (next == end)
            return false;
        entry = this[next++];
        entry.Unit.Payload.Share();
        return true;
    }

    /// <summary>
    /// Goes back to the oldest key frame that is kept: a new child is fed from there. Units in front of it that were not
    /// taken yet are given up.
    /// </summary>
    public void Rewind()
    {
        next = keys.Count > 0 ? keys[0].Position : end;
        DropUntil(next);
        isDropping |= keys.Count == 0;
    }

    /// <summary>Lets go what no restart will need: everything before the last key frame presented at or before a time that was given out.</summary>
    public void Advance(long presentationTime)
    {
        while (keys.Count > 1 && keys[1].PresentationTime <= presentationTime && keys[1].Position < next)
            DropUntil(keys[1].Position);
    }

    /// <summary>Lets everything go.</summary>
    public void Clear()
    {
        DropUntil(end);
        next = end;
        isDropping = true;
    }

    /// <summary>Whether a child can begin with it: what it misses behind a recovery point was given out by the one before.</summary>
    private bool IsKey(MediaKind kind, in AccessUnit unit) => kind == primary && (unit.IsRandomAccess || unit.IsRecoveryPoint);

    private ref Entry this[long position] => ref ring[position & (ring.Length - 1)];

    private void DropReplay()
    {
        // What waits may begin in mid-GOP: the running child has the rest.
        DropUntil(next);
    }

    private void DropUntil(long position)
    {
        for (; head < position; head++)
        {
            ref var entry = ref this[head];
            bytes -= entry.Unit.Payload.Length;
            entry.Unit.Payload.Release();
            entry = default;
        }
        var gone = 0;
        while (gone < keys.Count && keys[gone].Position < head)
            gone++;
        keys.RemoveRange(0, gone);
        next = Math.Max(next, head);
    }

    private long ReplayBytes()
    {
        var sum = 0L;
        for (var i = head; i < next; i++)
            sum += this[i].Unit.Payload.Length;
        return sum;
    }

    private long OldestDecodeTime()
    {
        for (var i = head; i < end; i++)
        {
            if (this[i].Kind == primary)
                return this[i].Unit.DecodeTime;
        }
        return long.MaxValue;
    }

    /// <summary>Media time from the first unit that waits to this one.</summary>
    private long Backlog(in AccessUnit unit)
    {
        for (var i = next; i < end; i++)
        {
            if (this[i].Kind == primary)
                return unit.DecodeTime - this[i].Unit.DecodeTime;
        }
        return 0;
    }

    private void Grow()
    {
        var larger = new Entry[ring.Length * 2];
        for (var i = head; i < end; i++)
            larger[i & (larger.Length - 1)] = this[i];
        ring = larger;
    }
}
