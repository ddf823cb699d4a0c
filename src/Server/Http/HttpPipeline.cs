using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Delivery;
using Millrace.Delivery.Relay;
using Millrace.Delivery.Steering;
using Millrace.Ingest;
using Millrace.Platform;
using Millrace.Push;
using Millrace.Server.Cmaf;

namespace Millrace.Server.Http;

/// <summary>What answers which path. Media first and without routing, then pages, then everything that is asked for seldom.</summary>
internal static class HttpPipeline
{
    public static void Map(WebApplication app, NodeRoles roles)
    {
        var metrics = app.Services.GetRequiredService<HttpMetrics>();
        app.Use(next => context => Ambiguity(context.Request) is { } reason ? RefuseAsync(context, metrics, reason) : next(context));
        if (roles == NodeRoles.Relay)
        {
            var relay = app.Services.GetRequiredService<RelayEndpoint>();
            app.Use(next => context => relay.TryInvoke(context, out var task) ? task : next(context));
        }
        else if (roles.HasFlag(NodeRoles.Origin))
        {
            var media = app.Services.GetRequiredService<MediaEndpoint>();
            app.Use(next => context => media.TryInvoke(context, out var task) ? task : next(context));
        }
        app.Use(Pages(new WebFiles(typeof(HttpPipeline).Assembly, app.Services.GetRequiredService<EdgeSet>().Origins)));
        app.UseRouting();
        app.MapGet("/health/live", context => TextAsync(context, StatusCodes.Status200OK, "ok\n"));
        var drain = app.Services.GetRequiredService<NodeDrain>();
        var pushed = app.Services.GetService<PushedBroadcasts>();
        var node = app.Services.GetService<RelayNode>();
        app.MapGet("/health/ready", context =>
        {
            if (node is not null)
                context.Response.Headers[RelayNode.AboveHeader] = node.Above;
            return drain.IsDraining ? TextAsync(context, StatusCodes.Status503ServiceUnavailable, "draining\n")
                : app.Lifetime.ApplicationStopping.IsCancellationRequested ? TextAsync(context, StatusCodes.Status503ServiceUnavailable, "stopping\n")
                : pushed?.IsCatchingUp == true ? TextAsync(context, StatusCodes.Status503ServiceUnavailable, "catching up\n")
                : TextAsync(context, StatusCodes.Status200OK, (node?.IsCutOff == true ? RelayNode.CutOffHealth : "ok\n") + Notes(context));
        });
        var purges = app.Services.GetRequiredService<PurgeEndpoint>();
        app.MapPost("/internal/purge", purges.PurgeAsync);
        app.MapGet("/internal/purges", purges.TellAsync);
        if (roles.HasFlag(NodeRoles.Origin))
        {
            app.Services.GetRequiredService<PushEndpoint>().Map(app);
            app.Services.GetRequiredService<ClipApi>().Map(app);
            app.Services.GetRequiredService<StorageApi>().Map(app);
        }
        if (roles.HasFlag(NodeRoles.Ingest))
            app.Services.GetRequiredService<CmafIngestEndpoint>().Map(app);
        app.MapMethods("/internal/drain", ["PUT", "DELETE"], app.Services.GetRequiredService<DrainEndpoint>().InvokeAsync);
        if (roles != NodeRoles.Relay)
        {
            app.Services.GetRequiredService<BroadcastApi>().Map(app);
            app.Services.GetRequiredService<PlaybackApi>().Map(app);
            app.Services.GetRequiredService<PlatformApi>().Map(app);
            // Nobody else asks for them, and without an instance their instruments do not exist.
            app.Services.GetRequiredService<IngestMetrics>();
            if (roles.HasFlag(NodeRoles.Ingest))
                app.Services.GetRequiredService<LadderMetrics>();
        }
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.MapFallback(context => TextAsync(context, StatusCodes.Status404NotFound, "Not found.\n"));
    }

    /// <summary>
    /// Where such a request ends depends on who reads it, and so does what is taken for the next one (request smuggling): both
    /// Content-Length and Transfer-Encoding (RFC 9112 §6.3), of which Kestrel has put the former aside under another name by now;
    /// or a body behind GET or HEAD, which nothing here takes, and whose length Kestrel reads more generously than others (+5).
    /// </summary>
    /// <returns>The reason's name in the metrics; null when it is not such a request.</returns>
    private static string? Ambiguity(HttpRequest request)
    {
        var isChunked = request.Headers.TransferEncoding.Count > 0;
        if (isChunked && request.Headers.ContainsKey("X-Content-Length"))
            return "two_lengths";
        return (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method)) && (isChunked || request.ContentLength > 0) ? "unexpected_body" : null;
    }

    private static Task RefuseAsync(HttpContext context, HttpMetrics metrics, string reason)
    {
        metrics.Refused(reason);
        context.Response.Headers.Connection = "close";
        return TextAsync(context, StatusCodes.Status400BadRequest, "A request has one length, and GET and HEAD have no body.\n");
    }

    private static Func<RequestDelegate, RequestDelegate> Pages(WebFiles files) => next => async context =>
    {
        if (await files.TryServeAsync(context))
            return;
        if (files.IsEmpty && WebFiles.PageOf(context.Request.Path.Value ?? "/").EndsWith(".html", StringComparison.Ordinal))
            await TextAsync(context, StatusCodes.Status404NotFound, "The pages are not built into this binary: build web/ first, ./up does it.\n");
        else
            await next(context);
    };

    // Still ready: what is live goes on, and another node would have no recording of it either.
    private static string Notes(HttpContext context) => StorageNote(context) + OriginsNote(context);

    private static string OriginsNote(HttpContext context) =>
        string.Concat(context.RequestServices.GetService<PushSinkFactory>()?.Failing.Select(origin =>
            $"origin {origin.Origin} does not take {origin.Broadcasts} broadcasts: {origin.Reason}\n") ?? []);

    private static string StorageNote(HttpContext context)
    {
        if (context.RequestServices.GetService<OriginStore>() is not { } store)
            return "";
        var note = store.IsSpoolFailing
            ? "storage: the disk under Data:Path does not take media; live streams go on, what can be rewound to gets shorter\n" : "";
        return store.ArchiveProblem is { } problem
            ? note + $"storage: the S3 store does not do what it is asked for ({problem}); live streams go on, recordings stay on the disk up to Storage:LocalLimit\n" : note;
    }

    private static Task TextAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return context.Response.WriteAsync(text, context.RequestAborted);
    }
}
