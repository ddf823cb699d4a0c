namespace Millrace.Media;

/// <summary>The codec ids of Enhanced RTMP (v2, VideoFourCc and AudioFourCc).</summary>
internal static class FlvFourCc
{
    private const uint Avc1 = 'a' << 24 | 'v' << 16 | 'c' << 8 | '1';
    private const uint Hvc1 = 'h' << 24 | 'v' << 16 | 'c' << 8 | '1';
    private const uint Av01 = 'a' << 24 | 'v' << 16 | '0' << 8 | '1';
    private const uint Vp09 = 'v' << 24 | 'p' << 16 | '0' << 8 | '9';
    private const uint Mp4a = 'm' << 24 | 'p' << 16 | '4' << 8 | 'a';
    private const uint Opus = 'O' << 24 | 'p' << 16 | 'u' << 8 | 's';
    private const uint Mp3 = '.' << 24 | 'm' << 16 | 'p' << 8 | '3';
    private const uint Flac = 'f' << 24 | 'L' << 16 | 'a' << 8 | 'C';
    private const uint Ac3 = 'a' << 24 | 'c' << 16 | '-' << 8 | '3';
    private const uint Eac3 = 'e' << 24 | 'c' << 16 | '-' << 8 | '3';

    public static bool TryVideo(uint fourCc, out Codec codec)
    {
        (var known, codec) = fourCc switch
        {
            Avc1 => (true, Codec.Avc),
            Hvc1 => (true, Codec.Hevc),
            Av01 => (true, Codec.Av1),
            Vp09 => (true, Codec.Vp9),
            _ => (false, default),
        };
        return known;
    }

    public static bool TryAudio(uint fourCc, out Codec codec)
    {
        (var known, codec) = fourCc switch
        {
            Mp4a => (true, Codec.Aac),
            Opus => (true, Codec.Opus),
            Mp3 => (true, Codec.Mp3),
            Flac => (true, Codec.Flac),
            Ac3 => (true, Codec.Ac3),
            Eac3 => (true, Codec.Eac3),
            _ => (false, default),
        };
        return known;
    }

    public static uint Of(Codec codec) => codec switch
    {
        Codec.Avc => Avc1,
        Codec.Hevc => Hvc1,
        Codec.Av1 => Av01,
        Codec.Vp9 => Vp09,
        Codec.Aac => Mp4a,
        Codec.Opus => Opus,
        Codec.Mp3 => Mp3,
        Codec.Flac => Flac,
        Codec.Ac3 => Ac3,
        Codec.Eac3 => Eac3,
        _ => throw new ArgumentOutOfRangeException(nameof(codec)),
    };

    /// <summary>The id for people: four characters, anything unprintable as '?'.</summary>
    public static string Name(uint fourCc) => string.Create(4, fourCc, static (text, value) =>
    {
        for (var i = 0; i < 4; i++)
        {
            var c = (char)(byte)(value >> (24 - 8 * i));
            text[i] = c is > ' ' and < (char)127 ? c : '?';
        }
    });
}
