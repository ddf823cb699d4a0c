using System.Buffers;
using Microsoft.Win32.SafeHandles;
using Millrace.Core;
using Millrace.Delivery.Downloads;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// Writes a clip's directory: what the broadcast's journal says of the range, with new places, and copies of the bytes. Used once.
/// </summary>
internal sealed class ClipWriter
{
    /// <summary>Behind the directory's name while it is written; a start deletes what a kill left.</summary>
    public const string Suffix = ".making";

    private const int CopyBytes = 64 * 1024;

    private readonly OriginBroadcast source;
    private readonly RenditionSnapshot lead;
    private readonly double origin;
    private readonly long first;
    private readonly long last;
    private readonly string directory;
    private readonly FfmpegProgram ffmpeg;
    private readonly TimeProvider time;
    private readonly Dictionary<string, (SafeFileHandle File, long Length)> files = new(StringComparer.Ordinal);

    /// <param name="source">The broadcast, open.</param>
    /// <param name="snapshot">As it is.</param>
    /// <param name="lead">The rendition that the range was found in.</param>
    /// <param name="first">The first segment's number.</param>
    /// <param name="last">The last one's.</param>
    /// <param name="directory">Made, and written to.</param>
    /// <param name="ffmpeg">Cuts sprite sheets.</param>
    /// <param name="time">The clock.</param>
    public ClipWriter(
        OriginBroadcast source, BroadcastSnapshot snapshot, RenditionSnapshot lead, long first, long last, string directory, FfmpegProgram ffmpeg,
        TimeProvider time)
    {
        this.ffmpeg = ffmpeg;
        this.time = time;
        this.source = source;
        this.lead = lead;
        this.first = first;
        this.last = last;
        this.directory = directory;
        origin = snapshot.Periods[0].Start.Seconds;
    }

    /// <summary>Deletes a directory that became nothing. Nothing happens when there is none.</summary>
    public static void Discard(string directory)
    {
        try
        {
            if (Directory.Exists(directory))
                Directory.Delete(directory, recursive: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The next start tries again.
        }
    }

    /// <summary>
    /// Writes it. False when nothing of the range is recorded yet. Throws what the file system throws, and
    /// <see cref="StorageException"/> when the store does not hand out what only it has.
    /// </summary>
    public async Task<bool> WriteAsync(BroadcastId id, string name, DateTimeOffset now, CancellationToken cancellation)
    {
        // 1. What the journal says of the range.
        var begin = lead.Find(first)!;
        var records = await Task.Run(() => Select(begin), cancellation).ConfigureAwait(false);
        var ends = records.OfType<JournalRecord.SegmentEnded>().Where(record => record.Segment.Rendition == 0 && !record.Segment.IsGap).ToList();
        if (ends.Count == 0 || lead.Find(ends[^1].Segment.Segment) is not { } end)
            return false;

        // 2. The copies, and with them the places.
        Directory.CreateDirectory(directory);
        var journal = new ArrayBufferWriter<byte>();
        JournalWriter.Write(journal, new JournalRecord.Opened(source.Channel, id, begin.WallClock, source.Opened.Contract, DvrMode.Full));
        JournalWriter.Write(journal, new JournalRecord.ClipOf(new Clip(name, source.Id, At(begin.Start), At(end.End), now)));
        try
        {
            NewPeriod? period = null;
            foreach (var record in records)
            {
                cancellation.ThrowIfCancellationRequested();
                if (record is JournalRecord.PeriodBegan began)
                    period = began.Period;
                JournalWriter.Write(journal, record is JournalRecord.SegmentEnded segment
                    ? await CopyAsync(segment, period!.Renditions[segment.Segment.Rendition].Name, cancellation).ConfigureAwait(false) : record);
            }
        }
        finally
        {
            foreach (var (_, (file, _)) in files)
                file.Dispose();
        }

        // 3. What a seek bar shows of the range.
        var sheets = new ClipSprites(source.Previews.Sprites, Path.Combine(directory, BroadcastArchive.SpritesDirectory), ffmpeg, time);
        await Task.Run(() => sheets.Write(At(begin.Start).TotalSeconds, At(end.End).TotalSeconds, cancellation), cancellation).ConfigureAwait(false);

        // 4. The journal, last of all: without it there is no recording.
        JournalWriter.Write(journal, new JournalRecord.Ended(now, end.Track.Period.WallClockAt(end.End) - begin.WallClock));
        await File.WriteAllBytesAsync(Path.Combine(directory, Journal.FileName), journal.WrittenMemory, cancellation).ConfigureAwait(false);
        return true;
    }

    /// <summary>The records that make the range: its periods, its encoders, its segments. Blocks on the disk.</summary>
    private List<JournalRecord> Select(Segment begin)
    {
        var selected = new List<JournalRecord>();
        JournalRecord.PeriodBegan? period = null;
        var inits = new List<JournalRecord>();
        var isWithin = false;
        void Enter()
        {
            if (isWithin || period is null)
                return;
            isWithin = true;
            selected.Add(new JournalRecord.PeriodBegan(period.Period with { FirstSegment = first, Start = begin.Start, WallClock = begin.WallClock }));
            selected.AddRange(inits);
        }
        JournalFile.Read(Path.Combine(source.Directory, Journal.FileName), record =>
        {
            switch (record)
            {
                case JournalRecord.PeriodBegan began when began.Period.FirstSegment <= first:
                    period = began;
                    inits.Clear();
                    break;
                case JournalRecord.PeriodBegan began:
                    if (began.Period.FirstSegment > last)
                        return false;
                    Enter();
                    selected.Add(began);
                    break;
                case JournalRecord.InitSet when !isWithin:
                    inits.Add(record);
                    break;
                case JournalRecord.InitSet:
                    selected.Add(record);
                    break;
                case JournalRecord.SegmentEnded { Segment.Segment: var number } when number >= first && number <= last:
                    Enter();
                    selected.Add(record);
                    break;
                case JournalRecord.Kept { Recorded: { Segment.Segment: var number } recorded } when number >= first && number <= last:
                    Enter();
                    selected.Add(recorded);
                    break;
            }
            return true;
        });
        return selected;
    }

    /// <summary>Copies a segment's bytes; one whose bytes are gone becomes a gap.</summary>
    private async Task<JournalRecord.SegmentEnded> CopyAsync(JournalRecord.SegmentEnded record, string rendition, CancellationToken cancellation)
    {
        if (record.Segment.IsGap)
            return record;
        var length = record.Parts.Sum(part => part.ByteLength);
        using var reader = source.Find(rendition) is { } media ? SegmentReader.Open(media, record.Segment.Segment, length) : null;
        var gap = record with { Segment = record.Segment with { IsGap = true, IsIndependent = false }, Parts = [], Place = default };
        if (reader is null)
            return gap;
        if (!files.TryGetValue(rendition, out var to))
            to = (File.OpenHandle(Path.Combine(directory, SpoolFile.NameOf(rendition, 0)), FileMode.CreateNew, FileAccess.Write), 0);
        files[rendition] = to;
        var checksum = ~0u;
        var buffer = new byte[Math.Min(CopyBytes, length)];
        for (var at = 0; at < length;)
        {
            var piece = buffer.AsMemory(0, Math.Min(buffer.Length, length - at));
            if (!await reader.ReadAsync(at, piece).ConfigureAwait(false))
            {
                // It left meanwhile; or it is there still, and only the store has it.
                if (source.Archive is null || source.Find(rendition)?.TryFind(record.Segment.Segment, out _, out _, out _) != true)
                    return gap;
                throw new StorageException($"segment {record.Segment.Segment} of {rendition} cannot be read");
            }
            checksum = Crc32C.Append(checksum, piece.Span);
            await RandomAccess.WriteAsync(to.File, piece, to.Length + at, cancellation).ConfigureAwait(false);
            at += piece.Length;
        }
        files[rendition] = to with { Length = to.Length + length };
        return record with { Place = new RecordedPlace(0, to.Length, ~checksum) };
    }

    private TimeSpan At(MediaTime moment) => TimeSpan.FromMilliseconds(Math.Max(0, Math.Round((moment.Seconds - origin) * 1000)));
}
