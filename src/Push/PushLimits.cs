namespace Millrace.Push;

/// <summary>The bounds of the push protocol. Both ends hold them; docs/push.md lists them.</summary>
public static class PushLimits
{
    /// <summary>The media type of a request's body.</summary>
    public const string MediaType = "application/vnd.millrace.push";

    /// <summary>Most renditions of a period: a ladder of ten with a language or two stays far below.</summary>
    public const int MaxRenditions = 32;

    /// <summary>Most periods of a broadcast: a publisher that reconnects every ten seconds for a day.</summary>
    public const int MaxPeriods = 10_000;

    /// <summary>Most bytes of a period's frame; its init segments are about 1 KB each, and 20 KB at the very most.</summary>
    public const int MaxPeriodBytes = 1 << 20;

    /// <summary>Most bytes of a CMAF header that comes by itself; about 1 KB is usual, 20 KB the very most.</summary>
    public const int MaxInitBytes = 64 * 1024;

    /// <summary>Most bytes of a part: two seconds of 60 Mbit/s, which is more than ingest takes by default.</summary>
    public const int MaxPartBytes = 16 << 20;

    /// <summary>Most parts of a segment: ten seconds in parts of a tenth, ten times over.</summary>
    public const int MaxParts = 1000;

    /// <summary>Most segments of a rendition that <see cref="PushResume"/> tells: origins differ by one or two when their pusher dies.</summary>
    public const int MaxTailSegments = 4;

    /// <summary>Most bytes of what an origin tells of a broadcast to somebody who goes on with it: some 2 KB for each of its periods.</summary>
    public const int MaxStoryBytes = 32 << 20;

    /// <summary>Most bytes of a rendition's name.</summary>
    public const int MaxNameBytes = 32;

    /// <summary>Longest part or segment in seconds: Packaging:SegmentDuration's upper bound with room for frames that are shown for long.</summary>
    public const int MaxSeconds = 120;

    /// <summary>Most bytes of an origin's answer: the position of 32 renditions is below 2 KB.</summary>
    public const int MaxAnswerBytes = 16 * 1024;

    /// <summary>Largest media time in seconds, about 30 years: products of it with a timescale stay within 64 bits.</summary>
    internal const long MaxMediaSeconds = 1L << 30;
}
