using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>
/// Who takes what a <see cref="Transcoder"/> makes. Called from one thread of the transcoder's own, in order, and expected to
/// return soon: while it does not, ffmpeg waits (the source does not).
/// </summary>
public interface ITranscoderSink
{
    /// <summary>A rung's real format, once before its first unit; again only if a restarted encoder made another one.</summary>
    void OnFormat(int rung, TrackFormat format);

    /// <summary>
    /// A rung's next access unit, in the timescale of its format, on the broadcast's clock. Decode times of a rung rise. The
    /// receiver owns the payload. A picture's duration is ffmpeg's guess; the next unit tells it.
    /// </summary>
    void OnUnit(int rung, in AccessUnit unit);

    /// <summary>The state changed. <paramref name="reason"/> says why, in a sentence; null where there is nothing to say.</summary>
    void OnState(TranscoderState state, string? reason);
}

/// <summary>Where a transcoder is.</summary>
public enum TranscoderState
{
    /// <summary>The first child was started and has given nothing out yet.</summary>
    Starting,
    /// <summary>Units come.</summary>
    Running,
    /// <summary>The child ended or was killed; another one comes. What was fed meanwhile is not lost, within the bounds.</summary>
    Restarting,
    /// <summary>Given up: nothing more comes.</summary>
    Failed,
    /// <summary>Finished: the tail is out.</summary>
    Ended,
}
