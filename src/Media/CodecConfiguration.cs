namespace Millrace.Media;

/// <summary>Reads any codec's configuration into a <see cref="TrackFormat"/>. Throws on nothing that a publisher sends.</summary>
public static class CodecConfiguration
{
    /// <summary>
    /// Most bytes of a configuration. Parameter sets are some hundred bytes; 16 KiB leaves room for many of them and keeps
    /// init segments small.
    /// </summary>
    public const int MaxBytes = 16 * 1024;

    /// <summary>
    /// Whether the format shows only in the first frame: VP9's configuration lacks the picture size, and MP3, AC-3 and
    /// E-AC-3 have none at all.
    /// </summary>
    public static bool NeedsFirstFrame(Codec codec) => codec is Codec.Vp9 or Codec.Mp3 or Codec.Ac3 or Codec.Eac3;

    /// <summary>As the other, for codecs that need no first frame.</summary>
    public static bool TryRead(Codec codec, ReadOnlySpan<byte> configuration, out TrackFormat? format, out string? fault) =>
        TryRead(codec, configuration, default, out format, out fault);

    /// <summary>Reads a sequence start's body.</summary>
    /// <param name="codec">The tag's codec.</param>
    /// <param name="configuration">The body; empty is right for MP3, AC-3 and E-AC-3, and possible for VP9 and Opus.</param>
    /// <param name="firstFrame">The first (key) frame's body where <see cref="NeedsFirstFrame"/>; otherwise not looked at.</param>
    /// <param name="format">The format, or null on failure.</param>
    /// <param name="fault">Why it can't be read, for the publisher and the log; null on success.</param>
    public static bool TryRead(Codec codec, ReadOnlySpan<byte> configuration, ReadOnlySpan<byte> firstFrame,
        out TrackFormat? format, out string? fault)
    {
        VideoFormat? video = null;
        AudioFormat? audio = null;
        var read = codec switch
        {
            Codec.Avc => AvcConfiguration.TryRead(configuration, out video, out fault),
            Codec.Hevc => HevcConfiguration.TryRead(configuration, out video, out fault),
            Codec.Av1 => Av1Configuration.TryRead(configuration, out video, out fault),
            Codec.Vp9 => Vp9Configuration.TryRead(configuration, firstFrame, out video, out fault),
            Codec.Aac => AacConfiguration.TryRead(configuration, out audio, out fault),
            Codec.Opus => OpusConfiguration.TryRead(configuration, out audio, out fault),
            Codec.Flac => FlacConfiguration.TryRead(configuration, out audio, out fault),
            Codec.Mp3 => Mp3Frame.TryReadFormat(firstFrame, out audio, out fault),
            Codec.Ac3 or Codec.Eac3 => Ac3Frame.TryReadFormat(codec, firstFrame, out audio, out fault),
            _ => throw new ArgumentOutOfRangeException(nameof(codec)),
        };
        format = (TrackFormat?)video ?? audio;
        return read;
    }
}
