using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery;

/// <summary>The head of an answer through Kestrel; <see cref="ResponseHead"/> is its twin.</summary>
internal static class AnswerHead
{
    /// <summary>Writes it, beside <see cref="OpenHeaders"/>.</summary>
    public static void Write(HttpResponse response, in MediaAnswer answer)
    {
        var headers = response.Headers;
        response.StatusCode = answer.Status;
        headers.CacheControl = answer.CacheControl;
        response.ContentLength = answer.ContentLength;
        if (answer.ContentType is not null)
            response.ContentType = answer.ContentType;
        if (answer.ETag is not null)
            headers.ETag = answer.ETag;
        if (answer.LastModified is not null)
            headers.LastModified = answer.LastModified;
        if (answer.ContentRange is not null)
            headers.ContentRange = answer.ContentRange;
        if (answer.ContentEncoding is not null)
            headers.ContentEncoding = answer.ContentEncoding;
        if (answer.ContentDisposition is not null)
            headers.ContentDisposition = answer.ContentDisposition;
        if (answer.RetryAfter is not null)
            headers.RetryAfter = answer.RetryAfter;
        if (answer.TakesRanges)
            headers.AcceptRanges = "bytes";
        if (answer.VariesByEncoding)
            headers.Vary = "Accept-Encoding";
        if (answer.Relayed is not { } relayed)
            return;
        headers["Cache-Status"] = relayed.CacheStatus;
        headers.Age = relayed.Age;
        headers.Warning = relayed.Warning;
        headers.LastModified = relayed.LastModified;
        headers.RetryAfter = relayed.RetryAfter;
        headers.Vary = relayed.Vary;
        if (relayed.Date is not null)
            headers.Date = relayed.Date;
    }
}
