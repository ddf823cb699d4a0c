using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Millrace.Delivery;

namespace Millrace.Platform;

/// <summary><c>/api/v1/storage</c>: what other nodes left unfinished in the store. For operators.</summary>
public sealed class StorageApi
{
    private readonly OriginStore origin;
    private readonly OperatorToken token;

    /// <summary>Over the recordings, and who may ask.</summary>
    public StorageApi(OriginStore origin, OperatorToken token)
    {
        this.origin = origin;
        this.token = token;
    }

    /// <summary>Adds the paths.</summary>
    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/api/v1/storage/open", ListAsync);
        endpoints.MapPost("/api/v1/storage/open/{node}/adopt", AdoptAsync);
    }

    private Task ListAsync(HttpContext context) => AnswerAsync(context, origin.FindOpenAsync);

    private Task AdoptAsync(HttpContext context) =>
        AnswerAsync(context, cancellation => origin.AdoptAsync((string)context.Request.RouteValues["node"]!, cancellation));

    private async Task AnswerAsync(HttpContext context, Func<CancellationToken, Task<OpenRecordings?>> work)
    {
        if (!await token.AllowsAsync(context))
            return;
        if (await work(context.RequestAborted) is not var (recordings, fault))
        {
            await PlatformApi.FailAsync(context, StatusCodes.Status404NotFound, "no_store", "Recordings are on this node's disk alone: Storage:Kind is disk.");
            return;
        }
        if (fault is not null)
        {
            var done = recordings.Count == 0 ? "" : $" Before that: {string.Join(", ", recordings.Select(open => open.Broadcast.Value))}.";
            await PlatformApi.FailAsync(context, StatusCodes.Status503ServiceUnavailable, "store_fails", $"The store: {fault}{done}");
            return;
        }
        var answer = new OpenRecordingList([.. recordings.Select(open => new OpenRecordingDocument(open.Node, open.Broadcast.Value, open.WrittenAt, open.IsInUse))]);
        PlatformApi.Begin(context);
        await context.Response.WriteAsJsonAsync(answer, PlatformJson.Default.OpenRecordingList, cancellationToken: context.RequestAborted);
    }
}
