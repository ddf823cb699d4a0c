using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>A video rendition that ffmpeg makes.</summary>
/// <param name="Name">Such as <c>480p</c>, or <c>hevc-480p</c>; unique in its ladder, good for a path.</param>
/// <param name="Width">Even. Pixels are square, but for the rung in the source's place, which has the source's.</param>
/// <param name="Height">Even.</param>
/// <param name="MaxFramesPerSecond">What the player is told.</param>
/// <param name="KeepsEvery">1 keeps every frame of the source, 2 every second one, and so on. Key frames are always kept.</param>
/// <param name="BitsPerSecond">Wanted rate, which the encoder's buffer of one second keeps it to.</param>
/// <param name="Codec">AVC, HEVC or AV1.</param>
/// <param name="Preset">The software encoder's effort.</param>
/// <param name="Announced">
/// Size and CODECS as the encoder will make them: profile and level are forced on it. It has no configuration; the real
/// format with one comes from the <see cref="Transcoder"/>.
/// </param>
public sealed record VideoRung(
    string Name, int Width, int Height, double MaxFramesPerSecond, int KeepsEvery, long BitsPerSecond, Codec Codec, string Preset, VideoFormat Announced)
{
    /// <summary>
    /// What it costs, in pixels of AVC at its usual preset, rounded up: at 640×360 on one core x265 ultrafast and libaom at
    /// speed 8 took twice the time of x264 veryfast, superfast 0.8 and ultrafast 0.6 times. The slower presets are estimates.
    /// </summary>
    public long PixelsPerSecond => (long)(Width * Height * MaxFramesPerSecond * Weight);

    /// <summary>The level of <see cref="Announced"/>, as its specification writes it, such as <c>3.1</c>.</summary>
    internal CodecLevel Level { get; init; } = CodecLevel.Lowest;

    private double Weight => Codec switch
    {
        Codec.Avc => Preset switch { "ultrafast" => 0.6, "superfast" => 0.8, "veryfast" => 1, "faster" => 1.4, "fast" => 2, "medium" => 2.5, _ => 4 },
        Codec.Hevc => Preset switch { "ultrafast" => 2, "superfast" => 2.5, "veryfast" => 4, _ => 8 },
        _ => Preset switch { "8" => 2.5, "7" => 3.5, _ => 6 },
    };
}

/// <summary>The audio rendition for browsers that cannot play the source's: AAC-LC, 48 kHz, stereo.</summary>
/// <param name="Name">Always <c>aac</c>.</param>
/// <param name="BitsPerSecond">Wanted rate.</param>
/// <param name="Announced">CODECS, rate and channels; its configuration is what ffmpeg's encoder makes.</param>
public sealed record AudioRung(string Name, long BitsPerSecond, AudioFormat Announced)
{
    internal const int SampleRate = 48000;
}

/// <summary>What ffmpeg is to make of a broadcast. Immutable.</summary>
/// <param name="Source">What it is made of.</param>
/// <param name="Video">From the largest to the smallest. Rung i of the <see cref="Transcoder"/> is element i.</param>
/// <param name="Audio">The AAC rendition, or null. It is the rung behind the last of <paramref name="Video"/>.</param>
/// <param name="NormalizeReason">
/// Why the source's own video is not shown to viewers: the first of <paramref name="Video"/> takes its place. Null when it is passed through.
/// </param>
/// <param name="Notes">What was left out and why, in sentences for the channel's health.</param>
public sealed record LadderPlan(
    SourceFacts Source, IReadOnlyList<VideoRung> Video, AudioRung? Audio, string? NormalizeReason, IReadOnlyList<string> Notes)
{
    /// <summary>Whether the first video rung replaces the source.</summary>
    public bool IsNormalized => NormalizeReason is not null;

    /// <summary>Nothing is to be made: no child is needed.</summary>
    public bool IsEmpty => Video.Count == 0 && Audio is null;

    /// <summary>Number of rungs, audio included.</summary>
    public int RungCount => Video.Count + (Audio is null ? 0 : 1);

    /// <summary>What all video rungs cost together; see <see cref="VideoRung.PixelsPerSecond"/>.</summary>
    public long PixelsPerSecond => Video.Sum(rung => rung.PixelsPerSecond);

    /// <summary>
    /// The plan without its most expensive rung; the one that stands for the source goes last. Null when only audio, or nothing, would be left.
    /// </summary>
    public LadderPlan? WithoutMostExpensive()
    {
        var optional = IsNormalized ? 1 : 0;
        if (Video.Count - optional <= 0)
            return Video.Count == 0 ? null : this with { Video = [], NormalizeReason = null };
        var most = Video.Skip(optional).MaxBy(rung => rung.PixelsPerSecond)!;
        return this with { Video = [.. Video.Where(rung => rung != most)] };
    }

    /// <summary>The format that a rung's viewers are told before its encoder has begun.</summary>
    public TrackFormat AnnouncedFormat(int rung) => rung < Video.Count ? Video[rung].Announced : Audio!.Announced;
}
