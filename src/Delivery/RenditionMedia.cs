using Millrace.Core;
using Millrace.Packaging;

namespace Millrace.Delivery;

/// <summary>
/// The media of one rendition: its segments in order, the newest in memory. The broadcast's owner appends, any thread
/// reads, the spooler moves segments out; one short lock for all.
/// </summary>
internal sealed class RenditionMedia
{
    private readonly Lock gate = new();
    private readonly Spooler spooler;
    private readonly DeliveryOptions options;
    private readonly OriginBroadcast broadcast;
    private readonly List<StoredSegment> segments = [];
    private bool isFreed;

    public RenditionMedia(OriginBroadcast broadcast, string name, Spooler spooler, DeliveryOptions options)
    {
        this.broadcast = broadcast;
        this.spooler = spooler;
        this.options = options;
        Name = name;
        Spool = new SpoolTrack(broadcast.SpoolDirectory, name, options.SpoolFileDuration);
    }

    /// <summary>Its name in paths.</summary>
    public string Name { get; }

    /// <summary>Its spool files.</summary>
    public SpoolTrack Spool { get; }

    /// <summary>Takes a part over.</summary>
    public void Append(in PartDescription part, MediaChunk chunk)
    {
        lock (gate)
        {
            if (isFreed)
            {
                chunk.Release();
                return;
            }
            if (segments.Count == 0 || segments[^1].Number != part.Segment)
                segments.Add(new StoredSegment(this, part.Segment, part.Start));
            segments[^1].Append(chunk, part.Start + part.Duration);
        }
        broadcast.AddMemory(chunk.Length);
    }

    /// <summary>
    /// A segment is complete. Older ones leave memory for the spool; those that are further back than
    /// <paramref name="keep"/> of media leave altogether.
    /// </summary>
    public void Complete(in SegmentDescription segment, TimeSpan keep)
    {
        lock (gate)
        {
            var end = segment.Start + segment.Duration;
            if (segments.Count > 0 && segments[^1].Number == segment.Segment)
                segments[^1].Complete(end);
            // Large segments leave at once: what memory has no room for goes to the spool before anything is dropped.
            SpoolAllBut(broadcast.MemoryBytes > options.MaxMemoryBytes / 2 ? 0 : options.MemorySegments);
            var gone = 0;
            while (gone < segments.Count && (end - segments[gone].End).Seconds > keep.TotalSeconds)
                Drop(segments[gone++]);
            segments.RemoveRange(0, gone);
        }
    }

    /// <summary>A segment that nobody ended is complete with what came of it, as in the timeline: whoever is sent it hears of its end.</summary>
    public void CloseRunning()
    {
        lock (gate)
            CompleteRunning();
    }

    /// <summary>Nothing more comes: everything leaves memory for the spool.</summary>
    public void End()
    {
        lock (gate)
        {
            CompleteRunning();
            SpoolAllBut(0);
        }
    }

    /// <summary>
    /// Drops the oldest complete segment that is in memory, except the newest one. Its number, or null when there is none.
    /// </summary>
    public long? DropOldestInMemory()
    {
        lock (gate)
        {
            for (var i = 0; i < segments.Count - 1; i++)
            {
                if (segments[i] is { IsComplete: true, Place: SegmentPlace.Memory or SegmentPlace.Queued } victim)
                {
                    Drop(victim);
                    segments.RemoveAt(i);
                    return victim.Number;
                }
            }
            return null;
        }
    }

    /// <summary>Everything goes, and whatever still comes goes too.</summary>
    public void Free()
    {
        lock (gate)
        {
            isFreed = true;
            foreach (var segment in segments)
                Drop(segment);
            segments.Clear();
        }
        spooler.Close(Spool);
    }

    /// <summary>What there is of a segment now: false when there is nothing.</summary>
    public bool TryFind(long number, out StoredSegment segment, out int length, out bool isComplete)
    {
        lock (gate)
        {
            var index = IndexOf(number);
            segment = index < 0 ? null! : segments[index];
            length = index < 0 ? 0 : segment.Length;
            isComplete = index >= 0 && segment.IsComplete;
            return index >= 0;
        }
    }

    /// <summary>From and to which byte of its segment a part goes: false when there is no such part.</summary>
    public bool TryFindPart(long number, int part, out StoredSegment segment, out int from, out int to)
    {
        lock (gate)
        {
            (from, to) = (0, 0);
            var index = IndexOf(number);
            segment = index < 0 ? null! : segments[index];
            if (index < 0 || part >= segment.Parts)
                return false;
            (from, to) = segment.RangeOf(part);
            return true;
        }
    }

    /// <summary>How many parts a segment has so far.</summary>
    public int PartsOf(StoredSegment segment)
    {
        lock (gate)
            return segment.Parts;
    }

    /// <summary>See <see cref="StoredSegment.Open"/>.</summary>
    public SegmentBytes? Open(StoredSegment segment, int from, int to)
    {
        lock (gate)
            return segment.Open(from, to);
    }

    /// <summary>Spooler: the chunks to write, with a reference each; null when it need not be written any more.</summary>
    public MediaChunk[]? TakeForSpool(StoredSegment segment)
    {
        lock (gate)
            return segment.TakeForSpool();
    }

    /// <summary>Spooler: the segment is in the file.</summary>
    public void Spooled(StoredSegment segment, SpoolFile file, long offset)
    {
        bool moved;
        lock (gate)
            moved = segment.MoveTo(file, offset);
        if (moved)
            broadcast.AddMemory(-segment.Length);
        else if (file.Leave())
            spooler.Retire(file);
    }

    /// <summary>Spooler: the segment could not be written.</summary>
    public void NotSpooled(StoredSegment segment)
    {
        lock (gate)
            segment.Unqueue();
    }

    private void CompleteRunning()
    {
        if (segments.Count > 0 && !segments[^1].IsComplete)
            segments[^1].Complete(segments[^1].End);
    }

    // The newest are what everybody at the live edge asks for. Those that the spool refused before are offered again.
    private void SpoolAllBut(int newest)
    {
        var complete = segments.Count;
        if (complete > 0 && !segments[^1].IsComplete)
            complete--;
        for (var i = 0; i < complete - newest; i++)
        {
            var segment = segments[i];
            if (segment.Place != SegmentPlace.Memory || segment.Length == 0)
                continue;
            segment.Queue();
            if (!spooler.TryAdd(segment))
            {
                segment.Unqueue();
                return;
            }
        }
    }

    private void Drop(StoredSegment segment)
    {
        var wasInMemory = segment.Place is SegmentPlace.Memory or SegmentPlace.Queued;
        if (segment.Drop() is { } ended)
            spooler.Retire(ended);
        if (wasInMemory)
            broadcast.AddMemory(-segment.Length);
    }

    private int IndexOf(long number)
    {
        if (segments.Count == 0)
            return -1;
        // Numbers have holes where there are gaps, so the guess is a lower bound that is nearly always right.
        var i = (int)Math.Clamp(number - segments[0].Number, -1, segments.Count - 1);
        while (i >= 0 && segments[i].Number > number)
            i--;
        return i >= 0 && segments[i].Number == number ? i : -1;
    }
}
