using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery.Relay;

/// <summary>Who may use <c>/internal/…</c>: nodes and operators that know <c>Cluster:Secret</c>.</summary>
internal sealed class ClusterSecret
{
    private const string Scheme = "Bearer ";

    private readonly byte[]? digest;

    /// <param name="secret">Empty: there is no such address.</param>
    public ClusterSecret(string secret) => digest = secret.Length == 0 ? null : SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    /// <summary>Whether the request shows the secret; else its status is set.</summary>
    /// <remarks>Compared by their digests, so that the time tells neither content nor length.</remarks>
    public bool Admits(HttpContext context)
    {
        if (digest is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return false;
        }
        var header = context.Request.Headers.Authorization.ToString();
        if (header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(digest, SHA256.HashData(Encoding.UTF8.GetBytes(header[Scheme.Length..].Trim()))))
            return true;
        RelayMetrics.CountRefused("credential");
        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return false;
    }
}
