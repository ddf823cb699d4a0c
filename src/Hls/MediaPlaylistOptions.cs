namespace Millrace.Hls;

/// <summary>Which playlist of a rendition is wanted.</summary>
public sealed record MediaPlaylistOptions
{
    /// <summary><c>live.m3u8</c>: a window of 60 s that slides, which is <c>Packaging:Window</c>'s default.</summary>
    public static MediaPlaylistOptions Live { get; } = new() { Window = TimeSpan.FromSeconds(60) };

    /// <summary><c>dvr.m3u8</c>: everything that the timeline holds.</summary>
    public static MediaPlaylistOptions Dvr { get; } = new();

    /// <summary>
    /// How far back from the live edge it goes, at least three target durations; null: to the beginning, as an EVENT
    /// playlist that becomes VOD when the broadcast ends.
    /// </summary>
    public TimeSpan? Window { get; init; }

    /// <summary>File name of the playlists of this kind, which rendition reports point to: <c>live.m3u8</c> or <c>dvr.m3u8</c>.</summary>
    public string FileName => Window is null ? "dvr.m3u8" : "live.m3u8";
}
