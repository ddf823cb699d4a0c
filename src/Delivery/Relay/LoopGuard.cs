using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Millrace.Delivery.Relay;

/// <summary>
/// Tells a request that has been here before (RFC 8586, <c>CDN-Loop</c>), and a parent that has this node above it: relays that name
/// each other as parents would ask each other for ever, or each wait for the other's answer.
/// </summary>
/// <remarks>
/// The header comes from anybody, and what is asked for one is shared with all who wait. So of another one's hops only the last few
/// are handed on, that no tier above refuses them, and no number of them is a loop: only this process's own token is, and nobody but
/// its parents knows it.
/// </remarks>
internal sealed class LoopGuard
{
    /// <summary>Most hops handed on beside the own one, and most tiers that are told of; a tree has three or four.</summary>
    public const int MaxHops = 8;

    private const int MaxHopLength = 64;
    private const int MaxNames = 64;

    public LoopGuard()
    {
        Token = "millrace-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        Name = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(Token)).AsSpan(0, 8));
    }

    /// <summary>This process's identity in the header: names may be given twice.</summary>
    public string Token { get; }

    /// <summary>This process's identity for everybody: the token cannot be told from it.</summary>
    public string Name { get; }

    /// <summary>Whether a request with this header came through here.</summary>
    public bool IsLoop(ReadOnlySpan<char> header)
    {
        foreach (var range in header.Split(','))
        {
            var hop = header[range];
            var parameters = hop.IndexOf(';');
            if ((parameters < 0 ? hop : hop[..parameters]).Trim().SequenceEqual(Token))
                return true;
        }
        return false;
    }

    /// <summary>The header for a request that is made for one with <paramref name="header"/>.</summary>
    public string Append(string? header)
    {
        if (string.IsNullOrWhiteSpace(header))
            return Token;
        var hops = header.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Where(hop => hop.Length <= MaxHopLength);
        return string.Join(", ", hops.TakeLast(MaxHops).Append(Token));
    }

    /// <summary>Who stands above, for those below: this node, and what its parents said, each with its distance.</summary>
    public string Above(IEnumerable<Parent> parents)
    {
        var text = new StringBuilder(Name).Append(";0");
        var above = parents.SelectMany(parent => parent.Above).Where(node => node.Distance + 1 < MaxHops && node.Name != Name)
            .GroupBy(node => node.Name).Select(same => (same.Key, Distance: same.Min(node => node.Distance) + 1));
        foreach (var (name, distance) in above.OrderBy(node => node.Distance).Take(MaxNames - 1))
            text.Append(CultureInfo.InvariantCulture, $", {name};{distance}");
        return text.ToString();
    }

    /// <summary>What a parent says of who stands above its children. Nonsense is left out.</summary>
    public static IReadOnlyList<(string Name, int Distance)> Read(string? above)
    {
        List<(string, int)> nodes = [];
        foreach (var node in (above ?? "").Split(',', MaxNames + 1, StringSplitOptions.TrimEntries).Take(MaxNames))
        {
            if (node.Split(';') is [{ Length: > 0 and <= 16 } name, { Length: 1 } digit] && name.All(char.IsAsciiHexDigitLower) && char.IsAsciiDigit(digit[0]))
                nodes.Add((name, digit[0] - '0'));
        }
        return nodes;
    }
}
