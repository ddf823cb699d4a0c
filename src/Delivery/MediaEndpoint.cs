using System.Buffers;
using Microsoft.AspNetCore.Http;
using Millrace.Delivery.Downloads;
using Millrace.Delivery.Previews;
using Millrace.Delivery.Steering;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// The media paths of HTTP over Kestrel: <c>/live/{channel}/…</c> and <c>/b/{broadcast}/…</c>. Stands in front of routing and
/// answers every status itself, CORS included. What is answered is decided in <see cref="MediaDecisions"/>; here it is
/// waited for and written.
/// </summary>
/// <remarks>
/// What is held is bounded: a playlist or part of the future waits at most three target durations; a body that is sent
/// refers to one part in memory or to one spool file at a time, however slowly it is read. Writes take no token: Kestrel
/// ends them when the connection goes, without an exception.
/// </remarks>
public sealed class MediaEndpoint
{
    private const int FileReadBytes = 64 * 1024;

    private readonly MediaDecisions decisions;
    private readonly DownloadResponse downloads;
    private readonly ReplayShelf replays;
    private readonly TimeProvider time;
    private readonly EdgeSet edges;
    private readonly RegionHint hint;

    /// <summary>Over the store.</summary>
    /// <param name="store">What there is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="hint">Where viewers are that ask for steering; null: as they say.</param>
    public MediaEndpoint(OriginStore store, TimeProvider time, RegionHint? hint = null)
    {
        edges = store.Edges;
        this.hint = hint ?? new RegionHint(edges.Options);
        decisions = new MediaDecisions(store, time);
        downloads = new DownloadResponse(store, time);
        replays = store.Replays;
        this.time = time;
    }

    /// <summary>Answers a request if its path is one of the media's; false leaves it to others, untouched.</summary>
    public bool TryInvoke(HttpContext context, out Task task)
    {
        task = Task.CompletedTask;
        if (!MediaPath.TryParse(context.Request.Path.Value, out var path))
            return false;
        task = Invoke(context, path);
        return true;
    }

    private Task Invoke(HttpContext context, in MediaPath path)
    {
        // 1. What every status carries.
        var response = context.Response;
        OpenHeaders.Write(response);

        // 2. Methods.
        var method = context.Request.Method;
        if (HttpMethods.IsOptions(method))
            return OpenHeaders.Preflight(response);
        if (!HttpMethods.IsGet(method) && !HttpMethods.IsHead(method))
        {
            response.Headers.Allow = "GET, HEAD, OPTIONS";
            return FailAsync(context, MediaObject.None, StatusCodes.Status405MethodNotAllowed, "Media can be fetched (GET, HEAD), nothing else.\n");
        }

        // 3. The broadcast; one that is over may have to be opened first.
        var broadcast = decisions.Find(path, out var closed);
        return closed is null ? AnswerAsync(context, path, broadcast) : ReplayAsync(context, closed);
    }

    private async Task ReplayAsync(HttpContext context, Replay replay)
    {
        var broadcast = await replays.OpenAsync(replay.Id.Value);
        if (broadcast is null && replays.Contains(replay.Id))
        {
            await WriteAsync(context, MediaDecisions.NotToBeHad(MediaObject.None, "Too many replays are being watched, or the storage does not answer.\n"));
            return;
        }
        await AnswerAgainAsync(context, broadcast);
    }

    // The path was parsed before; its pieces could not be kept over the wait.
    private Task AnswerAgainAsync(HttpContext context, OriginBroadcast? broadcast) =>
        MediaPath.TryParse(context.Request.Path.Value, out var path) ? AnswerAsync(context, path, broadcast) : Task.CompletedTask;

    // Pictures and files are asked for seldom; all else is decided for both ways out.
    private Task AnswerAsync(HttpContext context, in MediaPath path, OriginBroadcast? broadcast)
    {
        broadcast?.Touch();
        return path.Object switch
        {
            MediaObject.Preview when broadcast is not null =>
                PreviewResponse.PictureAsync(context, broadcast, (int)path.Number, isFromChannel: !path.Channel.IsEmpty),
            MediaObject.SpriteIndex when broadcast is not null => PreviewResponse.IndexAsync(context, broadcast),
            MediaObject.SpriteSheet when broadcast is not null => PreviewResponse.SheetAsync(context, broadcast, path.Number, path.Part),
            MediaObject.Download when broadcast is not null => downloads.AnswerAsync(context, broadcast),
            _ when path.IsSteering && broadcast is not null => SteeringResponse.WriteAsync(context, path.Object, broadcast, edges, hint),
            _ => MediaDecisions.TryAnswer(MediaRequest.Of(context.Request), path, broadcast, out var answer, out var hold)
                ? AnswerAsync(context, answer) : HoldAsync(context, hold),
        };
    }

    /// <summary>A refusal in words.</summary>
    internal static Task FailAsync(HttpContext context, MediaObject kind, int status, string text) =>
        WriteAsync(context, MediaDecisions.Fail(kind, status, text));

    /// <summary>A refusal of what the storage does not hand out.</summary>
    internal static Task NotToBeHadAsync(HttpContext context, MediaObject kind) => WriteAsync(context, MediaDecisions.NotToBeHad(kind));

    /// <summary>A playlist, manifest or index; null is none yet.</summary>
    internal static Task TextAsync(HttpContext context, MediaObject kind, EncodedText? text, string cacheControl) =>
        WriteAsync(context, MediaDecisions.Text(MediaRequest.Of(context.Request), kind, text, cacheControl));

    private async Task HoldAsync(HttpContext context, MediaHold hold)
    {
        TimelineWait wait;
        // Cancelled when it takes too long, or when the client leaves.
        using (var limit = new LinkedLimit(hold.Limit, time, context.RequestAborted))
            wait = await hold.WaitCountedAsync(limit.Token);
        if (!context.RequestAborted.IsCancellationRequested)
            await AnswerAsync(context, MediaDecisions.After(MediaRequest.Of(context.Request), hold, wait));
    }

    private Task AnswerAsync(HttpContext context, in MediaAnswer answer) =>
        answer.IsRunning ? RunningAsync(context, answer) : WriteAsync(context, answer);

    private async Task RunningAsync(HttpContext context, MediaAnswer answer)
    {
        WriteHead(context.Response, answer);
        if (!HttpMethods.IsHead(context.Request.Method))
            await SendRunningAsync(context, answer.Segment!);
    }

    private static async Task WriteAsync(HttpContext context, MediaAnswer answer)
    {
        if (answer is { Segment: { } segment, HasBody: true } && !HttpMethods.IsHead(context.Request.Method))
        {
            // Before anything is promised: the archive may not hand it out.
            if (await segment.Rendition.OpenAsync(segment, answer.From, answer.To) is not { } first)
            {
                await WriteAsync(context, MediaDecisions.NotOpened(answer.Kind, segment));
                return;
            }
            WriteHead(context.Response, answer);
            await SendAsync(context, segment, answer.From, answer.To, first);
            return;
        }
        WriteHead(context.Response, answer);
        if (!answer.HasBody || HttpMethods.IsHead(context.Request.Method))
            return;
        foreach (var piece in answer.Pieces)
            await context.Response.BodyWriter.WriteAsync(piece);
        DeliveryMetrics.SentBytes.Add(answer.ContentLength ?? 0);
    }

    private static void WriteHead(HttpResponse response, in MediaAnswer answer)
    {
        AnswerHead.Write(response, answer);
        DeliveryMetrics.CountResponse(answer.Kind, answer.Status);
    }

    /// <summary>What there is of the segment, then each part as it comes.</summary>
    private async Task SendRunningAsync(HttpContext context, StoredSegment segment)
    {
        var rendition = segment.Rendition;
        var broadcast = rendition.Broadcast;
        var sent = 0;
        while (true)
        {
            if (!rendition.TryFind(segment.Number, out _, out var length, out var isComplete))
            {
                context.Abort();
                return;
            }
            if (length > sent)
            {
                if (!await SendAsync(context, segment, sent, length))
                    return;
                sent = length;
                continue;
            }
            if (isComplete)
                return;
            var next = new MediaHold(MediaObject.Segment, broadcast, rendition, segment.Number, rendition.PartsOf(segment));
            using var limit = new LinkedLimit(next.Limit, time, context.RequestAborted);
            var wait = await next.WaitCountedAsync(limit.Token);
            if (wait == TimelineWait.Cancelled && (context.RequestAborted.IsCancellationRequested || !broadcast.Timeline.Read().IsSuspended))
            {
                // An ending that looks complete would be cached for ever.
                context.Abort();
                return;
            }
        }
    }

    /// <summary>
    /// Sends a run of a segment's bytes, piece by piece, holding one piece at a time. False when the segment went away
    /// meanwhile: the reader was slower than the window, and the connection has been cut.
    /// </summary>
    private static async Task<bool> SendAsync(HttpContext context, StoredSegment segment, int from, int to, SegmentBytes? opened = null)
    {
        while (from < to)
        {
            var next = opened ?? await segment.Rendition.OpenAsync(segment, from, to);
            opened = null;
            if (next is not { } piece)
            {
                context.Abort();
                return false;
            }
            using (piece)
            {
                if (piece.File is null)
                    await SendMemoryAsync(context, piece);
                else
                    await SendFileAsync(context, piece);
            }
            if (context.RequestAborted.IsCancellationRequested)
                return false;
            from += piece.Length;
            DeliveryMetrics.SentBytes.Add(piece.Length);
        }
        return true;
    }

    private static async ValueTask SendMemoryAsync(HttpContext context, SegmentBytes piece)
    {
        var writer = context.Response.BodyWriter;
        foreach (var slice in piece.Slices)
            writer.Write(slice.Span);
        await writer.FlushAsync();
    }

    private static async ValueTask SendFileAsync(HttpContext context, SegmentBytes piece)
    {
        var writer = context.Response.BodyWriter;
        for (var done = 0; done < piece.Length && !context.RequestAborted.IsCancellationRequested;)
        {
            var space = writer.GetMemory(FileReadBytes);
            var wanted = Math.Min(space.Length, piece.Length - done);
            // Asynchronous: a disk that has to turn for it holds up no thread that serves others.
            var read = await RandomAccess.ReadAsync(piece.File!, space[..wanted], piece.FileOffset + done);
            if (read == 0)
                throw new EndOfStreamException("A spool file is shorter than what was written to it.");
            writer.Advance(read);
            done += read;
            await writer.FlushAsync();
        }
    }
}
