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

    /// <summary>Other places of the same media, and who chooses between them; null: there is no choice, and nothing of it is written.</summary>
    public ManifestSteering? Steering { get; init; }
}

/// <summary>Content steering (ISO/IEC 23009-1, ETSI TS 103 998). The texts need no escaping in XML.</summary>
/// <param name="ServerUrl">Where players ask which location to take. dash.js resolves a relative one against its page.</param>
/// <param name="Own">Name of the location that the manifest itself came from: the first choice of a player that gets no answer.</param>
/// <param name="Locations">The others.</param>
public sealed record ManifestSteering(string ServerUrl, string Own, IReadOnlyList<ManifestLocation> Locations);

/// <summary>A place of the same media.</summary>
/// <param name="Name">Its serviceLocation.</param>
/// <param name="BaseUrl">Absolute address of the broadcast's directory, with a slash at the end.</param>
/// <param name="ManifestUrl">Absolute address of this manifest there.</param>
public sealed record ManifestLocation(string Name, string BaseUrl, string ManifestUrl);
