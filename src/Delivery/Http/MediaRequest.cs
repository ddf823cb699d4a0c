using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery;

/// <summary>
/// What a GET or HEAD says about a media object, taken apart by whoever read it: Kestrel or <see cref="RequestHead"/>.
/// Absent headers are empty.
/// </summary>
internal readonly ref struct MediaRequest
{
    /// <summary>The path, decoded.</summary>
    public ReadOnlySpan<char> Path { get; init; }

    /// <summary>The query without its question mark.</summary>
    public ReadOnlySpan<char> Query { get; init; }

    /// <summary>If-None-Match.</summary>
    public ReadOnlySpan<char> IfNoneMatch { get; init; }

    /// <summary>If-Modified-Since.</summary>
    public ReadOnlySpan<char> IfModifiedSince { get; init; }

    /// <summary>If-Match. Kestrel's alone: no player sends it.</summary>
    public ReadOnlySpan<char> IfMatch { get; init; }

    /// <summary>If-Unmodified-Since. Kestrel's alone.</summary>
    public ReadOnlySpan<char> IfUnmodifiedSince { get; init; }

    /// <summary>Range.</summary>
    public ReadOnlySpan<char> Range { get; init; }

    /// <summary>If-Range is there, whatever it says.</summary>
    public bool HasIfRange { get; init; }

    /// <summary>If-Range.</summary>
    public ReadOnlySpan<char> IfRange { get; init; }

    /// <summary>Accept-Encoding.</summary>
    public ReadOnlySpan<char> AcceptEncoding { get; init; }

    /// <summary>CDN-Loop (RFC 8586).</summary>
    public ReadOnlySpan<char> Loop { get; init; }

    /// <summary>A condition is about when it was modified.</summary>
    public bool AsksByDate => !IfModifiedSince.IsEmpty || !IfUnmodifiedSince.IsEmpty;

    /// <summary>Whether the client wants another version than this one (RFC 9110 §13.2.2, steps 1 and 2): 412.</summary>
    /// <param name="tag">The version's, or null.</param>
    /// <param name="modified">When it was, or null: unknown.</param>
    public bool IsForAnother(string? tag, DateTimeOffset? modified) =>
        !IfMatch.IsEmpty ? !EntityTag.MatchesStrongly(IfMatch, tag) : HttpDate.IsChanged(IfUnmodifiedSince, modified);

    /// <summary>The request that Kestrel has read.</summary>
    public static MediaRequest Of(HttpRequest request)
    {
        var headers = request.Headers;
        var query = request.QueryString.Value;
        return new MediaRequest
        {
            Path = request.Path.Value,
            Query = query is { Length: > 1 } ? query.AsSpan(1) : default,
            IfNoneMatch = headers.IfNoneMatch.ToString(),
            IfModifiedSince = headers.IfModifiedSince.ToString(),
            IfMatch = headers.IfMatch.ToString(),
            IfUnmodifiedSince = headers.IfUnmodifiedSince.ToString(),
            Range = headers.Range.ToString(),
            HasIfRange = headers.IfRange.Count > 0,
            IfRange = headers.IfRange.ToString(),
            AcceptEncoding = headers.AcceptEncoding.ToString(),
            Loop = headers["CDN-Loop"].ToString(),
        };
    }
}
