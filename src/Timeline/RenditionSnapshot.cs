using Millrace.Media;

namespace Millrace.Timeline;

/// <summary>
/// One rendition at one version: everything that its playlist says. Immutable and shared; two reads without a change in
/// between give the same object.
/// </summary>
public sealed class RenditionSnapshot
{
    /// <summary>Counts this rendition's changes (and those of the whole broadcast that its playlist shows).</summary>
    public required long Version { get; init; }

    /// <summary>Its name in paths.</summary>
    public required string Name { get; init; }

    /// <summary>The broadcast's promises.</summary>
    public required TimelineContract Contract { get; init; }

    /// <summary>The track in the newest period; <see cref="PeriodTrack.Format"/> is null when that does not have it.</summary>
    public required PeriodTrack Track { get; init; }

    /// <summary>The format in the newest period that has this rendition.</summary>
    public required TrackFormat Format { get; init; }

    /// <summary>It is made of another rendition here, in the newest period that has it.</summary>
    public required bool IsDerived { get; init; }

    /// <summary>The newest segment that a derived rendition is known to have begun, with parts or not yet; -1 when there is none.</summary>
    public required long Begun { get; init; }

    /// <summary>The complete segments still in the timeline.</summary>
    public required SegmentList Segments { get; init; }

    /// <summary>The running segment with at least one part, or null between segments.</summary>
    public required Segment? Running { get; init; }

    /// <summary>Media sequence number of the segment that runs or comes next.</summary>
    public required long NextSegment { get; init; }

    /// <summary>
    /// Presentation minus decode time of what comes now, in the track's timescale: <see cref="Segment.Start"/> minus the decode
    /// time of the newest segments.
    /// </summary>
    public required long PresentationDelay { get; init; }

    /// <summary>Media sequence number of the first segment that the rendition ever had.</summary>
    public required long FirstEver { get; init; }

    /// <summary>Media sequence number of the newest complete segment with media that does not begin with a random access point; -1 when there was none.</summary>
    public required long NewestDependent { get; init; }

    /// <summary>How often a segment that was complete changed because its media were lost. Otherwise what is complete stays as it is.</summary>
    public required long Rewrites { get; init; }

    /// <summary>The broadcast is over; nothing changes any more.</summary>
    public required bool IsEnded { get; init; }

    /// <summary>The publisher is gone and may come back.</summary>
    public required bool IsSuspended { get; init; }

    /// <summary>Date ranges in the order they were added.</summary>
    public required IReadOnlyList<PlacedDateRange> DateRanges { get; init; }

    /// <summary>Date ranges that left, oldest first; those from before the timeline's window are forgotten.</summary>
    public required IReadOnlyList<RemovedDateRange> RemovedDateRanges { get; init; }

    /// <summary>Where the broadcast's other renditions were when this snapshot was made.</summary>
    public required IReadOnlyList<RenditionReport> Reports { get; init; }

    /// <summary>What was measured.</summary>
    public required RenditionRates Rates { get; init; }

    /// <summary>Media sequence number of the oldest segment still in the timeline; of the next one when there is none.</summary>
    public long FirstSegment => Segments.Count > 0 ? Segments[0].Number : NextSegment;

    /// <summary>There is a segment or a part to list: a playlist is worth reading.</summary>
    public bool HasMedia => Segments.Count > 0 || Running is not null;

    /// <summary>How far it has come, for the playlists of the other renditions.</summary>
    public RenditionReport Report => new(Name, LastSegment?.Number ?? NextSegment - 1, LastPart);

    /// <summary>The newest segment, complete or not; null when there is none.</summary>
    public Segment? LastSegment => Running ?? (Segments.Count > 0 ? Segments[^1] : null);

    private int LastPart => Math.Max(0, (LastSegment?.Parts.Length ?? 0) - 1);

    /// <summary>The segment of that number, complete or running, if the timeline has it; null otherwise.</summary>
    public Segment? Find(long number)
    {
        if (Running is { } running && running.Number == number)
            return running;
        var index = number - FirstSegment;
        return index >= 0 && index < Segments.Count ? Segments[(int)index] : null;
    }

    /// <summary>
    /// The oldest segment's number of a window that ends at the live edge: as many complete segments as fit in
    /// <paramref name="window"/>, but not fewer than the last three target durations
    /// (draft-pantos-hls-rfc8216bis §6.2.2 forbids a shorter playlist).
    /// </summary>
    public long FirstWithin(TimeSpan window)
    {
        var least = TimeSpan.FromSeconds(3 * Contract.TargetDuration);
        var left = window < least ? least.TotalSeconds : window.TotalSeconds;
        var listed = Segments.AsSpan();
        var index = listed.Length;
        while (index > 0 && left > 0)
            left -= listed[--index].Duration.Seconds;
        return index < listed.Length ? listed[index].Number : NextSegment;
    }
}

/// <summary>How far a rendition has come (EXT-X-RENDITION-REPORT).</summary>
/// <param name="Name">The rendition.</param>
/// <param name="LastSegment">Media sequence number of the segment that its newest part belongs to.</param>
/// <param name="LastPart">That part's index; 0 for a gap.</param>
public readonly record struct RenditionReport(string Name, long LastSegment, int LastPart);

/// <summary>What was measured on a rendition's media.</summary>
/// <param name="PeakBitsPerSecond">
/// Highest bit rate of any run of segments between 0.5 and 1.5 target durations long (BANDWIDTH); of the parts so far until
/// there is one; 0 before the first part.
/// </param>
/// <param name="AverageBitsPerSecond">Over all complete segments that are no gaps; the same before the first one.</param>
/// <param name="FramesPerSecond">Access units per second of the newest period, or 0 before the first part.</param>
public readonly record struct RenditionRates(long PeakBitsPerSecond, long AverageBitsPerSecond, double FramesPerSecond);
