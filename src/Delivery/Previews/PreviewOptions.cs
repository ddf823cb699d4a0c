using System.ComponentModel.DataAnnotations;

namespace Millrace.Delivery.Previews;

/// <summary>Thumbnails and sprite sheets of what is on air: section <c>Preview</c>.</summary>
public sealed class PreviewOptions
{
    /// <summary>
    /// From one picture of a broadcast to the next, 1 s to 10 min, or off. Default 10 s: a page of thumbnails looks alive, and a
    /// picture costs a tenth of a second of one processor, nearly all of it ffmpeg's start.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan? Interval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Pictures that are made at the same time on this node, 1 to 16. Default 1: enough for a hundred broadcasts at ten seconds;
    /// with more of them each gets its picture later, and skips what it missed.
    /// </summary>
    [Range(1, 16)]
    public int Concurrency { get; set; } = 1;
}
