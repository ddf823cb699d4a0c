namespace Millrace.Media;

/// <summary>An audio track's format.</summary>
public sealed class AudioFormat : TrackFormat
{
    /// <summary>Made by the codec configuration readers of this room.</summary>
    public AudioFormat(Codec codec, string codecString, byte[] configuration, int sampleRate, int channels, int samplesPerFrame)
        : base(codec, (uint)sampleRate, codecString, configuration)
    {
        SampleRate = sampleRate;
        Channels = channels;
        SamplesPerFrame = samplesPerFrame;
    }

    /// <inheritdoc/>
    public override MediaKind Kind => MediaKind.Audio;

    /// <summary>Samples per second, which is also the timescale. For AAC with SBR the core coder's rate (its frames have 1024 core samples).</summary>
    public int SampleRate { get; }

    /// <summary>Channels, 1 to 8.</summary>
    public int Channels { get; }

    /// <summary>Samples of one access unit: 1024 (AAC), 1152 or 576 (MP3), 1536 (AC-3); 0 when each frame says so itself (Opus, FLAC).</summary>
    public int SamplesPerFrame { get; }
}
