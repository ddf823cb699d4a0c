using System.Buffers.Binary;

namespace Millrace.Cmaf;

/// <summary>What a chunk becomes in another file.</summary>
/// <param name="TrackId">Its track there.</param>
/// <param name="SequenceNumber"><c>mfhd.sequence_number</c> there.</param>
/// <param name="SampleDescription">Which of the track's sample entries it uses, from 1.</param>
/// <param name="TimeShift">What is taken from its decode time, in the track's timescale.</param>
/// <param name="AddedToFirst">Bytes that its first sample grows by.</param>
public readonly record struct ChunkEdit(uint TrackId, uint SequenceNumber, uint SampleDescription, long TimeShift, int AddedToFirst = 0);

/// <summary>
/// Moves a chunk that <see cref="ChunkHeaderWriter"/> wrote into a file of several tracks, without touching its samples: track
/// id, sequence number, decode time, and the sample entry, which <c>tfhd</c> has to name for it. Allocates nothing.
/// </summary>
/// <remarks>
/// Every chunk grows by the same four bytes (<c>sample_description_index</c>, ISO/IEC 14496-12 §8.8.7), so that a file's size and
/// the place of everything in it follow from the chunks' sizes alone.
/// <code>[styp] [prft: track, media time] moof+4 [mfhd: number] traf+4 [tfhd+4: track, entry] [tfdt: time] [trun: offset+4 | …</code>
/// When its first sample is to grow, that sample's size is another too (in <c>trun</c>, or in <c>tfhd</c> when it is the only one), and the caller
/// makes <c>mdat</c> longer and puts the bytes into it.
/// </remarks>
public static class ChunkHeaderEditor
{
    /// <summary>Bytes that a chunk grows by.</summary>
    public const int AddedBytes = 4;

    /// <summary>Bytes of a chunk that have to be at hand, or all of it if it is shorter; a chunk's edited beginning has at most four more.</summary>
    public const int LookBytes = 256;

    private const int TfhdFlagsOffset = 8;
    private const uint BaseDataOffset = 0x1;
    private const uint SampleDescriptionIndex = 0x2;
    private const uint DefaultDuration = 0x8;
    private const uint DefaultSize = 0x10;
    private const uint TrunDataOffset = 0x1;
    private const uint TrunFirstFlags = 0x4;
    private const uint TrunDuration = 0x100;
    private const uint TrunSize = 0x200;

    /// <summary>
    /// Writes the edited beginning of a chunk. False when it is none of ours, or begins before the shift.
    /// </summary>
    /// <param name="chunk">Its first bytes.</param>
    /// <param name="edit">What it becomes.</param>
    /// <param name="output">At least <paramref name="chunk"/>'s length and four more.</param>
    /// <param name="consumed">Bytes of the chunk that are replaced; those written are four more, the rest follows as it is.</param>
    public static bool TryEdit(ReadOnlySpan<byte> chunk, in ChunkEdit edit, Span<byte> output, out int consumed) =>
        TryEdit(chunk, edit, output, out consumed, out _);

    /// <summary>The same of a chunk whose first sample grows.</summary>
    /// <param name="chunk">Its first bytes.</param>
    /// <param name="edit">What it becomes.</param>
    /// <param name="output">At least <paramref name="chunk"/>'s length and four more.</param>
    /// <param name="consumed">Bytes of the chunk that are replaced.</param>
    /// <param name="mdat">Where in the chunk <c>mdat</c> begins; 0 when its first sample stays as it is: nothing was to be added, or several samples have one size.</param>
    public static bool TryEdit(ReadOnlySpan<byte> chunk, in ChunkEdit edit, Span<byte> output, out int consumed, out int mdat)
    {
        (consumed, mdat) = (0, 0);
        var at = 0;
        while (TryBox(chunk, at, out var size, out var type) && type != BoxType.Moof)
        {
            if (type == BoxType.Mdat || size > chunk.Length - at)
                return false;
            chunk.Slice(at, size).CopyTo(output[at..]);
            if (type == BoxType.Prft && size == 32)
            {
                BinaryPrimitives.WriteUInt32BigEndian(output[(at + 12)..], edit.TrackId);
                BinaryPrimitives.WriteInt64BigEndian(output[(at + 24)..],
                    Math.Max(0, BinaryPrimitives.ReadInt64BigEndian(chunk[(at + 24)..]) - edit.TimeShift));
            }
            at += size;
        }
        var moof = at;
        var mfhd = moof + 8;
        if (!TryBox(chunk, moof, out var moofBytes, out _) || !TryBox(chunk, mfhd, out var mfhdBytes, out var mfhdType)
            || mfhdType != BoxType.Mfhd || mfhdBytes != 16)
        {
            return false;
        }
        var traf = mfhd + mfhdBytes;
        var tfhd = traf + 8;
        if (!TryBox(chunk, traf, out var trafBytes, out var trafType) || trafType != BoxType.Traf
            || !TryBox(chunk, tfhd, out var tfhdBytes, out var tfhdType) || tfhdType != BoxType.Tfhd || tfhdBytes is < 16 or > 64)
        {
            return false;
        }
        var tfdt = tfhd + tfhdBytes;
        var trun = tfdt + 20;
        if (!TryBox(chunk, tfdt, out var tfdtBytes, out var tfdtType) || tfdtType != BoxType.Tfdt || tfdtBytes != 20 || chunk.Length < trun + 20
            || !TryBox(chunk, trun, out var trunBytes, out var trunType) || trunType != BoxType.Trun || trunBytes < 20 || chunk[tfdt + 8] != 1)
        {
            return false;
        }
        var flags = BinaryPrimitives.ReadUInt32BigEndian(chunk[(tfhd + TfhdFlagsOffset)..]);
        var decodeTime = BinaryPrimitives.ReadInt64BigEndian(chunk[(tfdt + 12)..]) - edit.TimeShift;
        if ((flags & (BaseDataOffset | SampleDescriptionIndex)) != 0 || decodeTime < 0
            || (BinaryPrimitives.ReadUInt32BigEndian(chunk[(trun + 8)..]) & TrunDataOffset) == 0)
        {
            return false;
        }

        // Where the first sample's size stands.
        var run = BinaryPrimitives.ReadUInt32BigEndian(chunk[(trun + 8)..]);
        var sizeAt = 0;
        if (edit.AddedToFirst > 0 && (run & TrunSize) != 0)
            sizeAt = trun + 20 + ((run & TrunFirstFlags) != 0 ? 4 : 0) + ((run & TrunDuration) != 0 ? 4 : 0);
        else if (edit.AddedToFirst > 0 && (flags & DefaultSize) != 0 && BinaryPrimitives.ReadInt32BigEndian(chunk[(trun + 12)..]) == 1)
            sizeAt = tfhd + 16 + ((flags & DefaultDuration) != 0 ? 4 : 0);
        if (sizeAt + 4 > chunk.Length)
            return false;

        // Up to and with the track id; the entry's number; what follows, four bytes further on.
        var inserted = tfhd + 16;
        consumed = Math.Max(trun + 20, sizeAt + 4);
        chunk[moof..inserted].CopyTo(output[moof..]);
        chunk[inserted..consumed].CopyTo(output[(inserted + AddedBytes)..]);
        BinaryPrimitives.WriteInt32BigEndian(output[moof..], moofBytes + AddedBytes);
        BinaryPrimitives.WriteUInt32BigEndian(output[(mfhd + 12)..], edit.SequenceNumber);
        BinaryPrimitives.WriteInt32BigEndian(output[traf..], trafBytes + AddedBytes);
        BinaryPrimitives.WriteInt32BigEndian(output[tfhd..], tfhdBytes + AddedBytes);
        BinaryPrimitives.WriteUInt32BigEndian(output[(tfhd + TfhdFlagsOffset)..], flags | SampleDescriptionIndex);
        BinaryPrimitives.WriteUInt32BigEndian(output[(tfhd + 12)..], edit.TrackId);
        BinaryPrimitives.WriteUInt32BigEndian(output[inserted..], edit.SampleDescription);
        BinaryPrimitives.WriteInt64BigEndian(output[(tfdt + AddedBytes + 12)..], decodeTime);
        BinaryPrimitives.WriteInt32BigEndian(output[(trun + AddedBytes + 16)..],
            BinaryPrimitives.ReadInt32BigEndian(chunk[(trun + 16)..]) + AddedBytes);
        if (sizeAt == 0)
            return true;
        mdat = moof + moofBytes;
        BinaryPrimitives.WriteUInt32BigEndian(output[(sizeAt + AddedBytes)..], BinaryPrimitives.ReadUInt32BigEndian(chunk[sizeAt..]) + (uint)edit.AddedToFirst);
        return true;
    }

    private static bool TryBox(ReadOnlySpan<byte> chunk, int at, out int size, out uint type)
    {
        (size, type) = (0, 0);
        if (chunk.Length - at < 8)
            return false;
        size = BinaryPrimitives.ReadInt32BigEndian(chunk[at..]);
        type = BinaryPrimitives.ReadUInt32BigEndian(chunk[(at + 4)..]);
        return size >= 8;
    }
}
