using System.Buffers.Binary;

namespace Millrace.Delivery.Previews;

/// <summary>
/// Takes the pictures out of an AVI file as ffmpeg writes it to a pipe: one JPEG of each stream. AVI, because several
/// pictures have to come back over one pipe in one piece each, and it is the plainest format that says where each one ends.
/// </summary>
/// <remarks>
/// RIFF: chunks of four characters, 32 bits of length, data, padded to an even length; the data of a LIST begins with its
/// type. On a pipe the lengths of RIFF and <c>movi</c> are never filled in. In <c>movi</c> stand <c>NNdc</c> chunks, NN being
/// the stream's number in decimal.
/// </remarks>
internal static class AviPictures
{
    private const int HeaderBytes = 8;

    /// <summary>
    /// The first picture of each of <paramref name="streams"/> streams (at most 10); false when one is missing, or is no JPEG from
    /// its first marker to its last (ITU-T T.81 §B.2.1).
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> file, int streams, out byte[][] pictures)
    {
        pictures = new byte[streams][];
        if (file.Length < 12 || !file.StartsWith("RIFF"u8) || !file[8..].StartsWith("AVI "u8))
            return false;
        var rest = file[12..];
        while (rest.Length >= HeaderBytes)
        {
            var id = rest[..4];
            var length = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            rest = rest[HeaderBytes..];
            if (id.SequenceEqual("LIST"u8) && rest.StartsWith("movi"u8))
            {
                // Its chunks follow as if they stood outside.
                rest = rest[4..];
                continue;
            }
            if (length > rest.Length)
                break;
            var data = rest[..(int)length];
            rest = rest[Math.Min((int)length + (int)(length & 1), rest.Length)..];
            if (id[0] != '0' || !id[2..].SequenceEqual("dc"u8))
                continue;
            var stream = id[1] - '0';
            // Empty chunks say that the picture before stays.
            if (stream < 0 || stream >= streams || pictures[stream] is not null || data.IsEmpty)
                continue;
            if (data.Length < 4 || data[0] != 0xFF || data[1] != 0xD8 || data[^2] != 0xFF || data[^1] != 0xD9)
                return false;
            pictures[stream] = data.ToArray();
        }
        return Array.TrueForAll(pictures, picture => picture is not null);
    }
}
