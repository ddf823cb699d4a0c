using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Millrace.Delivery;

/// <summary>The head of a response as bytes: those that Kestrel sends for the same <see cref="MediaAnswer"/>, in its order.</summary>
internal static class ResponseHead
{
    /// <summary>Longer than any of an origin's; a relay's parents may say more than that.</summary>
    public const int MaxBytes = 1024;

    /// <summary>The longest frame between chunks: "\r\n", eight digits, "\r\n" (RFC 9112 §7.1).</summary>
    public const int MaxFrameBytes = 12;

    private static readonly byte[] Access = Text(OpenHeaders.Access);
    private static readonly byte[] Others = Text(OpenHeaders.Others);

    /// <summary>Writes one. False when it is not one of these: too long, or with a status or characters that are Kestrel's to judge.</summary>
    /// <param name="space">Of <see cref="MaxBytes"/>.</param>
    /// <param name="answer">What was decided; not an origin's running segment.</param>
    /// <param name="isChunked">Its body has no known length (RFC 9112 §7.1).</param>
    /// <param name="date">The value of Date, unless the answer has one.</param>
    /// <param name="closes">The connection ends with this response.</param>
    /// <param name="written">Bytes written.</param>
    public static bool TryWrite(Span<byte> space, in MediaAnswer answer, bool isChunked, ReadOnlySpan<byte> date, bool closes, out int written)
    {
        var writer = new Writer(space);
        var relayed = answer.Relayed;
        writer.Add(answer.Status switch
        {
            200 => "HTTP/1.1 200 OK\r\n"u8,
            206 => "HTTP/1.1 206 Partial Content\r\n"u8,
            304 => "HTTP/1.1 304 Not Modified\r\n"u8,
            400 => "HTTP/1.1 400 Bad Request\r\n"u8,
            404 => "HTTP/1.1 404 Not Found\r\n"u8,
            416 => "HTTP/1.1 416 Range Not Satisfiable\r\n"u8,
            410 => "HTTP/1.1 410 Gone\r\n"u8,
            500 => "HTTP/1.1 500 Internal Server Error\r\n"u8,
            502 => "HTTP/1.1 502 Bad Gateway\r\n"u8,
            503 => "HTTP/1.1 503 Service Unavailable\r\n"u8,
            504 => "HTTP/1.1 504 Gateway Timeout\r\n"u8,
            508 => "HTTP/1.1 508 Loop Detected\r\n"u8,
            _ => default,
        });
        written = writer.Written;
        if (written == 0)
            return false;
        if (answer.ContentLength is { } length)
        {
            writer.Add("Content-Length: "u8);
            writer.Add(length);
            writer.Add("\r\n"u8);
        }
        if (closes)
            writer.Add("Connection: close\r\n"u8);
        writer.Add("Content-Type: "u8, answer.ContentType);
        if (relayed?.Date is { } said)
        {
            writer.Add("Date: "u8, said);
        }
        else
        {
            writer.Add("Date: "u8);
            writer.Add(date);
            writer.Add("\r\n"u8);
        }
        if (answer.TakesRanges)
            writer.Add("Accept-Ranges: bytes\r\n"u8);
        writer.Add(Access);
        writer.Add("Age: "u8, relayed?.Age);
        writer.Add("Cache-Control: "u8, answer.CacheControl);
        writer.Add("Content-Encoding: "u8, answer.ContentEncoding);
        writer.Add("Content-Range: "u8, answer.ContentRange);
        writer.Add("ETag: "u8, answer.ETag);
        writer.Add("Last-Modified: "u8, relayed?.LastModified ?? answer.LastModified);
        writer.Add("Retry-After: "u8, relayed?.RetryAfter ?? answer.RetryAfter);
        if (isChunked)
            writer.Add("Transfer-Encoding: chunked\r\n"u8);
        if (answer.VariesByEncoding)
            writer.Add("Vary: Accept-Encoding\r\n"u8);
        writer.Add("Vary: "u8, relayed?.Vary);
        writer.Add("Warning: "u8, relayed?.Warning);
        writer.Add(Others);
        writer.Add("Content-Disposition: "u8, answer.ContentDisposition);
        writer.Add("Cache-Status: "u8, relayed?.CacheStatus);
        writer.Add("\r\n"u8);
        written = writer.Written;
        return writer.IsGood;
    }

    /// <summary>Writes what stands before a chunk of so many bytes, the end of the one before included; 0 is the last chunk with the end of all.</summary>
    public static int WriteFrame(Span<byte> space, int length, bool isFirst)
    {
        if (!Utf8.TryWrite(space, CultureInfo.InvariantCulture, $"{(isFirst ? "" : "\r\n")}{length:x}\r\n{(length == 0 ? "\r\n" : "")}", out var written))
            throw new InvalidOperationException("A chunk's head has no room.");
        return written;
    }

    private static byte[] Text(IReadOnlyList<(string Name, string Value)> headers) =>
        Encoding.ASCII.GetBytes(string.Concat(headers.Select(header => $"{header.Name}: {header.Value}\r\n")));

    private ref struct Writer(Span<byte> space)
    {
        private readonly Span<byte> space = space;

        public int Written { get; private set; }

        /// <summary>Everything has found room, and is plain.</summary>
        public bool IsGood { get; private set; } = true;

        public void Add(ReadOnlySpan<byte> bytes)
        {
            if (bytes.TryCopyTo(space[Written..]))
                Written += bytes.Length;
            else
                IsGood = false;
        }

        public void Add(long number)
        {
            IsGood &= Utf8Formatter.TryFormat(number, space[Written..], out var written);
            Written += written;
        }

        /// <summary>A field, unless it has no value.</summary>
        public void Add(ReadOnlySpan<byte> name, string? value)
        {
            if (value is null)
                return;
            Add(name);
            IsGood &= Ascii.FromUtf16(value, space[Written..], out var written) == OperationStatus.Done && !value.AsSpan().ContainsAnyExceptInRange(' ', '~');
            Written += written;
            Add("\r\n"u8);
        }
    }
}
