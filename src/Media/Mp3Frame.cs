namespace Millrace.Media;

/// <summary>MPEG audio layer III frame headers (ISO/IEC 11172-3 §2.4.1.3, 13818-3 §2.4.2.3; MPEG 2.5 by common use).</summary>
internal readonly record struct Mp3Frame(int SampleRate, int Channels, int Samples, int Bytes)
{
    private static ReadOnlySpan<short> BitratesOfMpeg1 => [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    private static ReadOnlySpan<short> BitratesOfMpeg2 => [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    private static ReadOnlySpan<int> RatesOfMpeg1 => [44100, 48000, 32000];

    /// <summary>Reads <c>| 0x7FF:11 | version:2 | layer:2 | no crc:1 | bitrate:4 | rate:2 | padding:1 | private:1 | mode:2 | …:6 |</c>.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out Mp3Frame frame)
    {
        frame = default;
        if (bytes.Length < 4 || bytes[0] != 0xFF || (bytes[1] & 0xE0) != 0xE0)
            return false;
        var version = bytes[1] >> 3 & 3;
        var layer = bytes[1] >> 1 & 3;
        var bitrateIndex = bytes[2] >> 4;
        var rateIndex = bytes[2] >> 2 & 3;
        // Version 1 and layer 0 are reserved, 1 is layer III; a free bitrate (0) doesn't tell the frame's length.
        if (version == 1 || layer != 1 || bitrateIndex is 0 or 15 || rateIndex == 3)
            return false;
        var isMpeg1 = version == 3;
        var rate = RatesOfMpeg1[rateIndex] >> (isMpeg1 ? 0 : version == 2 ? 1 : 2);
        var bitrate = (isMpeg1 ? BitratesOfMpeg1 : BitratesOfMpeg2)[bitrateIndex] * 1000;
        var samples = isMpeg1 ? 1152 : 576;
        frame = new Mp3Frame(rate, bytes[3] >> 6 == 3 ? 1 : 2, samples, samples / 8 * bitrate / rate + (bytes[2] >> 1 & 1));
        return true;
    }

    public static bool TryReadFormat(ReadOnlySpan<byte> bytes, out AudioFormat? format, out string? fault)
    {
        format = null;
        fault = null;
        if (!TryRead(bytes, out var frame))
        {
            fault = "MP3: no layer III frame header";
            return false;
        }
        // RFC 6381 with the object types of ISO/IEC 14496-1: MPEG-1 audio, or MPEG-2 audio for the low rates.
        format = new AudioFormat(Codec.Mp3, frame.SampleRate >= 32000 ? "mp4a.6B" : "mp4a.69", [], frame.SampleRate, frame.Channels, frame.Samples);
        return true;
    }
}
