namespace Millrace.Media;

/// <summary>
/// Everything that an init segment and a playlist say about a track. Immutable. Two formats are equal when a decoder
/// set up for one decodes the other: same codec and same configuration bytes.
/// </summary>
public abstract class TrackFormat : IEquatable<TrackFormat>
{
    private protected TrackFormat(Codec codec, uint timescale, string codecString, byte[] configuration)
    {
        Codec = codec;
        Timescale = timescale;
        CodecString = codecString;
        Configuration = configuration;
    }

    /// <summary>Video or audio.</summary>
    public abstract MediaKind Kind { get; }

    /// <summary>The coding.</summary>
    public Codec Codec { get; }

    /// <summary>Units per second of every time on this track: 90000 for video, the sample rate for audio (48000 for Opus).</summary>
    public uint Timescale { get; }

    /// <summary>The <c>codecs</c> parameter (RFC 6381 and the codec's ISO BMFF binding), for example <c>avc1.64001f</c>.</summary>
    public string CodecString { get; }

    /// <summary>
    /// The codec's own configuration: AVCDecoderConfigurationRecord, HEVCDecoderConfigurationRecord, AV1CodecConfigurationRecord,
    /// VPCodecConfigurationRecord (with version and flags), AudioSpecificConfig, OpusSpecificBox content, FLAC metadata
    /// blocks, AC3/EC3SpecificBox content; empty for MP3.
    /// </summary>
    public ReadOnlyMemory<byte> Configuration { get; }

    /// <inheritdoc/>
    public virtual bool Equals(TrackFormat? other) =>
        other is not null && other.Codec == Codec && other.Timescale == Timescale
        && other.Configuration.Span.SequenceEqual(Configuration.Span);

    /// <inheritdoc/>
    public sealed override bool Equals(object? obj) => Equals(obj as TrackFormat);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Codec);
        hash.Add(Timescale);
        hash.AddBytes(Configuration.Span);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() => CodecString;
}
