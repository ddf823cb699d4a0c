using System.Buffers.Binary;
using System.IO.Compression;

namespace Millrace.Delivery;

/// <summary>
/// A gzip file (RFC 1952) out of pieces that were compressed by themselves: raw deflate streams that end on a byte and refer to
/// nothing in front of them follow one another as they are (RFC 1951 §3.2.3). Only the checksum runs over all.
/// </summary>
internal static class GzipPieces
{
    private static readonly uint[] Table = MakeTable();

    /// <summary>What a file begins with: no name, no time, of a Unix system.</summary>
    public static ReadOnlySpan<byte> Header => [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];

    /// <summary>A piece that others follow.</summary>
    public static byte[] Piece(ReadOnlySpan<byte> text)
    {
        using var to = new MemoryStream(text.Length / 4 + 64);
        using var deflate = new DeflateStream(to, CompressionLevel.Optimal, leaveOpen: true);
        deflate.Write(text);
        // A sync flush: everything is out, on a whole byte, and the last block is not the last of the stream.
        deflate.Flush();
        return to.ToArray();
    }

    /// <summary>The last piece, with the file's trailer.</summary>
    /// <param name="text">The piece.</param>
    /// <param name="state">The checksum's state with this piece.</param>
    /// <param name="length">Bytes of the whole text.</param>
    public static byte[] Last(ReadOnlySpan<byte> text, uint state, long length)
    {
        using var to = new MemoryStream(text.Length / 4 + 64);
        using (var deflate = new DeflateStream(to, CompressionLevel.Optimal, leaveOpen: true))
            deflate.Write(text);
        Span<byte> trailer = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, ~state);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[4..], (uint)length);
        to.Write(trailer);
        return to.ToArray();
    }

    /// <summary>Goes on with a checksum (CRC-32, ISO 3309) whose state began as <c>~0u</c>.</summary>
    public static uint Append(uint state, ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes)
            state = Table[(byte)(state ^ value)] ^ state >> 8;
        return state;
    }

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (var i = 0u; i < 256; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++)
                value = (value & 1) != 0 ? 0xEDB88320 ^ value >> 1 : value >> 1;
            table[i] = value;
        }
        return table;
    }
}
