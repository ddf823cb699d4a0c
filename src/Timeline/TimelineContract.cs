using Millrace.Core;

namespace Millrace.Timeline;

/// <summary>
/// What playlists promise for the whole broadcast. Fixed when the timeline is made and never changed: a player that
/// was told one TARGETDURATION or PART-TARGET and then sees another gives up for good
/// (draft-pantos-hls-rfc8216bis §4.4.3.1, §4.4.3.7).
/// </summary>
/// <param name="TargetDuration">EXT-X-TARGETDURATION in whole seconds, at least 1.</param>
/// <param name="PartTarget">PART-TARGET, more than 0: no part is longer.</param>
public sealed record TimelineContract(int TargetDuration, MediaTime PartTarget)
{
    /// <summary>
    /// How many parts past the last one a client may ask for before it is refused: the Advance Part Limit
    /// (§6.2.5.2), three seconds of parts, at least three.
    /// </summary>
    public int AdvancePartLimit { get; } = PartTarget.Seconds < 1 ? (int)Math.Ceiling(3 / PartTarget.Seconds) : 3;
}
