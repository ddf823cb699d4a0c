using System.Buffers.Binary;
using System.Globalization;

namespace Millrace.Media;

/// <summary>Reads and builds AVCDecoderConfigurationRecords (ISO/IEC 14496-15 §5.3.3.1).</summary>
public static class AvcConfiguration
{
    private const int SpsType = 7;
    private const int PpsType = 8;
    private const int ExtensionBytes = 4;

    /// <summary>Reads an <c>avcC</c> record, or parameter sets behind start codes as some encoders send instead.</summary>
    /// <param name="avcC">The sequence header's body.</param>
    /// <param name="format">The format; its configuration is rewritten for 4-byte NAL lengths. Null on failure.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    /// <remarks><code>
    /// | 1:8 | profile:8 | compatibility:8 | level:8 | 63:6 | lengthSize−1:2 | 7:3 | spsCount:5 | (length:16 | sps)…
    /// | ppsCount:8 | (length:16 | pps)… | [63:6 | chroma:2 | 31:5 | luma−8:3 | 31:5 | chroma−8:3 | count:8 | …]
    /// </code></remarks>
    public static bool TryRead(ReadOnlySpan<byte> avcC, out VideoFormat? format, out string? fault)
    {
        format = null;
        if (avcC.Length > CodecConfiguration.MaxBytes)
            return Broken("configuration is too large", out fault);
        if (NalUnits.BeginsWithStartCode(avcC))
            return TryReadStartCodes(avcC, out format, out fault);
        if (avcC.Length < 7 || avcC[0] != 1)
            return Broken("not a configuration record", out fault);
        var lengthSize = (avcC[4] & 3) + 1;
        if (lengthSize == 3)
            return Broken("NAL length of three bytes", out fault);

        var position = 5;
        var sps = default(ReadOnlySpan<byte>);
        var count = avcC[position++] & 31;
        var isOnly = count == 1;
        for (var i = 0; i < count; i++)
        {
            if (!TryReadUnit(avcC, ref position, SpsType, out var unit))
                return Broken("sequence parameter set is cut off", out fault);
            if (i == 0)
                sps = unit;
        }
        if (sps.IsEmpty)
            return Broken("no sequence parameter set", out fault);
        if (position >= avcC.Length)
            return Broken("no picture parameter set", out fault);
        count = avcC[position++];
        for (var i = 0; i < count; i++)
        {
            if (!TryReadUnit(avcC, ref position, PpsType, out _))
                return Broken("picture parameter set is cut off", out fault);
        }
        if (count == 0)
            return Broken("no picture parameter set", out fault);
        if (!AvcSequence.TryRead(sps, out var info, out fault))
            return false;
        // Of several, a picture's is known only to who reads picture parameter sets.
        if (!isOnly)
            info.FrameNumbers = 0;

        // Rewritten where it must be, otherwise as it came: the profile bytes are those of the parameter set, which is what
        // decodes; NAL lengths are 4 bytes as in our samples; the extension is there when, and only when, the profile asks.
        var extension = AvcSequence.HasChromaFormat(sps[1]) ? ExtensionBytes : 0;
        var configuration = new byte[position + extension];
        avcC[..position].CopyTo(configuration);
        sps.Slice(1, 3).CopyTo(configuration.AsSpan(1));
        configuration[4] = 0xFF;
        if (extension != 0)
            WriteExtension(configuration.AsSpan(position), info);
        format = info.ToFormat(Codec.Avc, CodecString(sps), configuration, lengthSize);
        return true;
    }

    /// <summary>Builds the record from one sequence and one picture parameter set that came in the stream.</summary>
    /// <param name="sps">The NAL unit with its header.</param>
    /// <param name="pps">The NAL unit with its header.</param>
    /// <param name="format">The format, or null on failure.</param>
    /// <param name="fault">Why it can't be built; null on success.</param>
    public static bool TryBuild(ReadOnlySpan<byte> sps, ReadOnlySpan<byte> pps, out VideoFormat? format, out string? fault)
    {
        format = null;
        if (sps.Length + pps.Length + 15 > CodecConfiguration.MaxBytes)
            return Broken("configuration is too large", out fault);
        if (pps.Length < 2 || (pps[0] & 0x9F) != PpsType)
            return Broken("no picture parameter set", out fault);
        if (!AvcSequence.TryRead(sps, out var info, out fault))
            return false;
        var hasChromaFormat = AvcSequence.HasChromaFormat(sps[1]);
        var configuration = new byte[11 + sps.Length + pps.Length + (hasChromaFormat ? ExtensionBytes : 0)];
        var output = configuration.AsSpan();
        output[0] = 1;
        sps.Slice(1, 3).CopyTo(output[1..]);
        output[4] = 0xFF;
        output[5] = 0xE1;
        BinaryPrimitives.WriteUInt16BigEndian(output[6..], (ushort)sps.Length);
        sps.CopyTo(output[8..]);
        output = output[(8 + sps.Length)..];
        output[0] = 1;
        BinaryPrimitives.WriteUInt16BigEndian(output[1..], (ushort)pps.Length);
        pps.CopyTo(output[3..]);
        output = output[(3 + pps.Length)..];
        if (hasChromaFormat)
            WriteExtension(output, info);
        format = info.ToFormat(Codec.Avc, CodecString(sps), configuration);
        return true;
    }

    /// <summary>Every parameter set of a record, each behind its length in 4 bytes as in a sample. The record was read before.</summary>
    public static byte[] ParameterSets(ReadOnlySpan<byte> avcC)
    {
        var output = new List<byte>(avcC.Length + 16);
        var position = 6;
        for (var count = avcC.Length > 6 ? avcC[5] & 31 : 0; count > 0 && TryReadUnit(avcC, ref position, SpsType, out var unit); count--)
            Append(output, unit);
        if (position >= avcC.Length)
            return [.. output];
        for (var count = avcC[position++]; count > 0 && TryReadUnit(avcC, ref position, PpsType, out var unit); count--)
            Append(output, unit);
        return [.. output];

        static void Append(List<byte> output, ReadOnlySpan<byte> unit)
        {
            Span<byte> length = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, unit.Length);
            output.AddRange(length);
            output.AddRange(unit);
        }
    }

    /// <summary>The record's first picture parameter set, with its header. The record was read before.</summary>
    internal static ReadOnlySpan<byte> FirstPicture(ReadOnlySpan<byte> avcC)
    {
        var position = 6;
        for (var count = avcC[5] & 31; count > 0; count--)
            TryReadUnit(avcC, ref position, SpsType, out _);
        position++;
        return TryReadUnit(avcC, ref position, PpsType, out var unit) ? unit : default;
    }

    /// <summary>Whether the record holds exactly this parameter set.</summary>
    internal static bool Contains(ReadOnlySpan<byte> avcC, ReadOnlySpan<byte> set)
    {
        var position = 6;
        for (var count = avcC[5] & 31; count > 0; count--)
        {
            if (TryReadUnit(avcC, ref position, SpsType, out var unit) && unit.SequenceEqual(set))
                return true;
        }
        if (position >= avcC.Length)
            return false;
        for (var count = avcC[position++]; count > 0; count--)
        {
            if (TryReadUnit(avcC, ref position, PpsType, out var unit) && unit.SequenceEqual(set))
                return true;
        }
        return false;
    }

    private static void WriteExtension(Span<byte> output, in SequenceInfo info)
    {
        output[0] = (byte)(0xFC | info.ChromaFormat);
        output[1] = (byte)(0xF8 | (info.BitDepthLuma - 8));
        output[2] = (byte)(0xF8 | (info.BitDepthChroma - 8));
        output[3] = 0;
    }

    private static bool TryReadStartCodes(ReadOnlySpan<byte> bytes, out VideoFormat? format, out string? fault)
    {
        ReadOnlySpan<byte> sps = default, pps = default;
        while (NalUnits.TryReadStartCode(ref bytes, out var unit))
        {
            if (unit.IsEmpty)
                continue;
            switch (unit[0] & 31)
            {
                case SpsType when sps.IsEmpty:
                    sps = unit;
                    break;
                case PpsType when pps.IsEmpty:
                    pps = unit;
                    break;
            }
        }
        return TryBuild(sps, pps, out format, out fault);
    }

    private static bool TryReadUnit(ReadOnlySpan<byte> record, scoped ref int position, int type, out ReadOnlySpan<byte> unit)
    {
        unit = default;
        if (record.Length - position < 2)
            return false;
        var length = BinaryPrimitives.ReadUInt16BigEndian(record[position..]);
        position += 2;
        if (length == 0 || length > record.Length - position || (record[position] & 31) != type)
            return false;
        unit = record.Slice(position, length);
        position += length;
        return true;
    }

    // RFC 6381 §3.3.
    private static string CodecString(ReadOnlySpan<byte> sps) =>
        string.Create(CultureInfo.InvariantCulture, $"avc1.{sps[1]:x2}{sps[2]:x2}{sps[3]:x2}");

    private static bool Broken(string what, out string? fault)
    {
        fault = "AVC: " + what;
        return false;
    }
}
