namespace Millrace.Media;

/// <summary>What a video sequence's own header says, whichever codec it is of.</summary>
internal struct SequenceInfo
{
    /// <summary>Most columns or rows that any of our codecs' parsers accepts: AV1 and HEVC level 6.2 go to 16,888 at 8:1.</summary>
    public const int MaxSide = 16888;

    public int Width;
    public int Height;
    public int AspectHorizontal;
    public int AspectVertical;
    public double FrameRate;
    public ColorDescription? Color;
    public int ChromaFormat;
    public int BitDepthLuma;
    public int BitDepthChroma;
    public int FrameNumbers;
    public HevcOrder? Order;

    /// <summary>ISO/IEC 14496-10 table E-1, the same in HEVC.</summary>
    private static ReadOnlySpan<byte> AspectRatios =>
    [
        1, 1, 1, 1, 12, 11, 10, 11, 16, 11, 40, 33, 24, 11, 20, 11, 32, 11,
        80, 33, 18, 11, 15, 11, 64, 33, 160, 99, 4, 3, 3, 2, 2, 1,
    ];

    /// <summary>The part of VUI that AVC and HEVC share: aspect ratio, overscan, colour, chroma location.</summary>
    public void ReadVuiHead(ref BitReader bits)
    {
        if (bits.Flag())
        {
            int indicator = bits.Byte();
            if (indicator == 255)
            {
                AspectHorizontal = (int)bits.Bits(16);
                AspectVertical = (int)bits.Bits(16);
            }
            else if (indicator * 2 + 1 < AspectRatios.Length)
            {
                AspectHorizontal = AspectRatios[indicator * 2];
                AspectVertical = AspectRatios[indicator * 2 + 1];
            }
        }
        if (bits.Flag())
            bits.Skip(1);
        if (bits.Flag())
        {
            bits.Skip(3);
            var fullRange = bits.Flag();
            if (bits.Flag())
                Color = new ColorDescription(bits.Byte(), bits.Byte(), bits.Byte(), fullRange);
            else if (fullRange)
                Color = new ColorDescription(2, 2, 2, true);
        }
        if (bits.Flag())
        {
            bits.Unsigned();
            bits.Unsigned();
        }
    }

    /// <summary>Forgets what VUI said, when it turned out to be broken.</summary>
    public void ClearVui()
    {
        AspectHorizontal = AspectVertical = 0;
        FrameRate = 0;
        Color = null;
    }

    /// <summary>Sets size after cropping; false when it cannot be.</summary>
    public bool TrySetSize(long width, long height)
    {
        if (width is < 1 or > MaxSide || height is < 1 or > MaxSide)
            return false;
        Width = (int)width;
        Height = (int)height;
        return true;
    }

    public readonly VideoFormat ToFormat(Codec codec, string codecString, byte[] configuration, int lengthSize = 4) =>
        new(codec, codecString, configuration, Width, Height)
        {
            SampleAspectRatio = AspectHorizontal > 0 && AspectVertical > 0 ? (AspectHorizontal, AspectVertical) : (1, 1),
            DeclaredFrameRate = FrameRate,
            Color = Color,
            SourceLengthSize = lengthSize,
            FrameNumbers = FrameNumbers,
        };
}
