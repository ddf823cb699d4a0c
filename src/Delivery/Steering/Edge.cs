using System.Globalization;
using Millrace.Delivery.Relay;

namespace Millrace.Delivery.Steering;

/// <summary>What a node knows about an edge's health.</summary>
internal enum EdgeState
{
    /// <summary>It answers; an edge counts as up until it is known not to be.</summary>
    Up,
    /// <summary>It answers, and wants no viewers.</summary>
    Draining,
    /// <summary>It does not answer.</summary>
    Down,
}

/// <summary>A node that viewers play from, as <see cref="PlaybackOptions.Edges"/> describes it, and how it is. Thread-safe.</summary>
internal sealed class Edge
{
    /// <summary>Most edges.</summary>
    public const int MaxCount = 64;

    /// <summary>Most characters of a region's name.</summary>
    public const int MaxRegionLength = 16;

    private const int MaxWeight = 10_000;

    private int state;

    private Edge(string name, Uri address) => (Name, Address) = (name, address);

    /// <summary>Its name, and its pathway's: letters, digits, <c>.</c>, <c>_</c>, <c>-</c> (draft-pantos-hls-rfc8216bis §7.1 allows the same).</summary>
    public string Name { get; }

    /// <summary>Scheme, host and port; ends with a slash.</summary>
    public Uri Address { get; }

    /// <summary>Regions that it serves, in small letters; the first is what it is called by.</summary>
    public IReadOnlyList<string> Regions { get; private init; } = [];

    /// <summary>Its share among edges that are as good.</summary>
    public int Weight { get; private init; } = 100;

    /// <summary>The configuration wants it to get no viewers, whatever it says itself.</summary>
    public bool IsKeptEmpty { get; private init; }

    /// <summary>How it is.</summary>
    public EdgeState State
    {
        get
        {
            var known = (EdgeState)Volatile.Read(ref state);
            return known == EdgeState.Up && IsKeptEmpty ? EdgeState.Draining : known;
        }
    }

    /// <summary>Notes how it is; the state before.</summary>
    public EdgeState Set(EdgeState now) => (EdgeState)Interlocked.Exchange(ref state, (int)now);

    /// <summary>An object's address there.</summary>
    public string UrlOf(string path) => new Uri(Address, path).AbsoluteUri;

    /// <summary>Reads a description; false with a sentence when it is none.</summary>
    public static bool TryParse(string text, out Edge edge, out string fault)
    {
        edge = null!;
        var pieces = text.Split(';', StringSplitOptions.TrimEntries);
        var equals = pieces[0].IndexOf('=', StringComparison.Ordinal);
        var name = equals < 0 ? "" : pieces[0][..equals].Trim();
        fault = $"'{text}' does not begin with name=https://host[:port], the name a letter followed by letters, digits, '.', '_' and '-', at most 63";
        if (!CacheStatus.IsName(name) || !IsAddress(pieces[0][(equals + 1)..].Trim(), out var address))
            return false;
        List<string> regions = [];
        int weight = 100;
        var drains = false;
        foreach (var piece in pieces.AsSpan(1))
        {
            if (piece.StartsWith("region=", StringComparison.Ordinal))
                regions.AddRange(piece["region=".Length..].ToLowerInvariant().Split('+', StringSplitOptions.TrimEntries));
            else if (piece == "drain")
                drains = true;
            else if (!piece.StartsWith("weight=", StringComparison.Ordinal)
                || !int.TryParse(piece["weight=".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out weight) || weight is < 1 or > MaxWeight)
            {
                fault = $"'{piece}' in '{text}' is none of region=…+…, weight=1 to {MaxWeight}, drain";
                return false;
            }
        }
        if (regions.Find(region => !IsRegion(region)) is { } wrong)
        {
            fault = $"'{wrong}' in '{text}' is no region: letters, digits and '-', at most {MaxRegionLength}";
            return false;
        }
        edge = new Edge(name, address) { Regions = regions, Weight = weight, IsKeptEmpty = drains };
        return true;
    }

    /// <summary>Whether a text is the address of a node: http or https, nothing behind host and port.</summary>
    public static bool IsAddress(string text, out Uri address) =>
        Uri.TryCreate(text, UriKind.Absolute, out address!) && address.Scheme is ("http" or "https") && address is { PathAndQuery: "/", UserInfo.Length: 0, Fragment.Length: 0 };

    /// <summary>Whether a text may be a region's name.</summary>
    public static bool IsRegion(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '-')
                return false;
        }
        return text.Length is > 0 and <= MaxRegionLength;
    }
}
