using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Delivery.Steering;
using Millrace.Ingest;

namespace Millrace.Platform;

/// <summary><c>GET /api/v1/channels/{name}/playback</c>: where to play a channel from, by the viewer's region and the edges' health.</summary>
public sealed class PlaybackApi
{
    private readonly ChannelStore channels;
    private readonly OriginStore? origin;
    private readonly BroadcastDirectory broadcasts;
    private readonly EdgeSet edges;
    private readonly RegionHint hint;

    /// <param name="channels">The channels that are registered here.</param>
    /// <param name="origin">What can be watched; null at a node that is no origin.</param>
    /// <param name="broadcasts">What comes in.</param>
    /// <param name="edges">Where it is played from.</param>
    /// <param name="hint">Where viewers are.</param>
    public PlaybackApi(ChannelStore channels, OriginStore? origin, BroadcastDirectory broadcasts, EdgeSet edges, RegionHint hint)
    {
        this.channels = channels;
        this.origin = origin;
        this.broadcasts = broadcasts;
        this.edges = edges;
        this.hint = hint;
    }

    /// <summary>Adds the path.</summary>
    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapGet("/api/v1/channels/{name}/playback", FindAsync);

    private async Task FindAsync(HttpContext context)
    {
        if (!ChannelName.TryParse(context.Request.RouteValues["name"] as string, out var name))
        {
            await PlatformApi.FailAsync(context, StatusCodes.Status404NotFound, "channel_unknown", "There is no such channel: " + ChannelName.Rule + ".");
            return;
        }
        var broadcast = origin?.FindNewest(name.Value);
        var incoming = broadcasts.Find(name);
        if (broadcast is null && incoming is null && await Task.Run(() => channels.Find(name), context.RequestAborted) is null)
        {
            await PlatformApi.FailAsync(context, StatusCodes.Status404NotFound, "channel_unknown", "There is no such channel.");
            return;
        }
        var live = origin is null ? incoming?.Id : broadcast is { IsEnded: false } ? broadcast.Id : null;
        var (places, region) = PlaybackPlace.Of(edges, hint, context, $"/live/{name.Value}/");
        PlatformApi.Begin(context);
        await context.Response.WriteAsJsonAsync(new PlaybackDocument(name.Value, live is not null, live?.Value, region, places),
            PlatformJson.Default.PlaybackDocument, cancellationToken: context.RequestAborted);
    }
}
