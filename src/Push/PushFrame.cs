using Millrace.Media;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Push;

/// <summary>The first byte of a frame.</summary>
public enum PushFrameKind : byte
{
    /// <summary><see cref="PushOpen"/></summary>
    Open = 1,
    /// <summary><see cref="PushPeriod"/></summary>
    Period = 2,
    /// <summary><see cref="PushPart"/></summary>
    Part = 3,
    /// <summary><see cref="PushSegmentEnd"/></summary>
    SegmentEnd = 4,
    /// <summary><see cref="PushJoin"/></summary>
    Join = 5,
    /// <summary><see cref="PushSuspend"/></summary>
    Suspend = 6,
    /// <summary><see cref="PushEnd"/></summary>
    End = 7,
    /// <summary><see cref="PushInit"/></summary>
    Init = 8,
    /// <summary><see cref="PushBegin"/></summary>
    Begin = 9,
    /// <summary><see cref="PushCaughtUp"/></summary>
    CaughtUp = 10,
    /// <summary><see cref="PushResume"/></summary>
    Resume = 11,
}

/// <summary>
/// One call of <see cref="IBroadcastSink"/> on its way from the ingest to the origin role. Each says by itself where it
/// belongs, so that an origin can leave out what it has already. Immutable.
/// </summary>
public abstract record PushFrame;

/// <summary>The broadcast itself: the first frame to an origin that does not know it.</summary>
/// <param name="Contract">Its promises.</param>
/// <param name="StartedAt">When it went on air, UTC, to 100 ns.</param>
/// <param name="IsAnew">What the origin has of it cannot be continued: it is to be forgotten first.</param>
public sealed record PushOpen(LowLatencyContract Contract, DateTimeOffset StartedAt, bool IsAnew) : PushFrame;

/// <summary>A period begins.</summary>
/// <param name="Index">Counted from 0 over the broadcast.</param>
/// <param name="Description">As for <see cref="IBroadcastSink.BeginPeriod"/>.</param>
public sealed record PushPeriod(int Index, PeriodDescription Description) : PushFrame;

/// <summary>A derived rendition's encoder has begun.</summary>
/// <param name="Period">Index of its period.</param>
/// <param name="Rendition">Index in the period's renditions.</param>
/// <param name="Format">As for <see cref="IBroadcastSink.SetInit"/>.</param>
/// <param name="Init">Its CMAF header.</param>
public sealed record PushInit(int Period, int Rendition, TrackFormat Format, ReadOnlyMemory<byte> Init) : PushFrame;

/// <summary>A derived rendition has begun a segment.</summary>
/// <param name="Period">Index of its period.</param>
/// <param name="Rendition">Index in the period's renditions.</param>
/// <param name="Segment">Media sequence number.</param>
public sealed record PushBegin(int Period, int Rendition, long Segment) : PushFrame;

/// <summary>A part; its bytes follow the frame's head.</summary>
/// <param name="Period">Index of its period.</param>
/// <param name="Description">As for <see cref="IBroadcastSink.AppendPart"/>.</param>
/// <param name="Bytes">Of the CMAF chunk, more than 0.</param>
public sealed record PushPart(int Period, PartDescription Description, int Bytes) : PushFrame;

/// <summary>A segment's end.</summary>
/// <param name="Period">Index of its period.</param>
/// <param name="Description">As for <see cref="IBroadcastSink.EndSegment"/>.</param>
public sealed record PushSegmentEnd(int Period, SegmentDescription Description) : PushFrame;

/// <summary>The newest period goes on at a later segment: the origin came late. Only before the period's first segment.</summary>
/// <param name="Segment">The first segment that comes, in every rendition.</param>
/// <param name="Renditions">By index; empty when the next frame begins another period.</param>
public sealed record PushJoin(long Segment, IReadOnlyList<RenditionJoin> Renditions) : PushFrame;

/// <summary>The publisher is gone and may come back.</summary>
/// <param name="Period">Index of the period that it left.</param>
public sealed record PushSuspend(int Period) : PushFrame;

/// <summary>The broadcast is over.</summary>
/// <param name="Period">Index of its last period.</param>
public sealed record PushEnd(int Period) : PushFrame;

/// <summary>The pusher has nothing more that waits. Of the request and not of the broadcast: no cursor knows it.</summary>
public sealed record PushCaughtUp : PushFrame
{
    /// <summary>It says nothing else.</summary>
    public static PushCaughtUp Instance { get; } = new();
}
