using System.Globalization;
using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Timeline;

namespace Millrace.Delivery.Downloads;

/// <summary>Why there is no file.</summary>
internal enum DownloadFault
{
    /// <summary>There is one.</summary>
    None,
    /// <summary>No rendition of that name has media.</summary>
    UnknownRendition,
    /// <summary>No media lie in the range.</summary>
    Empty,
    /// <summary>The range holds formats that do not fit into one track.</summary>
    Mixed,
}

/// <summary>
/// A file for download, laid out: its head, its size and where everything in it lies. Made of the timeline alone, no media is
/// read for it: each segment takes what it has, and four bytes more for each part. Immutable; the same range gives the same bytes.
/// </summary>
/// <remarks>
/// One fragmented MP4 with the picture and the sound of each segment one behind the other (docs/decisions/0018). Costs its
/// head, 12 bytes for each segment: 260 KB for twelve hours, and twice that while it is made.
/// </remarks>
internal sealed class DownloadPlan
{
    /// <summary>Most formats that a track takes on: publishers that came back with something else.</summary>
    public const int MaxFormats = 64;

    // Above it, several segments share a reference.
    private const int MaxReferences = 32_768;

    private readonly DownloadTrack[] tracks;
    private readonly long first;
    private readonly long last;

    private DownloadPlan(DownloadTrack[] tracks, long first, long last)
    {
        this.tracks = tracks;
        this.first = first;
        this.last = last;
    }

    /// <summary><c>ftyp moov sidx</c>.</summary>
    public byte[] Head { get; private set; } = [];

    /// <summary>Bytes of the file.</summary>
    public long Length { get; private set; }

    /// <summary>Stands for these bytes and no others.</summary>
    public string ETag { get; private set; } = "";

    /// <summary>Where it begins on the broadcast's clock, in seconds.</summary>
    public double From { get; private set; }

    /// <summary>Where it ends.</summary>
    public double To { get; private set; }

    /// <summary>Lays a file out; null and why when there is none.</summary>
    public static DownloadPlan? Make(OriginBroadcast broadcast, in DownloadQuery query, out DownloadFault fault, out double changesAt)
    {
        fault = DownloadFault.UnknownRendition;
        changesAt = 0;
        var snapshot = broadcast.Timeline.Read();
        if (RecordedRange.Choose(snapshot, query.Rendition) is not var (lead, sound))
            return null;
        fault = DownloadFault.Empty;
        var origin = snapshot.Periods[0].Start.Seconds;
        if (RecordedRange.Find(lead, origin, query.From, query.To) is not var (first, last))
            return null;
        var leading = new DownloadTrack(1, lead, broadcast.Find(lead.Name)!);
        var beside = sound is null ? null : new DownloadTrack(2, sound, broadcast.Find(sound.Name)!);
        var plan = new DownloadPlan(beside is null ? [leading] : [leading, beside], first, last);
        fault = DownloadFault.Mixed;
        foreach (var (track, segment, _) in plan.Segments())
        {
            if (track.TryDescribe(segment))
                continue;
            changesAt = segment.Start.Seconds - origin;
            return null;
        }
        // Sound that has none in this range is no track.
        if (beside is not null && beside.IsEmpty)
            plan = new DownloadPlan([leading], first, last);
        fault = DownloadFault.None;
        plan.LayOut(broadcast, origin);
        return plan;
    }

    /// <summary>Every segment of the file in order, with its track and the number of its first fragment.</summary>
    public IEnumerable<(DownloadTrack Track, Segment Segment, uint SequenceNumber)> Segments()
    {
        var sequence = 1u;
        for (var number = first; number <= last; number++)
        {
            foreach (var track in tracks)
            {
                if (track.Find(number) is not { } segment)
                    continue;
                yield return (track, segment, sequence);
                sequence += (uint)segment.Parts.Length;
            }
        }
    }

    private void LayOut(OriginBroadcast broadcast, double origin)
    {
        var lead = tracks[0];
        var begin = lead.Find(first)!;
        var end = lead.Find(last)!;
        From = begin.Start.Seconds - origin;
        To = end.End.Seconds - origin;

        // 1. The file's time begins with the earliest decode time, rounded down, the same for all tracks.
        var timescale = begin.Start.Timescale;
        var start = begin.Start.Ticks;
        foreach (var track in tracks)
        {
            for (var number = first; number <= last; number++)
            {
                if (track.Find(number) is not { } segment)
                    continue;
                // Gone a moment ago: whoever sends it notices.
                var decode = track.Media.TryFind(number, out var stored, out _, out _) ? stored.Start : segment.Start;
                start = Math.Min(start, FloorTo(decode, timescale));
                break;
            }
        }
        foreach (var track in tracks)
            track.TimeShift = FloorTo(new MediaTime(start, timescale), track.Description.Formats[0].Timescale);

        // 2. References: a segment each, or several.
        var perReference = (int)((last - first) / MaxReferences) + 1;
        var references = new List<FileReference>((int)Math.Min(last - first + 1, MaxReferences));
        var total = 0L;
        var at = begin.Start.Ticks;
        for (var number = first; number <= last;)
        {
            var length = 0L;
            var isIndependent = lead.Find(number) is { IsIndependent: true };
            var until = at;
            for (var i = 0; i < perReference && number <= last; i++, number++)
            {
                foreach (var track in tracks)
                    length += track.Find(number) is { } segment ? track.LengthOf(segment) : 0;
                if (lead.Find(number) is { } leading)
                    until = leading.End.In(timescale).Ticks;
            }
            // A hole belongs to what stands in front of it.
            if (length == 0)
            {
                if (references.Count > 0)
                    references[^1] = references[^1] with { DurationTicks = references[^1].DurationTicks + until - at };
            }
            else
            {
                references.Add(new FileReference(length, Math.Max(0, until - at), isIndependent));
            }
            total += length;
            at = Math.Max(at, until);
        }

        // 3. The head, and with it the length.
        Head = FragmentedFileWriter.Write(
            [.. tracks.Select(track => track.Description)], new MediaTime(at - start, timescale), begin.Start.Ticks - start, references);
        Length = Head.Length + total;
        var names = string.Join('+', tracks.Select(track => track.Rendition.Name));
        ETag = string.Create(CultureInfo.InvariantCulture,
            $"\"{broadcast.Id}-{names}-{first:x}-{last:x}-{Crc32C.Of(Head):x}-{Length:x}\"");
    }

    private static long FloorTo(MediaTime time, uint timescale)
    {
        var scaled = (Int128)time.Ticks * timescale;
        var floor = scaled / time.Timescale;
        return (long)(scaled < 0 && floor * time.Timescale != scaled ? floor - 1 : floor);
    }
}
