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
        var writer = new Utf8Writer(output);
        var isWhole = options.Window is null && rendition.FirstSegment == rendition.FirstEver;
        var first = options.Window is { } window ? rendition.FirstWithin(window) : rendition.FirstSegment;
        var listed = rendition.Segments.From((int)(first - rendition.FirstSegment));
        // What was recorded is complete: nobody reloads it, nobody waits for parts of it.
        var isLowLatency = !(isWhole && rendition.IsEnded);

        WriteHeader(ref writer, rendition, isWhole, isLowLatency);
        if (IsIndependent(listed, rendition.Running))
            writer.Write("#EXT-X-INDEPENDENT-SEGMENTS\n"u8);
        writer.Write("#EXT-X-MEDIA-SEQUENCE:"u8);
        writer.Write(first);
        writer.Write("\n"u8);
        var discontinuity = (listed.Count > 0 ? listed[0].Track : rendition.Running?.Track ?? rendition.Track).Period.Index;
        if (discontinuity > 0)
        {
            writer.Write("#EXT-X-DISCONTINUITY-SEQUENCE:"u8);
            writer.Write(discontinuity);
            writer.Write("\n"u8);
        }

        var skipped = skip == PlaylistSkip.None || !isLowLatency ? 0 : CountSkipped(listed, rendition);
        var ranges = new DateRangeCursor(rendition.DateRanges);
        if (skipped > 0)
        {
            if (skip == PlaylistSkip.SegmentsAndDateRanges)
                ranges.SkipBefore(listed[0].Number + skipped);
            WriteSkip(ref writer, rendition, skip, skipped, listed[0].Number + skipped);
        }

        var partsFrom = EndOf(listed, rendition) - 3L * rendition.Contract.TargetDuration * Decimals.Second;
        var before = skipped > 0 ? listed[skipped - 1] : null;
        foreach (var segment in listed.AsSpan()[skipped..])
        {
            ranges.WriteUpTo(ref writer, segment.Number);
            WriteTrackTags(ref writer, segment, before);
            if (isLowLatency && Decimals.Round(segment.End) >= partsFrom)
                WriteParts(ref writer, segment);
            WriteSegment(ref writer, segment);
            before = segment;
        }
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
        writer.Flush();
    }

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
        var boundary = EndOf(listed, rendition) - 6L * rendition.Contract.TargetDuration * Decimals.Second;
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

    private static bool IsIndependent(SegmentList listed, Segment? running)
    {
        foreach (var segment in listed.AsSpan())
        {
            if (!segment.IsIndependent && !segment.IsGap)
                return false;
        }
        return running?.IsIndependent ?? true;
    }

    private static long EndOf(SegmentList listed, RenditionSnapshot rendition) =>
        rendition.LastSegment is { } last ? Decimals.Round(last.End) : 0;
}
