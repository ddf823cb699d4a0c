using System.Globalization;
using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>
/// The level that is forced on an encoder, so that CODECS can be told before its first byte. At least 3.0, which every
/// player has: a smaller one would help nobody.
/// </summary>
/// <param name="Number">Ten times the level: 31 for 3.1.</param>
internal readonly record struct CodecLevel(int Number)
{
    public static CodecLevel Lowest { get; } = new(30);

    /// <summary>As x264 and x265 take it: <c>3.1</c>.</summary>
    public string Text => string.Create(CultureInfo.InvariantCulture, $"{Number / 10}.{Number % 10}");

    // Macroblocks a second, macroblocks a frame, kbit/s of High (1.25 times Main's): ISO/IEC 14496-10 table A-1.
    private static readonly (int Level, long PerSecond, long PerFrame, long Kilobits)[] Avc =
    [
        (30, 40_500, 1_620, 12_500), (31, 108_000, 3_600, 17_500), (32, 216_000, 5_120, 25_000), (40, 245_760, 8_192, 25_000),
        (42, 522_240, 8_704, 62_500), (50, 589_824, 22_080, 168_750), (51, 983_040, 36_864, 300_000), (52, 2_073_600, 36_864, 300_000),
        (60, 4_177_920, 139_264, 300_000), (62, 16_711_680, 139_264, 1_000_000),
    ];

    // Luma samples a second and a picture, kbit/s of the main tier: ISO/IEC 23008-2 tables A.8 and A.9.
    private static readonly (int Level, long PerSecond, long PerFrame, long Kilobits)[] Hevc =
    [
        (30, 16_588_800, 552_960, 6_000), (31, 33_177_600, 983_040, 10_000), (40, 66_846_720, 2_228_224, 12_000),
        (41, 133_693_440, 2_228_224, 20_000), (50, 267_386_880, 8_912_896, 25_000), (51, 534_773_760, 8_912_896, 40_000),
        (52, 1_069_547_520, 8_912_896, 60_000), (62, 4_278_190_080, 35_651_584, 240_000),
    ];

    // What libaom writes for a size, as it cannot be told otherwise (av1_init_level and the rate that it assumes, 30).
    private static readonly (int Level, int Width, int Height, int Multiple)[] Av1 =
    [
        (20, 512, 288, 4), (21, 704, 396, 4), (30, 1088, 612, 4), (31, 1376, 774, 4), (40, 2048, 1152, 3), (50, 4096, 2176, 2), (60, 8192, 4352, 2),
    ];

    /// <summary>The lowest level that holds such pictures.</summary>
    public static CodecLevel Of(Codec codec, int width, int height, double framesPerSecond, long bitsPerSecond)
    {
        if (codec == Codec.Av1)
        {
            foreach (var (level, levelWidth, levelHeight, multiple) in Av1)
            {
                if ((long)width * height <= (long)levelWidth * levelHeight && width <= levelWidth * multiple && height <= levelHeight * multiple)
                    return new CodecLevel(level);
            }
            return new CodecLevel(62);
        }
        var perFrame = codec == Codec.Avc ? (width + 15L) / 16 * ((height + 15) / 16) : (width + 7L) / 8 * 8 * ((height + 7) / 8 * 8);
        foreach (var (level, levelPerSecond, levelPerFrame, kilobits) in codec == Codec.Avc ? Avc : Hevc)
        {
            if (perFrame <= levelPerFrame && perFrame * framesPerSecond <= levelPerSecond && bitsPerSecond <= kilobits * 1000)
                return new CodecLevel(level);
        }
        return new CodecLevel(62);
    }

    /// <summary>
    /// The format that players are told: High of AVC, Main of HEVC and AV1, 8 bits; frames a second, or 0 when they are to be measured;
    /// square pixels if nothing else is said.
    /// </summary>
    public VideoFormat Announce(Codec codec, int width, int height, double framesPerSecond = 0, (int Horizontal, int Vertical)? aspect = null) => new(codec, codec switch
    {
        Codec.Avc => string.Create(CultureInfo.InvariantCulture, $"avc1.6400{Number:x2}"),
        // general_level_idc is 30 times the level; 0x90: progressive, frames only.
        Codec.Hevc => string.Create(CultureInfo.InvariantCulture, $"hvc1.1.6.L{Number * 3}.90"),
        // seq_level_idx: four times (level − 2.0), in quarters of which only the first ones are in use.
        _ => string.Create(CultureInfo.InvariantCulture, $"av01.0.{(Number / 10 - 2) * 4 + Number % 10:00}M.08"),
    }, [], width, height)
    {
        DeclaredFrameRate = framesPerSecond,
        SampleAspectRatio = aspect ?? (1, 1),
    };
}
