namespace Millrace.Delivery;

/// <summary>What a relay's answer says beside what an origin's does. Null is absent.</summary>
/// <param name="CacheStatus">Cache-Status (RFC 9211).</param>
/// <param name="Age">Age.</param>
/// <param name="Date">Date, when the parent said one; else it is that of sending.</param>
/// <param name="Warning">Warning.</param>
internal sealed record RelayFields(string CacheStatus, string? Age = null, string? Date = null, string? Warning = null)
{
    /// <summary>Last-Modified.</summary>
    public string? LastModified { get; init; }

    /// <summary>Retry-After.</summary>
    public string? RetryAfter { get; init; }

    /// <summary>Vary.</summary>
    public string? Vary { get; init; }
}
