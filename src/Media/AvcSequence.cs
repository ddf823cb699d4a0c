namespace Millrace.Media;

/// <summary>Reads an AVC sequence parameter set (ISO/IEC 14496-10 §7.3.2.1.1 and §E.1.1).</summary>
internal static class AvcSequence
{
    /// <param name="unit">The NAL unit with its header byte.</param>
    /// <param name="info">What it says.</param>
    /// <param name="fault">Why it can't be read.</param>
    public static bool TryRead(ReadOnlySpan<byte> unit, out SequenceInfo info, out string? fault)
    {
        info = default;
        fault = null;
        if (unit.Length < 4 || (unit[0] & 0x9F) != 7)
            return Broken("not a sequence parameter set", out fault);
        var bits = new BitReader(unit[1..], escaped: true);
        var profile = bits.Byte();
        bits.Skip(16);
        if (bits.Unsigned() > 31)
            return Broken("sequence parameter set id", out fault);

        info.ChromaFormat = 1;
        info.BitDepthLuma = info.BitDepthChroma = 8;
        var separatePlanes = false;
        if (HasChromaFormat(profile))
        {
            var chroma = bits.Unsigned();
            if (chroma > 3)
                return Broken("chroma format", out fault);
            info.ChromaFormat = (int)chroma;
            separatePlanes = chroma == 3 && bits.Flag();
            var luma = bits.Unsigned();
            var chromaDepth = bits.Unsigned();
            if (luma > 6 || chromaDepth > 6)
                return Broken("bit depth", out fault);
            info.BitDepthLuma = 8 + (int)luma;
            info.BitDepthChroma = 8 + (int)chromaDepth;
            bits.Skip(1);
            if (bits.Flag())
                SkipScalingLists(ref bits, chroma == 3 ? 12 : 8);
        }

        var frameNumberBits = bits.Unsigned() + 4;
        if (frameNumberBits > 16)
            return Broken("frame number length", out fault);
        if (!SkipPictureOrder(ref bits))
            return Broken("picture order count", out fault);
        if (bits.Unsigned() > 16)
            return Broken("reference frames", out fault);
        var allowsGaps = bits.Flag();
        var widthInBlocks = bits.Unsigned() + 1L;
        var heightInUnits = bits.Unsigned() + 1L;
        var framesOnly = bits.Flag();
        info.FrameNumbers = !allowsGaps && !separatePlanes ? 1 << (int)frameNumberBits : 0;
        if (!framesOnly)
            bits.Skip(1);
        bits.Skip(1);

        long left = 0, right = 0, top = 0, bottom = 0;
        if (bits.Flag())
        {
            left = bits.Unsigned();
            right = bits.Unsigned();
            top = bits.Unsigned();
            bottom = bits.Unsigned();
        }
        // §7.4.2.1.1, equations 7-19 to 7-22: units of the chroma grid, twice as high for fields.
        var subsampledX = !separatePlanes && (info.ChromaFormat is 1 or 2);
        var subsampledY = !separatePlanes && info.ChromaFormat == 1;
        var unitX = subsampledX ? 2 : 1;
        var unitY = (subsampledY ? 2 : 1) * (framesOnly ? 1 : 2);
        if (bits.IsOverrun)
            return Broken("sequence parameter set ends early", out fault);
        if (!info.TrySetSize(widthInBlocks * 16 - (left + right) * unitX,
            heightInUnits * 16 * (framesOnly ? 1 : 2) - (top + bottom) * unitY))
        {
            return Broken("picture size", out fault);
        }
        if (bits.Flag())
            ReadVui(ref bits, ref info);
        return true;
    }

    /// <summary>Profiles whose parameter sets state chroma format and bit depth (§7.3.2.1.1).</summary>
    public static bool HasChromaFormat(int profile) =>
        profile is 100 or 110 or 122 or 244 or 44 or 83 or 86 or 118 or 128 or 138 or 139 or 134 or 135;

    private static void ReadVui(ref BitReader bits, ref SequenceInfo info)
    {
        info.ReadVuiHead(ref bits);
        if (bits.Flag())
        {
            var unitsInTick = bits.Bits(32);
            var timeScale = bits.Bits(32);
            // A tick is a field (§E.2.1).
            if (unitsInTick != 0 && timeScale != 0)
                info.FrameRate = timeScale / (2.0 * unitsInTick);
        }
        // Decoders live with a cut-off VUI, so do we; but we don't believe it.
        if (bits.IsOverrun)
            info.ClearVui();
    }

    private static bool SkipPictureOrder(ref BitReader bits)
    {
        switch (bits.Unsigned())
        {
            case 0:
                return bits.Unsigned() <= 12;
            case 1:
                bits.Skip(1);
                bits.Signed();
                bits.Signed();
                var cycle = bits.Unsigned();
                if (cycle > 255)
                    return false;
                for (var i = 0; i < cycle && !bits.IsOverrun; i++)
                    bits.Signed();
                return true;
            case 2:
                return true;
            default:
                return false;
        }
    }

    private static void SkipScalingLists(ref BitReader bits, int count)
    {
        for (var i = 0; i < count && !bits.IsOverrun; i++)
        {
            if (!bits.Flag())
                continue;
            int last = 8, next = 8;
            for (var j = 0; j < (i < 6 ? 16 : 64) && !bits.IsOverrun; j++)
            {
                if (next != 0)
                    next = (last + bits.Signed() + 256) & 255;
                last = next == 0 ? last : next;
            }
        }
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "AVC: " + what;
        return false;
    }
}
