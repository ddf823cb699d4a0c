using System.Buffers.Text;
using System.Text;

namespace Millrace.Delivery;

/// <summary>The head of a response as bytes: those that Kestrel sends for the same <see cref="MediaAnswer"/>, in its order.</summary>
internal static class ResponseHead
{
    /// <summary>Longer than any: every field has a bounded value.</summary>
    public const int MaxBytes = 1024;

    private static readonly byte[] Access = Text(OpenHeaders.Access);
    private static readonly byte[] Others = Text(OpenHeaders.Others);

    /// <summary>Writes one.</summary>
    /// <param name="space">Of <see cref="MaxBytes"/>.</param>
    /// <param name="answer">What was decided; not a running segment, whose length nobody knows.</param>
    /// <param name="date">The value of Date.</param>
    /// <param name="closes">The connection ends with this response.</param>
    /// <returns>Bytes written.</returns>
    public static int Write(Span<byte> space, in MediaAnswer answer, ReadOnlySpan<byte> date, bool closes)
    {
        var writer = new Writer(space);
        writer.Add(answer.Status switch
        {
            200 => "HTTP/1.1 200 OK\r\n"u8,
            206 => "HTTP/1.1 206 Partial Content\r\n"u8,
            304 => "HTTP/1.1 304 Not Modified\r\n"u8,
            400 => "HTTP/1.1 400 Bad Request\r\n"u8,
            404 => "HTTP/1.1 404 Not Found\r\n"u8,
            416 => "HTTP/1.1 416 Range Not Satisfiable\r\n"u8,
            503 => "HTTP/1.1 503 Service Unavailable\r\n"u8,
            _ => throw new InvalidOperationException($"No media answer has status {answer.Status}."),
        });
        if (answer.ContentLength is { } length)
        {
            writer.Add("Content-Length: "u8);
            writer.Add(length);
            writer.Add("\r\n"u8);
        }
        if (closes)
            writer.Add("Connection: close\r\n"u8);
        writer.Add("Content-Type: "u8, answer.ContentType);
        writer.Add("Date: "u8);
        writer.Add(date);
        writer.Add("\r\n"u8);
        if (answer.TakesRanges)
            writer.Add("Accept-Ranges: bytes\r\n"u8);
        writer.Add(Access);
        writer.Add("Cache-Control: "u8, answer.CacheControl);
        writer.Add("Content-Encoding: "u8, answer.ContentEncoding);
        writer.Add("Content-Range: "u8, answer.ContentRange);
        writer.Add("ETag: "u8, answer.ETag);
        if (answer.VariesByEncoding)
            writer.Add("Vary: Accept-Encoding\r\n"u8);
        writer.Add(Others);
        writer.Add("\r\n"u8);
        return writer.Written;
    }

    private static byte[] Text(IReadOnlyList<(string Name, string Value)> headers) =>
        Encoding.ASCII.GetBytes(string.Concat(headers.Select(header => $"{header.Name}: {header.Value}\r\n")));

    private ref struct Writer(Span<byte> space)
    {
        private readonly Span<byte> space = space;

        public int Written { get; private set; }

        public void Add(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(space[Written..]);
            Written += bytes.Length;
        }

        public void Add(long number)
        {
            if (!Utf8Formatter.TryFormat(number, space[Written..], out var written))
                throw new InvalidOperationException("A response's head is too long.");
            Written += written;
        }

        /// <summary>A field, unless it has no value.</summary>
        public void Add(ReadOnlySpan<byte> name, string? value)
        {
            if (value is null)
                return;
            Add(name);
            Written += Encoding.ASCII.GetBytes(value, space[Written..]);
            Add("\r\n"u8);
        }
    }
}
