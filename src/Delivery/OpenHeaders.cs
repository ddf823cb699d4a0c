using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery;

/// <summary>What every status of a media path carries, on the origin and on each relay: media is open to pages of any site (Fetch standard, CORS).</summary>
internal static class OpenHeaders
{
    /// <summary>For any answer.</summary>
    public static void Write(HttpResponse response)
    {
        response.Headers.AccessControlAllowOrigin = "*";
        response.Headers.AccessControlExposeHeaders = "Content-Length, Content-Range, Content-Encoding, Date, ETag, Age, Cache-Status";
        response.Headers["Timing-Allow-Origin"] = "*";
        response.Headers["Cross-Origin-Resource-Policy"] = "cross-origin";
        response.Headers.XContentTypeOptions = "nosniff";
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
