using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery;

/// <summary>What every status of a media path carries, on the origin and on each relay: media is open to pages of any site (Fetch standard, CORS).</summary>
internal static class OpenHeaders
{
    /// <summary>Who may read what.</summary>
    public static IReadOnlyList<(string Name, string Value)> Access { get; } =
    [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Expose-Headers", "Content-Length, Content-Range, Content-Encoding, Date, ETag, Age, Cache-Status"),
    ];

    /// <summary>The others.</summary>
    public static IReadOnlyList<(string Name, string Value)> Others { get; } =
    [
        ("Timing-Allow-Origin", "*"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("X-Content-Type-Options", "nosniff"),
    ];

    /// <summary>For any answer.</summary>
    public static void Write(HttpResponse response)
    {
        foreach (var (name, value) in Access)
            response.Headers[name] = value;
        foreach (var (name, value) in Others)
            response.Headers[name] = value;
    }

    /// <summary>Answers OPTIONS.</summary>
    public static Task Preflight(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status204NoContent;
        response.Headers.AccessControlAllowMethods = "GET, HEAD, OPTIONS";
        response.Headers.AccessControlAllowHeaders = "*";
        response.Headers.AccessControlMaxAge = "86400";
        return Task.CompletedTask;
    }
}
