namespace Millrace.Timeline;

/// <summary>How a wait for a part, a segment or a playlist ended.</summary>
public enum TimelineWait
{
    /// <summary>It is there: read it.</summary>
    Available,

    /// <summary>It is further ahead than anyone may ask for (draft-pantos-hls-rfc8216bis §6.2.5.2): 400.</summary>
    TooFarInTheFuture,

    /// <summary>
    /// It will never come, or is gone: the segment ended without that part, is a gap, or slid out of the timeline: 404.
    /// To somebody sending a running segment part by part it means that the segment is complete.
    /// </summary>
    Absent,

    /// <summary>The broadcast ended; what was asked for did not come before. A playlist is answered with its final version.</summary>
    Ended,

    /// <summary>The caller's token was cancelled first: its time-out or its client's leaving.</summary>
    Cancelled,

    /// <summary>The broadcast has no rendition of that name: 404.</summary>
    NoSuchRendition,
}
