namespace Millrace.Hls;

/// <summary>What a delta update may leave out (<c>_HLS_skip</c>, draft-pantos-hls-rfc8216bis §6.2.5.1).</summary>
public enum PlaylistSkip
{
    /// <summary>Nothing: the whole playlist.</summary>
    None,

    /// <summary><c>YES</c>: segments older than the Skip Boundary.</summary>
    Segments,

    /// <summary><c>v2</c>: such segments, and the date ranges of their time.</summary>
    SegmentsAndDateRanges,
}
