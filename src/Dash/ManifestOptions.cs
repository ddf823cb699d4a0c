namespace Millrace.Dash;

/// <summary>Which manifest of a broadcast is wanted, and how it names what lies beside it.</summary>
public sealed record ManifestOptions
{
    /// <summary>
    /// How far back from the live edge it goes, at least three target durations, which is also timeShiftBufferDepth; null:
    /// everything that the timeline holds. 60 s is <c>Packaging:Window</c>'s default.
    /// </summary>
    public TimeSpan? Window { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Put in front of <c>{rendition}/…</c>: empty where the manifest itself lies in <c>/b/{broadcast}/</c>,
    /// <c>/b/{broadcast}/</c> where it lies in <c>/live/{channel}/</c>. Needs no escaping in XML.
    /// </summary>
    public string BasePath { get; init; } = "";

    /// <summary>
    /// Where players read the server's clock (UTCTiming, <c>urn:mpeg:dash:utc:http-iso:2014</c>): answers with the time in
    /// ISO 8601 with milliseconds, <c>2026-11-22T20:22:19.123Z</c>, and is never cached.
    /// </summary>
    public string TimeUrl { get; init; } = "/api/v1/time";

    /// <summary>
    /// The time now, for players that cannot fetch <see cref="TimeUrl"/> (<c>urn:mpeg:dash:utc:direct:2014</c>), or null. Only
    /// for manifests that are not kept: a stored time is a wrong time.
    /// </summary>
    public DateTimeOffset? Now { get; init; }

    /// <summary>
    /// Distance from the live edge that players keep; null: a segment's target duration and three parts, which leaves time
    /// to learn of a new segment from the next manifest. At least, and at most, they keep ¾ and twice of it.
    /// </summary>
    public TimeSpan? Latency { get; init; }
}
