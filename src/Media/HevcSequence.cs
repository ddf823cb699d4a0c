namespace Millrace.Media;

/// <summary>Reads an HEVC sequence parameter set (ISO/IEC 23008-2 §7.3.2.2, §7.3.3, §7.3.7 and §E.2.1).</summary>
internal static class HevcSequence
{
    /// <summary>Bytes of general profile, tier and level, as they also stand in <c>hvcC</c>.</summary>
    public const int ProfileBytes = 12;

    /// <param name="unit">The NAL unit with its two header bytes.</param>
    /// <param name="info">What it says.</param>
    /// <param name="profile">Receives the 12 bytes of general profile, tier and level.</param>
    /// <param name="temporalLayers">Number of sub-layers, 1 to 7.</param>
    /// <param name="nested">Temporal id nesting.</param>
    /// <param name="fault">Why it can't be read.</param>
    public static bool TryRead(ReadOnlySpan<byte> unit, out SequenceInfo info, Span<byte> profile, out int temporalLayers,
        out bool nested, out string? fault)
    {
        info = default;
        temporalLayers = 0;
        nested = false;
        fault = null;
        if (unit.Length < 3 || (unit[0] >> 1 & 63) != 33)
            return Broken("not a sequence parameter set", out fault);
        var bits = new BitReader(unit[2..], escaped: true);
        bits.Skip(4);
        var moreLayers = (int)bits.Bits(3);
        if (moreLayers > 6)
            return Broken("sub-layers", out fault);
        temporalLayers = moreLayers + 1;
        nested = bits.Flag();
        for (var i = 0; i < ProfileBytes; i++)
            profile[i] = bits.Byte();
        SkipSubLayers(ref bits, moreLayers);

        if (bits.Unsigned() > 15)
            return Broken("sequence parameter set id", out fault);
        var chroma = bits.Unsigned();
        if (chroma > 3)
            return Broken("chroma format", out fault);
        info.ChromaFormat = (int)chroma;
        var separatePlanes = chroma == 3 && bits.Flag();
        long width = bits.Unsigned();
        long height = bits.Unsigned();
        if (bits.Flag())
        {
            var unitX = !separatePlanes && (chroma is 1 or 2) ? 2 : 1;
            var unitY = !separatePlanes && chroma == 1 ? 2 : 1;
            width -= ((long)bits.Unsigned() + bits.Unsigned()) * unitX;
            height -= ((long)bits.Unsigned() + bits.Unsigned()) * unitY;
        }
        var luma = bits.Unsigned();
        var chromaDepth = bits.Unsigned();
        if (luma > 8 || chromaDepth > 8)
            return Broken("bit depth", out fault);
        info.BitDepthLuma = 8 + (int)luma;
        info.BitDepthChroma = 8 + (int)chromaDepth;
        if (bits.IsOverrun)
            return Broken("sequence parameter set ends early", out fault);
        if (!info.TrySetSize(width, height))
            return Broken("picture size", out fault);

        // The rest leads to VUI. A stream without a readable VUI is a good stream.
        var orderBits = bits.Unsigned() + 4;
        if (orderBits <= 16 && TryReadToVui(ref bits, ref info, moreLayers, (int)orderBits, separatePlanes) && bits.Flag())
            ReadVui(ref bits, ref info);
        return true;
    }

    private static void SkipSubLayers(ref BitReader bits, int moreLayers)
    {
        Span<bool> present = stackalloc bool[12];
        for (var i = 0; i < moreLayers * 2; i++)
            present[i] = bits.Flag();
        if (moreLayers > 0)
            bits.Skip((8 - moreLayers) * 2);
        for (var i = 0; i < moreLayers; i++)
        {
            bits.Skip(present[i * 2] ? 88 : 0);
            bits.Skip(present[i * 2 + 1] ? 8 : 0);
        }
    }

    private static bool TryReadToVui(ref BitReader bits, ref SequenceInfo info, int moreLayers, int orderBits, bool separatePlanes)
    {
        var forEach = bits.Flag();
        for (var i = forEach ? 0 : moreLayers; i <= moreLayers; i++)
        {
            bits.Unsigned();
            bits.Unsigned();
            bits.Unsigned();
        }
        for (var i = 0; i < 6; i++)
            bits.Unsigned();
        if (bits.Flag() && bits.Flag())
            SkipScalingLists(ref bits);
        bits.Skip(2);
        if (bits.Flag())
        {
            bits.Skip(8);
            bits.Unsigned();
            bits.Unsigned();
            bits.Skip(1);
        }
        if (!TryReadReferenceSets(ref bits, out var sets))
            return false;
        var hasLongTerm = bits.Flag();
        if (hasLongTerm)
        {
            var count = bits.Unsigned();
            if (count > 32)
                return false;
            bits.Skip((int)count * (orderBits + 1));
        }
        bits.Skip(2);
        if (bits.IsOverrun)
            return false;
        info.Order = new HevcOrder(orderBits, separatePlanes, sets, hasLongTerm);
        return true;
    }

    private static bool TryReadReferenceSets(ref BitReader bits, out HevcReferenceSet[] sets)
    {
        sets = [];
        var count = bits.Unsigned();
        if (count > 64)
            return false;
        sets = new HevcReferenceSet[count];
        for (var i = 0; i < sets.Length; i++)
        {
            sets[i] = new HevcReferenceSet();
            if (!sets[i].TryRead(ref bits, sets.AsSpan(0, i), isOfSlice: false))
                return false;
        }
        return !bits.IsOverrun;
    }

    private static void SkipScalingLists(ref BitReader bits)
    {
        for (var size = 0; size < 4; size++)
        {
            for (var matrix = 0; matrix < 6 && !bits.IsOverrun; matrix += size == 3 ? 3 : 1)
            {
                if (!bits.Flag())
                {
                    bits.Unsigned();
                    continue;
                }
                if (size > 1)
                    bits.Signed();
                for (var i = 0; i < Math.Min(64, 16 << (size * 2)) && !bits.IsOverrun; i++)
                    bits.Signed();
            }
        }
    }

    private static void ReadVui(ref BitReader bits, ref SequenceInfo info)
    {
        info.ReadVuiHead(ref bits);
        bits.Skip(3);
        if (bits.Flag())
        {
            for (var i = 0; i < 4; i++)
                bits.Unsigned();
        }
        if (bits.Flag())
        {
            var unitsInTick = bits.Bits(32);
            var timeScale = bits.Bits(32);
            if (unitsInTick != 0 && timeScale != 0)
                info.FrameRate = timeScale / (double)unitsInTick;
        }
        if (bits.IsOverrun)
            info.ClearVui();
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "HEVC: " + what;
        return false;
    }
}
