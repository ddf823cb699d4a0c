using Millrace.Core;
using Millrace.Timeline;

namespace Millrace.Dash;

/// <summary>Writes the S elements of a SegmentTimeline (ISO/IEC 23009-1 §5.3.9.6): runs of equal durations.</summary>
internal static class SegmentTimeline
{
    public static void Write(ref Utf8Writer writer, List<Segment> segments, TimelineContract contract)
    {
        var next = -1L;
        for (var i = 0; i < segments.Count;)
        {
            var start = segments[i].Start.Ticks;
            var duration = DurationOf(segments, i, contract);
            var end = start + duration;
            var repeated = 0;
            while (i + repeated + 1 < segments.Count
                && segments[i + repeated + 1].Start.Ticks == end
                && DurationOf(segments, i + repeated + 1, contract) == duration)
            {
                end += duration;
                repeated++;
            }
            writer.Write("<S"u8);
            if (start != next)
            {
                writer.Write(" t=\""u8);
                writer.Write(start);
                writer.Write("\""u8);
            }
            writer.Write(" d=\""u8);
            writer.Write(duration);
            if (repeated > 0)
            {
                writer.Write("\" r=\""u8);
                writer.Write(repeated);
            }
            writer.Write("\"/>\n"u8);
            next = end;
            i += repeated + 1;
        }
    }

    /// <summary>
    /// A complete segment's own duration, but up to the next one where that begins elsewhere than this ends (rounding). The
    /// running one's is predicted: that of the one before, else the target, and never less than what is there already.
    /// </summary>
    private static long DurationOf(List<Segment> segments, int index, TimelineContract contract)
    {
        var segment = segments[index];
        if (index + 1 < segments.Count && segments[index + 1].Start.Ticks > segment.Start.Ticks)
            return segments[index + 1].Start.Ticks - segment.Start.Ticks;
        if (segment.IsComplete)
            return segment.Duration.Ticks;
        var predicted = index > 0 ? segments[index - 1].Duration.Ticks : contract.TargetDuration * (long)segment.Start.Timescale;
        return Math.Max(predicted, segment.Duration.Ticks);
    }
}
