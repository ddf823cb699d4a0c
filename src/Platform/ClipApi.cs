using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Delivery.Relay;

namespace Millrace.Platform;

/// <summary><c>/api/v1/clips</c> and a channel's: ranges of broadcasts that stay. Operators make and delete them.</summary>
public sealed class ClipApi
{
    private readonly OriginStore origin;
    private readonly ClipMaker clips;
    private readonly ClipOptions options;
    private readonly OperatorToken token;
    private readonly PurgeLog purges;

    /// <summary>Over the recordings, who makes clips of them, who may ask for that, and who else has to hear of one that is gone.</summary>
    public ClipApi(OriginStore origin, ClipMaker clips, ClipOptions options, OperatorToken token, PurgeLog purges)
    {
        this.origin = origin;
        this.clips = clips;
        this.options = options;
        this.token = token;
        this.purges = purges;
    }

    /// <summary>Adds the paths.</summary>
    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapPost("/api/v1/broadcasts/{id}/clips", MakeAsync);
        endpoints.MapGet("/api/v1/broadcasts/{id}/clips", ListOfBroadcastAsync);
        endpoints.MapGet("/api/v1/channels/{name}/clips", ListAsync);
        endpoints.MapGet("/api/v1/clips/{id}", FindAsync);
        endpoints.MapDelete("/api/v1/clips/{id}", DeleteAsync);
    }

    private async Task MakeAsync(HttpContext context)
    {
        if (!await token.AllowsAsync(context))
            return;
        if (!BroadcastId.TryParse(context.Request.RouteValues["id"] as string, out var of))
        {
            await RefuseAsync(context, ClipFault.UnknownBroadcast);
            return;
        }
        ClipRequest? asked = null;
        try
        {
            asked = await JsonSerializer.DeserializeAsync(context.Request.Body, PlatformJson.Default.ClipRequest, context.RequestAborted);
        }
        catch (JsonException)
        {
            // Said below.
        }
        if (asked is not { From: >= 0 and < MaxSeconds, To: < MaxSeconds } || asked.To <= asked.From || !Clip.IsName(asked.Name))
        {
            await PlatformApi.FailAsync(context, StatusCodes.Status400BadRequest, "clip_invalid",
                $"A clip has a name and a range: {{\"name\": …, \"from\": seconds, \"to\": seconds}} on the broadcast's clock. {Clip.NameRule}.");
            return;
        }
        var (clip, fault) = await clips.MakeAsync(of, TimeSpan.FromSeconds(asked.From), TimeSpan.FromSeconds(asked.To), asked.Name!, context.RequestAborted);
        if (clip is null)
        {
            await RefuseAsync(context, fault);
            return;
        }
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.Headers.Location = "/api/v1/clips/" + clip.Id.Value;
        await WriteAsync(context, clip);
    }

    private const int MaxListed = 1000;

    // Seconds of months; a TimeSpan holds far more.
    private const double MaxSeconds = 1e8;

    /// <summary>A channel's clips, newest first. At most 1000.</summary>
    private Task ListAsync(HttpContext context)
    {
        if (!ChannelName.TryParse(context.Request.RouteValues["name"] as string, out var name))
            return PlatformApi.FailAsync(context, StatusCodes.Status404NotFound, "channel_unknown", "There is no such channel: " + ChannelName.Rule + ".");
        return WriteAsync(context, origin.Replays.Clips(name));
    }

    /// <summary>A broadcast's clips, newest first, though it may be gone itself. At most 1000.</summary>
    private Task ListOfBroadcastAsync(HttpContext context)
    {
        if (!BroadcastId.TryParse(context.Request.RouteValues["id"] as string, out var of))
            return RefuseAsync(context, ClipFault.UnknownBroadcast);
        var clips = origin.Replays.ClipsOf(of);
        return clips.Count == 0 && origin.Find(of.Value) is null && origin.Replays.Find(of.Value) is null
            ? RefuseAsync(context, ClipFault.UnknownBroadcast) : WriteAsync(context, clips);
    }

    private Task FindAsync(HttpContext context) => Find(context) is { } clip ? WriteAsync(context, clip) : UnknownAsync(context);

    private async Task DeleteAsync(HttpContext context)
    {
        if (!await token.AllowsAsync(context))
            return;
        if (Find(context) is not { } clip || origin.TakeDown(clip.Id).Count == 0)
        {
            await UnknownAsync(context);
            return;
        }
        purges.Publish($"/b/{clip.Id.Value}/");
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        PlatformApi.Begin(context);
    }

    private Replay? Find(HttpContext context) =>
        BroadcastId.TryParse(context.Request.RouteValues["id"] as string, out var id) && origin.Replays.Find(id.Value) is { Clip: not null } clip ? clip : null;

    private static Task WriteAsync(HttpContext context, IReadOnlyList<Replay> clips)
    {
        PlatformApi.Begin(context);
        var answer = new ClipList([.. clips.Take(MaxListed).Select(ClipDocument.Of)]);
        return context.Response.WriteAsJsonAsync(answer, PlatformJson.Default.ClipList, cancellationToken: context.RequestAborted);
    }

    private static Task WriteAsync(HttpContext context, Replay clip)
    {
        PlatformApi.Begin(context);
        return context.Response.WriteAsJsonAsync(ClipDocument.Of(clip), PlatformJson.Default.ClipDocument, cancellationToken: context.RequestAborted);
    }

    private Task RefuseAsync(HttpContext context, ClipFault fault)
    {
        var (status, code, message) = fault switch
        {
            ClipFault.OfClip => (StatusCodes.Status409Conflict, "clip_of_clip", "Clips are made of broadcasts, not of clips."),
            ClipFault.Empty => (StatusCodes.Status409Conflict, "clip_empty", "Nothing is recorded in that range."),
            ClipFault.TooLong => (StatusCodes.Status400BadRequest, "clip_too_long", $"A clip has at most {options.MaxDuration.TotalSeconds:0} seconds (Clips:MaxDuration)."),
            ClipFault.TooMany => (StatusCodes.Status409Conflict, "clip_too_many", $"The channel has {options.MaxCount} clips (Clips:MaxCount): delete one."),
            ClipFault.NoRoom => (StatusCodes.Status507InsufficientStorage, "clip_no_room", "The disk has no room for it (Retention:MinFreeBytes)."),
            ClipFault.Busy => (StatusCodes.Status503ServiceUnavailable, "clip_busy", "Other clips are being made, too many replays are open, or the store does not hand out the broadcast: try again."),
            ClipFault.NotToBeHad => (StatusCodes.Status503ServiceUnavailable, "clip_not_to_be_had", "The store does not hand out that range at the moment: try again."),
            _ => (StatusCodes.Status404NotFound, "broadcast_unknown", "There is no such broadcast, or no more."),
        };
        return PlatformApi.FailAsync(context, status, code, message);
    }

    private static Task UnknownAsync(HttpContext context) =>
        PlatformApi.FailAsync(context, StatusCodes.Status404NotFound, "clip_unknown", "There is no such clip, or no more.");
}
