using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Millrace.Media;

/// <summary>Reads and builds HEVCDecoderConfigurationRecords (ISO/IEC 14496-15 §8.3.3.1).</summary>
public static class HevcConfiguration
{
    private const int VpsType = 32;
    private const int SpsType = 33;
    private const int PpsType = 34;
    private const int HeaderBytes = 23;

    /// <summary>Reads an <c>hvcC</c> record, or parameter sets behind start codes as some encoders send instead.</summary>
    /// <param name="hvcC">The sequence header's body.</param>
    /// <param name="format">The format; its configuration is rewritten for 4-byte NAL lengths. Null on failure.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    /// <remarks><code>
    /// | 1:8 | profile, tier, level:96 | …:48, chroma and depth | frameRate:16 | …:6 | lengthSize−1:2 | arrays:8 |
    /// array: | complete:1 | 0:1 | nalType:6 | count:16 | (length:16 | unit)… |
    /// </code></remarks>
    public static bool TryRead(ReadOnlySpan<byte> hvcC, out VideoFormat? format, out string? fault)
    {
        format = null;
        if (hvcC.Length > CodecConfiguration.MaxBytes)
            return Broken("configuration is too large", out fault);
        if (NalUnits.BeginsWithStartCode(hvcC))
            return TryReadStartCodes(hvcC, out format, out fault);
        // Version 0 came from encoders of before the standard was final; nothing else differs.
        if (hvcC.Length < HeaderBytes || hvcC[0] > 1)
            return Broken("not a configuration record", out fault);
        var lengthSize = (hvcC[21] & 3) + 1;
        if (lengthSize == 3)
            return Broken("NAL length of three bytes", out fault);

        var sets = new Sets(hvcC);
        while (sets.MoveNext())
        {
        }
        if (sets.IsBroken)
            return Broken("parameter set is cut off", out fault);
        var sps = FirstUnit(hvcC, SpsType);
        if (sps.IsEmpty || FirstUnit(hvcC, VpsType).IsEmpty || FirstUnit(hvcC, PpsType).IsEmpty)
            return Broken("a parameter set is missing", out fault);

        Span<byte> profile = stackalloc byte[HevcSequence.ProfileBytes];
        if (!HevcSequence.TryRead(sps, out var info, profile, out _, out _, out fault))
            return false;
        var configuration = hvcC[..sets.Position].ToArray();
        configuration[0] = 1;
        profile.CopyTo(configuration.AsSpan(1));
        configuration[21] |= 3;
        // hvc1 keeps all parameter sets in the sample entry, so every array says that it is complete.
        MarkComplete(configuration);
        format = info.ToFormat(Codec.Hevc, CodecString(profile), configuration, lengthSize);
        return true;
    }

    /// <summary>Builds the record from parameter sets that came in the stream.</summary>
    /// <param name="vps">The NAL unit with its header.</param>
    /// <param name="sps">The NAL unit with its header.</param>
    /// <param name="pps">The NAL unit with its header.</param>
    /// <param name="format">The format, or null on failure.</param>
    /// <param name="fault">Why it can't be built; null on success.</param>
    public static bool TryBuild(ReadOnlySpan<byte> vps, ReadOnlySpan<byte> sps, ReadOnlySpan<byte> pps,
        out VideoFormat? format, out string? fault)
    {
        format = null;
        if (vps.Length + sps.Length + pps.Length + HeaderBytes + 15 > CodecConfiguration.MaxBytes)
            return Broken("configuration is too large", out fault);
        if (!IsType(vps, VpsType) || !IsType(pps, PpsType))
            return Broken("a parameter set is missing", out fault);
        Span<byte> profile = stackalloc byte[HevcSequence.ProfileBytes];
        if (!HevcSequence.TryRead(sps, out var info, profile, out var temporalLayers, out var nested, out fault))
            return false;

        var configuration = new byte[HeaderBytes + 15 + vps.Length + sps.Length + pps.Length];
        var output = configuration.AsSpan();
        output[0] = 1;
        profile.CopyTo(output[1..]);
        // Spatial segmentation, parallelism and average frame rate: unknown.
        BinaryPrimitives.WriteUInt16BigEndian(output[13..], 0xF000);
        output[15] = 0xFC;
        output[16] = (byte)(0xFC | info.ChromaFormat);
        output[17] = (byte)(0xF8 | (info.BitDepthLuma - 8));
        output[18] = (byte)(0xF8 | (info.BitDepthChroma - 8));
        output[21] = (byte)(temporalLayers << 3 | (nested ? 4 : 0) | 3);
        output[22] = 3;
        output = output[HeaderBytes..];
        WriteArray(ref output, VpsType, vps);
        WriteArray(ref output, SpsType, sps);
        WriteArray(ref output, PpsType, pps);
        format = info.ToFormat(Codec.Hevc, CodecString(profile), configuration);
        return true;
    }

    /// <summary>The record's first unit of a type, with its header; empty when there is none. The record was read before.</summary>
    internal static ReadOnlySpan<byte> FirstUnit(ReadOnlySpan<byte> hvcC, int type)
    {
        var sets = new Sets(hvcC);
        while (sets.MoveNext())
        {
            if (IsType(sets.Current, type))
                return sets.Current;
        }
        return default;
    }

    /// <summary>Whether the record holds exactly this parameter set.</summary>
    internal static bool Contains(ReadOnlySpan<byte> hvcC, ReadOnlySpan<byte> set)
    {
        var sets = new Sets(hvcC);
        while (sets.MoveNext())
        {
            if (sets.Current.SequenceEqual(set))
                return true;
        }
        return false;
    }

    private static void MarkComplete(byte[] record)
    {
        var position = HeaderBytes;
        for (var arrays = record[22]; arrays > 0; arrays--)
        {
            if ((record[position] & 63) is VpsType or SpsType or PpsType)
                record[position] |= 0x80;
            var units = BinaryPrimitives.ReadUInt16BigEndian(record.AsSpan(position + 1));
            position += 3;
            for (; units > 0; units--)
                position += 2 + BinaryPrimitives.ReadUInt16BigEndian(record.AsSpan(position));
        }
    }

    private static bool TryReadStartCodes(ReadOnlySpan<byte> bytes, out VideoFormat? format, out string? fault)
    {
        ReadOnlySpan<byte> vps = default, sps = default, pps = default;
        while (NalUnits.TryReadStartCode(ref bytes, out var unit))
        {
            if (vps.IsEmpty && IsType(unit, VpsType))
                vps = unit;
            else if (sps.IsEmpty && IsType(unit, SpsType))
                sps = unit;
            else if (pps.IsEmpty && IsType(unit, PpsType))
                pps = unit;
        }
        return TryBuild(vps, sps, pps, out format, out fault);
    }

    private static bool IsType(ReadOnlySpan<byte> unit, int type) => unit.Length > 2 && (unit[0] >> 1 & 63) == type;

    private static void WriteArray(ref Span<byte> output, int type, ReadOnlySpan<byte> unit)
    {
        output[0] = (byte)(0x80 | type);
        BinaryPrimitives.WriteUInt16BigEndian(output[1..], 1);
        BinaryPrimitives.WriteUInt16BigEndian(output[3..], (ushort)unit.Length);
        unit.CopyTo(output[5..]);
        output = output[(5 + unit.Length)..];
    }

    /// <summary>ISO/IEC 14496-15 §E.3: profile, compatibility bits reversed, tier and level, constraint bytes without trailing zeros.</summary>
    private static string CodecString(ReadOnlySpan<byte> profile)
    {
        var text = new StringBuilder("hvc1.", 32);
        if (profile[0] >> 6 != 0)
            text.Append((char)('A' + (profile[0] >> 6) - 1));
        var compatibility = BinaryPrimitives.ReadUInt32BigEndian(profile[1..]);
        var reversed = 0u;
        for (var i = 0; i < 32; i++)
            reversed |= (compatibility >> i & 1) << (31 - i);
        text.Append(CultureInfo.InvariantCulture, $"{profile[0] & 31}.{reversed:X}.{((profile[0] & 32) != 0 ? 'H' : 'L')}{profile[11]}");
        var constraints = profile.Slice(5, 6).TrimEnd((byte)0);
        foreach (var constraint in constraints)
            text.Append(CultureInfo.InvariantCulture, $".{constraint:X}");
        return text.ToString();
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "HEVC: " + what;
        return false;
    }

    /// <summary>Walks the parameter sets of a record.</summary>
    private ref struct Sets(ReadOnlySpan<byte> record)
    {
        private readonly ReadOnlySpan<byte> record = record;
        private int arraysLeft = record.Length < HeaderBytes ? 0 : record[22];
        private int unitsLeft;

        public int Position { get; private set; } = HeaderBytes;
        public bool IsBroken { get; private set; }
        public ReadOnlySpan<byte> Current { get; private set; }

        public bool MoveNext()
        {
            while (unitsLeft == 0)
            {
                if (arraysLeft == 0)
                    return false;
                arraysLeft--;
                if (record.Length - Position < 3)
                    return Break();
                unitsLeft = BinaryPrimitives.ReadUInt16BigEndian(record[(Position + 1)..]);
                Position += 3;
            }
            unitsLeft--;
            if (record.Length - Position < 2)
                return Break();
            var length = BinaryPrimitives.ReadUInt16BigEndian(record[Position..]);
            Position += 2;
            if (length > record.Length - Position)
                return Break();
            Current = record.Slice(Position, length);
            Position += length;
            return true;
        }

        private bool Break()
        {
            IsBroken = true;
            arraysLeft = unitsLeft = 0;
            return false;
        }
    }
}
