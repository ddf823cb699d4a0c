namespace Millrace.Media;

/// <summary>Reads the content of <c>dac3</c> and <c>dec3</c> boxes (ETSI TS 102 366 annex F), as in a file.</summary>
public static class Ac3Configuration
{
    private static ReadOnlySpan<int> Rates => [48000, 44100, 32000];
    private static ReadOnlySpan<byte> ChannelsOfMode => [2, 1, 2, 3, 3, 4, 4, 5];

    /// <param name="codec">AC-3 or E-AC-3.</param>
    /// <param name="box">The box's content.</param>
    /// <param name="format">The format, or null on failure.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    public static bool TryReadBox(Codec codec, ReadOnlySpan<byte> box, out AudioFormat? format, out string? fault)
    {
        format = null;
        fault = codec == Codec.Ac3 ? "AC-3: dac3 is broken" : "E-AC-3: dec3 is broken";
        var bits = new BitReader(box);
        if (box.Length > 64)
            return false;
        if (codec == Codec.Eac3)
        {
            bits.Skip(13);
            if (bits.Bits(3) != 0)
            {
                fault = "E-AC-3: more than one program";
                return false;
            }
        }
        var rateCode = (int)bits.Bits(2);
        bits.Skip(codec == Codec.Ac3 ? 5 + 3 : 5 + 2 + 3);
        var channels = ChannelsOfMode[(int)bits.Bits(3)] + (int)bits.Bit();
        if (codec == Codec.Ac3)
        {
            bits.Skip(10);
        }
        else
        {
            bits.Skip(3);
            if (bits.Bits(4) > 0)
                channels = Math.Min(8, channels + 2);
            bits.Skip(1);
        }
        if (bits.IsOverrun || rateCode == 3)
            return false;
        fault = null;
        format = new AudioFormat(codec, codec == Codec.Ac3 ? "ac-3" : "ec-3", box.ToArray(), Rates[rateCode], channels, 1536);
        return true;
    }
}
