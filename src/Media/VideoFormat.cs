namespace Millrace.Media;

/// <summary>Colour as the bit stream declares it (ISO/IEC 23091-2 code points), for <c>colr</c> of type <c>nclx</c>.</summary>
/// <param name="Primaries">ColourPrimaries.</param>
/// <param name="Transfer">TransferCharacteristics.</param>
/// <param name="Matrix">MatrixCoefficients.</param>
/// <param name="FullRange">VideoFullRangeFlag.</param>
public readonly record struct ColorDescription(byte Primaries, byte Transfer, byte Matrix, bool FullRange)
{
    /// <summary>HLS VIDEO-RANGE: <c>PQ</c>, <c>HLG</c> or <c>SDR</c>.</summary>
    public string VideoRange => Transfer switch { 16 => "PQ", 18 => "HLG", _ => "SDR" };
}

/// <summary>HDR10 mastering metadata, contents of <c>mdcv</c> and <c>clli</c> (ISO/IEC 14496-12 §12.1.5–12.1.7); empty when absent.</summary>
/// <param name="MasteringDisplay">24 bytes of <c>mdcv</c>, or empty.</param>
/// <param name="ContentLight">4 bytes of <c>clli</c>, or empty.</param>
public sealed record HdrMetadata(ReadOnlyMemory<byte> MasteringDisplay, ReadOnlyMemory<byte> ContentLight);

/// <summary>A video track's format.</summary>
public sealed class VideoFormat : TrackFormat
{
    /// <summary>Units per second of every video time.</summary>
    public const uint VideoTimescale = 90000;

    /// <summary>Made by the codec configuration readers of this room.</summary>
    public VideoFormat(Codec codec, string codecString, byte[] configuration, int width, int height)
        : base(codec, VideoTimescale, codecString, configuration)
    {
        Width = width;
        Height = height;
    }

    /// <inheritdoc/>
    public override MediaKind Kind => MediaKind.Video;

    /// <summary>Luma samples per row after cropping, at least 1.</summary>
    public int Width { get; }

    /// <summary>Luma rows after cropping, at least 1.</summary>
    public int Height { get; }

    /// <summary>Sample aspect ratio; 1:1 when the bit stream says nothing.</summary>
    public (int Horizontal, int Vertical) SampleAspectRatio { get; init; } = (1, 1);

    /// <summary>Frames per second that the bit stream declares, or 0 when it does not; real streams are measured instead.</summary>
    public double DeclaredFrameRate { get; init; }

    /// <summary>Colour as declared, or null.</summary>
    public ColorDescription? Color { get; init; }

    /// <summary>HDR10 metadata, from the bit stream or from Enhanced RTMP's Metadata packet; null when there is none.</summary>
    public HdrMetadata? Hdr { get; init; }

    /// <summary>
    /// Bytes of the length in front of each NAL unit as the publisher sends them: 1, 2 or 4 (AVC, HEVC). Samples and
    /// <see cref="TrackFormat.Configuration"/> always have 4; <see cref="NalUnits"/> converts.
    /// </summary>
    public int SourceLengthSize { get; init; } = 4;

    /// <summary>
    /// AVC: how many values frame_num has (MaxFrameNum, 16 to 65536), where it tells whether a reference picture is missing
    /// (ISO/IEC 14496-10 §7.4.3). 0 where it does not: gaps are allowed, separate colour planes are possible, the
    /// record has several sequence parameter sets, or it is another codec.
    /// </summary>
    public int FrameNumbers { get; init; }

    /// <summary>The same format with HDR metadata that came beside the bit stream.</summary>
    public VideoFormat WithHdr(HdrMetadata? hdr, ColorDescription? color) =>
        new(Codec, CodecString, Configuration.ToArray(), Width, Height)
        {
            SampleAspectRatio = SampleAspectRatio,
            DeclaredFrameRate = DeclaredFrameRate,
            Color = color ?? Color,
            Hdr = hdr ?? Hdr,
            SourceLengthSize = SourceLengthSize,
            FrameNumbers = FrameNumbers,
        };

    /// <summary>The same format with what came beside the bit stream of an older one: HDR metadata and the source's NAL lengths.</summary>
    internal VideoFormat WithSource(VideoFormat older) =>
        new(Codec, CodecString, Configuration.ToArray(), Width, Height)
        {
            SampleAspectRatio = SampleAspectRatio,
            DeclaredFrameRate = DeclaredFrameRate,
            Color = Color,
            Hdr = older.Hdr,
            SourceLengthSize = older.SourceLengthSize,
            FrameNumbers = FrameNumbers,
        };
}
