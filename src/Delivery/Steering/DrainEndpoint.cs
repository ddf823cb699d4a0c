using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Millrace.Delivery.Relay;

namespace Millrace.Delivery.Steering;

/// <summary><c>PUT /internal/drain</c> and <c>DELETE /internal/drain</c>: this node wants no viewers, or wants them again. For whoever knows <c>Cluster:Secret</c>.</summary>
public sealed class DrainEndpoint
{
    private readonly NodeDrain drain;
    private readonly ClusterSecret secret;
    private readonly ILogger logger;

    /// <param name="drain">What is changed.</param>
    /// <param name="secret">Empty: there is no such address.</param>
    /// <param name="logger">Where it is said.</param>
    public DrainEndpoint(NodeDrain drain, string secret, ILogger<DrainEndpoint> logger)
    {
        this.drain = drain;
        this.secret = new ClusterSecret(secret);
        this.logger = logger;
    }

    /// <summary>Answers one of the two; the same again changes nothing.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        if (!secret.Admits(context))
            return Task.CompletedTask;
        var wanted = HttpMethods.IsPut(context.Request.Method);
        if (drain.IsDraining != wanted)
        {
            drain.IsDraining = wanted;
            logger.DrainChanged(wanted ? "drains: it serves who is here and wants no more viewers" : "takes viewers again");
        }
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        context.Response.Headers.CacheControl = "no-store";
        return Task.CompletedTask;
    }
}
