using System.Globalization;

namespace Millrace.Media;

/// <summary>Reads VPCodecConfigurationRecords (VP Codec ISO Media File Format Binding, <c>vpcC</c>).</summary>
/// <remarks>The record does not tell the picture's size: it takes the first key frame to know the format.</remarks>
public static class Vp9Configuration
{
    /// <summary>version, flags, profile, level, depth and chroma and range, three colour codes, length of initialization data.</summary>
    private const int RecordBytes = 12;

    /// <summary>Most luma samples a second and a picture of each level, from 1 on (VP9 levels, table of limits).</summary>
    private static ReadOnlySpan<int> LevelPictureSizes =>
        [36864, 73728, 122880, 245760, 552960, 983040, 2228224, 2228224, 8912896, 8912896, 8912896, 35651584, 35651584, 35651584];

    private static ReadOnlySpan<byte> Levels => [10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 52, 60, 61, 62];

    /// <summary>Reads the format from the record, which may be empty, and the first key frame.</summary>
    /// <param name="vpcC">The record, with version and flags (as ffmpeg sends it) or without.</param>
    /// <param name="keyFrame">A key frame as it came.</param>
    /// <param name="format">The format, or null on failure.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    public static bool TryRead(ReadOnlySpan<byte> vpcC, ReadOnlySpan<byte> keyFrame, out VideoFormat? format, out string? fault)
    {
        format = null;
        if (vpcC.Length > CodecConfiguration.MaxBytes)
            return Broken("configuration is too large", out fault);
        var record = vpcC.Length >= RecordBytes && vpcC[0] == 1 && vpcC[1] == 0 && vpcC[2] == 0 && vpcC[3] == 0 ? vpcC[4..] : vpcC;
        if (record.Length is > 0 and < 6)
            return Broken("configuration is cut off", out fault);
        if (!Vp9Frame.TryRead(keyFrame, out var frame, out fault))
            return false;
        if (!frame.IsKey)
            return Broken("the first frame is no key frame", out fault);
        var info = default(SequenceInfo);
        if (!info.TrySetSize(frame.Width, frame.Height))
            return Broken("picture size", out fault);

        var level = record.IsEmpty || record[1] == 0 ? LevelFor(frame) : record[1];
        var color = record.IsEmpty ? ColorOf(frame) : new ColorDescription(record[3], record[4], record[5], (record[2] & 1) != 0);
        // The frame knows profile and depth; 4:2:0 has two chroma positions, which only the record tells apart.
        var subsampling = !record.IsEmpty && frame.Subsampling == 1 && (record[2] >> 1 & 7) <= 1 ? record[2] >> 1 & 7 : frame.Subsampling;
        format = Build(info, frame.Profile, level, frame.BitDepth, subsampling, color);
        return true;
    }

    /// <summary>Reads a record whose picture size is known from elsewhere: from a file's sample entry.</summary>
    /// <param name="vpcC">The record with version and flags.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="format">The format, or null on failure.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    public static bool TryReadBox(ReadOnlySpan<byte> vpcC, int width, int height, out VideoFormat? format, out string? fault)
    {
        format = null;
        fault = null;
        if (vpcC.Length < RecordBytes || vpcC[0] != 1)
            return Broken("configuration is cut off", out fault);
        var info = default(SequenceInfo);
        if (!info.TrySetSize(width, height))
            return Broken("picture size", out fault);
        var color = new ColorDescription(vpcC[7], vpcC[8], vpcC[9], (vpcC[6] & 1) != 0);
        format = Build(info, vpcC[4], vpcC[5], vpcC[6] >> 4, vpcC[6] >> 1 & 7, color);
        return true;
    }

    private static VideoFormat Build(SequenceInfo info, int profile, int level, int depth, int subsampling, ColorDescription color)
    {
        var configuration = new byte[RecordBytes];
        configuration[0] = 1;
        configuration[4] = (byte)profile;
        configuration[5] = (byte)level;
        configuration[6] = (byte)(depth << 4 | subsampling << 1 | (color.FullRange ? 1 : 0));
        configuration[7] = color.Primaries;
        configuration[8] = color.Transfer;
        configuration[9] = color.Matrix;
        info.Color = color is { Primaries: 2, Transfer: 2, Matrix: 2, FullRange: false } ? null : color;
        var codecString = string.Create(CultureInfo.InvariantCulture, $"vp09.{profile:00}.{level:00}.{depth:00}");
        if (color is not { Primaries: 1 or 2, Transfer: 1 or 2, Matrix: 1 or 2, FullRange: false } || subsampling > 1)
        {
            codecString += string.Create(CultureInfo.InvariantCulture,
                $".{subsampling:00}.{color.Primaries:00}.{color.Transfer:00}.{color.Matrix:00}.{(color.FullRange ? 1 : 0):00}");
        }
        return info.ToFormat(Codec.Vp9, codecString, configuration);
    }

    /// <summary>Whether a key frame has the profile and depth of a record made here.</summary>
    internal static bool Fits(ReadOnlySpan<byte> vpcC, in Vp9Frame frame) =>
        vpcC.Length == RecordBytes && vpcC[4] == frame.Profile && vpcC[6] >> 4 == frame.BitDepth;

    private static int LevelFor(in Vp9Frame frame)
    {
        var size = (long)frame.Width * frame.Height;
        for (var i = 0; i < Levels.Length; i++)
        {
            if (size <= LevelPictureSizes[i])
                return Levels[i];
        }
        return Levels[^1];
    }

    // VP9's color_space in the code points of ISO/IEC 23091-2.
    private static ColorDescription ColorOf(in Vp9Frame frame) => frame.ColorSpace switch
    {
        1 => new(6, 6, 6, frame.FullRange),
        2 => new(1, 1, 1, frame.FullRange),
        3 => new(6, 6, 6, frame.FullRange),
        4 => new(7, 7, 7, frame.FullRange),
        5 => new(9, 14, 9, frame.FullRange),
        7 => new(1, 13, 0, frame.FullRange),
        _ => new(2, 2, 2, frame.FullRange),
    };

    private static bool Broken(string what, out string? fault)
    {
        fault = "VP9: " + what;
        return false;
    }
}
