namespace Millrace.Media;

/// <summary>Coded silence, to fill holes in an audio track without an encoder.</summary>
public static class SilentFrame
{
    /// <summary>Samples of the silent Opus packet: 20 ms at 48 kHz.</summary>
    public const int OpusSamples = 960;

    // One 20 ms CELT frame whose first symbol is the silence flag (RFC 6716 §4.3); the TOC's third-lowest bit is stereo.
    private static readonly byte[] OpusMono = [0xF8, 0xFF, 0xFE];
    private static readonly byte[] OpusStereo = [0xFC, 0xFF, 0xFE];

    // By channel configuration (ISO/IEC 14496-3 table 1.19), from 1 on. 's' is a single channel, 'p' a pair, 'l' low frequency.
    private static readonly byte[][] Aac =
        [.. ((string[])["s", "p", "sp", "sps", "spp", "sppl", "spppl"]).Select(BuildAac)];

    /// <summary>Takes a frame of silence of the format.</summary>
    /// <param name="format">An audio track's format.</param>
    /// <param name="frame">
    /// One frame, of <see cref="AudioFormat.SamplesPerFrame"/> for AAC and <see cref="OpusSamples"/> for Opus. Never released:
    /// it is static memory, and must not be changed.
    /// </param>
    /// <returns>False when we have none: other codecs, AAC with a program config element, multi-stream Opus.</returns>
    public static bool TryGet(AudioFormat format, out ReadOnlyMemory<byte> frame)
    {
        ArgumentNullException.ThrowIfNull(format);
        frame = format switch
        {
            { Codec: Codec.Opus, Channels: 1 } => OpusMono,
            // Channel mapping family 0 at the end of dOps's fixed part.
            { Codec: Codec.Opus, Channels: 2 } when format.Configuration.Span[10] == 0 => OpusStereo,
            { Codec: Codec.Aac } when AacConfiguration.ChannelConfiguration(format.Configuration.Span) is >= 1 and <= 7 and var layout
                => Aac[layout - 1],
            _ => default,
        };
        return !frame.IsEmpty;
    }

    /// <summary>
    /// A raw_data_block (ISO/IEC 14496-3 §4.4.2.1) in which no channel has a scale factor band: nothing but headers. All
    /// fields are 0 except element ids and a pair's common_window.
    /// </summary>
    private static byte[] BuildAac(string elements)
    {
        var bits = new List<bool>();
        int singles = 0, pairs = 0;
        foreach (var element in elements)
        {
            // id_syn_ele: single 0, pair 1, low frequency 3; then its instance tag, counted per kind.
            Put(element switch { 's' => 0, 'p' => 1, _ => 3 }, 3);
            Put(element switch { 's' => singles++, 'p' => pairs++, _ => 0 }, 4);
            if (element == 'p')
            {
                // common_window, ics_info, ms_mask_present, then two channels without ics_info of their own.
                Put(1, 1);
                Put(0, 11 + 2 + 11 + 11);
            }
            else
            {
                // global_gain, ics_info, no pulse, no TNS, no gain control.
                Put(0, 8 + 11 + 3);
            }
        }
        Put(7, 3);
        var frame = new byte[(bits.Count + 7) / 8];
        for (var i = 0; i < bits.Count; i++)
            frame[i / 8] |= (byte)(bits[i] ? 0x80 >> (i % 8) : 0);
        return frame;

        void Put(int value, int count)
        {
            while (count-- > 0)
                bits.Add(count < 31 && (value >> count & 1) != 0);
        }
    }
}
