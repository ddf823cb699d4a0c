using Millrace.Core;

namespace Millrace.Timeline;

/// <summary>One part of a segment: one CMAF chunk.</summary>
/// <param name="Offset">Where it begins in its segment's bytes.</param>
/// <param name="ByteLength">Its bytes, more than 0.</param>
/// <param name="DurationTicks">Its duration in the track's timescale, more than 0.</param>
/// <param name="IsIndependent">It begins with a random access point.</param>
public readonly record struct Part(int Offset, int ByteLength, uint DurationTicks, bool IsIndependent);

/// <summary>
/// A rendition's segments between two changes: all with media or all gaps, all of one period. DASH numbers segments without
/// holes, so it begins a new Period with each run. Immutable, and outlives the removal of its first segments.
/// </summary>
/// <param name="FirstSegment">Media sequence number of its first segment.</param>
/// <param name="Start">Where that begins; for the first run of a period, the period's beginning.</param>
/// <param name="IsGap">Its segments have no media.</param>
public sealed record SegmentRun(long FirstSegment, MediaTime Start, bool IsGap);

/// <summary>One segment of one rendition, complete or as far as it has come. Immutable.</summary>
public sealed class Segment
{
    internal Segment(
        long number, PeriodTrack track, SegmentRun run, MediaTime start, long durationTicks, ReadOnlyMemory<Part> parts,
        bool isIndependent, bool isComplete)
    {
        Number = number;
        Track = track;
        Run = run;
        Start = start;
        Duration = start with { Ticks = durationTicks };
        Parts = parts;
        IsIndependent = isIndependent;
        IsComplete = isComplete;
    }

    /// <summary>Media sequence number.</summary>
    public long Number { get; }

    /// <summary>The rendition's period that it belongs to.</summary>
    public PeriodTrack Track { get; }

    /// <summary>The run that it belongs to.</summary>
    public SegmentRun Run { get; }

    /// <summary>
    /// Where its presentation begins, on the broadcast's clock: the earliest presentation time of a segment that begins with a
    /// random access point (S@t, ISO/IEC 23009-1 §5.3.9.6.2). With B-frames that is later than its decode time.
    /// </summary>
    public MediaTime Start { get; }

    /// <summary>Its duration; of an incomplete segment, the sum of its parts so far.</summary>
    public MediaTime Duration { get; }

    /// <summary>Its parts in order; none for a gap. They stay known as long as the segment, whether a playlist lists them or not.</summary>
    public ReadOnlyMemory<Part> Parts { get; }

    /// <summary>It begins with a random access point.</summary>
    public bool IsIndependent { get; }

    /// <summary>It has no media and cannot be fetched (EXT-X-GAP).</summary>
    public bool IsGap => Run.IsGap;

    /// <summary>No further part comes.</summary>
    public bool IsComplete { get; }

    /// <summary>Where it ends, or has come to.</summary>
    public MediaTime End => Start with { Ticks = Start.Ticks + Duration.Ticks };

    /// <summary>Bytes of all its parts.</summary>
    public long ByteLength => Parts.Length == 0 ? 0 : (long)Parts.Span[^1].Offset + Parts.Span[^1].ByteLength;

    /// <summary>UTC of its beginning, for EXT-X-PROGRAM-DATE-TIME.</summary>
    public DateTimeOffset WallClock => Track.Period.WallClockAt(Start);
}
