using Millrace.Media;

namespace Millrace.Packaging;

/// <summary>One coded frame of silence per codec, for holes in audio.</summary>
internal static class Silence
{
    /// <summary>
    /// ISO/IEC 14496-3 §4.4.2: single_channel_element (id 0), tag 0, global_gain 0, a long window with max_sfb 0, no
    /// pulse, TNS or gain data; then ID_END.
    /// </summary>
    private static readonly byte[] AacMono = [0x00, 0x00, 0x00, 0x07];

    /// <summary>channel_pair_element (id 1) without common window: the same stream twice; then ID_END.</summary>
    private static readonly byte[] AacStereo = [0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0e];

    /// <summary>RFC 6716 §3.1: CELT, full band, 20 ms, mono, one frame whose range coder says "silence".</summary>
    private static readonly byte[] Opus = [0xf8, 0xff, 0xfe];

    /// <summary>False when the codec, or its number of channels, has no such frame here.</summary>
    public static bool TryGet(AudioFormat format, out ReadOnlyMemory<byte> frame)
    {
        frame = (format.Codec, format.Channels) switch
        {
            (Codec.Aac, 1) => AacMono,
            (Codec.Aac, 2) => AacStereo,
            (Codec.Opus, <= 2) => Opus,
            _ => default,
        };
        return frame.Length > 0;
    }
}
