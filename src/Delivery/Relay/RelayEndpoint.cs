using System.Buffers;
using Microsoft.AspNetCore.Http;
using Millrace.Delivery.Steering;

namespace Millrace.Delivery.Relay;

/// <summary>
/// The relay's side of HTTP over Kestrel: the same media paths as on the origin, and what the watch page asks of the API. Of a
/// request only the path, the delivery directives and the kind of content coding reach the cache; nothing else of it reaches a
/// parent. What is answered is decided in <see cref="RelayDecisions"/>; here it is waited for and written.
/// </summary>
/// <remarks>
/// A viewer holds a reference to the shared body and what Kestrel buffers for it (64 KB at most), however slowly it reads.
/// Writes take no token: Kestrel ends them when the connection goes, without an exception.
/// </remarks>
public sealed class RelayEndpoint
{
    private const int FlushBytes = 64 * 1024;

    private readonly RelayNode node;
    private readonly RegionHint hint;
    private readonly RelayDecisions decisions;

    /// <summary>Over a relay.</summary>
    /// <param name="node">The relay.</param>
    /// <param name="hint">Where viewers are that ask what they should play from; null: as they say.</param>
    public RelayEndpoint(RelayNode node, RegionHint? hint = null)
    {
        this.node = node;
        this.hint = hint ?? new RegionHint(new PlaybackOptions());
        decisions = new RelayDecisions(node);
    }

    /// <summary>Answers a request if its path is one of a relay's; false leaves it to others, untouched.</summary>
    public bool TryInvoke(HttpContext context, out Task task)
    {
        task = Task.CompletedTask;
        var path = context.Request.Path.Value ?? "";
        if (!RelayPath.IsRelayed(path))
            return false;
        task = Invoke(context, path);
        return true;
    }

    private Task Invoke(HttpContext context, string path)
    {
        // 1. What every status carries.
        OpenHeaders.Write(context.Response);

        // 2. Methods; then the object.
        var method = context.Request.Method;
        if (HttpMethods.IsOptions(method))
            return OpenHeaders.Preflight(context.Response);
        if (!HttpMethods.IsGet(method) && !HttpMethods.IsHead(method))
        {
            context.Response.Headers.Allow = "GET, HEAD, OPTIONS";
            return WriteAsync(context, decisions.Refuse(StatusCodes.Status405MethodNotAllowed, "method", "A relay can be read (GET, HEAD), nothing else.\n"));
        }
        var request = MediaRequest.Of(context.Request);
        if (!decisions.TryRead(path, request, out var key, out var refusal))
            return WriteAsync(context, refusal);
        if (RelayPath.IsByViewer(path))
        {
            // The node that the viewer asked knows best who that is: tiers above find its name there already.
            var said = hint.Read(context);
            if (said.Base is null && CacheStatus.IsName(node.Options.Name))
                said = said with { Base = node.Options.Name };
            key = RelayKey.Of(path + said.Canonical(), key.Coding);
        }

        // 3. The answer.
        return AnswerAsync(context, key, request.Loop.IsEmpty ? null : request.Loop.ToString());
    }

    private async Task AnswerAsync(HttpContext context, RelayKey key, string? loop)
    {
        var isPassed = false;
        var watched = key.IsBlocking ? node.Directories.Watch(key) : null;
        var item = node.Cache.Enter(key, loop, out var verdict);
        try
        {
            RelayMetrics.Count(verdict);
            if (item is null)
            {
                await WriteAsync(context, decisions.Busy("upstream"));
                return;
            }
            if (!item.Answered.IsCompleted)
            {
                var waiting = node.AddWaiting(1);
                if (waiting <= node.Options.MaxWaiting)
                    await item.Answered.WaitAsync(context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                node.AddWaiting(-1);
                if (waiting > node.Options.MaxWaiting)
                {
                    await WriteAsync(context, decisions.Busy("waiting"));
                    return;
                }
                if (!item.Answered.IsCompleted)
                    return;
            }
            var answer = decisions.Answer(MediaRequest.Of(context.Request), item, item.Body!, verdict);
            isPassed = item.Head!.IsPassed && answer.Body is not null && !HttpMethods.IsHead(context.Request.Method);
            if (isPassed)
                AnswerHead.Write(context.Response, answer);
            else
                await WriteAsync(context, answer);
        }
        finally
        {
            if (item is not null)
                node.Cache.Leave(item);
            if (watched is not null)
                node.Directories.Leave(watched);
        }
        if (isPassed && !await node.Passage.TrySendAsync(context, key, loop))
            await WriteAsync(context, decisions.Busy("passing"));
    }

    private static async Task WriteAsync(HttpContext context, MediaAnswer answer)
    {
        AnswerHead.Write(context.Response, answer);
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        if (answer.Body is RelayBody body)
            await SendAsync(context, body, answer.From, answer.To);
        else if (answer.HasBody)
            await context.Response.BodyWriter.WriteAsync(answer.Pieces[0]);
    }

    private static async Task SendAsync(HttpContext context, RelayBody body, long from, long to)
    {
        var writer = context.Response.BodyWriter;
        var unflushed = 0;
        while (from < to && !context.RequestAborted.IsCancellationRequested)
        {
            // Looked at first: what it says about bytes that are not there yet would be out of date afterwards.
            var (isComplete, isFailed) = (body.IsComplete, body.IsFailed);
            var piece = body.At(from, Math.Min(to, from + RelayMemory.BlockBytes));
            if (!piece.IsEmpty)
            {
                writer.Write(piece.Span);
                from += piece.Length;
                unflushed += piece.Length;
                if (unflushed < FlushBytes && from < to && body.Length > from)
                    continue;
                await writer.FlushAsync();
                RelayMetrics.Sent.Add(unflushed);
                unflushed = 0;
            }
            else if (isComplete)
            {
                return;
            }
            else if (isFailed)
            {
                // An ending that looks complete would be kept for ever.
                context.Abort();
                return;
            }
            else
            {
                await body.WaitBeyondAsync(from).WaitAsync(context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
