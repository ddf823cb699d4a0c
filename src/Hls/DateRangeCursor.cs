using Millrace.Core;
using Millrace.Timeline;

namespace Millrace.Hls;

/// <summary>Writes the date ranges of a playlist between its segments, each where it was placed (§4.4.5.1).</summary>
internal ref struct DateRangeCursor(IReadOnlyList<PlacedDateRange> ranges)
{
    private int next;

    /// <summary>Leaves out those placed in front of earlier segments.</summary>
    public void SkipBefore(long segment)
    {
        while (next < ranges.Count && ranges[next].Segment < segment)
            next++;
    }

    /// <summary>Writes those placed in front of this segment or of an earlier one.</summary>
    public void WriteUpTo(ref Utf8Writer writer, long segment)
    {
        for (; next < ranges.Count && ranges[next].Segment <= segment; next++)
            Write(ref writer, ranges[next].Range);
    }

    private static void Write(ref Utf8Writer writer, DateRange range)
    {
        writer.Write("#EXT-X-DATERANGE:ID=\""u8);
        writer.Write(range.Id);
        if (range.Class is { } name)
        {
            writer.Write("\",CLASS=\""u8);
            writer.Write(name);
        }
        writer.Write("\",START-DATE=\""u8);
        writer.Write(range.Start);
        writer.Write("\""u8);
        if (range.Duration is { } duration)
        {
            writer.Write(",DURATION="u8);
            writer.WriteDecimal(duration.Ticks, 7);
        }
        if (range.PlannedDuration is { } planned)
        {
            writer.Write(",PLANNED-DURATION="u8);
            writer.WriteDecimal(planned.Ticks, 7);
        }
        foreach (var attribute in range.Attributes)
        {
            writer.Write(","u8);
            writer.Write(attribute.Name);
            writer.Write(attribute.IsHexadecimal ? "="u8 : "=\""u8);
            writer.Write(attribute.Value);
            if (!attribute.IsHexadecimal)
                writer.Write("\""u8);
        }
        if (range.EndOnNext)
            writer.Write(",END-ON-NEXT=YES"u8);
        writer.Write("\n"u8);
    }
}
