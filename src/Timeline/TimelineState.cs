using Millrace.Core;
using Millrace.Media;

namespace Millrace.Timeline;

/// <summary>
/// All that a timeline is between two segments: what it needs to go on without what made it so
/// (<see cref="BroadcastTimeline.Save"/>, <see cref="BroadcastTimeline.Restore"/>). Parts of running segments are no part of it.
/// </summary>
/// <param name="Periods">The first one, and those from the oldest that a segment belongs to, to the newest.</param>
/// <param name="Renditions">In the order in which periods first named them.</param>
/// <param name="Current">Indexes of the open period's renditions, in its order.</param>
/// <param name="DateRanges">In the order in which they stand in playlists.</param>
/// <param name="RemovedDateRanges">Those that left a while ago.</param>
/// <param name="IsSuspended">The publisher is gone.</param>
public sealed record TimelineState(
    IReadOnlyList<PeriodState> Periods,
    IReadOnlyList<RenditionState> Renditions,
    IReadOnlyList<int> Current,
    IReadOnlyList<PlacedDateRange> DateRanges,
    IReadOnlyList<RemovedDateRange> RemovedDateRanges,
    bool IsSuspended);

/// <summary>A <see cref="Period"/>.</summary>
public sealed record PeriodState(int Index, long FirstSegment, MediaTime Start, DateTimeOffset WallClock, string Leader);

/// <summary>A <see cref="PeriodTrack"/>; <paramref name="Period"/> is its period's <see cref="PeriodState.Index"/>.</summary>
public sealed record TrackState(int Period, TrackFormat? Format, int Init, bool HasInit, bool IsDerived);

/// <summary>A complete segment.</summary>
/// <param name="Number">Media sequence number.</param>
/// <param name="Track">Index in <see cref="RenditionState.Tracks"/>.</param>
/// <param name="Run">Index in <see cref="RenditionState.Runs"/>.</param>
/// <param name="Start">Where its presentation begins.</param>
/// <param name="DurationTicks">In the timescale of <paramref name="Start"/>, more than 0.</param>
/// <param name="Parts">Its parts; none for a gap.</param>
/// <param name="IsIndependent">It begins with a random access point.</param>
public readonly record struct SegmentState(
    long Number, int Track, int Run, MediaTime Start, long DurationTicks, ReadOnlyMemory<Part> Parts, bool IsIndependent);

/// <summary>What was measured of a rendition.</summary>
/// <param name="Recent">Bytes and seconds of the newest segments.</param>
/// <param name="Peak">Bits per second.</param>
/// <param name="TotalBytes">Of all segments.</param>
/// <param name="TotalSeconds">Of all segments.</param>
/// <param name="Samples">Access units of the newest period.</param>
/// <param name="SampleSeconds">How long those last.</param>
/// <param name="DeclaredFrameRate">Of the newest period.</param>
/// <param name="TargetBitsPerSecond">Of the newest period.</param>
public sealed record RateState(
    IReadOnlyList<(long Bytes, double Seconds)> Recent, double Peak, long TotalBytes, double TotalSeconds, long Samples, double SampleSeconds,
    double DeclaredFrameRate, long TargetBitsPerSecond);

/// <summary>One rendition's state.</summary>
public sealed record RenditionState
{
    /// <summary>Its name in paths.</summary>
    public required string Name { get; init; }

    /// <summary>Its init segments, by number.</summary>
    public required IReadOnlyList<ReadOnlyMemory<byte>> Inits { get; init; }

    /// <summary>The tracks of its segments, and the newest one.</summary>
    public required IReadOnlyList<TrackState> Tracks { get; init; }

    /// <summary>The runs of its segments, and the newest one.</summary>
    public required IReadOnlyList<SegmentRun> Runs { get; init; }

    /// <summary>The newest track's index.</summary>
    public required int Track { get; init; }

    /// <summary>The newest run's index, or -1 when the next segment begins one.</summary>
    public required int Run { get; init; }

    /// <summary>The format in the newest period that has it.</summary>
    public required TrackFormat Format { get; init; }

    /// <summary>It is made of another rendition, in the newest period that has it.</summary>
    public required bool IsDerived { get; init; }

    /// <summary><see cref="RenditionSnapshot.Begun"/>.</summary>
    public required long Begun { get; init; }

    /// <summary><see cref="RenditionSnapshot.NextSegment"/>.</summary>
    public required long NextSegment { get; init; }

    /// <summary><see cref="RenditionSnapshot.FirstEver"/>.</summary>
    public required long FirstEver { get; init; }

    /// <summary><see cref="RenditionSnapshot.NewestDependent"/>.</summary>
    public required long NewestDependent { get; init; }

    /// <summary><see cref="RenditionSnapshot.Rewrites"/>.</summary>
    public required long Rewrites { get; init; }

    /// <summary><see cref="RenditionJoin.PresentationDelay"/>.</summary>
    public required long PresentationDelay { get; init; }

    /// <summary>What was measured.</summary>
    public required RateState Rates { get; init; }

    /// <summary>Its complete segments, with numbers without holes up to the next one. Empty where somebody keeps them elsewhere.</summary>
    public IReadOnlyList<SegmentState> Segments { get; init; } = [];
}
