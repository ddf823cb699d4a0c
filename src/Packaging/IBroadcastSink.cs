using Millrace.Core;
using Millrace.Media;

namespace Millrace.Packaging;

/// <summary>One rendition of a period.</summary>
/// <param name="Name">
/// The rendition's name in paths (<c>/b/{broadcast}/{Name}/…</c>), of <c>[a-z0-9_-]</c>, the same over all periods:
/// <c>source</c> for the video that came in, <c>audio</c> for the audio that came in.
/// </param>
/// <param name="Format">The track's format in this period.</param>
/// <param name="InitSegment">
/// The complete CMAF header (<c>ftyp</c> + <c>moov</c>), to be served as <c>{n}-init.mp4</c>. Byte-equal to the one of the
/// period before when nothing changed. Empty for a derived rendition: <see cref="IBroadcastSink.SetInit"/> brings it.
/// </param>
/// <param name="IsDerived">
/// It is made of another rendition here and comes later: it may lag, stop and come back, and nothing waits for it. Its
/// format is predicted until <see cref="IBroadcastSink.SetInit"/>; before that it has gaps only.
/// </param>
/// <param name="TargetBitsPerSecond">What a derived rendition's encoder is told to keep; else 0.</param>
public sealed record RenditionDescription(
    string Name, TrackFormat Format, ReadOnlyMemory<byte> InitSegment, bool IsDerived = false, long TargetBitsPerSecond = 0);

/// <summary>
/// A span of the broadcast in which the set of renditions and their formats are fixed. The first begins the broadcast;
/// each further one stands behind a discontinuity (HLS EXT-X-DISCONTINUITY, DASH Period).
/// </summary>
/// <param name="FirstSegment">Media sequence number of its first segment, the same for every rendition.</param>
/// <param name="Start">Presentation time of its beginning on the broadcast's clock. Strictly after the previous period's media.</param>
/// <param name="WallClock">UTC of that moment, by the ingest node's clock when its first access unit arrived.</param>
/// <param name="Renditions">In a fixed order; events refer to them by index. Video, if any, is first and leads the cuts.</param>
public sealed record PeriodDescription(
    long FirstSegment,
    MediaTime Start,
    DateTimeOffset WallClock,
    IReadOnlyList<RenditionDescription> Renditions);

/// <summary>One part: one CMAF chunk of one rendition.</summary>
/// <param name="Rendition">Index in the period's renditions.</param>
/// <param name="Segment">Media sequence number.</param>
/// <param name="Part">Index in the segment, from 0.</param>
/// <param name="Start">
/// Where the part begins in its segment's timeline, in the track's timescale on the broadcast's clock: the decode time of
/// its first sample (its <c>tfdt</c>).
/// </param>
/// <param name="Duration">Sum of its samples' durations, in the track's timescale; more than 0.</param>
/// <param name="IsIndependent">It begins with a random access point.</param>
/// <param name="WallClock">UTC of the moment when its first access unit arrived.</param>
/// <param name="SampleCount">Its access units, at least 1: what the frame rate is measured from.</param>
/// <param name="EndsSegment">
/// The segment's end follows at once. False promises nothing: a segment may turn out to have ended with a part already told.
/// </param>
/// <param name="PresentationDelay">
/// Of a derived rendition: presentation minus decode time that its encoder keeps up, in the track's timescale. 0 for others,
/// of which the period's start tells it.
/// </param>
public readonly record struct PartDescription(
    int Rendition,
    long Segment,
    int Part,
    MediaTime Start,
    MediaTime Duration,
    bool IsIndependent,
    DateTimeOffset WallClock,
    int SampleCount,
    bool EndsSegment = false,
    long PresentationDelay = 0);

/// <summary>One segment's end. After it no part of that segment comes.</summary>
/// <param name="Rendition">Index in the period's renditions.</param>
/// <param name="Segment">Media sequence number.</param>
/// <param name="Start">Where it begins, as in <see cref="PartDescription.Start"/>; where it would have begun for a gap.</param>
/// <param name="Duration">Its duration in the track's timescale; more than 0.</param>
/// <param name="IsIndependent">It begins with a random access point.</param>
/// <param name="IsGap">It has no media (EXT-X-GAP): its track brought nothing in its time. No part was sent for it.</param>
public readonly record struct SegmentDescription(
    int Rendition,
    long Segment,
    MediaTime Start,
    MediaTime Duration,
    bool IsIndependent,
    bool IsGap);

/// <summary>
/// Where a broadcast's packaged media goes: the origin in this process, or a client of an origin elsewhere. That is the
/// boundary between the ingest and the origin role.
/// </summary>
/// <remarks>
/// Called by the broadcast's one owner at a time, in order; never blocks and never throws for reasons of storage or
/// network. For each rendition parts come in order, segment by segment without holes in the numbers; renditions run at
/// their own pace between two periods, and every segment of a period is ended before the next period begins. A derived
/// rendition's gap is told before the leader's end of a segment that lies two seconds or more behind its beginning.
/// </remarks>
public interface IBroadcastSink
{
    /// <summary>A period begins. The first call; only afterwards may a playlist exist.</summary>
    void BeginPeriod(PeriodDescription period);

    /// <summary>
    /// A derived rendition's encoder has begun: its true format and its CMAF header. Once in a period, before its first part.
    /// </summary>
    void SetInit(int rendition, TrackFormat format, ReadOnlyMemory<byte> init);

    /// <summary>
    /// A derived rendition has begun a segment, which so will not be a gap. Before the first part of each of its segments.
    /// </summary>
    void BeginSegment(int rendition, long segment);

    /// <summary>A part is complete and may be watched. The sink takes over the reference to <paramref name="chunk"/>.</summary>
    void AppendPart(in PartDescription part, MediaChunk chunk);

    /// <summary>A segment is complete.</summary>
    void EndSegment(in SegmentDescription segment);

    /// <summary>
    /// The publisher is gone and may come back: nothing will come for a while but the tail of derived renditions; then
    /// BeginPeriod or End.
    /// </summary>
    void Suspend();

    /// <summary>The broadcast is over: ENDLIST. The last call.</summary>
    void End();
}

/// <summary>Opens sinks. The boundary's other half: who keeps broadcasts.</summary>
public interface IBroadcastSinkFactory
{
    /// <summary>A new broadcast of <paramref name="channel"/> goes on air under <paramref name="contract"/>.</summary>
    IBroadcastSink Open(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt);

    /// <summary>Broadcasts of an earlier run that wait for their publishers. The caller goes on with each, or ends its sink; a second call gives nothing.</summary>
    IReadOnlyList<RecoveredBroadcast> TakeRecovered() => [];

    /// <summary>
    /// The broadcast that a channel has on air without this node's doing, because the ingest node that made it died or lost its
    /// publisher to this one: it is this node's from now on, and waits for its publisher. Null when there is none, or nobody who knows answers.
    /// </summary>
    Task<RecoveredBroadcast?> TakeOverAsync(ChannelName channel, CancellationToken cancellation) => Task.FromResult<RecoveredBroadcast?>(null);
}
