using Millrace.Core;
using Millrace.Media;

namespace Millrace.Timeline;

/// <summary>A period as it is announced.</summary>
/// <param name="FirstSegment">Media sequence number of its first segment, the same in every rendition.</param>
/// <param name="Start">Presentation time of its beginning, not before the previous period's.</param>
/// <param name="WallClock">UTC of that moment.</param>
/// <param name="Renditions">
/// What it carries; later events name them by their index here. The first leads: where a rendition has nothing, its
/// gaps get the leader's durations.
/// </param>
public sealed record NewPeriod(
    long FirstSegment,
    MediaTime Start,
    DateTimeOffset WallClock,
    IReadOnlyList<NewRendition> Renditions);

/// <summary>One rendition of a period as it is announced.</summary>
/// <param name="Name">Its name in paths, the same over all periods; <c>[a-z0-9_-]</c>.</param>
/// <param name="Format">The track's format.</param>
/// <param name="InitSegment">
/// The CMAF header's bytes. The timeline keeps them, by their number, for the broadcast's life. Empty for a derived rendition,
/// whose comes with <see cref="BroadcastTimeline.SetInit"/>.
/// </param>
/// <param name="IsDerived">It is made of another rendition here: it comes later, may lag, stop and come back; only a leader is waited for.</param>
/// <param name="TargetBitsPerSecond">What a derived rendition's encoder is told to keep: its rate until one is measured; else 0.</param>
public sealed record NewRendition(
    string Name, TrackFormat Format, ReadOnlyMemory<byte> InitSegment, bool IsDerived = false, long TargetBitsPerSecond = 0);

/// <summary>A part that has become available. Numbers are the index of the rendition in its period, the media sequence
/// number and the part's index in its segment; times are in the track's timescale.</summary>
/// <param name="Rendition">Index in the period's renditions.</param>
/// <param name="Segment">Media sequence number.</param>
/// <param name="Part">Index in the segment, from 0.</param>
/// <param name="Start">Decode time of its first access unit; of part 0 also its segment's.</param>
/// <param name="Duration">More than 0.</param>
/// <param name="IsIndependent">It begins with a random access point.</param>
/// <param name="ByteLength">Bytes of the part, more than 0.</param>
/// <param name="SampleCount">Access units in it, at least 1.</param>
/// <param name="EndsSegment">
/// The segment's end follows at once: both appear together, so that no playlist hints at a part that never comes.
/// </param>
/// <param name="PresentationDelay">Of a derived rendition: presentation minus decode time that it keeps up.</param>
public readonly record struct NewPart(
    int Rendition,
    long Segment,
    int Part,
    MediaTime Start,
    MediaTime Duration,
    bool IsIndependent,
    int ByteLength,
    int SampleCount,
    bool EndsSegment = false,
    long PresentationDelay = 0);

/// <summary>A segment that is complete.</summary>
/// <param name="Rendition">Index in the period's renditions.</param>
/// <param name="Segment">Media sequence number.</param>
/// <param name="Start">Decode time of its first access unit; for a gap, where it would have begun.</param>
/// <param name="Duration">More than 0, in the track's timescale.</param>
/// <param name="IsIndependent">It begins with a random access point.</param>
/// <param name="IsGap">It has no media; no part came for it.</param>
public readonly record struct NewSegment(
    int Rendition,
    long Segment,
    MediaTime Start,
    MediaTime Duration,
    bool IsIndependent,
    bool IsGap);
