namespace Millrace.Hls;

/// <summary>How a multivariant playlist names its media playlists.</summary>
public sealed record MultivariantPlaylistOptions
{
    /// <summary>
    /// Put in front of <c>{rendition}/live.m3u8</c>: empty where the playlist itself lies in <c>/b/{broadcast}/</c>,
    /// <c>/b/{broadcast}/</c> where it lies in <c>/live/{channel}/</c>.
    /// </summary>
    public string BasePath { get; init; } = "";

    /// <summary>File name of the media playlists: <c>live.m3u8</c> or <c>dvr.m3u8</c>.</summary>
    public string FileName { get; init; } = "live.m3u8";

    /// <summary>
    /// Where players ask from which pathway to play (§4.4.6.6), relative to the playlist or absolute; null: there is no choice,
    /// and nothing of it is written.
    /// </summary>
    public string? SteeringUrl { get; init; }
}
