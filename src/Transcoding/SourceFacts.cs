using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>What is known of a broadcast's own media when its ladder is made.</summary>
/// <param name="Video">Its video, or null.</param>
/// <param name="Audio">Its audio, or null.</param>
/// <param name="FramesPerSecond">Measured or declared; 0 when unknown, which counts as 30.</param>
/// <param name="VideoBitsPerSecond">Declared or measured; 0 when unknown.</param>
/// <param name="GopSeconds">The longest time between key frames so far; 0 when unknown.</param>
/// <param name="HasUnusableKeyframes">Its key frames are no places to switch (decoding cannot begin at them).</param>
/// <param name="TargetDurationSeconds">EXT-X-TARGETDURATION of the broadcast.</param>
public sealed record SourceFacts(
    VideoFormat? Video,
    AudioFormat? Audio,
    double FramesPerSecond,
    long VideoBitsPerSecond,
    double GopSeconds,
    bool HasUnusableKeyframes,
    int TargetDurationSeconds)
{
    /// <summary>Wanted length of a segment, the distance of forced key frames; by default the target duration.</summary>
    public double SegmentSeconds { get; init; } = TargetDurationSeconds;
}
