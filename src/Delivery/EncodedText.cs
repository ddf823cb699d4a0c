using System.Buffers;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Millrace.Delivery;

/// <summary>How a text is encoded for the wire (RFC 9110 §8.4.1).</summary>
internal enum ContentCoding
{
    Identity,
    Gzip,
    Brotli,
}

/// <summary>
/// One version of a playlist or manifest, with its encodings: each made once, by the first who asks for it, and shared by
/// all others. Immutable from outside.
/// </summary>
internal sealed class EncodedText
{
    private readonly byte[] plain;
    private readonly string hash;
    private readonly Lock gate = new();
    private byte[]? gzip;
    private byte[]? brotli;

    public EncodedText(byte[] plain)
    {
        this.plain = plain;
        // Of the content, so that every origin of a broadcast gives the same one.
        hash = Convert.ToHexStringLower(SHA256.HashData(plain).AsSpan(0, 8));
        ETags = [$"\"{hash}\"", $"\"{hash}-gz\"", $"\"{hash}-br\""];
    }

    private string[] ETags { get; }

    /// <summary>The strong validator of an encoding.</summary>
    public string ETag(ContentCoding coding) => ETags[(int)coding];

    /// <summary>The bytes of an encoding. Nobody changes them.</summary>
    public byte[] Bytes(ContentCoding coding) => coding switch
    {
        ContentCoding.Gzip => Volatile.Read(ref gzip) ?? Make(ref gzip, Gzip),
        ContentCoding.Brotli => Volatile.Read(ref brotli) ?? Make(ref brotli, Brotli),
        _ => plain,
    };

    private byte[] Make(ref byte[]? place, Func<byte[], byte[]> encode)
    {
        lock (gate)
            return place ??= encode(plain);
    }

    private static byte[] Gzip(byte[] text)
    {
        using var to = new MemoryStream(text.Length / 2 + 64);
        using (var encoder = new GZipStream(to, CompressionLevel.Optimal, leaveOpen: true))
            encoder.Write(text);
        return to.ToArray();
    }

    // Quality 5 costs about what gzip does here and is a tenth smaller; higher ones cost several times more.
    private static byte[] Brotli(byte[] text)
    {
        var space = ArrayPool<byte>.Shared.Rent(BrotliEncoder.GetMaxCompressedLength(text.Length));
        try
        {
            return BrotliEncoder.TryCompress(text, space, out var written, quality: 5, window: 18)
                ? space.AsSpan(0, written).ToArray()
                : throw new InvalidOperationException("Brotli needs more room than it said.");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(space);
        }
    }
}
