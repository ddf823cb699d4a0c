using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery;

/// <summary>
/// An answer as it was decided, once for every way out: status, headers and what the body is. An origin's holds no reference
/// to media: whoever sends the body opens it piece by piece, and sends none to a HEAD (<see cref="HasBody"/>).
/// </summary>
internal readonly record struct MediaAnswer
{
    /// <summary>What was asked for.</summary>
    public MediaObject Kind { get; init; }

    /// <summary>The status.</summary>
    public int Status { get; init; }

    /// <summary>Content-Type, or null.</summary>
    public string? ContentType { get; init; }

    /// <summary>Content-Length; null when there is none, or when the length is not known yet.</summary>
    public long? ContentLength { get; init; }

    /// <summary>Cache-Control; null only when a relay's parent sent none.</summary>
    public string? CacheControl { get; init; }

    /// <summary>ETag, or null.</summary>
    public string? ETag { get; init; }

    /// <summary>Last-Modified of an origin's answer, or null.</summary>
    public string? LastModified { get; init; }

    /// <summary>Content-Range, or null.</summary>
    public string? ContentRange { get; init; }

    /// <summary>Content-Encoding, or null.</summary>
    public string? ContentEncoding { get; init; }

    /// <summary>Content-Disposition, or null.</summary>
    public string? ContentDisposition { get; init; }

    /// <summary>Retry-After, in seconds, of an origin's answer; or null.</summary>
    public string? RetryAfter { get; init; }

    /// <summary>Accept-Ranges: bytes.</summary>
    public bool TakesRanges { get; init; }

    /// <summary>Vary: Accept-Encoding.</summary>
    public bool VariesByEncoding { get; init; }

    /// <summary>The whole body, piece by piece, when it is not a segment's.</summary>
    public ReadOnlyMemory<byte>[] Pieces { get; init; }

    /// <summary>The segment of which bytes are sent, or null.</summary>
    public StoredSegment? Segment { get; init; }

    /// <summary>The other body of which bytes are sent, or null: a relay's.</summary>
    public IMediaBody? Body { get; init; }

    /// <summary>First byte of the segment or body that is sent.</summary>
    public int From { get; init; }

    /// <summary>The byte behind the last one that is sent; <see cref="int.MaxValue"/>: up to its end, which nobody knows yet.</summary>
    public int To { get; init; }

    /// <summary>Whether a body belongs to it at all; one that answers a HEAD is left out nevertheless.</summary>
    public bool HasBody => Status != StatusCodes.Status304NotModified && (IsRunning || ContentLength > 0 || (ContentLength is null && Body is not null));

    /// <summary>The segment grows while it is sent: the body ends with the segment.</summary>
    public bool IsRunning { get; init; }

    /// <summary>The fields that only a relay's answer has, or null.</summary>
    public RelayFields? Relayed { get; init; }
}
