using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery.Steering;

/// <summary>A place to play from.</summary>
/// <param name="Edge">The edge's name; null: the node that was asked.</param>
/// <param name="Region">What its region is called, or null.</param>
/// <param name="State"><c>up</c>, <c>draining</c> or <c>down</c>; another than <c>up</c> only where no edge is up.</param>
/// <param name="Hls">The multivariant playlist.</param>
/// <param name="Dash">The manifest.</param>
public sealed record PlaybackPlace(string? Edge, string? Region, string State, string Hls, string Dash)
{
    /// <summary>The places for whoever asks, best first, never none; and the region that it is taken to be in, or null.</summary>
    /// <param name="edges">What there is.</param>
    /// <param name="hint">Where the viewer is.</param>
    /// <param name="context">Its request.</param>
    /// <param name="directory">Path of the media, with slashes at both ends.</param>
    public static (IReadOnlyList<PlaybackPlace> Places, string? Region) Of(EdgeSet edges, RegionHint hint, HttpContext context, string directory)
    {
        // Relative without an address of ours: it leads to where the question went, a relay perhaps.
        if (edges.IsEmpty)
            return ([new PlaybackPlace(null, null, "up", $"{edges.Url}{directory}main.m3u8", $"{edges.Url}{directory}manifest.mpd")], null);
        var said = hint.Read(context);
        var own = edges.Find(said.Base);
        var known = said.Region is { } region && edges.HasRegion(region) ? region : null;
        var offered = edges.Offer(known is null ? own?.Regions ?? [] : [known], own);
        return ([.. offered.Select(edge => new PlaybackPlace(edge.Name, edge.Regions.Count > 0 ? edge.Regions[0] : null, edge.State.ToString().ToLowerInvariant(),
            edge.UrlOf(directory + "main.m3u8"), edge.UrlOf(directory + "manifest.mpd")))], known ?? (own?.Regions.Count > 0 ? own.Regions[0] : null));
    }
}
