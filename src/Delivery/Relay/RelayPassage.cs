using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery.Relay;

/// <summary>
/// Hands on what is larger than <see cref="RelayOptions.MaxObjectBytes"/>: for each viewer by a request of its own, with the
/// viewer's range, through one buffer. Nothing of it is kept or shared, and it goes no faster than the viewer reads.
/// </summary>
internal sealed class RelayPassage
{
    /// <summary>Most at a time: each holds a connection to a parent and a buffer.</summary>
    public const int MaxAtATime = 256;

    private const int BufferBytes = 64 * 1024;

    private readonly Upstream upstream;
    private readonly LoopGuard loops;
    private readonly RelayOptions options;
    private int passing;

    public RelayPassage(Upstream upstream, LoopGuard loops, RelayOptions options)
    {
        this.upstream = upstream;
        this.loops = loops;
        this.options = options;
    }

    /// <summary>Sends the body behind a head that is written, changed where the viewer's range asks for it. False, and nothing is done, when too much is passed already.</summary>
    public async Task<bool> TrySendAsync(HttpContext context, RelayKey key, string? loop)
    {
        try
        {
            if (Interlocked.Increment(ref passing) > MaxAtATime)
                return false;
            await SendAsync(context, key, loop);
            return true;
        }
        finally
        {
            Interlocked.Decrement(ref passing);
        }
    }

    private async Task SendAsync(HttpContext context, RelayKey key, string? loop)
    {
        var (sent, response) = (context.Request.Headers, context.Response);
        var request = new UpstreamRequest(key.Target(), key.Path, key.Coding, null, loops.Append(loop), options.HedgePatience, MayBeHeld: false, options.AnswerTimeout, TimeSpan.Zero,
            sent.Range.Count > 0 ? sent.Range.ToString() : null, sent.IfRange.Count > 0 ? sent.IfRange.ToString() : null);
        using var attempt = await upstream.SendAsync(request, context.RequestAborted);
        var status = attempt is null ? StatusCodes.Status504GatewayTimeout : (int)attempt.Answer!.StatusCode;
        response.StatusCode = status;
        if (status is not (StatusCodes.Status200OK or StatusCodes.Status206PartialContent))
        {
            // Another word than the one that is kept: of this moment, for this viewer.
            response.Headers.CacheControl = "no-store";
            response.Headers.ETag = default;
            response.Headers.ContentType = default;
            response.ContentLength = 0;
            response.Headers.RetryAfter = attempt?.Answer!.Headers.RetryAfter?.ToString();
            response.Headers.ContentRange = attempt?.Answer!.Content.Headers.ContentRange?.ToString();
            return;
        }
        var content = attempt!.Answer!.Content;
        response.ContentLength = content.Headers.ContentLength;
        response.Headers.ContentRange = content.Headers.ContentRange?.ToString();
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            await using var body = await content.ReadAsStreamAsync(attempt.Token);
            while (!context.RequestAborted.IsCancellationRequested)
            {
                attempt.Extend(options.AnswerTimeout);
                var read = await body.ReadAsync(buffer, attempt.Token);
                if (read == 0)
                    return;
                // The viewer may take its time; Kestrel ends those that take too much.
                attempt.Extend(Timeout.InfiniteTimeSpan);
                RelayMetrics.Received.Add(read);
                await response.BodyWriter.WriteAsync(buffer.AsMemory(0, read));
                RelayMetrics.Sent.Add(read);
            }
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException or OperationCanceledException)
        {
            if (!context.RequestAborted.IsCancellationRequested && !attempt.IsParentDown)
                upstream.Failed(attempt.Parent, fault);
            // Not to be taken for whole.
            context.Abort();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
