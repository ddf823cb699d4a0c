using System.Buffers.Binary;
using System.Numerics;

namespace Millrace.Media;

/// <summary>Walks the NAL units of AVC and HEVC access units (ISO/IEC 14496-15 §5.3.4.2; start codes: 14496-10 annex B).</summary>
internal static class NalUnits
{
    /// <summary>Most NAL units of one access unit: level 6.2 allows 600 slices; a hostile one could have a million.</summary>
    public const int MaxUnits = 4096;

    public static bool BeginsWithStartCode(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0, 0, 1]) || bytes.StartsWith((ReadOnlySpan<byte>)[0, 0, 0, 1]);

    /// <summary>Takes the next unit behind a start code; zeros at a unit's end belong to the next code.</summary>
    public static bool TryReadStartCode(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> unit)
    {
        unit = default;
        var start = rest.IndexOf((ReadOnlySpan<byte>)[0, 0, 1]);
        if (start < 0)
            return false;
        rest = rest[(start + 3)..];
        var end = rest.IndexOf((ReadOnlySpan<byte>)[0, 0, 1]);
        unit = (end < 0 ? rest : rest[..end]).TrimEnd((byte)0);
        rest = end < 0 ? default : rest[end..];
        return true;
    }

    /// <summary>Takes the next unit behind its length.</summary>
    /// <returns>False at the end, or with <paramref name="rest"/> not empty when a unit is longer than what is there.</returns>
    public static bool TryReadLength(scoped ref ReadOnlySpan<byte> rest, int lengthSize, out ReadOnlySpan<byte> unit)
    {
        unit = default;
        if (rest.Length < lengthSize)
            return false;
        var length = lengthSize switch
        {
            4 => BinaryPrimitives.ReadUInt32BigEndian(rest),
            2 => BinaryPrimitives.ReadUInt16BigEndian(rest),
            _ => rest[0],
        };
        if (length > rest.Length - lengthSize)
            return false;
        unit = rest.Slice(lengthSize, (int)length);
        rest = rest[(lengthSize + (int)length)..];
        return true;
    }

    public static VideoInspection Inspect(VideoFormat format, ReadOnlySpan<byte> payload)
    {
        var look = new Look(format);
        var rest = payload;
        var rewrite = format.SourceLengthSize != 4;
        while (TryReadLength(ref rest, format.SourceLengthSize, out var unit))
        {
            if (unit.IsEmpty)
                rewrite = true;
            else if (!look.Add(unit))
                return VideoInspection.Broken("too many NAL units");
        }
        if (rest.IsEmpty)
            return look.Result(rewrite, rewrite ? look.Bytes + 4 * look.Units : payload.Length);

        // The lengths make no sense: some encoders send start codes although their configuration promised lengths.
        if (!BeginsWithStartCode(payload))
            return VideoInspection.Broken("NAL unit is longer than its access unit");
        look = new Look(format);
        rest = payload;
        while (TryReadStartCode(ref rest, out var unit))
        {
            if (!unit.IsEmpty && !look.Add(unit))
                return VideoInspection.Broken("too many NAL units");
        }
        return look.Result(true, look.Bytes + 4 * look.Units);
    }

    public static int Rewrite(VideoFormat format, ReadOnlySpan<byte> payload, Span<byte> output)
    {
        var written = 0;
        var units = new Walk(format.SourceLengthSize, payload);
        while (units.MoveNext())
        {
            BinaryPrimitives.WriteUInt32BigEndian(output[written..], (uint)units.Current.Length);
            units.Current.CopyTo(output[(written + 4)..]);
            written += 4 + units.Current.Length;
        }
        return written;
    }

    public static bool TryReadFormat(VideoFormat current, ReadOnlySpan<byte> payload, out VideoFormat? format, out string? fault)
    {
        var isAvc = current.Codec == Codec.Avc;
        var configuration = current.Configuration.Span;
        ReadOnlySpan<byte> vps = default, sps = default, pps = default;
        var units = new Walk(current.SourceLengthSize, payload);
        while (units.MoveNext())
        {
            switch (TypeOf(isAvc, units.Current))
            {
                case UnitType.Video when vps.IsEmpty:
                    vps = units.Current;
                    break;
                case UnitType.Sequence when sps.IsEmpty:
                    sps = units.Current;
                    break;
                case UnitType.Picture when pps.IsEmpty:
                    pps = units.Current;
                    break;
            }
        }
        bool read;
        if (isAvc)
        {
            read = AvcConfiguration.TryBuild(sps, pps.IsEmpty ? AvcConfiguration.FirstPicture(configuration) : pps, out format, out fault);
        }
        else
        {
            read = HevcConfiguration.TryBuild(vps.IsEmpty ? HevcConfiguration.FirstUnit(configuration, 32) : vps, sps,
                pps.IsEmpty ? HevcConfiguration.FirstUnit(configuration, 34) : pps, out format, out fault);
        }
        if (read && format is not null)
            format = format.WithSource(current);
        return read;
    }

    private static UnitType TypeOf(bool isAvc, ReadOnlySpan<byte> unit)
    {
        if (isAvc)
        {
            return (unit[0] & 31) switch
            {
                5 => UnitType.RandomAccess,
                >= 1 and <= 4 => UnitType.Slice,
                7 => UnitType.Sequence,
                8 => UnitType.Picture,
                _ => UnitType.Other,
            };
        }
        return (unit[0] >> 1 & 63) switch
        {
            >= 16 and <= 23 => UnitType.RandomAccess,
            <= 31 => UnitType.Slice,
            32 => UnitType.Video,
            33 => UnitType.Sequence,
            34 => UnitType.Picture,
            _ => UnitType.Other,
        };
    }

    private enum UnitType
    {
        Other,
        Slice,
        RandomAccess,
        Video,
        Sequence,
        Picture,
    }

    /// <summary>Whether an SEI unit has a recovery point message, payloadType 6 (ISO/IEC 14496-10 §7.3.2.3.1).</summary>
    private static bool HasRecoveryPoint(ReadOnlySpan<byte> unit)
    {
        var rest = unit[1..];
        // Behind the last message stands one byte of trailing bits.
        while (rest.Length > 2)
        {
            if (!TryReadCount(ref rest, out var type) || !TryReadCount(ref rest, out var size))
                return false;
            if (type == 6)
                return true;
            // Emulation prevention makes a message longer than it says; the next is missed then, which costs a place to begin.
            if (size > rest.Length)
                return false;
            rest = rest[size..];
        }
        return false;

        static bool TryReadCount(ref ReadOnlySpan<byte> rest, out int count)
        {
            for (count = 0; !rest.IsEmpty; rest = rest[1..])
            {
                count += rest[0];
                if (rest[0] == 255)
                    continue;
                rest = rest[1..];
                return true;
            }
            return false;
        }
    }

    /// <summary>Collects what the units' headers say.</summary>
    private struct Look(VideoFormat format)
    {
        private readonly VideoFormat format = format;
        private readonly bool isAvc = format.Codec == Codec.Avc;
        private bool hasPicture;
        private bool isRandomAccess;
        private bool isIntra;
        private bool isRecovering;
        private bool isSkippedLeading;
        private bool isReference;
        private int frameNumber = -1;
        private bool changes;

        public int Units { get; private set; }
        public int Bytes { get; private set; }

        public bool Add(ReadOnlySpan<byte> unit)
        {
            if (++Units > MaxUnits)
                return false;
            Bytes += unit.Length;
            switch (TypeOf(isAvc, unit))
            {
                // The first slice decides: all slices of an IDR or IRAP picture are of that type.
                case UnitType.RandomAccess when !hasPicture:
                    isRandomAccess = hasPicture = isReference = true;
                    frameNumber = 0;
                    break;
                case UnitType.Slice:
                    // Of any slice: two fields may lie in one access unit.
                    isReference |= isAvc && (unit[0] & 0x60) != 0;
                    if (!hasPicture && isAvc)
                        ReadSliceHeader(unit);
                    isSkippedLeading |= !isAvc && (unit[0] >> 1 & 63) is 8 or 9;
                    hasPicture = true;
                    break;
                case UnitType.Other when isAvc && (unit[0] & 31) == 6 && !hasPicture:
                    isRecovering |= HasRecoveryPoint(unit);
                    break;
                case UnitType.Sequence:
                    changes |= isAvc
                        ? !AvcConfiguration.Contains(format.Configuration.Span, unit)
                        : !HevcConfiguration.Contains(format.Configuration.Span, unit);
                    break;
            }
            return true;
        }

        /// <summary>
        /// The beginning of an AVC slice header (ISO/IEC 14496-10 §7.3.3): slice_type is I, of this slice or of all of the
        /// picture; frame_num stands behind the picture parameter set's id. Partitions B and C of a slice have none.
        /// </summary>
        private void ReadSliceHeader(ReadOnlySpan<byte> unit)
        {
            var bits = new BitReader(unit[1..Math.Min(unit.Length, 16)], escaped: true);
            bits.Unsigned();
            var type = bits.Unsigned();
            isIntra = !bits.IsOverrun && type is 2 or 7;
            if (format.FrameNumbers == 0 || (unit[0] & 31) > 2)
                return;
            bits.Unsigned();
            var number = (int)bits.Bits(BitOperations.Log2((uint)format.FrameNumbers));
            frameNumber = bits.IsOverrun ? -1 : number;
        }

        public readonly VideoInspection Result(bool rewrite, int length) => new()
        {
            HasPicture = hasPicture,
            IsRandomAccess = isRandomAccess,
            IsRecoveryPoint = isIntra && isRecovering,
            IsSkippedLeading = isSkippedLeading,
            FrameNumber = frameNumber,
            IsReference = isReference,
            ChangesFormat = changes,
            NeedsRewrite = rewrite,
            SampleLength = length,
        };
    }

    /// <summary>The units of an access unit that was inspected without fault, empty ones left out.</summary>
    internal ref struct Walk
    {
        private readonly int lengthSize;
        private ReadOnlySpan<byte> rest;

        public Walk(int lengthSize, ReadOnlySpan<byte> payload)
        {
            this.lengthSize = lengthSize;
            rest = payload;
            while (TryReadLength(ref rest, lengthSize, out _))
            {
            }
            if (!rest.IsEmpty)
                this.lengthSize = 0;
            rest = payload;
            Current = default;
        }

        public ReadOnlySpan<byte> Current { get; private set; }

        public bool MoveNext()
        {
            ReadOnlySpan<byte> unit;
            while (lengthSize == 0 ? TryReadStartCode(ref rest, out unit) : TryReadLength(ref rest, lengthSize, out unit))
            {
                if (unit.IsEmpty)
                    continue;
                Current = unit;
                return true;
            }
            return false;
        }
    }
}
