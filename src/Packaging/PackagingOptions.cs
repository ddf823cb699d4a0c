using System.ComponentModel.DataAnnotations;

namespace Millrace.Packaging;

/// <summary>How broadcasts are cut (configuration section <c>Packaging</c>). Read when a broadcast goes on air.</summary>
public sealed class PackagingOptions
{
    /// <summary>
    /// Wanted length of a segment. 0.5 to 10 s, default 2 s: the usual key frame interval of live encoders, and short
    /// enough that players which know no parts stay within 6 s. EXT-X-TARGETDURATION is this, rounded up to whole seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.5", "00:00:10")]
    public TimeSpan SegmentDuration { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Wanted length of a part. 0.1 to 2 s and below <see cref="SegmentDuration"/>, default 0.333 s: the hold-back of
    /// three parts then is one second, with three requests a second per rendition. PART-TARGET is the nearest length
    /// that whole frames fill.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:00:02")]
    public TimeSpan PartDuration { get; set; } = TimeSpan.FromMilliseconds(333);

    /// <summary>
    /// How much media audio may bring beyond the newest picture before it stops waiting to hear whether a segment is cut
    /// there. 0.1 to 2 s, default 0.7 s: encoders interleave within 0.5 s, and each waiting frame is latency.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:00:02")]
    public TimeSpan MaxInterleave { get; set; } = TimeSpan.FromMilliseconds(700);

    /// <summary>
    /// How far audio may lag the newest picture before its hole is filled with silence (or, without a silent frame for
    /// its codec, with gap segments). 0.3 to 5 s, default 1 s: later than any encoder's interleaving, sooner than players'
    /// buffers at the live edge run dry. Doubles as far as 5 s for a stream whose audio really arrives that late.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.3", "00:00:05")]
    public TimeSpan MaxAudioLag { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How far back the live playlist goes. 6 s to 1 h, default 60 s: a player that lost its network for half a minute goes
    /// on where it was. Only the newest segments of it take memory.
    /// </summary>
    public TimeSpan Window { get; set; } = TimeSpan.FromSeconds(60);
}
