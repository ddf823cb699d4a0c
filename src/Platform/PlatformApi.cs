using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Ingest;
using Millrace.Media;
using Millrace.Push;

namespace Millrace.Platform;

/// <summary><c>/api/v1</c>: channels, who is live, the time.</summary>
public sealed class PlatformApi
{
    private readonly ChannelStore channels;
    private readonly OriginStore? origin;
    private readonly PushSinkFactory? push;
    private readonly BroadcastDirectory broadcasts;
    private readonly TimeProvider time;

    /// <param name="channels">The channels that are registered here.</param>
    /// <param name="origin">What can be watched; null at a node that is no origin.</param>
    /// <param name="push">How origins elsewhere take what comes in; null at a node that is its own.</param>
    /// <param name="broadcasts">What comes in.</param>
    /// <param name="time">The clock.</param>
    public PlatformApi(ChannelStore channels, OriginStore? origin, PushSinkFactory? push, BroadcastDirectory broadcasts, TimeProvider time)
    {
        this.push = push;
        this.channels = channels;
        this.origin = origin;
        this.broadcasts = broadcasts;
        this.time = time;
    }

    /// <summary>Adds the paths.</summary>
    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/api/v1/channels", ListAsync);
        endpoints.MapGet("/api/v1/channels/{name}", ChannelAsync);
        endpoints.MapGet("/api/v1/time", TimeAsync);
        endpoints.Map("/api/{**rest}", context => FailAsync(context, StatusCodes.Status404NotFound, "not_found", "There is no such resource."));
    }

    /// <summary>UTC in ISO 8601 with milliseconds, for DASH's UTCTiming.</summary>
    private Task TimeAsync(HttpContext context)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        Begin(context);
        return context.Response.WriteAsync(time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
    }

    private async Task ListAsync(HttpContext context)
    {
        // The database blocks on its file; a pool thread of its own waits for it.
        var known = await Task.Run(() => channels.List(1000), context.RequestAborted);
        var documents = known.Select(channel => Describe(channel.Name)).ToList();
        // With open admission there are channels on air that nobody registered; and those that are pushed here.
        documents.AddRange(OnAir().Where(name => known.All(channel => channel.Name != name)).Distinct().Select(Describe));
        var answer = new ChannelList([.. documents.OrderByDescending(channel => channel.Live).ThenBy(channel => channel.Name, StringComparer.Ordinal)]);
        Begin(context);
        await context.Response.WriteAsJsonAsync(answer, PlatformJson.Default.ChannelList, cancellationToken: context.RequestAborted);
    }

    private async Task ChannelAsync(HttpContext context)
    {
        if (!ChannelName.TryParse(context.Request.RouteValues["name"] as string, out var name))
        {
            await FailAsync(context, StatusCodes.Status404NotFound, "channel_unknown", "There is no such channel: " + ChannelName.Rule + ".");
            return;
        }
        var broadcast = origin?.FindNewest(name.Value);
        var incoming = broadcasts.Find(name);
        if (broadcast is null && incoming is null && await Task.Run(() => channels.Find(name), context.RequestAborted) is null)
        {
            await FailAsync(context, StatusCodes.Status404NotFound, "channel_unknown", "There is no such channel.");
            return;
        }
        Begin(context);
        await context.Response.WriteAsJsonAsync(Describe(name, broadcast, incoming), PlatformJson.Default.ChannelDocument, cancellationToken: context.RequestAborted);
    }

    private IEnumerable<ChannelName> OnAir() => origin is not null
        ? origin.Broadcasts.Where(broadcast => !broadcast.IsEnded).Select(broadcast => broadcast.Channel)
        : broadcasts.List().Where(IsOnAir).Select(broadcast => broadcast.Channel);

    private ChannelDocument Describe(ChannelName name)
    {
        if (origin is not null)
            return Describe(name, origin.FindNewest(name.Value));
        return broadcasts.Find(name) is { } incoming && IsOnAir(incoming)
            ? new ChannelDocument(name.Value, true, incoming.Id.Value, incoming.StartedAt, null, null)
            : new ChannelDocument(name.Value, false, null, null, null, null);
    }

    // Whether anything of it has gone to the origins.
    private static bool IsOnAir(Broadcast incoming) => incoming.ReadHealth().State is not BroadcastState.Discovering;

    /// <param name="name">The channel.</param>
    /// <param name="broadcast">Its newest broadcast that can be watched, or null.</param>
    /// <param name="incoming">What comes in for it, when more of its health is wanted than what viewers see.</param>
    private ChannelDocument Describe(ChannelName name, OriginBroadcast? broadcast, Broadcast? incoming = null)
    {
        if (broadcast is { IsEnded: false })
        {
            var health = HealthOf(broadcast);
            if (incoming is not null && incoming.Id == broadcast.Id)
                health = Detail(health, incoming);
            if (health.Problems is { } problems && broadcast.PreviewProblem is { } reason)
            {
                health = health with
                {
                    State = health.State == HealthState.Ok ? HealthState.Attention : health.State,
                    Problems = [.. problems, new ErrorDetail("preview_failing", reason)],
                };
            }
            return new ChannelDocument(name.Value, true, broadcast.Id.Value, broadcast.StartedAt, null, health, broadcast.PreviewAt);
        }
        if (push is not null && incoming is not null && IsOnAir(incoming))
        {
            var state = incoming.ReadHealth().State == BroadcastState.Suspended ? HealthState.WaitingForPublisher : HealthState.Ok;
            return new ChannelDocument(name.Value, true, incoming.Id.Value, incoming.StartedAt, null, Pushed(Detail(new HealthDocument(state, null, null), incoming), incoming.Id));
        }
        // A publisher is there whose stream nobody can watch yet: the one who looks for the reason needs it most.
        var starting = incoming is null ? null : Detail(new HealthDocument(HealthState.Starting, null, null), incoming);
        return new ChannelDocument(name.Value, false, null, null, null, starting);
    }

    /// <summary>With what is wrong between this node and the origins.</summary>
    private HealthDocument Pushed(HealthDocument health, BroadcastId broadcast)
    {
        var problems = new List<ErrorDetail>(health.Problems ?? []);
        foreach (var status in push!.Find(broadcast))
        {
            if (status.IsFailing)
                problems.Add(new ErrorDetail("origin_failing", $"The origin {status.Origin} does not take this broadcast: {status.Reason}. Other origins go on."));
            if (status.DroppedSegments > 0)
                problems.Add(new ErrorDetail("origin_gaps", $"{status.DroppedSegments} segments are gaps at the origin {status.Origin}, which was away or too slow for them."));
        }
        return health with { State = health.State == HealthState.Ok && problems.Count > 0 ? HealthState.Attention : health.State, Problems = problems };
    }

    private HealthDocument Detail(HealthDocument document, Broadcast incoming)
    {
        var health = incoming.ReadHealth();
        var problems = broadcasts.FindProblems(health);
        return document with
        {
            State = document.State == HealthState.Ok && problems.Count > 0 ? HealthState.Attention : document.State,
            Problems = [.. problems.Select(problem => new ErrorDetail(problem.Code, problem.Message))],
            Ingest = IngestHealth.Of(health, time.GetUtcNow()),
            Transcoding = TranscodingHealth.Of(health.Ladder),
        };
    }

    private static HealthDocument HealthOf(OriginBroadcast broadcast)
    {
        var snapshot = broadcast.Timeline.Read();
        VideoHealth? video = null;
        AudioHealth? audio = null;
        foreach (var rendition in snapshot.Renditions)
        {
            if (rendition.Track.Format is null)
                continue;
            switch (rendition.Format)
            {
                case VideoFormat format when video is null:
                    video = new VideoHealth(format.CodecString, format.Width, format.Height,
                        Math.Round(rendition.Rates.FramesPerSecond, 2), rendition.Rates.AverageBitsPerSecond);
                    break;
                case AudioFormat format when audio is null:
                    audio = new AudioHealth(format.CodecString, format.SampleRate, format.Channels, rendition.Rates.AverageBitsPerSecond);
                    break;
            }
        }
        return new HealthDocument(snapshot.IsSuspended ? HealthState.WaitingForPublisher : HealthState.Ok, video, audio);
    }

    internal static void Begin(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.AccessControlAllowOrigin = "*";
        context.Response.Headers.XContentTypeOptions = "nosniff";
    }

    internal static Task FailAsync(HttpContext context, int status, string code, string message)
    {
        context.Response.StatusCode = status;
        Begin(context);
        return context.Response.WriteAsJsonAsync(new ErrorDocument(new ErrorDetail(code, message)), PlatformJson.Default.ErrorDocument,
            cancellationToken: context.RequestAborted);
    }
}
