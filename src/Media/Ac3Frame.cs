namespace Millrace.Media;

/// <summary>AC-3 and E-AC-3 sync frames (ETSI TS 102 366 §4.3, §E.1.2), and their boxes' content (annex F).</summary>
internal static class Ac3Frame
{
    /// <summary>Most sync frames of one access unit: six of one block each, for eight programs at most.</summary>
    private const int MaxFrames = 64;

    private static ReadOnlySpan<int> Rates => [48000, 44100, 32000];
    private static ReadOnlySpan<byte> ChannelsOfMode => [2, 1, 2, 3, 3, 4, 4, 5];
    private static ReadOnlySpan<byte> BlocksOfCode => [1, 2, 3, 6];

    /// <summary>kbit/s of each pair of frame size codes; half of it in words at 48 kHz (table 4.13).</summary>
    private static ReadOnlySpan<short> Bitrates =>
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

    public static bool TryReadFormat(Codec codec, ReadOnlySpan<byte> frame, out AudioFormat? format, out string? fault)
    {
        format = null;
        fault = null;
        if (!TryRead(frame, out var header) || header.IsEnhanced != (codec == Codec.Eac3) || header.StreamType == 1)
        {
            fault = codec == Codec.Eac3 ? "E-AC-3: no sync frame" : "AC-3: no sync frame";
            return false;
        }
        if (codec == Codec.Ac3)
        {
            // | fscod:2 | bsid:5 | bsmod:3 | acmod:3 | lfeon:1 | bit_rate_code:5 | 0:5 |
            var dac3 = header.RateCode << 22 | header.Version << 17 | header.ServiceMode << 14 | header.ChannelMode << 11
                | header.LowFrequency << 10 | header.SizeCode >> 1 << 5;
            format = new AudioFormat(codec, "ac-3", [(byte)(dac3 >> 16), (byte)(dac3 >> 8), (byte)dac3], header.SampleRate, header.Channels, 1536);
            return true;
        }
        return TryReadEnhancedFormat(frame, header, out format, out fault);
    }

    /// <summary>Samples per channel of one access unit: of all frames of its first program; 0 when it is none.</summary>
    public static int Samples(ReadOnlySpan<byte> unit)
    {
        var samples = 0;
        for (var count = 0; count < MaxFrames && TryRead(unit, out var frame); count++)
        {
            if (frame.StreamType != 1 && frame.SubstreamId == 0)
                samples += frame.Blocks * 256;
            if (frame.Bytes > unit.Length)
                break;
            unit = unit[frame.Bytes..];
        }
        return samples;
    }

    private static bool TryReadEnhancedFormat(ReadOnlySpan<byte> unit, in Header first, out AudioFormat? format, out string? fault)
    {
        format = null;
        fault = null;
        // fscod 3, which dec3 cannot resolve into a rate; no decoder in a browser takes it either.
        if (first.RateCode == 3)
        {
            fault = "E-AC-3: half sample rates are not supported";
            return false;
        }
        // One independent substream with its dependent ones; further programs would be tracks of their own.
        int dependent = 0, samples = 0, bytes = 0, channels = first.Channels;
        var locations = 0;
        var rest = unit;
        for (var count = 0; count < MaxFrames && TryRead(rest, out var frame) && frame.Bytes <= rest.Length; count++)
        {
            if (!frame.IsEnhanced || (frame.StreamType != 1 && frame.SubstreamId != 0))
            {
                fault = "E-AC-3: more than one program";
                return false;
            }
            bytes += frame.Bytes;
            if (frame.StreamType != 1)
                samples += frame.Blocks * 256;
            else if (samples == first.Blocks * 256)
                (dependent, locations) = (dependent + 1, locations | frame.ChannelMap);
            rest = rest[frame.Bytes..];
        }
        if (samples == 0)
            (samples, bytes) = (first.Blocks * 256, first.Bytes);
        if (dependent > 0)
            channels = Math.Min(8, channels + 2);

        // | data_rate:13 | num_ind_sub−1:3 | fscod:2 | bsid:5 | 0:1 | asvc:1 | bsmod:3 | acmod:3 | lfeon:1 | 0:3 | num_dep_sub:4 | [chan_loc:9] |
        var rate = (int)Math.Min(8191, (long)bytes * 8 * first.SampleRate / samples / 1000);
        var head = (ulong)rate << 27 | (ulong)first.RateCode << 22 | (ulong)first.Version << 17
            | (ulong)first.ServiceMode << 12 | (ulong)first.ChannelMode << 9 | (ulong)first.LowFrequency << 8
            | (ulong)Math.Min(15, dependent) << 1;
        byte[] dec3 = dependent == 0
            ? [(byte)(head >> 32), (byte)(head >> 24), (byte)(head >> 16), (byte)(head >> 8), (byte)head]
            : [(byte)(head >> 32), (byte)(head >> 24), (byte)(head >> 16), (byte)(head >> 8), (byte)(head | (uint)(locations >> 8 & 1)), (byte)locations];
        format = new AudioFormat(Codec.Eac3, "ec-3", dec3, first.SampleRate, channels, samples);
        return true;
    }

    private readonly record struct Header
    {
        public bool IsEnhanced { get; init; }
        public int StreamType { get; init; }
        public int SubstreamId { get; init; }
        public int RateCode { get; init; }
        public int SampleRate { get; init; }
        public int SizeCode { get; init; }
        public int Bytes { get; init; }
        public int Blocks { get; init; }
        public int Version { get; init; }
        public int ServiceMode { get; init; }
        public int ChannelMode { get; init; }
        public int LowFrequency { get; init; }
        public int ChannelMap { get; init; }
        public int Channels => ChannelsOfMode[ChannelMode] + LowFrequency;
    }

    private static bool TryRead(ReadOnlySpan<byte> bytes, out Header header)
    {
        header = default;
        if (bytes.Length < 8 || bytes[0] != 0x0B || bytes[1] != 0x77)
            return false;
        // bsid stands at the same place in both: 8 and less is AC-3, 11 to 16 E-AC-3.
        var version = bytes[5] >> 3;
        if (version <= 8)
            return TryReadPlain(bytes, version, out header);
        return version is > 10 and <= 16 && TryReadEnhanced(bytes, version, out header);
    }

    // | sync:16 | crc:16 | fscod:2 | frmsizecod:6 | bsid:5 | bsmod:3 | acmod:3 | [cmixlev:2] | [surmixlev:2] | [dsurmod:2] | lfeon:1 |
    private static bool TryReadPlain(ReadOnlySpan<byte> bytes, int version, out Header header)
    {
        header = default;
        var bits = new BitReader(bytes[4..]);
        var rateCode = (int)bits.Bits(2);
        var sizeCode = (int)bits.Bits(6);
        if (rateCode == 3 || sizeCode >= 38)
            return false;
        bits.Skip(5);
        var serviceMode = (int)bits.Bits(3);
        var channelMode = (int)bits.Bits(3);
        if (channelMode is 3 or 5 or 7)
            bits.Skip(2);
        if ((channelMode & 4) != 0)
            bits.Skip(2);
        if (channelMode == 2)
            bits.Skip(2);
        var bitrate = Bitrates[sizeCode >> 1];
        var words = rateCode switch
        {
            0 => bitrate * 2,
            1 => bitrate * 1000 * 1536 / (44100 * 16) + (sizeCode & 1),
            _ => bitrate * 3,
        };
        header = new Header
        {
            RateCode = rateCode,
            SampleRate = Rates[rateCode],
            SizeCode = sizeCode,
            Bytes = words * 2,
            Blocks = 6,
            Version = version,
            ServiceMode = serviceMode,
            ChannelMode = channelMode,
            LowFrequency = (int)bits.Bit(),
        };
        return true;
    }

    // | sync:16 | strmtyp:2 | substreamid:3 | frmsiz:11 | fscod:2 | fscod2 or numblkscod:2 | acmod:3 | lfeon:1 | bsid:5 | dialnorm:5 | compre:1 [compr:8] |
    // [acmod 0: dialnorm2:5 | compr2e:1 [compr2:8]] | [strmtyp 1: chanmape:1 [chanmap:16]] |
    private static bool TryReadEnhanced(ReadOnlySpan<byte> bytes, int version, out Header header)
    {
        header = default;
        var bits = new BitReader(bytes[2..]);
        var streamType = (int)bits.Bits(2);
        var substream = (int)bits.Bits(3);
        var length = ((int)bits.Bits(11) + 1) * 2;
        var rateCode = (int)bits.Bits(2);
        var second = (int)bits.Bits(2);
        if (streamType == 3 || (rateCode == 3 && second == 3))
            return false;
        var channelMode = (int)bits.Bits(3);
        var lowFrequency = (int)bits.Bit();
        bits.Skip(10);
        bits.Skip(bits.Flag() ? 8 : 0);
        if (channelMode == 0)
        {
            bits.Skip(5);
            bits.Skip(bits.Flag() ? 8 : 0);
        }
        var map = streamType == 1 && bits.Flag() ? (int)bits.Bits(16) : 0;
        header = new Header
        {
            IsEnhanced = true,
            StreamType = streamType,
            SubstreamId = substream,
            RateCode = rateCode,
            SampleRate = rateCode == 3 ? Rates[second] / 2 : Rates[rateCode],
            Bytes = length,
            Blocks = rateCode == 3 ? 6 : BlocksOfCode[second],
            Version = version,
            ChannelMode = channelMode,
            LowFrequency = lowFrequency,
            ChannelMap = ChannelLocations(map),
        };
        return true;
    }

    /// <summary>chan_loc of <c>dec3</c> (table F.6.1) from chanmap (table E.5): bits 5 to 14 become bits 0 to 8, in pairs and singles.</summary>
    private static int ChannelLocations(int map)
    {
        // chanmap bit 0 is the most significant. Lc/Rc 5, Lrs/Rrs 6, Cs 7, Ts 8, Lsd/Rsd 9, Lw/Rw 10, Lvh/Rvh 11, Cvh 12, LFE2 14.
        ReadOnlySpan<byte> positions = [5, 6, 7, 8, 9, 10, 11, 12, 14];
        var locations = 0;
        for (var i = 0; i < positions.Length; i++)
            locations |= (map >> (15 - positions[i]) & 1) << i;
        return locations;
    }
}
