using Millrace.Core;

namespace Millrace.Packaging;

/// <summary>
/// What a broadcast promises its players. Fixed before the first playlist is served and never changed afterwards
/// (draft-pantos-hls-rfc8216bis §4.4.3.1 and §4.4.3.7: TARGETDURATION and PART-TARGET do not change).
/// </summary>
/// <param name="TargetDuration">
/// EXT-X-TARGETDURATION in whole seconds, at least 1. Every segment's duration, rounded to the nearest second, is at most this.
/// </param>
/// <param name="PartTarget">
/// PART-TARGET. Every part is at most this long and at least 85 % of it, except the last of a segment or one before a
/// discontinuity. Derived from the configured part duration and the frame rate seen at the start.
/// </param>
public sealed record LowLatencyContract(int TargetDuration, MediaTime PartTarget);
