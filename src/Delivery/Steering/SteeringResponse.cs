using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery.Steering;

/// <summary>
/// Answers <c>/b/{broadcast}/steering.json</c> (HLS, <c>live.m3u8</c>), <c>steering-dvr.json</c> (HLS, <c>dvr.m3u8</c>) and
/// <c>steering-dash.json</c>: which edges the player should take from now on.
/// </summary>
internal static class SteeringResponse
{
    public static Task WriteAsync(HttpContext context, MediaObject kind, OriginBroadcast broadcast, EdgeSet edges, RegionHint hint)
    {
        if (edges.IsEmpty)
            return MediaEndpoint.FailAsync(context, kind, StatusCodes.Status404NotFound, "There are no edges to choose from.\n");
        var said = hint.Read(context);
        var own = edges.Find(said.Base);
        var current = said.Pathway == PlaybackQuery.OwnPathway ? own : edges.Find(said.Pathway) ?? own;
        var isRegion = said.Region is { } region && edges.HasRegion(region);
        IReadOnlyList<string> regions = isRegion ? [said.Region!] : own?.Regions ?? [];
        var offered = edges.Offer(regions, current);
        var directory = $"/b/{broadcast.Id.Value}/";
        var name = SteeringNames.Of(kind);
        var query = own is null ? "" : $"?base={own.Name}";
        if (isRegion)
            query += $"{(query.Length == 0 ? '?' : '&')}region={said.Region}";
        // Another way than the one that the media takes: a player whose edge dies still hears where to go.
        var way = edges.Url.Length > 0 ? edges.Url + directory + name
            : (offered.FirstOrDefault(edge => edge != current && edge != own) ?? offered[0]).UrlOf(directory + name);
        var text = SteeringManifest.Write(offered, own, edges.Options.SteeringTtl, way + query,
            kind == MediaObject.SteeringDash ? null : broadcast.Timeline.Read(), directory, kind == MediaObject.SteeringDvr ? "dvr.m3u8" : "live.m3u8");
        // What names nothing of ours is not worth a place in a cache: anyone could think of any number of them.
        var isKnown = (said.Base is null || own is not null) && (said.Region is null || isRegion)
            && (said.Pathway is null or PlaybackQuery.OwnPathway || edges.Find(said.Pathway) is not null);
        // A second collapses a crowd, and is little beside the time that it holds for.
        return MediaEndpoint.TextAsync(context, kind, new EncodedText(text), isKnown ? Freshness.Seconds(1) : Freshness.NoStore);
    }
}

/// <summary>File names of the steering manifests.</summary>
internal static class SteeringNames
{
    public const string Hls = "steering.json";
    public const string Dvr = "steering-dvr.json";
    public const string Dash = "steering-dash.json";

    public static string Of(MediaObject kind) => kind switch
    {
        MediaObject.SteeringDvr => Dvr,
        MediaObject.SteeringDash => Dash,
        _ => Hls,
    };

    /// <summary>Whether a path ends with one of them.</summary>
    public static bool Ends(ReadOnlySpan<char> path) => path[(path.LastIndexOf('/') + 1)..] is Hls or Dvr or Dash;
}
