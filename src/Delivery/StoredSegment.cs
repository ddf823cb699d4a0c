using System.Runtime.InteropServices;
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

    /// <summary>In a file, and in memory still, where the live edge reads it.</summary>
    Both,

    /// <summary>In a file.</summary>
    File,

    /// <summary>Gone.</summary>
    Dropped,
}

/// <summary>One segment of one rendition: its bytes and where they are. Guarded by its rendition's lock.</summary>
internal sealed class StoredSegment : ISpoolWork, IMediaBody
{
    // From here on a file's bytes are cheaper to send than memory's, which are copied to the kernel (docs/measurements.md).
    private const int FileFromBytes = 64 * 1024;

    private readonly List<MediaChunk> chunks = [];
    private List<RecordedPart>? running = [];
    private int[] partEnds = [];
    private Journal.Entry? entry;
    private SpoolFile? file;
    private long fileOffset;

    public StoredSegment(RenditionMedia rendition, long number, MediaTime start)
    {
        Rendition = rendition;
        Number = number;
        Start = start;
        End = start;
    }

    /// <summary>A segment that an earlier run recorded.</summary>
    public StoredSegment(RenditionMedia rendition, JournalRecord.SegmentEnded recorded, SpoolFile file)
        : this(rendition, recorded.Segment.Segment, recorded.Segment.Start)
    {
        End = recorded.Segment.Start + recorded.Segment.Duration;
        SetParts(recorded.Parts);
        running = null;
        IsComplete = true;
        this.file = file;
        fileOffset = recorded.Place.Offset;
        Place = SegmentPlace.File;
        file.Join();
    }

    /// <summary>The rendition it belongs to.</summary>
    public RenditionMedia Rendition { get; }

    /// <summary>Media sequence number.</summary>
    public long Number { get; }

    /// <summary>Where it begins.</summary>
    public MediaTime Start { get; }

    /// <summary>Where it ends, or has come to.</summary>
    public MediaTime End { get; private set; }

    /// <summary>Of a derived rendition: presentation minus decode time that it keeps up.</summary>
    public long PresentationDelay { get; private set; }

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    /// <summary>Parts so far.</summary>
    public int Parts => running?.Count ?? partEnds.Length;

    /// <summary>It begins with a random access point; of one that runs.</summary>
    public bool IsIndependent => running is [{ IsIndependent: true }, ..];

    /// <summary>No part comes any more.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>It is complete and has its place in the journal.</summary>
    public bool IsRecorded => IsComplete && entry is not null;

    /// <summary>Where the bytes are.</summary>
    public SegmentPlace Place { get; private set; }

    /// <summary>The file that it is in, or null.</summary>
    public SpoolFile? File => file;

    /// <summary>Memory holds its bytes.</summary>
    public bool IsInMemory => Place is SegmentPlace.Memory or SegmentPlace.Queued or SegmentPlace.Both;

    /// <summary>Takes a part over.</summary>
    public void Append(MediaChunk chunk, in PartDescription part)
    {
        chunks.Add(chunk);
        PresentationDelay = part.PresentationDelay;
        running!.Add(new RecordedPart(part.Start.Ticks, checked((uint)part.Duration.Ticks), chunk.Length, part.SampleCount, part.IsIndependent));
        Length += chunk.Length;
        End = part.Start + part.Duration;
    }

    /// <summary>No part comes any more. Its parts, for the journal.</summary>
    public RecordedPart[] Complete(MediaTime end)
    {
        IsComplete = true;
        End = end;
        RecordedPart[] parts = [.. running!];
        SetParts(parts);
        running = null;
        return parts;
    }

    /// <summary>Its place in the journal.</summary>
    public void SetEntry(Journal.Entry of) => entry = of;

    /// <summary>Bytes from and to which a part goes.</summary>
    public (int From, int To) RangeOf(int part)
    {
        if (running is null)
            return (part == 0 ? 0 : partEnds[part - 1], partEnds[part]);
        var from = 0;
        foreach (var known in CollectionsMarshal.AsSpan(running)[..part])
            from += known.ByteLength;
        return (from, from + running[part].ByteLength);
    }

    /// <summary>
    /// The next piece of the bytes from <paramref name="from"/> up to <paramref name="to"/> when they are in memory: of one part.
    /// A reference is added for the caller. Null when they are in <paramref name="inFile"/>, or gone.
    /// </summary>
    public SegmentBytes? Open(int from, int to, out SpoolFile? inFile, out long offset)
    {
        inFile = Place == SegmentPlace.File ? file : null;
        offset = fileOffset + from;
        if (!IsInMemory)
            return null;
        var begin = 0;
        var part = 0;
        while (begin + chunks[part].Length <= from)
            begin += chunks[part++].Length;
        return chunks[part].TryAddReference()
            ? new SegmentBytes(chunks[part], from - begin, Math.Min(to, begin + chunks[part].Length) - from)
            : null;
    }

    /// <summary>The file that has its bytes as well as memory, or null.</summary>
    public SpoolFile? FileBeside(int from, out long offset)
    {
        offset = fileOffset + from;
        return Place == SegmentPlace.Both ? file : null;
    }

    /// <inheritdoc/>
    BodyTurn IMediaBody.TryOpenNow(int from, int to, bool prefersFile, out SegmentBytes piece)
    {
        // A file that was just written is in the page cache, and what is not, or where nobody can tell, is in memory still.
        if (prefersFile && to - from >= FileFromBytes && Rendition.OpenBeside(this, from, to) is { } written)
        {
            piece = written;
            var file = written.File!.DangerousGetHandle();
            if (LinuxCalls.IsCached(file, written.FileOffset) && LinuxCalls.IsCached(file, written.FileOffset + written.Length - 1))
                return BodyTurn.Ready;
            written.Dispose();
        }
        piece = default;
        if (!Rendition.TryOpenNow(this, from, to, out var opened))
            return BodyTurn.Cold;
        piece = opened.GetValueOrDefault();
        // Gone: the reader was slower than the window.
        return opened is null ? BodyTurn.Gone : BodyTurn.Ready;
    }

    /// <inheritdoc/>
    ValueTask<SegmentBytes?> IMediaBody.OpenAsync(int from, int to) => Rendition.OpenAsync(this, from, to);

    /// <inheritdoc/>
    bool IMediaBody.IsGone => Rendition.IsGone(this);

    /// <inheritdoc/>
    bool IMediaBody.TryWaitBeyond(long position, IWaiter waiter) => false;

    /// <inheritdoc/>
    void IMediaBody.Release()
    {
        // The rendition's; a piece that is being sent has its own reference.
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

    /// <summary>It has been written. False when it was dropped meanwhile.</summary>
    public bool MoveTo(SpoolFile to, long offset)
    {
        if (Place != SegmentPlace.Queued)
            return false;
        file = to;
        fileOffset = offset;
        Place = SegmentPlace.Both;
        return true;
    }

    /// <summary>What is in a file leaves memory. The bytes that became free.</summary>
    public int Forget()
    {
        if (Place != SegmentPlace.Both)
            return 0;
        Place = SegmentPlace.File;
        ReleaseChunks();
        return Length;
    }

    /// <summary>It goes. Returns the file that ends with it, which the caller retires, or null.</summary>
    public SpoolFile? Drop()
    {
        var was = Place;
        Place = SegmentPlace.Dropped;
        ReleaseChunks();
        return was is SegmentPlace.File or SegmentPlace.Both && file!.Leave() ? file : null;
    }

    /// <inheritdoc/>
    public bool IsMedia => true;

    /// <inheritdoc/>
    public bool Write(Spooler spooler)
    {
        if (Rendition.TakeForSpool(this) is not { } taken)
            return false;
        SpoolFile? to = null;
        SpoolFile? failed = null;
        try
        {
            var slices = new List<ReadOnlyMemory<byte>>();
            var checksum = ~0u;
            foreach (var chunk in taken)
            {
                foreach (var slice in chunk.Slices)
                {
                    slices.Add(slice.Memory);
                    checksum = Crc32C.Append(checksum, slice.Span);
                }
            }
            to = Rendition.Spool.Reserve(Start, Length, out var offset, out var ended);
            if (ended is not null)
                spooler.Retire(ended);
            if (to is null)
                return false;
            failed = to;
            RandomAccess.Write(to.Handle, slices, offset);
            DeliveryMetrics.SpoolBytes.Add(Length);
            failed = null;
            // The bytes are there: from now on the journal may say so.
            if (Rendition.Spooled(this, to, offset))
                Rendition.Journal.Settle(entry!, new RecordedPlace(to.Number, offset, ~checksum));
            return true;
        }
        finally
        {
            to?.EndWrite();
            if (failed?.Leave() == true)
                spooler.Retire(failed);
            foreach (var chunk in taken)
                chunk.Release();
        }
    }

    /// <inheritdoc/>
    public void Failed(Spooler spooler) => Rendition.NotSpooled(this);

    /// <summary>It went before it was written: the journal need not wait for it.</summary>
    public void Lose()
    {
        if (entry is not null)
            Rendition.Journal.Lost(entry);
    }

    private void SetParts(RecordedPart[] parts)
    {
        partEnds = new int[parts.Length];
        var end = 0;
        for (var i = 0; i < parts.Length; i++)
            partEnds[i] = end += parts[i].ByteLength;
        Length = end;
    }

    private void ReleaseChunks()
    {
        foreach (var chunk in chunks)
            chunk.Release();
        chunks.Clear();
        chunks.Capacity = 0;
    }
}
