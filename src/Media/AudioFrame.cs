namespace Millrace.Media;

/// <summary>How long a coded audio frame lasts, by its own header.</summary>
public static class AudioFrame
{
    /// <summary>Longest Opus packet: 120 ms (RFC 6716 §3.2).</summary>
    private const int MaxOpusSamples = 5760;

    /// <summary>Samples of one frame in the format's timescale.</summary>
    /// <param name="format">The track's format.</param>
    /// <param name="frame">The body of a CodedFrames tag.</param>
    /// <param name="samples">More than 0 on success.</param>
    /// <returns>False when the bytes are no frame of the format.</returns>
    public static bool TryGetSamples(AudioFormat format, ReadOnlySpan<byte> frame, out int samples)
    {
        ArgumentNullException.ThrowIfNull(format);
        samples = frame.IsEmpty ? 0 : format.Codec switch
        {
            Codec.Opus => OpusSamples(frame),
            Codec.Flac => FlacSamples(frame),
            Codec.Mp3 => Mp3Samples(frame),
            Codec.Ac3 or Codec.Eac3 => Ac3Frame.Samples(frame),
            _ => format.SamplesPerFrame,
        };
        return samples > 0;
    }

    /// <summary>Samples at 48 kHz of an Opus packet (RFC 6716 §3.1 and §3.2); 0 when it is none.</summary>
    /// <remarks><code>| config:5 | stereo:1 | code:2 | [code 3: vbr:1 | padding:1 | frames:6] |</code></remarks>
    internal static int OpusSamples(ReadOnlySpan<byte> packet)
    {
        if (packet.IsEmpty)
            return 0;
        var config = packet[0] >> 3;
        var perFrame = config switch
        {
            // SILK: 10, 20, 40, 60 ms. Hybrid: 10, 20 ms. CELT: 2.5, 5, 10, 20 ms.
            < 12 => (config & 3) == 3 ? 2880 : 480 << (config & 3),
            < 16 => 480 << (config & 1),
            _ => 120 << (config & 3),
        };
        var frames = (packet[0] & 3) switch
        {
            0 => 1,
            1 or 2 => 2,
            _ => packet.Length > 1 ? packet[1] & 63 : 0,
        };
        return perFrame * frames is > 0 and <= MaxOpusSamples and var samples ? samples : 0;
    }

    /// <summary>Block size of a FLAC frame (RFC 9639 §9.1); 0 when it is none.</summary>
    /// <remarks><code>| 0x7FFC:15 | variable:1 | size:4 | rate:4 | channels:4 | depth:3 | 0:1 | number: 1 to 7 bytes | [size:8 or 16] |</code></remarks>
    internal static int FlacSamples(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < 6 || frame[0] != 0xFF || (frame[1] & 0xFE) != 0xF8)
            return 0;
        var code = frame[2] >> 4;
        if (code is 6 or 7)
        {
            // Behind the coded number, whose first byte tells its length as in UTF-8.
            var number = frame[4] < 0x80 ? 1 : System.Numerics.BitOperations.LeadingZeroCount((uint)(byte)~frame[4]) - 24;
            var position = 4 + Math.Max(1, number);
            var bytes = code == 6 ? 1 : 2;
            if (frame.Length < position + bytes)
                return 0;
            return (bytes == 1 ? frame[position] : frame[position] << 8 | frame[position + 1]) + 1;
        }
        return code switch
        {
            0 => 0,
            1 => 192,
            <= 5 => 576 << (code - 2),
            _ => 256 << (code - 8),
        };
    }

    private static int Mp3Samples(ReadOnlySpan<byte> bytes)
    {
        // Usually one frame; some encoders put several into a tag, bounded by the smallest frame of 24 bytes.
        var samples = 0;
        while (Mp3Frame.TryRead(bytes, out var frame))
        {
            samples += frame.Samples;
            if (frame.Bytes >= bytes.Length)
                break;
            bytes = bytes[frame.Bytes..];
        }
        return samples;
    }
}
