using Millrace.Core;
using Millrace.Packaging;

namespace Millrace.Delivery;

/// <summary>Where a segment's bytes are.</summary>
internal enum SegmentPlace
{
    /// <summary>In memory; complete or still growing.</summary>
    Memory,

    /// <summary>In memory, and waiting for the spooler.</summary>
    Queued,

    /// <summary>In a spool file.</summary>
    File,

    /// <summary>Gone.</summary>
    Dropped,
}

/// <summary>One segment of one rendition: its bytes and where they are. Guarded by its rendition's lock.</summary>
internal sealed class StoredSegment
{
    private readonly List<MediaChunk> chunks = [];
    private readonly List<int> partEnds = [];
    private SpoolFile? file;
    private long fileOffset;

    public StoredSegment(RenditionMedia rendition, long number, MediaTime start)
    {
        Rendition = rendition;
        Number = number;
        Start = start;
        End = start;
    }

    /// <summary>The rendition it belongs to.</summary>
    public RenditionMedia Rendition { get; }

    /// <summary>Media sequence number.</summary>
    public long Number { get; }

    /// <summary>Where it begins.</summary>
    public MediaTime Start { get; }

    /// <summary>Where it ends, or has come to.</summary>
    public MediaTime End { get; private set; }

    /// <summary>Bytes so far.</summary>
    public int Length => partEnds.Count == 0 ? 0 : partEnds[^1];

    /// <summary>Parts so far.</summary>
    public int Parts => partEnds.Count;

    /// <summary>No part comes any more.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Where the bytes are.</summary>
    public SegmentPlace Place { get; private set; }

    /// <summary>Takes a part over.</summary>
    public void Append(MediaChunk chunk, MediaTime end)
    {
        chunks.Add(chunk);
        partEnds.Add(Length + chunk.Length);
        End = end;
    }

    /// <summary>No part comes any more.</summary>
    public void Complete(MediaTime end)
    {
        IsComplete = true;
        End = end;
    }

    /// <summary>Bytes from and to which a part goes.</summary>
    public (int From, int To) RangeOf(int part) => (part == 0 ? 0 : partEnds[part - 1], partEnds[part]);

    /// <summary>
    /// The next piece of the bytes from <paramref name="from"/> up to <paramref name="to"/>: of one part in memory, of all of
    /// them in a file. References are added for the caller. Null when the segment is gone.
    /// </summary>
    public SegmentBytes? Open(int from, int to)
    {
        switch (Place)
        {
            case SegmentPlace.File:
                var added = false;
                file!.Handle.DangerousAddRef(ref added);
                return new SegmentBytes(file.Handle, fileOffset + from, to - from);
            case SegmentPlace.Dropped:
                return null;
            default:
                var part = 0;
                while (partEnds[part] <= from)
                    part++;
                var (begin, end) = RangeOf(part);
                return chunks[part].TryAddReference() ? new SegmentBytes(chunks[part], from - begin, Math.Min(to, end) - from) : null;
        }
    }

    /// <summary>The spooler will write it.</summary>
    public void Queue() => Place = SegmentPlace.Queued;

    /// <summary>The spooler did not write it.</summary>
    public void Unqueue()
    {
        if (Place == SegmentPlace.Queued)
            Place = SegmentPlace.Memory;
    }

    /// <summary>The chunks with a reference each for the spooler, or null when it need not be written any more.</summary>
    public MediaChunk[]? TakeForSpool()
    {
        if (Place != SegmentPlace.Queued)
            return null;
        foreach (var chunk in chunks)
        {
            if (!chunk.TryAddReference())
                throw new InvalidOperationException("A stored segment holds a chunk that was released.");
        }
        return [.. chunks];
    }

    /// <summary>It has been written: the memory goes. False when it was dropped meanwhile.</summary>
    public bool MoveTo(SpoolFile to, long offset)
    {
        if (Place != SegmentPlace.Queued)
            return false;
        file = to;
        fileOffset = offset;
        Place = SegmentPlace.File;
        ReleaseChunks();
        return true;
    }

    /// <summary>It goes. Returns the file that ends with it, which the caller retires, or null.</summary>
    public SpoolFile? Drop()
    {
        var was = Place;
        Place = SegmentPlace.Dropped;
        ReleaseChunks();
        return was == SegmentPlace.File && file!.Leave() ? file : null;
    }

    private void ReleaseChunks()
    {
        foreach (var chunk in chunks)
            chunk.Release();
        chunks.Clear();
        chunks.Capacity = 0;
    }
}
