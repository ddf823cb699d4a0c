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
    private readonly ReadOnlyMemory<byte>[] plain;
    private readonly ReadOnlyMemory<byte>[]? prepared;
    private readonly string[] etags;
    private readonly Lock gate = new();
    private byte[]? gzip;
    private byte[]? brotli;

    public EncodedText(byte[] plain)
    {
        this.plain = [plain];
        etags = ETagsOf(SHA256.HashData(plain));
    }

    /// <param name="plain">The text, in pieces that other versions share.</param>
    /// <param name="gzip">The same, gzipped.</param>
    /// <param name="hash">Of the content, whatever it is cut into.</param>
    public EncodedText(ReadOnlyMemory<byte>[] plain, ReadOnlyMemory<byte>[] gzip, ReadOnlySpan<byte> hash)
    {
        this.plain = plain;
        prepared = gzip;
        etags = ETagsOf(hash);
    }

    /// <summary>It comes with its gzip form and is too long to be compressed again for each version.</summary>
    public bool IsPrepared => prepared is not null;

    /// <summary>The strong validator of an encoding.</summary>
    public string ETag(ContentCoding coding) => etags[(int)coding];

    /// <summary>The bytes of an encoding, piece by piece. Nobody changes them.</summary>
    public ReadOnlyMemory<byte>[] Pieces(ContentCoding coding) => coding switch
    {
        ContentCoding.Identity => plain,
        ContentCoding.Gzip when prepared is not null => prepared,
        _ => [Bytes(coding)],
    };

    /// <summary>The bytes of an encoding of a text that is in one piece. Nobody changes them.</summary>
    public byte[] Bytes(ContentCoding coding) => coding switch
    {
        ContentCoding.Gzip => Volatile.Read(ref gzip) ?? Make(ref gzip, Gzip),
        ContentCoding.Brotli => Volatile.Read(ref brotli) ?? Make(ref brotli, Brotli),
        _ => Whole(),
    };

    // Of the content, so that every origin of a broadcast gives the same one.
    private static string[] ETagsOf(ReadOnlySpan<byte> hash)
    {
        var text = Convert.ToHexStringLower(hash[..8]);
        return [$"\"{text}\"", $"\"{text}-gz\"", $"\"{text}-br\""];
    }

    private byte[] Whole()
    {
        if (plain.Length == 1 && System.Runtime.InteropServices.MemoryMarshal.TryGetArray(plain[0], out var array) && array.Count == array.Array!.Length)
            return array.Array;
        var all = new byte[plain.Sum(piece => piece.Length)];
        var at = 0;
        foreach (var piece in plain)
        {
            piece.Span.CopyTo(all.AsSpan(at));
            at += piece.Length;
        }
        return all;
    }

    private byte[] Make(ref byte[]? place, Func<byte[], byte[]> encode)
    {
        lock (gate)
            return place ??= encode(Whole());
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
