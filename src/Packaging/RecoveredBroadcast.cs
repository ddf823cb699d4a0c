using Millrace.Core;

namespace Millrace.Packaging;

/// <summary>A broadcast of an earlier run that the origin still holds and that has not ended: it waits for its publisher.</summary>
/// <param name="Channel">Whose it is.</param>
/// <param name="Id">Its id.</param>
/// <param name="StartedAt">When its first publisher came.</param>
/// <param name="Contract">What it promised; holds on.</param>
/// <param name="NextSegment">Media sequence number that its next period begins with.</param>
/// <param name="End">Presentation time at which all its media end.</param>
/// <param name="DecodeEnd">Decode time at which the leader's media end.</param>
/// <param name="Sink">Where what comes goes.</param>
public sealed record RecoveredBroadcast(
    ChannelName Channel,
    BroadcastId Id,
    DateTimeOffset StartedAt,
    LowLatencyContract Contract,
    long NextSegment,
    MediaTime End,
    MediaTime DecodeEnd,
    IBroadcastSink Sink);
