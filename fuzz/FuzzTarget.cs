namespace Millrace.Fuzz;

/// <summary>One parser under fire.</summary>
/// <param name="Name">On the command line, and of its folder in the corpus.</param>
/// <param name="Run">
/// Feeds it one input. A return is fine whatever the parser said; an exception is a find, also one that the target throws
/// because the parser's answer contradicts itself.
/// </param>
internal sealed record FuzzTarget(string Name, FuzzTarget.Parser Run)
{
    public delegate void Parser(ReadOnlySpan<byte> input);

    /// <summary>Every target. A new parser gets a line here and seeds in <c>corpus/NAME</c>.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("access-unit", MediaTargets.AccessUnit),
        new("amf0", RtmpTargets.Amf0),
        new("amf3", RtmpTargets.Amf3),
        new("audio-frame", MediaTargets.AudioFrames),
        new("boxes", CmafTargets.Boxes),
        new("chunk-reader", RtmpTargets.Chunks),
        new("cmaf-track", CmafTargets.Track),
        new("codec-configuration", MediaTargets.Configuration),
        new("flv-audio", MediaTargets.FlvAudio),
        new("flv-video", MediaTargets.FlvVideo),
        new("journal", RecordingTargets.Journal),
        new("push-frames", PushTargets.Frames),
        new("request-head", DeliveryTargets.RequestHeads),
        new("rtmp-session", RtmpTargets.Session),
    ];

    /// <summary>Throws when a parser's answer cannot be.</summary>
    public static void Require(bool condition, string what)
    {
        if (!condition)
            throw new InvalidOperationException(what);
    }
}
