using System.Globalization;
using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Delivery.Relay;
using Millrace.Push;

namespace Millrace.Delivery;

/// <summary>
/// The origin's receiving side of HTTP: <c>GET</c> and <c>POST /push/{channel}/{broadcast}</c>, <c>POST /push/{channel}</c>, <c>DELETE /push/{broadcast}</c>
/// (docs/push.md). Without <c>Origin:Secret</c> everybody is refused. Nothing of it is ever cached.
/// </summary>
public sealed class PushEndpoint
{
    private readonly PushReceiver receiver;
    private readonly PushedBroadcasts broadcasts;
    private readonly PurgeLog purges;
    private readonly TimeProvider time;
    private readonly ILogger<PushEndpoint> logger;
    private readonly byte[]? secret;
    private long refusedAt;
    private long refused;

    /// <summary>Over the pushed broadcasts; relays below hear of those that are taken down.</summary>
    public PushEndpoint(
        PushedBroadcasts broadcasts, PushOptions options, PurgeLog purges, MediaBlockPool pool, TimeProvider time, ILogger<PushEndpoint> logger)
    {
        this.broadcasts = broadcasts;
        this.purges = purges;
        this.time = time;
        this.logger = logger;
        receiver = new PushReceiver(broadcasts, pool, time);
        secret = options.Secret.Length == 0 ? null : SHA256.HashData(Encoding.UTF8.GetBytes(options.Secret));
        PushedMetrics.Announce();
    }

    /// <summary>Maps its paths. Without a secret it says so to everybody: a peer does not take that for "not known here".</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        if (secret is null)
        {
            routes.Map("/push/{**path}", InvokeAsync);
            return;
        }
        routes.MapMethods("/push/{channel}/{broadcast}", [HttpMethods.Get, HttpMethods.Post, HttpMethods.Put], InvokeAsync);
        routes.MapDelete("/push/{broadcast}", InvokeAsync);
        routes.MapPost("/push/{channel}", InvokeAsync);
    }

    internal async Task InvokeAsync(HttpContext context)
    {
        PushReply result;
        try
        {
            result = await AnswerAsync(context);
        }
        catch (BadHttpRequestException broken)
        {
            result = new PushReply(broken.StatusCode, null, "The request is malformed.");
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            // The pusher went in the middle; it asks where we are when it comes back.
            PushedMetrics.Requests.Add(1, new KeyValuePair<string, object?>("status", "aborted"));
            return;
        }
        PushedMetrics.Requests.Add(1, new KeyValuePair<string, object?>("status", result.Status.ToString(CultureInfo.InvariantCulture)));
        var response = context.Response;
        response.StatusCode = result.Status;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        if (result.Status == StatusCodes.Status401Unauthorized)
            response.Headers.WWWAuthenticate = "Bearer";
        if (result.Status == StatusCodes.Status204NoContent)
            return;
        if (result.Status is not (StatusCodes.Status200OK or StatusCodes.Status404NotFound))
            Report(context, result);
        if (result.Story is var (id, frames))
        {
            response.Headers.ContentLocation = $"{context.Request.Path}/{id}";
            response.ContentType = PushLimits.MediaType;
            response.ContentLength = frames.Length;
            await response.BodyWriter.WriteAsync(frames, context.RequestAborted);
            return;
        }
        var body = result.Position?.ToJson() ?? Encoding.UTF8.GetBytes(result.Reason + "\n");
        response.ContentType = result.Position is null ? "text/plain; charset=utf-8" : MediaTypeNames.Application.Json;
        response.ContentLength = body.Length;
        await response.BodyWriter.WriteAsync(body, context.RequestAborted);
        // A pusher reads no answer before its request's end, which may be seconds away; it asks at once why it was cut off.
        if (result.Status == StatusCodes.Status451UnavailableForLegalReasons && HttpMethods.IsPost(context.Request.Method))
            context.Abort();
    }

    private async Task<PushReply> AnswerAsync(HttpContext context)
    {
        // 1. Who asks. Before anything else, so that a stranger learns nothing.
        if (!IsAuthorized(context.Request.Headers.Authorization.ToString()))
            return new PushReply(StatusCodes.Status401Unauthorized, null, secret is null ? "Nobody may push here: there is no Origin:Secret." : "The secret is missing or wrong.");

        // 2. What about.
        if (!context.Request.RouteValues.ContainsKey("broadcast"))
            return await TakeOverAsync(context);
        if (!BroadcastId.TryParse(context.Request.RouteValues["broadcast"] as string, out var broadcast))
            return new PushReply(StatusCodes.Status400BadRequest, null, "This is no broadcast's id.");
        if (HttpMethods.IsDelete(context.Request.Method))
            return TakeDown(broadcast);
        if (!ChannelName.TryParse(context.Request.RouteValues["channel"] as string, out var channel))
            return new PushReply(StatusCodes.Status400BadRequest, null, ChannelName.Rule + ".");
        if (HttpMethods.IsGet(context.Request.Method))
            return receiver.Read(channel, broadcast);
        if (context.Request.ContentType is not { } type || !string.Equals(type, PushLimits.MediaType, StringComparison.OrdinalIgnoreCase))
            return new PushReply(StatusCodes.Status415UnsupportedMediaType, null, $"The body has to be {PushLimits.MediaType}.");

        // 3. As long as it lasts, and as slow as a publisher is: the receiver has limits of its own.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = null;
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        return await receiver.ReceiveAsync(channel, broadcast, context.Request.BodyReader, context.RequestAborted);
    }

    private async Task<PushReply> TakeOverAsync(HttpContext context) =>
        !ChannelName.TryParse(context.Request.RouteValues["channel"] as string, out var channel)
            ? new PushReply(StatusCodes.Status400BadRequest, null, ChannelName.Rule + ".")
            : await receiver.TakeOverAsync(channel, context.Request.BodyReader, context.RequestAborted);

    private PushReply TakeDown(BroadcastId broadcast)
    {
        var channel = broadcasts.FindChannel(broadcast);
        var gone = broadcasts.TakeDown(broadcast);
        if (gone.Count == 0)
            return new PushReply(StatusCodes.Status404NotFound, null, "The broadcast is not known here.");
        purges.PublishTakedown(gone, channel);
        return new PushReply(StatusCodes.Status204NoContent, null, "");
    }

    private bool IsAuthorized(string header)
    {
        const string Scheme = "Bearer ";
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return false;
        // Hashes are of one length and say nothing of where two secrets differ.
        Span<byte> shown = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(header[Scheme.Length..].Trim()), shown);
        return CryptographicOperations.FixedTimeEquals(shown, secret);
    }

    /// <summary>Says what was refused, at most once a second.</summary>
    private void Report(HttpContext context, PushReply result)
    {
        Interlocked.Increment(ref refused);
        var now = time.GetTimestamp();
        var last = Volatile.Read(ref refusedAt);
        if ((last != 0 && time.GetElapsedTime(last, now) < TimeSpan.FromSeconds(1)) || Interlocked.CompareExchange(ref refusedAt, now, last) != last)
            return;
        logger.PushRefused(
            context.Connection.RemoteIpAddress?.ToString() ?? "?", result.Status,
            result.Position is null ? result.Reason : "something in front is missing", Interlocked.Exchange(ref refused, 0) - 1);
    }
}
