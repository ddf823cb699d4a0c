using System.Security.Cryptography;

namespace Millrace.Delivery.Relay;

/// <summary>
/// Tells a request that has been here before (RFC 8586, <c>CDN-Loop</c>): two relays that name each other as parents would
/// ask each other for ever.
/// </summary>
internal sealed class LoopGuard
{
    /// <summary>Most tiers that a request may have passed; a tree has three or four.</summary>
    private const int MaxHops = 8;

    /// <summary>This process's identity in the header: names may be given twice.</summary>
    public string Token { get; } = "millrace-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    /// <summary>Whether a request with this header came through here, or through too many.</summary>
    public bool IsLoop(ReadOnlySpan<char> header)
    {
        var hops = 0;
        foreach (var range in header.Split(','))
        {
            var hop = header[range].Trim();
            var parameters = hop.IndexOf(';');
            if (parameters >= 0)
                hop = hop[..parameters].TrimEnd();
            if (hop.IsEmpty)
                continue;
            if (hop.SequenceEqual(Token) || ++hops >= MaxHops)
                return true;
        }
        return false;
    }

    /// <summary>The header for a request that is made for one with <paramref name="header"/>.</summary>
    public string Append(string? header) => string.IsNullOrWhiteSpace(header) ? Token : $"{header}, {Token}";
}
