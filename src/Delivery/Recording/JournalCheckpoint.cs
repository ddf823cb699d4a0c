using System.Buffers;
using Microsoft.Win32.SafeHandles;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// Writes the beginning of a journal anew and shorter: what its records come to, and the records of segments that are listed or
/// can be fetched still. Reads the journal twice and holds what its timeline holds. Used once, on a thread that may wait for the disk.
/// </summary>
internal sealed class JournalCheckpoint
{
    private const int MaxBatchBytes = 256 * 1024;

    private readonly ArrayBufferWriter<byte> output = new(MaxBatchBytes);
    private readonly JournalState journal = new();
    private readonly string path;
    private readonly long upTo;
    private readonly TimeSpan keep;
    private readonly SafeFileHandle to;
    private TimelineState state = null!;
    // Of each rendition: how many of its listed segments have been written.
    private int[] written = [];
    private bool isTooLarge;

    /// <param name="path">The journal.</param>
    /// <param name="upTo">Bytes of it that are good.</param>
    /// <param name="keep">How long media stay behind the end of their rendition.</param>
    /// <param name="to">The file that is written, empty.</param>
    public JournalCheckpoint(string path, long upTo, TimeSpan keep, SafeFileHandle to)
    {
        this.path = path;
        this.upTo = upTo;
        this.keep = keep;
        this.to = to;
    }

    /// <summary>Bytes written.</summary>
    public long Length { get; private set; }

    /// <summary>Checkpoints of the journal, this one included.</summary>
    public long Generation => journal.Generation + 1;

    /// <summary>Writes it. False when the journal holds something that cannot be put this way. Throws what the file system throws.</summary>
    public bool Write()
    {
        // 1. What it comes to.
        if (JournalFile.Read(path, journal.Take, upTo) != upTo || journal.IsEnded || journal.Timeline!.Read().Periods.Count == 0)
            return false;
        state = journal.Timeline.Save();
        written = new int[state.Renditions.Count];

        // 2. The periods, encoders and segments that are left.
        Put(journal.Opened!);
        Put(new JournalRecord.CheckpointBegan(Generation));
        PutSegments();

        // 3. The rest of it.
        var bare = state with { Renditions = [.. state.Renditions.Select(rendition => rendition with { Segments = [] })] };
        Put(new JournalRecord.CheckpointEnded(bare, journal.Origin(state)));
        Flush();
        return !isTooLarge;
    }

    private void PutSegments()
    {
        NewPeriod? period = null;
        List<JournalRecord> pending = [];
        JournalFile.Read(path, record =>
        {
            switch (record)
            {
                case JournalRecord.PeriodBegan began:
                    period = began.Period;
                    pending.Clear();
                    pending.Add(record);
                    break;
                case JournalRecord.InitSet when pending.Count > 0:
                    pending.Add(record);
                    break;
                case JournalRecord.InitSet:
                    Put(record);
                    break;
                case JournalRecord.SegmentEnded ended:
                    Put(ended, period!, pending);
                    break;
                case JournalRecord.Kept { Recorded: { } recorded }:
                    Put(recorded, period!, pending);
                    break;
            }
            return !isTooLarge;
        }, upTo);
        // The open one, though none of its segments is left or has come.
        PutAll(pending);
        for (var rendition = 0; rendition < written.Length; rendition++)
            PutListed(rendition, long.MaxValue);
    }

    private void Put(JournalRecord.SegmentEnded record, NewPeriod period, List<JournalRecord> pending)
    {
        var segment = record.Segment;
        var name = period.Renditions[segment.Rendition].Name;
        var rendition = IndexOf(name);
        // Gaps that nobody recorded stand in front of it.
        PutListed(rendition, segment.Segment);
        var segments = state.Renditions[rendition].Segments;
        SegmentState? listed = null;
        if (written[rendition] < segments.Count && segments[written[rendition]].Number == segment.Segment)
            listed = segments[written[rendition]++];
        var isHeld = !segment.IsGap && journal.EndOf(name) is { } end && (end - (segment.Start + segment.Duration)).Seconds <= keep.TotalSeconds;
        if (listed is null && !isHeld)
            return;
        PutAll(pending);
        Put(new JournalRecord.Kept(rendition, listed, record));
    }

    private void PutListed(int rendition, long before)
    {
        var segments = state.Renditions[rendition].Segments;
        while (written[rendition] < segments.Count && segments[written[rendition]].Number < before)
            Put(new JournalRecord.Kept(rendition, segments[written[rendition]++], null));
    }

    private int IndexOf(string name)
    {
        for (var i = 0; i < state.Renditions.Count; i++)
        {
            if (state.Renditions[i].Name == name)
                return i;
        }
        throw new InvalidOperationException($"The journal's timeline does not know rendition {name}.");
    }

    private void PutAll(List<JournalRecord> records)
    {
        records.ForEach(Put);
        records.Clear();
    }

    private void Put(JournalRecord record)
    {
        var before = output.WrittenCount;
        JournalWriter.Write(output, record);
        isTooLarge |= output.WrittenCount - before > JournalReader.MaxBodyBytes;
        if (output.WrittenCount > MaxBatchBytes)
            Flush();
    }

    private void Flush()
    {
        RandomAccess.Write(to, output.WrittenSpan, Length);
        Length += output.WrittenCount;
        output.ResetWrittenCount();
    }
}
