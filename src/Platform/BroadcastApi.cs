using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Delivery.Relay;
using Millrace.Ingest;
using Millrace.Push;

namespace Millrace.Platform;

/// <summary><c>/api/v1/broadcasts</c> and a channel's: what is on air and what can be watched again.</summary>
public sealed class BroadcastApi
{
    // A publisher that comes back every minute of a day; older ones are of no use without their media's clock.
    private const int MaxPeriods = 1440;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly OriginStore? origin;
    private readonly PushedBroadcasts? pushed;
    private readonly Takedowns elsewhere;
    private readonly BroadcastDirectory broadcasts;
    private readonly OperatorToken token;
    private readonly PurgeLog purges;

    /// <param name="origin">What can be watched; null at a node that is no origin.</param>
    /// <param name="pushed">What of that others push; null at a node that is no origin.</param>
    /// <param name="elsewhere">The origins elsewhere that have it too.</param>
    /// <param name="broadcasts">What comes in.</param>
    /// <param name="token">Who may take down.</param>
    /// <param name="purges">Who else has to hear of it.</param>
    public BroadcastApi(
        OriginStore? origin, PushedBroadcasts? pushed, Takedowns elsewhere, BroadcastDirectory broadcasts, OperatorToken token, PurgeLog purges)
    {
        this.purges = purges;
        this.pushed = pushed;
        this.elsewhere = elsewhere;
        this.origin = origin;
        this.broadcasts = broadcasts;
        this.token = token;
    }

    /// <summary>Adds the paths.</summary>
    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/api/v1/channels/{name}/broadcasts", ListAsync);
        endpoints.MapGet("/api/v1/broadcasts/{id}", FindAsync);
        endpoints.MapDelete("/api/v1/broadcasts/{id}", DeleteAsync);
    }

    /// <summary>A channel's broadcasts, newest first: the one on air, and its replays. At most 1000.</summary>
    private Task ListAsync(HttpContext context)
    {
        if (!ChannelName.TryParse(context.Request.RouteValues["name"] as string, out var name))
            return PlatformApi.FailAsync(context, StatusCodes.Status404NotFound, "channel_unknown", "There is no such channel: " + ChannelName.Rule + ".");
        var live = origin?.Broadcasts.Where(broadcast => broadcast.Channel == name && !broadcast.IsEnded).Select(Describe) ?? [];
        var answer = new BroadcastList([.. live.Concat(origin?.Replays.List(name).Take(1000).Select(Describe) ?? [])]);
        PlatformApi.Begin(context);
        return context.Response.WriteAsJsonAsync(answer, PlatformJson.Default.BroadcastList, cancellationToken: context.RequestAborted);
    }

    private Task FindAsync(HttpContext context)
    {
        if (Find(context) is not { } document)
            return UnknownAsync(context);
        PlatformApi.Begin(context);
        return context.Response.WriteAsJsonAsync(document, PlatformJson.Default.BroadcastDocument, cancellationToken: context.RequestAborted);
    }

    /// <summary>A takedown: the broadcast ends if it is on air, and nothing of it or its clips can be fetched when the answer comes.</summary>
    private async Task DeleteAsync(HttpContext context)
    {
        if (!await token.AllowsAsync(context))
            return;
        if (!BroadcastId.TryParse(context.Request.RouteValues["id"] as string, out var id))
        {
            await UnknownAsync(context);
            return;
        }
        var channel = pushed?.FindChannel(id);
        foreach (var incoming in broadcasts.List().Where(incoming => incoming.Id == id))
            broadcasts.End(incoming.Channel, new PublishRejection(PublishRejectionReason.TakenDown, "The operator has taken this broadcast down."));
        var gone = pushed?.TakeDown(id) ?? [];
        // Relays below hear of it at once.
        if (gone.Count > 0)
            purges.PublishTakedown(gone, channel);
        var told = await elsewhere.TakeDownAsync(id, Patience, context.RequestAborted);
        if (told is { NotReached.Count: > 0, IsRemembered: false })
        {
            await PlatformApi.FailAsync(context, StatusCodes.Status502BadGateway, "origin_not_reached",
                $"It has ended and is deleted, but not at {string.Join(", ", told.NotReached)}, and the disk does not take a note of that: ask again when that is back.");
            return;
        }
        if (told.NotReached.Count > 0)
        {
            context.Response.StatusCode = StatusCodes.Status202Accepted;
            PlatformApi.Begin(context);
            await context.Response.WriteAsJsonAsync(
                new TakedownDocument(told.NotReached), PlatformJson.Default.TakedownDocument, cancellationToken: context.RequestAborted);
            return;
        }
        if (gone.Count == 0 && !told.WasThere)
        {
            await UnknownAsync(context);
            return;
        }
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        PlatformApi.Begin(context);
    }

    private BroadcastDocument? Find(HttpContext context)
    {
        if (!BroadcastId.TryParse(context.Request.RouteValues["id"] as string, out var id))
            return null;
        var open = origin?.Find(id.Value);
        var document = origin?.Replays.Find(id.Value) is { } replay ? Describe(replay) : open is null ? null : Describe(open);
        return document is null || open is null ? document : WithTimeline(document, open);
    }

    private static BroadcastDocument Describe(OriginBroadcast broadcast) => new(
        broadcast.Id.Value, broadcast.Channel.Value, !broadcast.IsEnded, broadcast.StartedAt, null, Math.Round(broadcast.Duration.TotalSeconds, 3), null,
        broadcast.Mode.ToString().ToLowerInvariant());

    /// <summary>Adds what only an open broadcast knows: its media's clock.</summary>
    private static BroadcastDocument WithTimeline(BroadcastDocument document, OriginBroadcast broadcast)
    {
        var snapshot = broadcast.Timeline.Read();
        var periods = snapshot.Periods;
        if (snapshot.RewindableFrom is not { } from)
            return document;
        return document with
        {
            RewindableFrom = Math.Round(Math.Max(0, from), 3),
            Periods = [.. periods.Skip(periods.Count - MaxPeriods).Select(period =>
                new PeriodDocument(Math.Round(period.Start.Seconds - periods[0].Start.Seconds, 3), period.WallClock))],
        };
    }

    private static BroadcastDocument Describe(Replay replay) => new(
        replay.Id.Value, replay.Channel.Value, false, replay.StartedAt, replay.EndedAt, Math.Round(replay.Duration.TotalSeconds, 3), replay.Bytes,
        replay.Mode.ToString().ToLowerInvariant(), Clip: replay.Clip is null ? null : ClipDocument.Of(replay));

    private static Task UnknownAsync(HttpContext context) =>
        PlatformApi.FailAsync(context, StatusCodes.Status404NotFound, "broadcast_unknown", "There is no such broadcast, or no more.");
}
