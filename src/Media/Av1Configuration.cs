using System.Globalization;

namespace Millrace.Media;

/// <summary>Reads and builds AV1CodecConfigurationRecords (AV1 in ISOBMFF §2.3).</summary>
public static class Av1Configuration
{
    private const int HeaderBytes = 4;

    /// <summary>Reads an <c>av1C</c> record, whose OBUs must hold the sequence header.</summary>
    /// <param name="av1C">The sequence start's body.</param>
    /// <param name="format">The format, or null on failure.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    /// <remarks><code>
    /// | 1:1 | version 1:7 | profile:3 | level:5 | tier:1 | high:1 | twelve:1 | mono:1 | subX:1 | subY:1 | position:2 |
    /// | 0:3 | delay present:1 | delay−1:4 | OBUs… |
    /// </code></remarks>
    public static bool TryRead(ReadOnlySpan<byte> av1C, out VideoFormat? format, out string? fault)
    {
        format = null;
        if (av1C.Length > CodecConfiguration.MaxBytes)
            return Broken("configuration is too large", out fault);
        if (av1C.Length < HeaderBytes || av1C[0] != 0x81)
            return Broken("not a configuration record", out fault);
        var rest = av1C[HeaderBytes..];
        while (Av1Units.TryRead(ref rest, out var type, out _, out var payload))
        {
            if (type == Av1Units.SequenceHeader)
                return TryBuild(payload, out format, out fault);
        }
        return Broken("no sequence header", out fault);
    }

    /// <summary>Builds the record from a sequence header OBU's payload.</summary>
    internal static bool TryBuild(ReadOnlySpan<byte> header, out VideoFormat? format, out string? fault)
    {
        format = null;
        if (header.Length > 127)
            return Broken("sequence header is too large", out fault);
        if (!Av1Sequence.TryRead(header, out var sequence, out fault))
            return false;
        var configuration = new byte[HeaderBytes + 2 + header.Length];
        configuration[0] = 0x81;
        configuration[1] = (byte)(sequence.Profile << 5 | sequence.Level);
        configuration[2] = (byte)((sequence.HighTier ? 0x80 : 0) | (sequence.Info.BitDepthLuma > 8 ? 0x40 : 0)
            | (sequence.Info.BitDepthLuma == 12 ? 0x20 : 0) | (sequence.Monochrome ? 0x10 : 0)
            | sequence.SubsamplingX << 3 | sequence.SubsamplingY << 2 | sequence.ChromaPosition);
        configuration[4] = Av1Units.SequenceHeader << 3 | 2;
        configuration[5] = (byte)header.Length;
        header.CopyTo(configuration.AsSpan(6));
        format = sequence.Info.ToFormat(Codec.Av1, CodecString(sequence), configuration);
        return true;
    }

    /// <summary>
    /// Whether a stream with this sequence header is of the format that a record made here describes. Coding tools may
    /// differ: SVT-AV1 announces other ones than it uses, and every key frame brings the header that counts.
    /// </summary>
    internal static bool Describes(ReadOnlySpan<byte> av1C, ReadOnlySpan<byte> header)
    {
        if (av1C.Length <= HeaderBytes + 2)
            return false;
        var own = av1C[(HeaderBytes + 2)..];
        return own.SequenceEqual(header)
            || (Av1Sequence.TryRead(own, out var left, out _) && Av1Sequence.TryRead(header, out var right, out _) && left.LooksLike(right));
    }

    // AV1 in ISOBMFF §5; the second half only when it says something that is not the default.
    private static string CodecString(in Av1Sequence sequence)
    {
        var text = string.Create(CultureInfo.InvariantCulture,
            $"av01.{sequence.Profile}.{sequence.Level:00}{(sequence.HighTier ? 'H' : 'M')}.{sequence.Info.BitDepthLuma:00}");
        var color = sequence.Info.Color ?? new ColorDescription(1, 1, 1, false);
        var isCommon = sequence is { Monochrome: false, SubsamplingX: 1, SubsamplingY: 1 }
            && color is { Primaries: 1 or 2, Transfer: 1 or 2, Matrix: 1 or 2, FullRange: false };
        if (isCommon)
            return text;
        return text + string.Create(CultureInfo.InvariantCulture,
            $".{(sequence.Monochrome ? 1 : 0)}.{sequence.SubsamplingX}{sequence.SubsamplingY}{sequence.ChromaPosition}.{color.Primaries:00}.{color.Transfer:00}.{color.Matrix:00}.{(color.FullRange ? 1 : 0)}");
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "AV1: " + what;
        return false;
    }
}
