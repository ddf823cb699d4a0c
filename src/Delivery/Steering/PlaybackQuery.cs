using Millrace.Delivery.Relay;

namespace Millrace.Delivery.Steering;

/// <summary>
/// What a request for playback URLs or a steering manifest says about the viewer: everything else in its query means nothing.
/// </summary>
/// <param name="Base">The edge whose name a playlist's own pathway stands for (<c>base</c>), or null. The first relay on the way adds its own.</param>
/// <param name="Pathway">The pathway that it plays from (<c>_HLS_pathway</c>, <c>_DASH_pathway</c>), or null.</param>
/// <param name="Region">Where the viewer is (<c>region</c>), in small letters, or null.</param>
internal readonly record struct PlaybackQuery(string? Base, string? Pathway, string? Region)
{
    /// <summary>The pathway of a playlist's own URIs: wherever the playlist came from (draft-pantos-hls-rfc8216bis §4.4.6.2, PATHWAY-ID).</summary>
    public const string OwnPathway = ".";

    private const int MaxQueryLength = 1024;

    /// <summary>Reads a query, without its question mark. Malformed pieces count as absent.</summary>
    public static PlaybackQuery Parse(ReadOnlySpan<char> query)
    {
        string? edge = null, pathway = null, region = null;
        if (query.Length > MaxQueryLength)
            return default;
        foreach (var range in query.Split('&'))
        {
            var piece = query[range];
            var equals = piece.IndexOf('=');
            if (equals < 0)
                continue;
            var value = piece[(equals + 1)..];
            switch (piece[..equals])
            {
                case "base":
                    edge = Name(value);
                    break;
                case "_HLS_pathway" or "pathway":
                    pathway = Pathways(value);
                    break;
                case "_DASH_pathway":
                    pathway = Pathways(Uri.UnescapeDataString(value));
                    break;
                case "region" when Edge.IsRegion(value):
                    region = value.ToString().ToLowerInvariant();
                    break;
            }
        }
        return new PlaybackQuery(edge, pathway, region);
    }

    /// <summary>The one spelling of it, with its question mark, for cache keys and parents; empty when it says nothing.</summary>
    public string Canonical()
    {
        var text = Base is null ? "" : $"&base={Base}";
        if (Pathway is not null)
            text += $"&pathway={Pathway}";
        if (Region is not null)
            text += $"&region={Region}";
        return text.Length == 0 ? "" : $"?{text[1..]}";
    }

    private static string? Name(ReadOnlySpan<char> text)
    {
        if (text.Length > 63)
            return null;
        var name = text.ToString();
        return CacheStatus.IsName(name) ? name : null;
    }

    // DASH players list in quotes what they used since they last asked; the last one is the newest (ETSI TS 103 998).
    private static string? Pathways(ReadOnlySpan<char> text)
    {
        var list = text.Trim('"');
        var last = list[(list.LastIndexOf(',') + 1)..];
        return last is OwnPathway ? OwnPathway : Name(last);
    }
}
