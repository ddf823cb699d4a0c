using Millrace.Core;
using Millrace.Packaging;

namespace Millrace.Delivery;

/// <summary>
/// The media of one rendition: its segments in order, the newest in memory. The broadcast's owner appends, any thread
/// reads, the spooler writes segments to files; one short lock for all.
/// </summary>
internal sealed class RenditionMedia
{
    private readonly Lock gate = new();
    private readonly Spooler spooler;
    private readonly DeliveryOptions options;
    private readonly OriginBroadcast broadcast;
    private readonly List<StoredSegment> segments = [];
    // Index of the oldest segment that is in memory; all in front of it are in files.
    private int memoryFrom;
    private bool isEnded;
    private bool isFreed;

    /// <param name="broadcast">Whose rendition it is.</param>
    /// <param name="name">Its name in paths.</param>
    /// <param name="spooler">Who writes.</param>
    /// <param name="options">What stays in memory.</param>
    public RenditionMedia(OriginBroadcast broadcast, string name, Spooler spooler, DeliveryOptions options)
    {
        this.broadcast = broadcast;
        this.spooler = spooler;
        this.options = options;
        Name = name;
        Spool = new SpoolTrack(broadcast.Directory, name, broadcast.FileDuration, broadcast.Archive);
    }

    /// <summary>The broadcast that it belongs to.</summary>
    public OriginBroadcast Broadcast => broadcast;

    /// <summary>Its name in paths.</summary>
    public string Name { get; }

    /// <summary>Its media files.</summary>
    public SpoolTrack Spool { get; }

    /// <summary>The broadcast's journal.</summary>
    public Journal Journal => broadcast.Journal;

    /// <summary>Decode time at which its last complete segment ends, gaps included. The broadcast's owner only.</summary>
    public MediaTime? End { get; private set; }

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
            segments[^1].Append(chunk, part);
        }
        broadcast.AddMemory(chunk.Length);
    }

    /// <summary>A segment is complete. What it consists of, for the journal, and where to leave its entry; null for a gap.</summary>
    public (StoredSegment Segment, RecordedPart[] Parts)? Complete(in SegmentDescription segment)
    {
        lock (gate)
        {
            End = segment.Start + segment.Duration;
            return segments.Count > 0 && segments[^1] is { IsComplete: false } last && last.Number == segment.Segment
                ? (last, last.Complete(End.Value)) : null;
        }
    }

    /// <summary>
    /// A segment that nobody ended is complete with what came of it, as in the timeline: whoever is sent it hears of its end.
    /// </summary>
    public (StoredSegment Segment, RecordedPart[] Parts)? CloseRunning()
    {
        lock (gate)
        {
            if (segments.Count == 0 || segments[^1] is not { IsComplete: false } last)
                return null;
            End = last.End;
            return (last, last.Complete(last.End));
        }
    }

    /// <summary>
    /// Where a complete segment stands in the journal. Only from here on is it offered to the spool: a file that is written without
    /// the journal's hearing of it would have the journal wait for ever.
    /// </summary>
    public void SetEntry(StoredSegment segment, Journal.Entry entry)
    {
        lock (gate)
        {
            segment.SetEntry(entry);
            // Whoever made room was faster.
            if (segment.Place == SegmentPlace.Dropped)
                segment.Lose();
        }
    }

    /// <summary>The running segment, or null: where it begins and ends so far, and whether it begins with a random access point.</summary>
    public (MediaTime Start, MediaTime End, bool IsIndependent)? Running()
    {
        lock (gate)
            return segments.Count > 0 && segments[^1] is { IsComplete: false } last ? (last.Start, last.End, last.IsIndependent) : null;
    }

    /// <summary>The running segment goes, for good: nobody will complete it.</summary>
    public void Abandon()
    {
        lock (gate)
        {
            if (segments.Count == 0 || segments[^1] is not { IsComplete: false } last)
                return;
            Drop(last);
            segments.RemoveAt(segments.Count - 1);
            memoryFrom = Math.Min(memoryFrom, segments.Count);
        }
    }

    /// <summary>
    /// Complete segments go to the spool, older ones leave memory, and those that are further back than
    /// <paramref name="keep"/> of media leave altogether.
    /// </summary>
    public void Settle(TimeSpan? keep)
    {
        lock (gate)
        {
            Offer();
            ForgetAllBut(MemorySegments);
            if (keep is { } span && End is { } end)
            {
                var gone = 0;
                while (gone < segments.Count && (end - segments[gone].End).Seconds > span.TotalSeconds)
                    gone++;
                Remove(gone);
            }
        }
    }

    /// <summary>Nothing more comes: everything leaves memory once it is in a file.</summary>
    public void Finish()
    {
        lock (gate)
            isEnded = true;
        Settle(null);
    }

    /// <summary>Segments below a number leave, wherever they are.</summary>
    public void RemoveBefore(long number)
    {
        lock (gate)
        {
            var gone = 0;
            while (gone < segments.Count && segments[gone].Number < number)
                gone++;
            Remove(gone);
        }
    }

    /// <summary>
    /// Number of the first segment that is not in the oldest file; null when that is still written: deleting from it would give
    /// nothing back to the disk.
    /// </summary>
    public long? OldestFileEnd()
    {
        lock (gate)
        {
            if (segments.Count == 0 || segments[0].File is not { } oldest)
                return null;
            foreach (var segment in segments)
            {
                if (segment.File is { } other && other != oldest)
                    return segment.Number;
            }
            return null;
        }
    }

    /// <summary>All that is in files leaves memory.</summary>
    public void ForgetWritten()
    {
        lock (gate)
            ForgetAllBut(0);
    }

    /// <summary>
    /// Drops the oldest complete segment that only memory has, except the newest one. Its number, or null when there is none.
    /// </summary>
    public long? DropOldestInMemory()
    {
        lock (gate)
        {
            for (var i = memoryFrom; i < segments.Count - 1; i++)
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

    /// <summary>Numbers of the segments whose bytes are in a file of that number.</summary>
    public List<long> SegmentsIn(int file)
    {
        lock (gate)
            return [.. segments.Where(segment => segment.File?.Number == file).Select(segment => segment.Number)];
    }

    /// <summary>Everything goes, and whatever still comes goes too. Files stay, for whoever opens them again.</summary>
    public void Close()
    {
        lock (gate)
        {
            isFreed = true;
            // A file is not over because its segments are in memory as well.
            ForgetAllBut(0);
            foreach (var segment in segments)
            {
                if (segment.IsInMemory)
                    Drop(segment);
            }
            segments.Clear();
            memoryFrom = 0;
        }
        spooler.Close(Spool);
    }

    /// <summary>Adds a segment that an earlier run recorded.</summary>
    public void Restore(StoredSegment segment)
    {
        lock (gate)
        {
            segments.Add(segment);
            memoryFrom = segments.Count;
        }
    }

    /// <summary>A recorded segment's bytes are not what was recorded: it leaves.</summary>
    public void Forget(long number)
    {
        lock (gate)
        {
            var index = IndexOf(number);
            if (index < 0)
                return;
            Drop(segments[index]);
            segments.RemoveAt(index);
            if (index < memoryFrom)
                memoryFrom--;
        }
    }

    /// <summary>Takes note of where a recorded segment or gap ends.</summary>
    public void RestoreEnd(MediaTime end) => End = end;

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

    /// <summary>A segment left for good: the window slid over it, or it was deleted. One that was closed can be opened again.</summary>
    public bool IsGone(StoredSegment segment)
    {
        lock (gate)
            return segment.Place == SegmentPlace.Dropped && (!isFreed || broadcast.IsFreed);
    }

    /// <summary>How many parts a segment has so far.</summary>
    public int PartsOf(StoredSegment segment)
    {
        lock (gate)
            return segment.Parts;
    }

    /// <summary>
    /// The next piece of a segment's bytes from <paramref name="from"/> up to <paramref name="to"/>, for the caller to dispose:
    /// of one part in memory, of all of them in a file, of some in the archive. Null when the segment is gone, or the archive
    /// does not hand it out. This is how media are read; waits for nothing but a disk and the archive.
    /// </summary>
    public ValueTask<SegmentBytes?> OpenAsync(StoredSegment segment, int from, int to)
    {
        SpoolFile? file;
        long offset;
        lock (gate)
        {
            if (segment.Open(from, to, out file, out offset) is { } piece)
                return ValueTask.FromResult<SegmentBytes?>(piece);
        }
        return file?.OpenAsync(offset, to - from) ?? ValueTask.FromResult<SegmentBytes?>(null);
    }

    /// <summary>The same of what this node has in memory or on its disk, which the newest segments always are; null for what only the archive has.</summary>
    public SegmentBytes? OpenLocal(StoredSegment segment, int from, int to)
    {
        SpoolFile? file;
        long offset;
        lock (gate)
        {
            if (segment.Open(from, to, out file, out offset) is { } piece)
                return piece;
        }
        return file?.Open(offset, to - from);
    }

    /// <summary>The same without a disk's help: false when a file has to be opened first.</summary>
    public bool TryOpenNow(StoredSegment segment, int from, int to, out SegmentBytes? piece)
    {
        SpoolFile? file;
        long offset;
        lock (gate)
            piece = segment.Open(from, to, out file, out offset);
        return piece is not null || file is null || file.TryOpenNow(offset, to - from, out piece);
    }

    /// <summary>The bytes from the file that is written, when they are in memory as well; null when they are not in both.</summary>
    public SegmentBytes? OpenBeside(StoredSegment segment, int from, int to)
    {
        SpoolFile? file;
        long offset;
        lock (gate)
            file = segment.FileBeside(from, out offset);
        return file is not null && file.TryOpenNow(offset, to - from, out var piece) ? piece : null;
    }

    /// <summary>Spooler: the chunks to write, with a reference each; null when it need not be written any more.</summary>
    public MediaChunk[]? TakeForSpool(StoredSegment segment)
    {
        lock (gate)
            return segment.TakeForSpool();
    }

    /// <summary>Spooler: the segment is in the file. False when it was dropped meanwhile.</summary>
    public bool Spooled(StoredSegment segment, SpoolFile file, long offset)
    {
        lock (gate)
        {
            if (segment.MoveTo(file, offset))
            {
                ForgetAllBut(MemorySegments);
                return true;
            }
        }
        if (file.Leave())
            spooler.Retire(file);
        return false;
    }

    /// <summary>Spooler: the segment could not be written.</summary>
    public void NotSpooled(StoredSegment segment)
    {
        lock (gate)
            segment.Unqueue();
    }

    // Large segments leave at once: what memory has no room for is in files before anything is dropped.
    private int MemorySegments => isEnded || broadcast.MemoryBytes > options.MaxMemoryBytes / 2 ? 0 : options.MemorySegments;

    // Those that the spool refused before are offered again.
    private void Offer()
    {
        for (var i = memoryFrom; i < segments.Count; i++)
        {
            var segment = segments[i];
            if (!segment.IsRecorded || segment.Place != SegmentPlace.Memory || segment.Length == 0)
                continue;
            segment.Queue();
            if (!spooler.TryAdd(segment))
            {
                segment.Unqueue();
                return;
            }
        }
    }

    // The newest are what everybody at the live edge asks for.
    private void ForgetAllBut(int newest)
    {
        var complete = segments.Count;
        if (complete > 0 && !segments[^1].IsComplete)
            complete--;
        for (var i = memoryFrom; i < complete - newest; i++)
        {
            var freed = segments[i].Forget();
            if (freed > 0)
                broadcast.AddMemory(-freed);
        }
        while (memoryFrom < segments.Count && !segments[memoryFrom].IsInMemory)
            memoryFrom++;
    }

    private void Remove(int count)
    {
        for (var i = 0; i < count; i++)
            Drop(segments[i]);
        segments.RemoveRange(0, count);
        memoryFrom = Math.Max(0, memoryFrom - count);
    }

    private void Drop(StoredSegment segment)
    {
        var wasInMemory = segment.IsInMemory;
        var wasWritten = segment.Place is SegmentPlace.Both or SegmentPlace.File;
        if (segment.Drop() is { } ended)
            spooler.Retire(ended);
        if (wasInMemory)
            broadcast.AddMemory(-segment.Length);
        if (!wasWritten)
            segment.Lose();
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
