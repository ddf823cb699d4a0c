using System.ComponentModel.DataAnnotations;

namespace Millrace.Delivery.Steering;

/// <summary>
/// Which nodes viewers play from: section <c>Playback</c>, the same on all nodes. Origins and platforms steer by it; relays let
/// the pages that they show load media from these edges (Content-Security-Policy), and read where viewers are.
/// </summary>
public sealed class PlaybackOptions
{
    /// <summary>
    /// The edges, <c>name=https://host[:port][;region=eu+de+fr][;weight=100][;drain]</c>: a name as <c>Relay:Name</c>; regions
    /// that it serves, words of yours or country codes; its share of its region's viewers, 1 to 10000, 100 when left out;
    /// <c>drain</c> while it should get no viewers. At most 64. Default none: viewers play from the node that they ask, and no
    /// playlist speaks of steering.
    /// </summary>
    public IReadOnlyList<string> Edges { get; set; } = [];

    /// <summary>
    /// Under which address viewers reach this node, <c>https://host</c>. Default empty: they need not; playback URLs without
    /// edges are relative, and players ask for steering through an edge other than their own.
    /// </summary>
    public string Url { get; set; } = "";

    /// <summary>
    /// How long a player keeps what it was told about pathways, 1 s to 1 h. Default 10 s: an edge that drains is empty of
    /// players after that; one that dies they leave by themselves. Each playing viewer asks once in it, and relays collapse that.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan SteeringTtl { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often an edge is asked for its health, give or take a fifth, 100 ms to 5 min. Default 2 s: two lost answers take it out in about five.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:05:00")]
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long such an answer may take, 50 ms to 1 min. Default 1 s: more than a round trip around the world.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:01:00")]
    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The header in which a proxy in front says where a viewer is, <c>CF-IPCountry</c> for example. Default empty: none is read.</summary>
    public string RegionHeader { get; set; } = "";

    /// <summary>From whom <see cref="RegionHeader"/> is believed: addresses and networks, <c>10.0.0.0/8</c>. Default none: from nobody.</summary>
    public IReadOnlyList<string> TrustedProxies { get; set; } = [];

    /// <summary>What is wrong with it, a sentence each that begins with a key.</summary>
    public IEnumerable<string> Check()
    {
        List<Edge> edges = [];
        foreach (var text in Edges)
        {
            if (Edge.TryParse(text, out var edge, out var fault))
                edges.Add(edge);
            else
                yield return $"Playback:Edges: {fault}.";
        }
        if (Edges.Count > Edge.MaxCount)
            yield return $"Playback:Edges: names {Edges.Count} edges, more than {Edge.MaxCount}.";
        foreach (var twice in edges.GroupBy(edge => edge.Name, StringComparer.Ordinal).Where(group => group.Count() > 1))
            yield return $"Playback:Edges: names {twice.Key} twice.";
        if (Url.Length > 0 && !Edge.IsAddress(Url, out _))
            yield return $"Playback:Url: '{Url}' is no address of a node (https://host).";
        foreach (var text in TrustedProxies)
        {
            if (!RegionHint.TryParse(text, out _))
                yield return $"Playback:TrustedProxies: '{text}' is neither an address nor a network (10.0.0.0/8).";
        }
        if (RegionHeader.Length > 0 && TrustedProxies.Count == 0)
            yield return "Playback:RegionHeader: is believed from nobody without Playback:TrustedProxies.";
    }
}
