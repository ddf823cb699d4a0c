namespace Millrace.Media;

/// <summary>The beginning of a VP9 frame's uncompressed header (VP9 bitstream specification §6.2).</summary>
internal readonly record struct Vp9Frame(int Profile, bool IsKey, int Width, int Height, int BitDepth, int Subsampling, int ColorSpace, bool FullRange)
{
    /// <summary>Reads the header of the first frame in a payload; of a superframe's, too, for its index is at the end.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out Vp9Frame frame, out string? fault)
    {
        frame = default;
        fault = null;
        var bits = new BitReader(payload);
        if (bits.Bits(2) != 2)
            return Broken("no frame marker", out fault);
        var profile = (int)(bits.Bit() | bits.Bit() << 1);
        if (profile == 3 && bits.Flag())
            return Broken("reserved profile", out fault);
        // show_existing_frame repeats an old frame: no header follows.
        if (bits.Flag())
        {
            frame = new Vp9Frame(profile, false, 0, 0, 0, 0, 0, false);
            return !bits.IsOverrun || Broken("frame header ends early", out fault);
        }
        var isKey = !bits.Flag();
        bits.Skip(2);
        if (!isKey)
        {
            frame = new Vp9Frame(profile, false, 0, 0, 0, 0, 0, false);
            return !bits.IsOverrun || Broken("frame header ends early", out fault);
        }
        if (bits.Bits(24) != 0x498342)
            return Broken("no sync code", out fault);
        var depth = profile >= 2 ? bits.Flag() ? 12 : 10 : 8;
        var colorSpace = (int)bits.Bits(3);
        var fullRange = true;
        // vpcC's chromaSubsampling: 1 is 4:2:0 co-sited, 2 is 4:2:2, 3 is 4:4:4.
        var subsampling = 1;
        if (colorSpace == 7)
        {
            subsampling = 3;
            bits.Skip((profile & 1) != 0 ? 1 : 0);
        }
        else
        {
            fullRange = bits.Flag();
            if ((profile & 1) != 0)
            {
                var x = bits.Flag();
                var y = bits.Flag();
                bits.Skip(1);
                subsampling = x && !y ? 2 : x ? 1 : 3;
            }
        }
        frame = new Vp9Frame(profile, true, (int)bits.Bits(16) + 1, (int)bits.Bits(16) + 1, depth, subsampling, colorSpace, fullRange);
        return !bits.IsOverrun || Broken("frame header ends early", out fault);
    }

    public static VideoInspection Inspect(VideoFormat format, ReadOnlySpan<byte> payload)
    {
        if (!TryRead(payload, out var frame, out var fault))
            return VideoInspection.Broken(fault!);
        return new VideoInspection
        {
            HasPicture = true,
            IsRandomAccess = frame.IsKey,
            ChangesFormat = frame.IsKey && (frame.Width != format.Width || frame.Height != format.Height
                || !Vp9Configuration.Fits(format.Configuration.Span, frame)),
            SampleLength = payload.Length,
        };
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "VP9: " + what;
        return false;
    }
}
