using System.Globalization;
using Microsoft.AspNetCore.Http;
using Millrace.Cmaf;
using Millrace.Timeline;

namespace Millrace.Delivery.Downloads;

/// <summary>
/// <c>/b/{broadcast}/download.mp4</c>: a broadcast or a range of it as one file. What every status carries is
/// <see cref="MediaEndpoint"/>'s.
/// </summary>
/// <remarks>
/// A request holds its plan, one piece of a segment and what Kestrel buffers (64 KB), however slowly it is read; so many at a
/// time as <see cref="DeliveryOptions.MaxDownloads"/> says.
/// </remarks>
internal sealed class DownloadResponse
{
    private const MediaObject Kind = MediaObject.Download;
    private const int CopyBytes = 64 * 1024;

    private readonly OriginStore store;
    private readonly TimeProvider time;
    private int running;

    public DownloadResponse(OriginStore store, TimeProvider time)
    {
        this.store = store;
        this.time = time;
    }

    /// <summary>Answers a request for a broadcast's file.</summary>
    public async Task AnswerAsync(HttpContext context, OriginBroadcast broadcast)
    {
        var request = context.Request;
        var query = request.QueryString.Value;
        if (!DownloadQuery.TryParse(query is { Length: > 1 } ? query.AsSpan(1) : default, out var asked, out var said))
        {
            await MediaEndpoint.FailAsync(context, Kind, StatusCodes.Status400BadRequest, said + "\n");
            return;
        }
        if (Interlocked.Increment(ref running) > store.Options.MaxDownloads)
        {
            Interlocked.Decrement(ref running);
            context.Response.Headers.RetryAfter = "30";
            await MediaEndpoint.FailAsync(context, Kind, StatusCodes.Status503ServiceUnavailable, "Too many downloads run at the moment.\n");
            return;
        }
        DeliveryMetrics.AddDownloads(1);
        try
        {
            if (DownloadPlan.Make(broadcast, asked, out var fault, out var changesAt) is { } plan)
                await AnswerAsync(context, broadcast, asked, plan);
            else
                await RefuseAsync(context, fault, changesAt);
        }
        finally
        {
            Interlocked.Decrement(ref running);
            DeliveryMetrics.AddDownloads(-1);
        }
    }

    private async Task AnswerAsync(HttpContext context, OriginBroadcast broadcast, DownloadQuery asked, DownloadPlan plan)
    {
        var (request, response) = (context.Request, context.Response);
        // While it grows, "all of it" is another file each second; a range of it is not, and can be resumed.
        if (!broadcast.IsEnded && (asked.To is null || asked.From is null))
        {
            response.StatusCode = StatusCodes.Status307TemporaryRedirect;
            response.Headers.CacheControl = Freshness.NoStore;
            response.Headers.Location = string.Create(CultureInfo.InvariantCulture, $"download.mp4?from={asked.From ?? plan.From:0.###}&to={plan.To:0.###}")
                + (asked.Rendition is null ? "" : "&rendition=" + asked.Rendition);
            response.ContentLength = 0;
            DeliveryMetrics.CountResponse(Kind, response.StatusCode);
            return;
        }

        response.Headers.ETag = plan.ETag;
        response.Headers.AcceptRanges = "bytes";
        // Shared caches that leave queries out of their keys (ours do) must not keep it.
        response.Headers.CacheControl = broadcast.IsEnded ? "private, max-age=3600" : "private, no-cache";
        if (EntityTag.Matches(request.Headers.IfNoneMatch.ToString(), plan.ETag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            DeliveryMetrics.CountResponse(Kind, response.StatusCode);
            return;
        }
        var isRange = request.Headers.IfRange.Count == 0 || request.Headers.IfRange.ToString() == plan.ETag;
        var (from, to) = (0L, plan.Length);
        var range = isRange ? ByteRange.Parse(request.Headers.Range.ToString(), plan.Length, out from, out to) : ByteRange.Kind.Ignored;
        // Before anything is promised: the archive may not hand it out.
        if (range != ByteRange.Kind.Unsatisfiable && !HttpMethods.IsHead(request.Method) && !await CanBeginAsync(plan, from))
        {
            response.Headers.ETag = default;
            response.Headers.AcceptRanges = default;
            await MediaEndpoint.NotToBeHadAsync(context, Kind);
            return;
        }
        switch (range)
        {
            case ByteRange.Kind.Unsatisfiable:
                response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{plan.Length}");
                response.Headers.CacheControl = Freshness.NoStore;
                response.ContentLength = 0;
                DeliveryMetrics.CountResponse(Kind, response.StatusCode);
                return;
            case ByteRange.Kind.Satisfiable:
                response.StatusCode = StatusCodes.Status206PartialContent;
                response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to - 1}/{plan.Length}");
                break;
        }
        response.ContentType = "video/mp4";
        response.ContentLength = to - from;
        response.Headers.ContentDisposition = string.Create(CultureInfo.InvariantCulture,
            $"attachment; filename=\"{broadcast.Channel}-{broadcast.StartedAt.UtcDateTime:yyyyMMdd-HHmmss}.mp4\"");
        DeliveryMetrics.CountResponse(Kind, response.StatusCode);
        if (!HttpMethods.IsHead(request.Method) && !await SendAsync(context, broadcast, plan, from, to))
            context.Abort();
    }

    private static Task RefuseAsync(HttpContext context, DownloadFault fault, double changesAt) => fault switch
    {
        DownloadFault.UnknownRendition =>
            MediaEndpoint.FailAsync(context, Kind, StatusCodes.Status404NotFound, "The broadcast has no media of that rendition.\n"),
        DownloadFault.Mixed => MediaEndpoint.FailAsync(context, Kind, StatusCodes.Status409Conflict, string.Create(CultureInfo.InvariantCulture,
            $"The encoder changed to another codec or sample rate at {changesAt:0.###} s, and one file cannot hold both: ask for the range in front with to={changesAt:0.###}, and for the one behind with from={changesAt:0.###}.\n")),
        _ => MediaEndpoint.FailAsync(context, Kind, StatusCodes.Status404NotFound, "The broadcast has no media in that range.\n"),
    };

    /// <summary>Whether the first segment with bytes from <paramref name="from"/> on can be read now.</summary>
    private static async Task<bool> CanBeginAsync(DownloadPlan plan, long from)
    {
        long end = plan.Head.Length;
        foreach (var (track, segment, _) in plan.Segments())
        {
            end += track.LengthOf(segment);
            if (end <= from)
                continue;
            using var reader = SegmentReader.Open(track.Media, segment.Number, segment.ByteLength);
            return reader is not null && await reader.OpenAsync();
        }
        return true;
    }

    /// <summary>Sends a run of the file. False when something of it is gone: what was promised cannot be sent.</summary>
    private async Task<bool> SendAsync(HttpContext context, OriginBroadcast broadcast, DownloadPlan plan, long from, long to)
    {
        var writer = context.Response.BodyWriter;
        if (from < plan.Head.Length)
            await writer.WriteAsync(plan.Head.AsMemory((int)from, (int)(Math.Min(to, plan.Head.Length) - from)));
        long at = plan.Head.Length;
        foreach (var (track, segment, sequenceNumber) in plan.Segments())
        {
            var end = at + track.LengthOf(segment);
            if (at >= to || context.RequestAborted.IsCancellationRequested)
                break;
            if (end > from)
            {
                // It takes hours, perhaps: it is being watched as long.
                broadcast.Touch();
                store.Replays.Find(broadcast.Id.Value)?.Touch(time);
                if (!await SendSegmentAsync(context, track, segment, sequenceNumber, from - at, to - at))
                    return false;
            }
            at = end;
        }
        DeliveryMetrics.SentBytes.Add(to - from);
        return true;
    }

    /// <summary>Sends those bytes of a segment, as the file has it, that lie between <paramref name="from"/> and <paramref name="to"/>.</summary>
    private static async Task<bool> SendSegmentAsync(HttpContext context, DownloadTrack track, Segment segment, uint sequenceNumber, long from, long to)
    {
        using var reader = SegmentReader.Open(track.Media, segment.Number, segment.ByteLength);
        if (reader is null)
            return false;
        var writer = context.Response.BodyWriter;
        var begin = new byte[2 * ChunkHeaderEditor.LookBytes + ChunkHeaderEditor.AddedBytes];
        long added = 0;
        for (var i = 0; i < segment.Parts.Length; i++)
        {
            var part = segment.Parts.Span[i];
            var sets = track.SetsOf(segment, part);
            var at = part.Offset + added;
            added += ChunkHeaderEditor.AddedBytes + sets.Length;
            var end = part.Offset + part.ByteLength + added;
            if (at >= to)
                return true;
            if (end <= from)
                continue;

            // 1. Its edited beginning.
            var look = Math.Min(part.ByteLength, ChunkHeaderEditor.LookBytes);
            var original = begin.AsMemory(0, look);
            var edited = begin.AsMemory(ChunkHeaderEditor.LookBytes);
            if (!await reader.ReadAsync(part.Offset, original)
                || !ChunkHeaderEditor.TryEdit(original.Span, track.EditOf(segment, sequenceNumber + (uint)i, sets.Length), edited.Span, out var consumed, out var mdat))
            {
                return false;
            }
            var head = consumed + ChunkHeaderEditor.AddedBytes;
            // 2. Several samples of one size, among them the random access point: nothing can be put in front of that one alone.
            if (sets.Length > 0 && mdat == 0)
            {
                await SendAsync(writer, at, InBandSets.Free(sets.Length), from, to);
                at += sets.Length;
            }
            await SendAsync(writer, at, edited[..head], from, to);
            at += head;

            // 3. The rest as it is, but for the parameter sets in front of the first sample.
            if (mdat > 0)
            {
                var insertion = await InBandSets.ReadAsync(reader, part.Offset + mdat, part.ByteLength - mdat, sets);
                if (insertion is not { } inserted || !await CopyAsync(context, reader, part.Offset + consumed, mdat - consumed, at, from, to))
                    return false;
                at += mdat - consumed;
                await SendAsync(writer, at, inserted.Bytes, from, to);
                at += inserted.Bytes.Length;
                consumed = mdat + inserted.Replaced;
            }
            if (!await CopyAsync(context, reader, part.Offset + consumed, part.ByteLength - consumed, at, from, to))
                return false;
        }
        return true;
    }

    /// <summary>Sends those of some bytes at a place that lie between two others.</summary>
    private static async ValueTask SendAsync(System.IO.Pipelines.PipeWriter writer, long at, ReadOnlyMemory<byte> bytes, long from, long to)
    {
        var (skip, take) = Within(at, bytes.Length, from, to);
        if (take > 0)
            await writer.WriteAsync(bytes.Slice((int)skip, (int)take));
    }

    /// <summary>Sends those of a segment's bytes, which stand at a place of the file, that lie between two others. False when they are gone.</summary>
    private static async Task<bool> CopyAsync(HttpContext context, SegmentReader reader, int source, int length, long at, long from, long to)
    {
        var writer = context.Response.BodyWriter;
        var (skip, take) = Within(at, length, from, to);
        source += (int)skip;
        while (take > 0 && !context.RequestAborted.IsCancellationRequested)
        {
            var space = writer.GetMemory(CopyBytes);
            var piece = (int)Math.Min(space.Length, take);
            if (!await reader.ReadAsync(source, space[..piece]))
                return false;
            writer.Advance(piece);
            await writer.FlushAsync();
            source += piece;
            take -= piece;
        }
        return true;
    }

    /// <summary>Which bytes of a run at a place lie between two others: how many to skip, and how many follow.</summary>
    private static (long Skip, long Take) Within(long at, long length, long from, long to)
    {
        var begin = Math.Max(at, from);
        var end = Math.Min(at + length, to);
        return (begin - at, Math.Max(0, end - begin));
    }
}
