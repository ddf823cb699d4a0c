using System.Buffers;
using Millrace.Core;
using Millrace.Timeline;

namespace Millrace.Hls;

/// <summary>
/// Writes the media playlist of one rendition, draft-pantos-hls-rfc8216bis. A pure function of its arguments: the same
/// snapshot gives the same bytes. URIs are relative to <c>/b/{broadcast}/{rendition}/</c>.
/// </summary>
public static class MediaPlaylist
{
    // 9 brought EXT-X-SKIP, 10 the skipping of date ranges; a playlist keeps one version in all its answers.
    private const int Version = 10;

    /// <summary>The playlist as bytes that the caller owns.</summary>
    public static byte[] Write(RenditionSnapshot rendition, MediaPlaylistOptions options, PlaylistSkip skip)
    {
        var output = new ArrayBufferWriter<byte>(4096);
        Write(rendition, options, skip, output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Appends the playlist to <paramref name="output"/>.</summary>
    /// <param name="rendition">What it says.</param>
    /// <param name="options">Which playlist.</param>
    /// <param name="skip">
    /// A delta update is wanted. Where nothing is old enough to be left out the playlist is whole.
    /// </param>
    /// <param name="output">Where it goes.</param>
    public static void Write(
        RenditionSnapshot rendition, MediaPlaylistOptions options, PlaylistSkip skip, IBufferWriter<byte> output)
    {
        WriteHead(rendition, options, output);
        var first = FirstListed(rendition, options);
        var listed = rendition.Segments.From((int)(first - rendition.FirstSegment));
        var skipped = skip == PlaylistSkip.None || !IsLowLatency(rendition, options) ? 0 : CountSkipped(listed, rendition);
        if (skipped == 0)
        {
            WriteTail(rendition, options, first, output);
            return;
        }
        var writer = new Utf8Writer(output);
        var ranges = new DateRangeCursor(rendition.DateRanges);
        if (skip == PlaylistSkip.SegmentsAndDateRanges)
            ranges.SkipBefore(listed[0].Number + skipped);
        WriteSkip(ref writer, rendition, skip, skipped, listed[0].Number + skipped);
        WriteRest(ref writer, rendition, options, ranges, listed.From(skipped), listed[skipped - 1]);
        writer.Flush();
    }

    /// <summary>
    /// What stands in front of the first listed segment. Behind it come either all of <see cref="WriteTail"/> or, for a long
    /// playlist of which most stays the same, stretches of <see cref="WriteSegments"/> and the tail behind them: the same bytes.
    /// </summary>
    public static void WriteHead(RenditionSnapshot rendition, MediaPlaylistOptions options, IBufferWriter<byte> output)
    {
        var writer = new Utf8Writer(output);
        var first = FirstListed(rendition, options);
        WriteHeader(ref writer, rendition, IsWhole(rendition, options), IsLowLatency(rendition, options));
        if (rendition.NewestDependent < first && rendition.Running is null or { IsIndependent: true })
            writer.Write("#EXT-X-INDEPENDENT-SEGMENTS\n"u8);
        writer.Write("#EXT-X-MEDIA-SEQUENCE:"u8);
        writer.Write(first);
        writer.Write("\n"u8);
        var discontinuity = (rendition.Find(first)?.Track ?? rendition.Track).Period.Index;
        if (discontinuity > 0)
        {
            writer.Write("#EXT-X-DISCONTINUITY-SEQUENCE:"u8);
            writer.Write(discontinuity);
            writer.Write("\n"u8);
        }
        writer.Flush();
    }

    /// <summary>
    /// Complete segments <paramref name="from"/> to before <paramref name="to"/> with what stands between them, without parts:
    /// bytes that do not change as long as date ranges stay as they are and <paramref name="to"/> is at most
    /// <see cref="FirstWithParts"/>.
    /// </summary>
    /// <param name="rendition">Has all of these segments.</param>
    /// <param name="from">The first one.</param>
    /// <param name="to">The one behind the last.</param>
    /// <param name="isFirst">Nothing is listed in front of them.</param>
    /// <param name="output">Where it goes.</param>
    public static void WriteSegments(RenditionSnapshot rendition, long from, long to, bool isFirst, IBufferWriter<byte> output)
    {
        var writer = new Utf8Writer(output);
        var ranges = new DateRangeCursor(rendition.DateRanges);
        var index = (int)(from - rendition.FirstSegment);
        if (!isFirst)
            ranges.SkipBefore(from);
        WriteListed(ref writer, rendition.Segments.From(index).AsSpan()[..(int)(to - from)], isFirst ? null : rendition.Segments[index - 1], ref ranges, long.MaxValue);
        writer.Flush();
    }

    /// <summary>Everything from segment <paramref name="from"/> on, to the end of the playlist.</summary>
    public static void WriteTail(RenditionSnapshot rendition, MediaPlaylistOptions options, long from, IBufferWriter<byte> output)
    {
        var writer = new Utf8Writer(output);
        var index = (int)(from - rendition.FirstSegment);
        var isFirst = from == FirstListed(rendition, options);
        var ranges = new DateRangeCursor(rendition.DateRanges);
        if (!isFirst)
            ranges.SkipBefore(from);
        WriteRest(ref writer, rendition, options, ranges, rendition.Segments.From(index), isFirst ? null : rendition.Segments[index - 1]);
        writer.Flush();
    }

    /// <summary>Number of the first segment that the playlist lists, be it complete or not.</summary>
    public static long FirstListed(RenditionSnapshot rendition, MediaPlaylistOptions options) =>
        options.Window is { } window ? rendition.FirstWithin(window) : rendition.FirstSegment;

    /// <summary>Number of the first complete segment whose parts the playlist lists, or of the one behind the last.</summary>
    public static long FirstWithParts(RenditionSnapshot rendition, MediaPlaylistOptions options)
    {
        if (!IsLowLatency(rendition, options))
            return rendition.NextSegment;
        var from = PartsFrom(rendition);
        var index = rendition.Segments.Count;
        while (index > 0 && Decimals.Round(rendition.Segments[index - 1].End) >= from)
            index--;
        return rendition.FirstSegment + index;
    }

    private static void WriteRest(
        ref Utf8Writer writer, RenditionSnapshot rendition, MediaPlaylistOptions options, DateRangeCursor ranges, SegmentList listed, Segment? before)
    {
        WriteListed(ref writer, listed.AsSpan(), before, ref ranges, IsLowLatency(rendition, options) ? PartsFrom(rendition) : long.MaxValue);
        if (listed.Count > 0)
            before = listed[^1];
        ranges.WriteUpTo(ref writer, long.MaxValue);
        if (rendition.Running is { } running)
        {
            WriteTrackTags(ref writer, running, before);
            WriteParts(ref writer, running);
        }

        if (rendition.IsEnded)
        {
            writer.Write("#EXT-X-ENDLIST\n"u8);
        }
        else
        {
            WritePreloadHint(ref writer, rendition);
            WriteReports(ref writer, rendition, options.FileName);
        }
    }

    /// <param name="writer">Where it goes.</param>
    /// <param name="segments">Complete ones.</param>
    /// <param name="before">What is listed in front of them, or null.</param>
    /// <param name="ranges">The date ranges that are still to be written.</param>
    /// <param name="partsFrom">Segments that end at or after it, in 10 µs, are listed with their parts.</param>
    private static void WriteListed(
        ref Utf8Writer writer, ReadOnlySpan<Segment> segments, Segment? before, ref DateRangeCursor ranges, long partsFrom)
    {
        foreach (var segment in segments)
        {
            ranges.WriteUpTo(ref writer, segment.Number);
            WriteTrackTags(ref writer, segment, before);
            if (partsFrom != long.MaxValue && Decimals.Round(segment.End) >= partsFrom)
                WriteParts(ref writer, segment);
            WriteSegment(ref writer, segment);
            before = segment;
        }
    }

    private static bool IsWhole(RenditionSnapshot rendition, MediaPlaylistOptions options) =>
        options.Window is null && (rendition.FirstSegment == rendition.FirstEver || rendition.IsEnded);

    // What was recorded is complete: nobody reloads it, nobody waits for parts of it.
    private static bool IsLowLatency(RenditionSnapshot rendition, MediaPlaylistOptions options) =>
        !(IsWhole(rendition, options) && rendition.IsEnded);

    private static long PartsFrom(RenditionSnapshot rendition) =>
        EndOf(rendition) - 3L * rendition.Contract.TargetDuration * Decimals.Second;

    /// <summary>The tags that never change in a broadcast.</summary>
    private static void WriteHeader(ref Utf8Writer writer, RenditionSnapshot rendition, bool isWhole, bool isLowLatency)
    {
        var target = rendition.Contract.TargetDuration;
        var part = Decimals.Ceiling(rendition.Contract.PartTarget);
        writer.Write("#EXTM3U\n#EXT-X-VERSION:"u8);
        writer.Write(Version);
        writer.Write("\n#EXT-X-TARGETDURATION:"u8);
        writer.Write(target);
        if (isWhole)
            writer.Write(rendition.IsEnded ? "\n#EXT-X-PLAYLIST-TYPE:VOD"u8 : "\n#EXT-X-PLAYLIST-TYPE:EVENT"u8);
        if (isLowLatency)
        {
            writer.Write("\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL="u8);
            writer.WriteSeconds(6 * target * Decimals.Second);
            writer.Write(",CAN-SKIP-DATERANGES=YES,HOLD-BACK="u8);
            writer.WriteSeconds(3 * target * Decimals.Second);
            writer.Write(",PART-HOLD-BACK="u8);
            writer.WriteSeconds(3 * part);
            writer.Write("\n#EXT-X-PART-INF:PART-TARGET="u8);
            writer.WriteSeconds(part);
        }
        writer.Write("\n"u8);
    }

    /// <summary>
    /// Segments that end further from the playlist's end than the Skip Boundary, six target durations
    /// (§4.4.3.8, CAN-SKIP-UNTIL).
    /// </summary>
    private static int CountSkipped(SegmentList listed, RenditionSnapshot rendition)
    {
        var boundary = EndOf(rendition) - 6L * rendition.Contract.TargetDuration * Decimals.Second;
        var count = listed.Count;
        // Only distance counts, so the first one from the end that is old enough decides for all in front of it.
        while (count > 0 && Decimals.Round(listed[count - 1].End) >= boundary)
            count--;
        return count;
    }

    private static void WriteSkip(
        ref Utf8Writer writer, RenditionSnapshot rendition, PlaylistSkip skip, int skipped, long firstListed)
    {
        writer.Write("#EXT-X-SKIP:SKIPPED-SEGMENTS="u8);
        writer.Write(skipped);
        if (skip == PlaylistSkip.SegmentsAndDateRanges)
        {
            writer.Write(",RECENTLY-REMOVED-DATERANGES=\""u8);
            var isFirst = true;
            foreach (var removed in rendition.RemovedDateRanges)
            {
                if (removed.Segment < firstListed)
                    continue;
                if (!isFirst)
                    writer.Write("\t"u8);
                isFirst = false;
                writer.Write(removed.Id);
            }
            writer.Write("\""u8);
        }
        writer.Write("\n"u8);
    }

    /// <summary>What stands in front of a segment or of its first part: discontinuity, header, date.</summary>
    private static void WriteTrackTags(ref Utf8Writer writer, Segment segment, Segment? before)
    {
        if (before is not null && before.Track == segment.Track)
            return;
        if (before is not null && before.Track.Period != segment.Track.Period)
            writer.Write("#EXT-X-DISCONTINUITY\n"u8);
        // Without an init segment of its own there are only gaps, which no header is needed for; but a playlist begins with one.
        if (before is null || segment.Track.HasInit)
        {
            writer.Write("#EXT-X-MAP:URI=\""u8);
            writer.Write(segment.Track.Init);
            writer.Write("-init.mp4\"\n"u8);
        }
        writer.Write("#EXT-X-PROGRAM-DATE-TIME:"u8);
        writer.Write(segment.WallClock);
        writer.Write("\n"u8);
    }

    private static void WriteParts(ref Utf8Writer writer, Segment segment)
    {
        var timescale = segment.Start.Timescale;
        var index = 0;
        foreach (ref readonly var part in segment.Parts.Span)
        {
            writer.Write("#EXT-X-PART:DURATION="u8);
            writer.WriteSeconds(Decimals.Round(new MediaTime(part.DurationTicks, timescale)));
            writer.Write(",URI=\""u8);
            writer.Write(segment.Number);
            writer.Write("."u8);
            writer.Write(index++);
            writer.Write(part.IsIndependent ? ".m4s\",INDEPENDENT=YES\n"u8 : ".m4s\"\n"u8);
        }
    }

    private static void WriteSegment(ref Utf8Writer writer, Segment segment)
    {
        if (segment.IsGap)
            writer.Write("#EXT-X-GAP\n"u8);
        writer.Write("#EXTINF:"u8);
        writer.WriteSeconds(Decimals.Round(segment.Duration));
        writer.Write(",\n"u8);
        writer.Write(segment.Number);
        writer.Write(".m4s\n"u8);
    }

    /// <summary>The part that comes next, be it of the running segment or of the one after. A rendition that the period does not have gets none.</summary>
    private static void WritePreloadHint(ref Utf8Writer writer, RenditionSnapshot rendition)
    {
        if (rendition.Track.Format is null)
            return;
        writer.Write("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\""u8);
        writer.Write(rendition.NextSegment);
        writer.Write("."u8);
        writer.Write(rendition.Running?.Parts.Length ?? 0);
        writer.Write(".m4s\"\n"u8);
    }

    private static void WriteReports(ref Utf8Writer writer, RenditionSnapshot rendition, string fileName)
    {
        foreach (var report in rendition.Reports)
        {
            // Nothing to report before its first part, and a number below zero is none.
            if (report.LastSegment < 0)
                continue;
            writer.Write("#EXT-X-RENDITION-REPORT:URI=\"../"u8);
            writer.Write(report.Name);
            writer.Write("/"u8);
            writer.Write(fileName);
            writer.Write("\",LAST-MSN="u8);
            writer.Write(report.LastSegment);
            writer.Write(",LAST-PART="u8);
            writer.Write(report.LastPart);
            writer.Write("\n"u8);
        }
    }

    private static long EndOf(RenditionSnapshot rendition) =>
        rendition.LastSegment is { } last ? Decimals.Round(last.End) : 0;
}
