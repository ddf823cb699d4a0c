using System.Buffers.Binary;

namespace Millrace.Delivery.Downloads;

/// <summary>Puts parameter sets in front of the first sample of a chunk (AVC with <c>avc3</c>, ISO/IEC 14496-15 §5.4.2.1).</summary>
internal static class InBandSets
{
    private const int MdatHeaderBytes = 8;
    private const int LengthBytes = 4;
    // A delimiter has a byte behind its header (ISO/IEC 14496-10 §7.3.2.4); more is none of ours.
    private const int MaxDelimiterBytes = 8;
    private const int DelimiterType = 9;

    /// <summary>
    /// The beginning of <c>mdat</c> with the sets in it, and how much of the original that replaces: behind the access unit delimiter, if there is
    /// one, which stands first of all (ISO/IEC 14496-10 §7.4.1.2.3). Null when it cannot be read, or is none of ours.
    /// </summary>
    /// <param name="reader">The segment.</param>
    /// <param name="mdat">Where in it the box begins.</param>
    /// <param name="left">Bytes of the part from there on.</param>
    /// <param name="sets">The sets, each behind its length.</param>
    public static async ValueTask<(byte[] Bytes, int Replaced)?> ReadAsync(SegmentReader reader, int mdat, int left, ReadOnlyMemory<byte> sets)
    {
        var look = new byte[Math.Min(MdatHeaderBytes + LengthBytes + MaxDelimiterBytes, left)];
        if (look.Length < MdatHeaderBytes + LengthBytes + 1 || !await reader.ReadAsync(mdat, look))
            return null;
        var size = BinaryPrimitives.ReadInt32BigEndian(look);
        // A box of 4 GB has another header; a part of ours is none.
        if (size < MdatHeaderBytes || look[4] != 'm' || look[5] != 'd' || look[6] != 'a' || look[7] != 't')
            return null;
        var replaced = MdatHeaderBytes;
        var unit = BinaryPrimitives.ReadInt32BigEndian(look.AsSpan(MdatHeaderBytes));
        if ((look[MdatHeaderBytes + LengthBytes] & 31) == DelimiterType && unit is > 0 and <= MaxDelimiterBytes && MdatHeaderBytes + LengthBytes + unit <= look.Length)
            replaced += LengthBytes + unit;
        byte[] bytes = [.. look.AsSpan(0, replaced), .. sets.Span];
        BinaryPrimitives.WriteInt32BigEndian(bytes, size + sets.Length);
        return (bytes, replaced);
    }

    /// <summary>A box of so many bytes, at least 8, that players pass over (ISO/IEC 14496-12 §8.1.2).</summary>
    public static byte[] Free(int length)
    {
        var box = new byte[length];
        BinaryPrimitives.WriteInt32BigEndian(box, length);
        "free"u8.CopyTo(box.AsSpan(4));
        return box;
    }
}
