using System.Buffers;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Millrace.Core;
using Millrace.Delivery.Previews;
using Millrace.Hls;
using Millrace.Media;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// The media paths of HTTP: <c>/live/{channel}/…</c> and <c>/b/{broadcast}/…</c>. Stands in front of routing and answers every
/// status itself, CORS included.
/// </summary>
/// <remarks>
/// What is held is bounded: a playlist or part of the future waits at most three target durations; a body that is sent
/// refers to one part in memory or to one spool file at a time, however slowly it is read. Writes take no token: Kestrel
/// ends them when the connection goes, without an exception.
/// </remarks>
public sealed class MediaEndpoint
{
    internal const string Immutable = "public, max-age=31536000, immutable";
    // What is over does not change; but it can be taken down, so nobody keeps it for long without asking.
    private const string Final = "public, max-age=60";
    // Media never change under their name, so one validator does for all of them.
    internal const string MediaETag = "\"1\"";
    private const int FileReadBytes = 64 * 1024;

    private readonly OriginStore store;
    private readonly TimeProvider time;

    /// <summary>Over the store.</summary>
    public MediaEndpoint(OriginStore store, TimeProvider time)
    {
        this.store = store;
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

        // 3. The object.
        var broadcast = path.Channel.IsEmpty ? store.Find(path.Broadcast) : store.FindNewest(path.Channel);
        if (path.Object == MediaObject.None)
            return FailAsync(context, path.Object, StatusCodes.Status404NotFound, "There is no such media object.\n");
        if (path.Channel.IsEmpty && path.Broadcast.Length == BroadcastId.Length && store.Replays.Find(path.Broadcast.ToString()) is { } replay)
        {
            replay.Touch(time);
            if (broadcast is null)
                return ReplayAsync(context, replay);
        }
        return AnswerAsync(context, path, broadcast);
    }

    /// <summary>An ended broadcast that is on disk: it is opened first.</summary>
    private async Task ReplayAsync(HttpContext context, Replay replay)
    {
        var broadcast = await store.Replays.OpenAsync(replay.Id.Value);
        if (broadcast is null && store.Replays.Contains(replay.Id))
        {
            await FailAsync(context, MediaObject.None, StatusCodes.Status503ServiceUnavailable, "Too many replays are being watched, or the disk does not answer.\n");
            return;
        }
        await AnswerAgainAsync(context, broadcast);
    }

    // The path was parsed before; its pieces could not be kept over the wait.
    private Task AnswerAgainAsync(HttpContext context, OriginBroadcast? broadcast) =>
        MediaPath.TryParse(context.Request.Path.Value, out var path) ? AnswerAsync(context, path, broadcast) : Task.CompletedTask;

    private Task AnswerAsync(HttpContext context, in MediaPath path, OriginBroadcast? broadcast)
    {
        if (broadcast is null)
            return FailAsync(context, path.Object, StatusCodes.Status404NotFound, path.Channel.IsEmpty ? "There is no such broadcast, or no more.\n" : "Nothing is on air here.\n");
        broadcast.Touch();
        var rendition = path.Rendition.IsEmpty ? null : broadcast.Find(path.Rendition);
        if (rendition is null && !path.Rendition.IsEmpty)
            return FailAsync(context, path.Object, StatusCodes.Status404NotFound, "The broadcast has no such rendition.\n");

        // 4. The answer.
        switch (path.Object)
        {
            // What is on air now; DASH players read the end from the manifest they know, HLS players from the media playlists.
            case MediaObject.MultivariantPlaylist or MediaObject.DvrMultivariantPlaylist when !path.Channel.IsEmpty && broadcast.IsEnded:
                return FailAsync(context, path.Object, StatusCodes.Status404NotFound, "Nothing is on air here.\n");
            case MediaObject.DvrMultivariantPlaylist or MediaObject.DvrPlaylist when !broadcast.Playlists.HasDvr:
                return FailAsync(context, path.Object, StatusCodes.Status404NotFound, "This broadcast cannot be rewound.\n");
            case MediaObject.MultivariantPlaylist or MediaObject.DvrMultivariantPlaylist or MediaObject.Manifest:
                return WholeAsync(context, path.Object, broadcast, !path.Channel.IsEmpty);
            case MediaObject.Preview:
                return PreviewResponse.PictureAsync(context, broadcast, (int)path.Number, isFromChannel: !path.Channel.IsEmpty);
            case MediaObject.SpriteIndex:
                return PreviewResponse.IndexAsync(context, broadcast);
            case MediaObject.SpriteSheet:
                return PreviewResponse.SheetAsync(context, broadcast, path.Number, path.Part);
            case MediaObject.MediaPlaylist or MediaObject.DvrPlaylist:
                return MediaPlaylistAsync(context, path.Object, broadcast, rendition!);
            case MediaObject.Init:
                return InitAsync(context, broadcast, rendition!, (int)path.Number);
            case MediaObject.Segment:
                return SegmentAsync(context, broadcast, rendition!, path.Number);
            default:
                return PartAsync(context, broadcast, rendition!, path.Number, path.Part);
        }
    }

    /// <summary>
    /// The multivariant playlist or the manifest. Held until there is something to play: a broadcast is known to be on air a
    /// part's duration before.
    /// </summary>
    private async Task WholeAsync(HttpContext context, MediaObject kind, OriginBroadcast broadcast, bool isFromChannel)
    {
        if (Text() is not { } text)
        {
            using var limit = Limit(context, broadcast.Timeline.Contract.TargetDuration);
            DeliveryMetrics.AddHeld(1);
            await broadcast.Timeline.WaitForMediaAsync(limit.Token);
            DeliveryMetrics.AddHeld(-1);
            text = Text();
        }
        await TextAsync(context, kind, text, broadcast.IsEnded && !isFromChannel ? Final : kind == MediaObject.Manifest ? "no-cache" : "public, max-age=1");

        EncodedText? Text() => kind == MediaObject.Manifest
            ? broadcast.Playlists.Manifest(isFromChannel)
            : broadcast.Playlists.Multivariant(isFromChannel, kind == MediaObject.DvrMultivariantPlaylist);
    }

    private async Task MediaPlaylistAsync(HttpContext context, MediaObject kind, OriginBroadcast broadcast, RenditionMedia rendition)
    {
        var query = context.Request.QueryString.Value;
        if (!HlsDirectives.TryParse(query is { Length: > 1 } ? query.AsSpan(1) : default, out var directives, out var fault))
        {
            await FailAsync(context, kind, StatusCodes.Status400BadRequest, fault + "\n");
            return;
        }

        var targetDuration = broadcast.Timeline.Contract.TargetDuration;
        // Polled: half a target duration collapses a crowd without making anyone late. Blocking: the answer to that very
        // question never gets better, so caches may keep it until nobody asks any more (draft-pantos-hls-rfc8216bis, Appendix B).
        var freshness = string.Create(CultureInfo.InvariantCulture, $"public, max-age={Math.Max(1, targetDuration / 2)}");
        if (directives.Segment is null)
            await WaitForFirstSegmentAsync(context, broadcast, rendition);
        if (directives.Segment is { } segment)
        {
            using var limit = Limit(context, targetDuration);
            DeliveryMetrics.AddHeld(1);
            var wait = await broadcast.Timeline.WaitForPlaylistAsync(rendition.Name, segment, directives.Part, limit.Token);
            DeliveryMetrics.AddHeld(-1);
            switch (wait)
            {
                case TimelineWait.Available or TimelineWait.Ended:
                    freshness = string.Create(CultureInfo.InvariantCulture, $"public, max-age={6 * targetDuration}");
                    break;
                case TimelineWait.TooFarInTheFuture:
                    await FailAsync(context, kind, StatusCodes.Status400BadRequest, "_HLS_msn or _HLS_part is too far in the future.\n");
                    return;
                case TimelineWait.Cancelled when context.RequestAborted.IsCancellationRequested:
                    return;
                case TimelineWait.Cancelled when broadcast.Timeline.Read().IsSuspended:
                    // The publisher may come back: a player that got an error now would give up.
                    freshness = "no-cache";
                    break;
                case TimelineWait.Cancelled:
                    await FailAsync(context, kind, StatusCodes.Status503ServiceUnavailable, "The playlist did not get there in time.\n");
                    return;
                default:
                    await FailAsync(context, kind, StatusCodes.Status404NotFound, "The broadcast has no such rendition.\n");
                    return;
            }
        }
        if (broadcast.IsEnded)
            freshness = Final;
        await TextAsync(context, kind, broadcast.Playlists.Media(rendition, kind == MediaObject.DvrPlaylist, directives.Skip), freshness);
    }

    /// <summary>
    /// Holds a first look at a playlist until it has a segment: hls.js takes one with nothing but parts for an error, and
    /// asks again a second later. Whatever ends the wait, the playlist is answered as it is.
    /// </summary>
    private async ValueTask WaitForFirstSegmentAsync(HttpContext context, OriginBroadcast broadcast, RenditionMedia rendition)
    {
        using var limit = Limit(context, broadcast.Timeline.Contract.TargetDuration);
        // A derived rendition that has not begun passes segments by without listing them: the next one is waited for.
        while (broadcast.Timeline.Read(rendition.Name) is { IsEnded: false, IsSuspended: false, Segments.Count: 0 } young)
        {
            DeliveryMetrics.AddHeld(1);
            var wait = await broadcast.Timeline.WaitForPlaylistAsync(rendition.Name, young.NextSegment, null, limit.Token);
            DeliveryMetrics.AddHeld(-1);
            if (wait != TimelineWait.Available)
                return;
        }
    }

    private static async Task InitAsync(HttpContext context, OriginBroadcast broadcast, RenditionMedia rendition, int number)
    {
        if (broadcast.Init(rendition.Name, number) is not { } init)
        {
            await FailAsync(context, MediaObject.Init, StatusCodes.Status404NotFound, "There is no such init segment.\n");
            return;
        }
        if (!BeginMedia(context, broadcast, rendition, init.Length, out var range, MediaObject.Init))
            return;
        await context.Response.BodyWriter.WriteAsync(init[range.From..range.To]);
        DeliveryMetrics.SentBytes.Add(range.To - range.From);
    }

    private async Task PartAsync(HttpContext context, OriginBroadcast broadcast, RenditionMedia rendition, long number, int part)
    {
        if (!rendition.TryFindPart(number, part, out var segment, out var from, out var to))
        {
            // The hinted part: it is answered when it comes (§6.2.6).
            if (!await WaitForPartAsync(context, broadcast, rendition, number, part, MediaObject.Part))
                return;
            if (!rendition.TryFindPart(number, part, out segment, out from, out to))
            {
                await FailAsync(context, MediaObject.Part, StatusCodes.Status404NotFound, "That part is gone.\n");
                return;
            }
        }
        if (BeginMedia(context, broadcast, rendition, to - from, out var range, MediaObject.Part))
            await SendAsync(context, rendition, segment, from + range.From, from + range.To);
    }

    private async Task SegmentAsync(HttpContext context, OriginBroadcast broadcast, RenditionMedia rendition, long number)
    {
        if (!rendition.TryFind(number, out var segment, out var length, out var isComplete))
        {
            // The next one: its first part makes it the running one.
            if (!await WaitForPartAsync(context, broadcast, rendition, number, 0, MediaObject.Segment))
                return;
            if (!rendition.TryFind(number, out segment, out length, out isComplete))
            {
                await FailAsync(context, MediaObject.Segment, StatusCodes.Status404NotFound, "That segment is gone.\n");
                return;
            }
        }
        if (!isComplete)
            await RunningSegmentAsync(context, broadcast, rendition, segment);
        else if (BeginMedia(context, broadcast, rendition, length, out var range, MediaObject.Segment))
            await SendAsync(context, rendition, segment, range.From, range.To);
    }

    /// <summary>
    /// The running segment: what there is of it, then each part as it comes, in one response of unknown length
    /// (DASH-IF, low-latency modes: availabilityTimeComplete=false). A cache may keep it when it ends properly.
    /// </summary>
    private async Task RunningSegmentAsync(HttpContext context, OriginBroadcast broadcast, RenditionMedia rendition, StoredSegment segment)
    {
        var response = context.Response;
        response.ContentType = ContentTypeOf(broadcast, rendition);
        response.Headers.CacheControl = Immutable;
        response.Headers.ETag = MediaETag;
        Count(MediaObject.Segment, StatusCodes.Status200OK);
        if (HttpMethods.IsHead(context.Request.Method))
            return;
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
                if (!await SendAsync(context, rendition, segment, sent, length))
                    return;
                sent = length;
                continue;
            }
            if (isComplete)
                return;
            using var limit = Limit(context, broadcast.Timeline.Contract.TargetDuration);
            var next = rendition.PartsOf(segment);
            DeliveryMetrics.AddHeld(1);
            var wait = await broadcast.Timeline.WaitForPartAsync(rendition.Name, segment.Number, next, limit.Token);
            DeliveryMetrics.AddHeld(-1);
            if (wait == TimelineWait.Cancelled && (context.RequestAborted.IsCancellationRequested || !broadcast.Timeline.Read().IsSuspended))
            {
                // An ending that looks complete would be cached for ever.
                context.Abort();
                return;
            }
        }
    }

    /// <summary>Waits for a part of the future; false when the request has been answered because it does not come.</summary>
    private async Task<bool> WaitForPartAsync(
        HttpContext context, OriginBroadcast broadcast, RenditionMedia rendition, long number, int part, MediaObject kind)
    {
        using var limit = Limit(context, broadcast.Timeline.Contract.TargetDuration);
        DeliveryMetrics.AddHeld(1);
        var wait = await broadcast.Timeline.WaitForPartAsync(rendition.Name, number, part, limit.Token);
        DeliveryMetrics.AddHeld(-1);
        switch (wait)
        {
            case TimelineWait.Available:
                return true;
            case TimelineWait.Cancelled when context.RequestAborted.IsCancellationRequested:
                return false;
            case TimelineWait.Cancelled:
                await FailAsync(context, kind, StatusCodes.Status503ServiceUnavailable, "It did not come in time.\n");
                return false;
            default:
                await FailAsync(context, kind, StatusCodes.Status404NotFound, "There is no such media object, or no more.\n");
                return false;
        }
    }

    /// <summary>Cancelled after three target durations (§6.2.5.2), or when the client leaves.</summary>
    private LinkedLimit Limit(HttpContext context, int targetDuration) =>
        new(TimeSpan.FromSeconds(3 * targetDuration), time, context.RequestAborted);

    /// <summary>
    /// The head of a media object's response, with conditions and range. False when that is all of it.
    /// </summary>
    private static bool BeginMedia(
        HttpContext context, OriginBroadcast broadcast, RenditionMedia rendition, int length, out ByteRange range, MediaObject kind)
    {
        var request = context.Request.Headers;
        var response = context.Response;
        range = new ByteRange(0, length);
        response.Headers.CacheControl = Immutable;
        response.Headers.ETag = MediaETag;
        response.Headers.AcceptRanges = "bytes";
        if (EntityTag.Matches(request.IfNoneMatch.ToString(), MediaETag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            Count(kind, StatusCodes.Status304NotModified);
            return false;
        }
        // If-Range: the client holds a piece of another version, so it gets the whole of this one (RFC 9110 §13.1.5).
        var isRange = request.Range.Count > 0 && (request.IfRange.Count == 0 || request.IfRange.ToString() == MediaETag);
        switch (isRange ? ByteRange.Parse(request.Range.ToString(), length, out range) : ByteRange.Kind.Ignored)
        {
            case ByteRange.Kind.Unsatisfiable:
                response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{length}");
                // It answers this request's range; the name stands for the media.
                response.Headers.CacheControl = "no-store";
                response.ContentLength = 0;
                Count(kind, response.StatusCode);
                return false;
            case ByteRange.Kind.Satisfiable:
                response.StatusCode = StatusCodes.Status206PartialContent;
                response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {range.From}-{range.To - 1}/{length}");
                break;
        }
        response.ContentType = ContentTypeOf(broadcast, rendition);
        response.ContentLength = range.To - range.From;
        Count(kind, response.StatusCode);
        return !HttpMethods.IsHead(context.Request.Method);
    }

    private static string ContentTypeOf(OriginBroadcast broadcast, RenditionMedia rendition) =>
        broadcast.Timeline.Read(rendition.Name)?.Format.Kind == MediaKind.Audio ? "audio/mp4" : "video/mp4";

    /// <summary>
    /// Sends a run of a segment's bytes, piece by piece, holding one piece at a time. False when the segment went away
    /// meanwhile: the reader was slower than the window, and the connection has been cut.
    /// </summary>
    private static async Task<bool> SendAsync(HttpContext context, RenditionMedia rendition, StoredSegment segment, int from, int to)
    {
        while (from < to)
        {
            if (rendition.Open(segment, from, to) is not { } piece)
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

    /// <summary>A playlist, manifest or index; null is none yet.</summary>
    internal static async Task TextAsync(HttpContext context, MediaObject kind, EncodedText? text, string cacheControl)
    {
        if (text is null)
        {
            await FailAsync(context, kind, StatusCodes.Status404NotFound, "There is nothing to play yet.\n");
            return;
        }
        var response = context.Response;
        var coding = AcceptEncoding.Choose(
            context.Request.Headers.AcceptEncoding.ToString(), text.IsPrepared ? ContentCoding.Gzip : ContentCoding.Brotli);
        var tag = text.ETag(coding);
        response.Headers.CacheControl = cacheControl;
        response.Headers.ETag = tag;
        response.Headers.Vary = "Accept-Encoding";
        if (EntityTag.Matches(context.Request.Headers.IfNoneMatch.ToString(), tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            Count(kind, StatusCodes.Status304NotModified);
            return;
        }
        var pieces = text.Pieces(coding);
        var length = 0L;
        foreach (var piece in pieces)
            length += piece.Length;
        response.ContentType = kind switch
        {
            MediaObject.Manifest => "application/dash+xml",
            MediaObject.SpriteIndex => "text/vtt; charset=utf-8",
            _ => "application/vnd.apple.mpegurl",
        };
        response.ContentLength = length;
        if (coding != ContentCoding.Identity)
            response.Headers.ContentEncoding = coding == ContentCoding.Gzip ? "gzip" : "br";
        Count(kind, StatusCodes.Status200OK);
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        foreach (var piece in pieces)
            await response.BodyWriter.WriteAsync(piece);
        DeliveryMetrics.SentBytes.Add(length);
    }

    internal static async Task FailAsync(HttpContext context, MediaObject kind, int status, string text)
    {
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        // What is missing now may exist in a moment.
        response.Headers.CacheControl = "no-store";
        response.ContentLength = text.Length;
        Count(kind, status);
        if (!HttpMethods.IsHead(context.Request.Method))
            await response.WriteAsync(text);
    }

    internal static void Count(MediaObject kind, int status) =>
        DeliveryMetrics.Responses.Add(1, new("kind", KindNames[(int)kind]), new("status", status));

    private static readonly string[] KindNames =
        ["none", "multivariant", "manifest", "playlist", "dvr", "dvr_multivariant", "init", "segment", "part", "preview", "sprite_index", "sprite_sheet"];
}
