using System.Numerics;

namespace Millrace.Media;

/// <summary>
/// Reads of an HEVC picture where it stands in the order of showing and which pictures it refers to: the beginning of its first
/// slice's header (ISO/IEC 23008-2 §7.3.6.1). Holds the last one that was read. One owner.
/// </summary>
public sealed class HevcSliceReader
{
    /// <summary>Bytes that are looked at: a header with a full set of its own has less.</summary>
    private const int MaxBytes = 256;

    private readonly int lengthSize;
    private readonly HevcOrder order;
    private readonly uint pictureSet;
    private readonly bool hasOutputFlag;
    private readonly int reservedBits;
    private readonly HevcReferenceSet own = new();
    private HevcReferenceSet? current;

    private HevcSliceReader(int lengthSize, HevcOrder order, ref BitReader picture)
    {
        this.lengthSize = lengthSize;
        this.order = order;
        pictureSet = picture.Unsigned();
        picture.Unsigned();
        picture.Skip(1);
        hasOutputFlag = picture.Flag();
        reservedBits = (int)picture.Bits(3);
    }

    /// <summary>nal_unit_type.</summary>
    public int UnitType { get; private set; }

    /// <summary>Layer of the picture, 0 for the lowest.</summary>
    public int TemporalId { get; private set; }

    /// <summary>Bits of <see cref="OrderLow"/>, 4 to 16.</summary>
    public int OrderBits => order.Bits;

    /// <summary>The lower bits of its order count; 0 of an IDR picture.</summary>
    public int OrderLow { get; private set; }

    /// <summary>Pictures that it and later ones may refer to.</summary>
    public int ReferenceCount => current?.Count ?? 0;

    /// <summary>A picture's order count minus this one's.</summary>
    public int ReferenceDistance(int index) => current!.Distance(index);

    /// <summary>This picture refers to it itself.</summary>
    public bool IsReferenceUsed(int index) => current!.IsUsed(index);

    /// <summary>A reader for a format's pictures; null where they are not to be read, or have references by other means (long-term ones).</summary>
    public static HevcSliceReader? Of(VideoFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        if (format.Codec != Codec.Hevc)
            return null;
        Span<byte> profile = stackalloc byte[HevcSequence.ProfileBytes];
        var configuration = format.Configuration.Span;
        if (!HevcSequence.TryRead(HevcConfiguration.FirstUnit(configuration, 33), out var info, profile, out _, out _, out _)
            || info.Order is not { HasLongTerm: false } order)
        {
            return null;
        }
        var picture = HevcConfiguration.FirstUnit(configuration, 34);
        if (picture.IsEmpty)
            return null;
        var bits = new BitReader(picture[2..], escaped: true);
        var reader = new HevcSliceReader(format.SourceLengthSize, order, ref bits);
        return bits.IsOverrun ? null : reader;
    }

    /// <summary>Reads the picture of an access unit that was inspected without fault; false when that cannot be.</summary>
    public bool TryRead(ReadOnlySpan<byte> payload)
    {
        current = null;
        OrderLow = 0;
        var units = new NalUnits.Walk(lengthSize, payload);
        while (units.MoveNext())
        {
            var unit = units.Current;
            UnitType = unit[0] >> 1 & 63;
            if (UnitType > 31)
                continue;
            if (unit.Length < 3)
                return false;
            TemporalId = (unit[1] & 7) - 1;
            var bits = new BitReader(unit[2..Math.Min(unit.Length, MaxBytes)], escaped: true);
            return TryRead(ref bits) && !bits.IsOverrun;
        }
        return false;
    }

    private bool TryRead(ref BitReader bits)
    {
        // First of its picture, or the one that was is lost.
        if (!bits.Flag())
            return false;
        if (UnitType is >= 16 and <= 23)
            bits.Skip(1);
        if (bits.Unsigned() != pictureSet)
            return false;
        bits.Skip(reservedBits);
        bits.Unsigned();
        bits.Skip((hasOutputFlag ? 1 : 0) + (order.HasSeparatePlanes ? 2 : 0));
        if (UnitType is 19 or 20)
            return true;
        OrderLow = (int)bits.Bits(order.Bits);
        if (!bits.Flag())
        {
            current = own;
            return own.TryRead(ref bits, order.Sets, isOfSlice: true);
        }
        if (order.Sets.Length == 0)
            return false;
        var index = (int)bits.Bits(BitOperations.Log2((uint)order.Sets.Length * 2 - 1));
        current = index < order.Sets.Length ? order.Sets[index] : null;
        return current is not null;
    }
}
