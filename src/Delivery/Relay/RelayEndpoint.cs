using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Millrace.Delivery.Steering;
using Millrace.Hls;

namespace Millrace.Delivery.Relay;

/// <summary>
/// The relay's side of HTTP: the same media paths as on the origin, and what the watch page asks of the API. Of a request
/// only the path, the delivery directives and the kind of content coding reach the cache; nothing else of it reaches a parent.
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

    /// <summary>Over a relay.</summary>
    /// <param name="node">The relay.</param>
    /// <param name="hint">Where viewers are that ask what they should play from; null: as they say.</param>
    public RelayEndpoint(RelayNode node, RegionHint? hint = null)
    {
        this.node = node;
        this.hint = hint ?? new RegionHint(new PlaybackOptions());
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

        // 2. Methods, names, loops, directives: all of this is settled here and troubles no parent.
        var request = context.Request;
        if (HttpMethods.IsOptions(request.Method))
            return OpenHeaders.Preflight(context.Response);
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            context.Response.Headers.Allow = "GET, HEAD, OPTIONS";
            return RefuseAsync(context, StatusCodes.Status405MethodNotAllowed, "method", "A relay can be read (GET, HEAD), nothing else.\n");
        }
        if (!RelayPath.IsWellFormed(path))
            return RefuseAsync(context, StatusCodes.Status404NotFound, "name", "There is no such object.\n");
        // As large as the broadcast and named by its query: nothing to keep, and nothing to collapse.
        if (path.EndsWith("/download.mp4", StringComparison.Ordinal))
            return RefuseAsync(context, StatusCodes.Status404NotFound, "download", "A relay has no downloads: ask the origin.\n");
        var loop = request.Headers["CDN-Loop"].ToString();
        if (node.Loops.IsLoop(loop))
            return RefuseAsync(context, StatusCodes.Status508LoopDetected, "loop", "The request came through this relay before.\n");
        var coding = RelayPath.IsText(path) ? AcceptEncoding.Choose(request.Headers.AcceptEncoding.ToString()) : ContentCoding.Identity;
        var key = RelayKey.Of(path, coding);
        if (RelayPath.IsPlaylist(path))
        {
            var query = request.QueryString.Value;
            if (!HlsDirectives.TryParse(query is { Length: > 1 } ? query.AsSpan(1) : default, out var directives, out var fault))
                return RefuseAsync(context, StatusCodes.Status400BadRequest, "directives", fault + "\n");
            key = RelayKey.Of(path, directives, coding);
        }
        else if (RelayPath.IsByViewer(path))
        {
            // The node that the viewer asked knows best who that is: tiers above find its name there already.
            var said = hint.Read(context);
            if (said.Base is null && CacheStatus.IsName(node.Options.Name))
                said = said with { Base = node.Options.Name };
            key = RelayKey.Of(path + said.Canonical(), coding);
        }
        else
        {
            node.Directories.NoteMedia(path);
        }

        // 3. The answer.
        return AnswerAsync(context, key, loop.Length == 0 ? null : loop);
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
                await BusyAsync(context, "upstream");
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
                    await BusyAsync(context, "waiting");
                    return;
                }
                if (!item.Answered.IsCompleted)
                    return;
            }
            if (Begin(context, item.Head!, item.Body!, verdict, out var from, out var to))
            {
                isPassed = item.Head!.IsPassed;
                if (!isPassed)
                    await SendAsync(context, item.Body!, from, to);
            }
        }
        finally
        {
            if (item is not null)
                node.Cache.Leave(item);
            watched?.Leave();
        }
        if (isPassed && !await node.Passage.TrySendAsync(context, key, loop))
            await BusyAsync(context, "passing");
    }

    /// <summary>The head, with conditions (RFC 9110 §13) and range (§14). False when that is all.</summary>
    private bool Begin(HttpContext context, RelayHead head, RelayBody body, RelayVerdict verdict, out long from, out long to)
    {
        var request = context.Request.Headers;
        var response = context.Response;
        var headers = response.Headers;
        from = 0;
        to = body.IsComplete && !head.IsPassed ? body.Length : head.Length ?? long.MaxValue;
        response.StatusCode = head.Status;
        headers.CacheControl = head.CacheControl;
        headers.ETag = head.ETag;
        headers.LastModified = head.LastModified;
        headers.Vary = head.Vary;
        headers.RetryAfter = head.RetryAfter;
        if (head.Date is not null)
            headers.Date = head.Date;
        headers["Cache-Status"] = node.Status.Of(head, verdict, node.Time);
        if (head.StaleUntil is not null)
            headers.Warning = "110 - \"Response is Stale\"";
        // Without an Age the answer counts as the origin's own, made for this request (RFC 9111 §5.1).
        if (verdict == RelayVerdict.Hit || head.StaleUntil is not null || head.InitialAge > TimeSpan.Zero)
            headers.Age = ((long)head.Age(node.Time).TotalSeconds).ToString(CultureInfo.InvariantCulture);
        if (head.Status == StatusCodes.Status200OK)
        {
            if (IsNotModified(request, head))
            {
                response.StatusCode = StatusCodes.Status304NotModified;
                return false;
            }
            // A range needs a length. While it is not known, the whole object goes out (§14.2 allows that).
            if (to != long.MaxValue)
            {
                headers.AcceptRanges = "bytes";
                if (!head.IsPassed && !TryRange(response, request, head, ref from, ref to))
                    return false;
            }
        }
        headers.ContentType = head.ContentType;
        headers.ContentEncoding = head.ContentEncoding;
        headers.ContentDisposition = head.ContentDisposition;
        if (to != long.MaxValue)
            response.ContentLength = to - from;
        return !HttpMethods.IsHead(context.Request.Method);
    }

    private static bool IsNotModified(IHeaderDictionary request, RelayHead head)
    {
        if (request.IfNoneMatch.Count > 0)
            return head.ETag is not null && EntityTag.Matches(request.IfNoneMatch.ToString(), head.ETag);
        return request.IfModifiedSince.Count > 0 && head.LastModified is not null
            && DateTimeOffset.TryParseExact(request.IfModifiedSince.ToString(), "R", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var since)
            && DateTimeOffset.TryParseExact(head.LastModified, "R", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var modified)
            && modified <= since;
    }

    /// <summary>False when the range lies beyond the object and 416 is the answer.</summary>
    private static bool TryRange(HttpResponse response, IHeaderDictionary request, RelayHead head, ref long from, ref long to)
    {
        // If-Range: the client holds a piece of another version, so it gets the whole of this one (§13.1.5).
        if (request.Range.Count == 0 || (request.IfRange.Count > 0 && (head.ETag is null || request.IfRange.ToString() != head.ETag)))
            return true;
        var length = to;
        switch (ByteRange.Parse(request.Range.ToString(), (int)length, out var range))
        {
            case ByteRange.Kind.Satisfiable:
                (from, to) = (range.From, range.To);
                response.StatusCode = StatusCodes.Status206PartialContent;
                response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to - 1}/{length}");
                return true;
            case ByteRange.Kind.Unsatisfiable:
                response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{length}");
                response.Headers.CacheControl = "no-store";
                response.ContentLength = 0;
                return false;
            default:
                return true;
        }
    }

    private static async Task SendAsync(HttpContext context, RelayBody body, long from, long to)
    {
        var writer = context.Response.BodyWriter;
        var unflushed = 0;
        while (from < to && !context.RequestAborted.IsCancellationRequested)
        {
            var piece = body.At(from, to);
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
            else if (body.IsComplete)
            {
                return;
            }
            else if (body.IsFailed)
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

    private Task BusyAsync(HttpContext context, string reason)
    {
        context.Response.Headers.RetryAfter = "1";
        return RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, reason, "Too much is under way here.\n");
    }

    private Task RefuseAsync(HttpContext context, int status, string reason, string text)
    {
        RelayMetrics.CountRefused(reason);
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        response.Headers.CacheControl = "no-store";
        response.Headers["Cache-Status"] = node.Status.OfRefusal(reason);
        response.ContentLength = Encoding.UTF8.GetByteCount(text);
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.WriteAsync(text);
    }
}
