using Millrace.Delivery.Steering;

namespace Millrace.Delivery.Relay;

/// <summary>Which paths a relay fetches, and in which form they may come.</summary>
internal static class RelayPath
{
    /// <summary>Most characters of a path; the longest of ours has about 120.</summary>
    public const int MaxLength = 256;

    /// <summary>Whether a path is a relay's business: media, and what the watch page asks of the API.</summary>
    public static bool IsRelayed(ReadOnlySpan<char> path) =>
        IsMedia(path) || path is "/api/v1/time" or "/api/v1/channels" || path.StartsWith("/api/v1/channels/") || path.StartsWith("/api/v1/broadcasts/");

    /// <summary><c>/live/{channel}/…</c> and <c>/b/{broadcast}/…</c>; <c>/b/{broadcast}</c> alone is a page.</summary>
    public static bool IsMedia(ReadOnlySpan<char> path)
    {
        var rest = path.StartsWith("/live/") ? path[6..] : path.StartsWith("/b/") ? path[3..] : default;
        return rest.IndexOf('/') > 0;
    }

    /// <summary>
    /// Whether every segment is made of unreserved characters (RFC 3986 §2.3) and none is empty or dots: what is not is
    /// no name of ours, is asked of no parent and takes no room in the cache.
    /// </summary>
    public static bool IsWellFormed(ReadOnlySpan<char> path)
    {
        if (path.Length is 0 or > MaxLength || path[0] != '/')
            return false;
        foreach (var range in path[1..].Split('/'))
        {
            var segment = path[1..][range];
            if (segment is "" or "." or "..")
                return false;
            foreach (var c in segment)
            {
                if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_' or '~'))
                    return false;
            }
        }
        return true;
    }

    /// <summary>Playlists are the only objects with directives in their query.</summary>
    public static bool IsPlaylist(ReadOnlySpan<char> path) => path.EndsWith(".m3u8");

    /// <summary>Texts may come compressed; media is fetched as it is, so that it has one variant.</summary>
    public static bool IsText(ReadOnlySpan<char> path) => IsPlaylist(path) || path.EndsWith(".mpd") || IsSteering(path) || path.StartsWith("/api/");

    /// <summary>What steers players to edges.</summary>
    public static bool IsSteering(ReadOnlySpan<char> path) => IsMedia(path) && SteeringNames.Ends(path);

    /// <summary>What depends on where the viewer is and plays from: the only other objects with something in their query.</summary>
    public static bool IsByViewer(ReadOnlySpan<char> path) => IsSteering(path) || (path.StartsWith("/api/v1/channels/") && path.EndsWith("/playback"));

    /// <summary>What one parent should hold together: <c>/b/{broadcast}</c>, <c>/live/{channel}</c>, or the API.</summary>
    public static ReadOnlySpan<char> GroupOf(ReadOnlySpan<char> path)
    {
        if (path.StartsWith("/api/"))
            return "/api";
        var start = path.StartsWith("/live/") ? 6 : 3;
        var slash = path[start..].IndexOf('/');
        return slash < 0 ? path : path[..(start + slash)];
    }

    /// <summary>Up to the last slash, which is included.</summary>
    public static ReadOnlySpan<char> DirectoryOf(ReadOnlySpan<char> path) => path[..(path.LastIndexOf('/') + 1)];
}
