namespace Millrace.Media;

/// <summary>Reads an AV1 sequence header (AV1 bitstream specification §5.5).</summary>
internal struct Av1Sequence
{
    public SequenceInfo Info;
    public int Profile;
    public int Level;
    public bool HighTier;
    public bool Monochrome;
    public int SubsamplingX;
    public int SubsamplingY;
    public int ChromaPosition;
    public bool IsReduced;

    /// <param name="payload">The OBU's payload, without header.</param>
    /// <param name="sequence">What it says.</param>
    /// <param name="fault">Why it can't be read.</param>
    public static bool TryRead(ReadOnlySpan<byte> payload, out Av1Sequence sequence, out string? fault)
    {
        sequence = default;
        fault = null;
        var bits = new BitReader(payload);
        sequence.Profile = (int)bits.Bits(3);
        if (sequence.Profile > 2)
            return Broken("reserved profile", out fault);
        bits.Skip(1);
        sequence.IsReduced = bits.Flag();
        if (sequence.IsReduced)
            sequence.Level = (int)bits.Bits(5);
        else
            sequence.ReadOperatingPoints(ref bits);

        var widthBits = (int)bits.Bits(4) + 1;
        var heightBits = (int)bits.Bits(4) + 1;
        var width = bits.Bits(widthBits) + 1L;
        var height = bits.Bits(heightBits) + 1L;
        if (!sequence.IsReduced && bits.Flag())
            bits.Skip(7);
        bits.Skip(3);
        if (!sequence.IsReduced)
            SkipTools(ref bits);
        bits.Skip(3);
        sequence.ReadColor(ref bits);
        if (bits.IsOverrun)
            return Broken("sequence header ends early", out fault);
        return sequence.Info.TrySetSize(width, height) || Broken("picture size", out fault);
    }

    /// <summary>Whether everything that an init segment or a playlist says is the same.</summary>
    public readonly bool LooksLike(in Av1Sequence other) =>
        (Profile, Level, HighTier, Monochrome, SubsamplingX, SubsamplingY, ChromaPosition)
            == (other.Profile, other.Level, other.HighTier, other.Monochrome, other.SubsamplingX, other.SubsamplingY, other.ChromaPosition)
        && (Info.Width, Info.Height, Info.BitDepthLuma, Info.Color) == (other.Info.Width, other.Info.Height, other.Info.BitDepthLuma, other.Info.Color);

    // §5.5.1, from timing_info_present_flag to the last operating point.
    private void ReadOperatingPoints(ref BitReader bits)
    {
        var delayBits = 0;
        if (bits.Flag())
        {
            var unitsInTick = bits.Bits(32);
            var timeScale = bits.Bits(32);
            // Only equal picture intervals say how many ticks a picture lasts.
            if (bits.Flag())
            {
                var ticks = bits.Unsigned() + 1.0;
                if (unitsInTick != 0 && timeScale != 0)
                    Info.FrameRate = timeScale / (unitsInTick * ticks);
            }
            if (bits.Flag())
            {
                delayBits = (int)bits.Bits(5) + 1;
                bits.Skip(32 + 5 + 5);
            }
        }
        var hasInitialDelay = bits.Flag();
        var points = (int)bits.Bits(5) + 1;
        for (var i = 0; i < points; i++)
        {
            bits.Skip(12);
            var level = (int)bits.Bits(5);
            var highTier = level > 7 && bits.Flag();
            if (i == 0)
                (Level, HighTier) = (level, highTier);
            if (delayBits != 0 && bits.Flag())
                bits.Skip(delayBits * 2 + 1);
            if (hasInitialDelay && bits.Flag())
                bits.Skip(4);
        }
    }

    private static void SkipTools(ref BitReader bits)
    {
        bits.Skip(4);
        var orderHint = bits.Flag();
        if (orderHint)
            bits.Skip(2);
        // seq_choose_screen_content_tools, else the forced value.
        var screenContent = bits.Flag() || bits.Flag();
        if (screenContent && !bits.Flag())
            bits.Skip(1);
        if (orderHint)
            bits.Skip(3);
    }

    // §5.5.2.
    private void ReadColor(ref BitReader bits)
    {
        var highBitDepth = bits.Flag();
        Info.BitDepthLuma = Info.BitDepthChroma = Profile == 2 && highBitDepth && bits.Flag() ? 12 : highBitDepth ? 10 : 8;
        Monochrome = Profile != 1 && bits.Flag();
        byte primaries = 2, transfer = 2, matrix = 2;
        var described = bits.Flag();
        if (described)
            (primaries, transfer, matrix) = (bits.Byte(), bits.Byte(), bits.Byte());
        bool fullRange;
        if (Monochrome)
        {
            fullRange = bits.Flag();
            SubsamplingX = SubsamplingY = 1;
        }
        else if (primaries == 1 && transfer == 13 && matrix == 0)
        {
            // sRGB: 4:4:4 and full range, without saying so.
            fullRange = true;
        }
        else
        {
            fullRange = bits.Flag();
            (SubsamplingX, SubsamplingY) = Profile switch
            {
                0 => (1, 1),
                1 => (0, 0),
                _ when Info.BitDepthLuma == 12 && bits.Flag() => (1, (int)bits.Bit()),
                _ when Info.BitDepthLuma == 12 => (0, 0),
                _ => (1, 0),
            };
            if (SubsamplingX == 1 && SubsamplingY == 1)
                ChromaPosition = (int)bits.Bits(2);
        }
        if (described || fullRange)
            Info.Color = new ColorDescription(primaries, transfer, matrix, fullRange);
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "AV1: " + what;
        return false;
    }
}
