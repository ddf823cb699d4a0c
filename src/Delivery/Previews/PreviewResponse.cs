using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery.Previews;

/// <summary>Thumbnails and sprite sheets over HTTP. What every status carries is <see cref="MediaEndpoint"/>'s.</summary>
internal static class PreviewResponse
{
    // Half the default interval: a cache collapses the crowd of a front page, and nobody sees what is much older than the newest.
    private const string Short = "public, max-age=5";

    /// <summary>Nothing changes any more; not for ever, because the broadcast itself may be gone some day.</summary>
    private const string Long = "public, max-age=86400";

    /// <summary>The newest picture of a broadcast.</summary>
    public static async Task PictureAsync(HttpContext context, OriginBroadcast broadcast, int longest, bool isFromChannel)
    {
        const MediaObject Kind = MediaObject.Preview;
        var previews = broadcast.Previews;
        // Before the picture is looked at: what is final then is the last one.
        var isFinal = previews.IsFinal;
        if ((longest == PreviewPicture.LargeLongest ? previews.Large : previews.Small) is not { } picture)
        {
            await MediaEndpoint.FailAsync(context, Kind, StatusCodes.Status404NotFound, "There is no picture yet.\n");
            return;
        }
        if (!Begin(context, Kind, picture.ETag, isFinal && !isFromChannel ? Long : Short))
            return;
        context.Response.ContentLength = picture.Bytes.Length;
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        await context.Response.BodyWriter.WriteAsync(picture.Bytes);
        DeliveryMetrics.SentBytes.Add(picture.Bytes.Length);
    }

    /// <summary>The WebVTT index of the sheets.</summary>
    public static Task IndexAsync(HttpContext context, OriginBroadcast broadcast)
    {
        var previews = broadcast.Previews;
        var cache = previews.IsFinal ? Long : Short;
        var index = previews.Sprites.Index;
        return index.IsEmpty
            ? MediaEndpoint.FailAsync(context, MediaObject.SpriteIndex, StatusCodes.Status404NotFound, "There is no sprite sheet yet.\n")
            : MediaEndpoint.TextAsync(context, MediaObject.SpriteIndex, previews.Index.Get(index), cache);
    }

    /// <summary>One sheet; <paramref name="count"/> is 0 for a full one.</summary>
    public static async Task SheetAsync(HttpContext context, OriginBroadcast broadcast, long number, int count)
    {
        const MediaObject Kind = MediaObject.SpriteSheet;
        var sprites = broadcast.Previews.Sprites;
        if (sprites.Index.Find(number, count) is not { } name || await ReadAsync(sprites.PathOf(name)) is not { } bytes)
        {
            await MediaEndpoint.FailAsync(context, Kind, StatusCodes.Status404NotFound, "There is no such sprite sheet, or no more.\n");
            return;
        }
        if (!Begin(context, Kind, MediaDecisions.MediaETag, Freshness.Immutable))
            return;
        context.Response.ContentLength = bytes.Length;
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        await context.Response.BodyWriter.WriteAsync(bytes);
        DeliveryMetrics.SentBytes.Add(bytes.Length);
    }

    /// <summary>The head of a picture's response; false when it says that the client has it already.</summary>
    private static bool Begin(HttpContext context, MediaObject kind, string tag, string cacheControl)
    {
        var response = context.Response;
        response.Headers.CacheControl = cacheControl;
        response.Headers.ETag = tag;
        var isKnown = EntityTag.Matches(context.Request.Headers.IfNoneMatch.ToString(), tag);
        response.StatusCode = isKnown ? StatusCodes.Status304NotModified : StatusCodes.Status200OK;
        if (!isKnown)
            response.ContentType = "image/jpeg";
        DeliveryMetrics.CountResponse(kind, response.StatusCode);
        return !isKnown;
    }

    /// <summary>A sheet's bytes, about 80 KB; null when it went a moment ago.</summary>
    private static async Task<byte[]?> ReadAsync(string path)
    {
        try
        {
            return await File.ReadAllBytesAsync(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
