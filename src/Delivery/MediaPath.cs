using System.Globalization;
using Millrace.Delivery.Previews;
using Millrace.Delivery.Steering;

namespace Millrace.Delivery;

/// <summary>What a media path names.</summary>
internal enum MediaObject
{
    /// <summary>Nothing that exists.</summary>
    None,
    /// <summary><c>main.m3u8</c></summary>
    MultivariantPlaylist,
    /// <summary><c>manifest.mpd</c></summary>
    Manifest,
    /// <summary><c>live.m3u8</c></summary>
    MediaPlaylist,
    /// <summary><c>dvr.m3u8</c> of a rendition</summary>
    DvrPlaylist,
    /// <summary><c>dvr.m3u8</c> of a broadcast or channel: the multivariant playlist of its renditions' <c>dvr.m3u8</c></summary>
    DvrMultivariantPlaylist,
    /// <summary><c>{n}-init.mp4</c></summary>
    Init,
    /// <summary><c>{msn}.m4s</c></summary>
    Segment,
    /// <summary><c>{msn}.{part}.m4s</c></summary>
    Part,
    /// <summary><c>preview.jpg</c>, <c>preview-320.jpg</c></summary>
    Preview,
    /// <summary><c>sprites.vtt</c></summary>
    SpriteIndex,
    /// <summary><c>sprites/{n}.jpg</c>, <c>sprites/{n}.{count}.jpg</c></summary>
    SpriteSheet,
    /// <summary><c>download.mp4</c></summary>
    Download,
    /// <summary><c>steering.json</c></summary>
    Steering,
    /// <summary><c>steering-dvr.json</c></summary>
    SteeringDvr,
    /// <summary><c>steering-dash.json</c></summary>
    SteeringDash,
}

/// <summary>A media path taken apart, without copies. Numbers have one spelling: no sign, no leading zero.</summary>
internal readonly ref struct MediaPath
{
    /// <summary>What it names.</summary>
    public MediaObject Object { get; private init; }

    /// <summary>It names what is asked for seldom: a thumbnail, a sprite sheet, their index, or a file for download.</summary>
    public bool IsAside => Object is MediaObject.Preview or MediaObject.SpriteIndex or MediaObject.SpriteSheet or MediaObject.Download;

    /// <summary>It names a steering manifest: made anew for each viewer that asks.</summary>
    public bool IsSteering => Object is MediaObject.Steering or MediaObject.SteeringDvr or MediaObject.SteeringDash;

    /// <summary>The channel of <c>/live/{channel}/…</c>, else empty.</summary>
    public ReadOnlySpan<char> Channel { get; private init; }

    /// <summary>The broadcast of <c>/b/{broadcast}/…</c>, else empty.</summary>
    public ReadOnlySpan<char> Broadcast { get; private init; }

    /// <summary>The rendition, or empty.</summary>
    public ReadOnlySpan<char> Rendition { get; private init; }

    /// <summary>Media sequence number, the number of an init segment or a sprite sheet, or the longer side of a preview.</summary>
    public long Number { get; private init; }

    /// <summary>The part's index, or how many tiles a sprite sheet in progress has; 0 for a full one.</summary>
    public int Part { get; private init; }

    /// <summary>
    /// Takes a path apart. False when it is none of the media's (<c>/live/…/…</c>, <c>/b/…/…</c>): then somebody else may know
    /// it. A media path that names nothing comes back as <see cref="MediaObject.None"/>.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> path, out MediaPath parsed)
    {
        parsed = default;
        var isLive = path.StartsWith("/live/");
        if (!isLive && !path.StartsWith("/b/"))
            return false;
        var rest = path[(isLive ? 6 : 3)..];
        var slash = rest.IndexOf('/');
        if (slash <= 0)
            return false;
        var owner = rest[..slash];
        var name = rest[(slash + 1)..];
        if (isLive)
        {
            var what = OfWhole(name, out var size);
            // What a channel's next broadcast would not have under the same name is the broadcast's.
            var isOfBroadcast = what is MediaObject.SpriteIndex or MediaObject.Download or MediaObject.Steering or MediaObject.SteeringDvr or MediaObject.SteeringDash;
            parsed = new MediaPath { Channel = owner, Object = isOfBroadcast ? MediaObject.None : what, Number = size };
            return true;
        }
        slash = name.IndexOf('/');
        if (slash < 0)
        {
            parsed = new MediaPath { Broadcast = owner, Object = OfWhole(name, out var size), Number = size };
            return true;
        }
        if (name[..slash] is "sprites")
        {
            parsed = OfSheet(owner, name[(slash + 1)..]);
            return true;
        }
        parsed = OfRendition(owner, name[..slash], name[(slash + 1)..]);
        return true;
    }

    private static MediaObject OfWhole(ReadOnlySpan<char> name, out int size)
    {
        size = 0;
        switch (name)
        {
            case "main.m3u8":
                return MediaObject.MultivariantPlaylist;
            case "dvr.m3u8":
                return MediaObject.DvrMultivariantPlaylist;
            case "manifest.mpd":
                return MediaObject.Manifest;
            case "download.mp4":
                return MediaObject.Download;
            case "sprites.vtt":
                return MediaObject.SpriteIndex;
            case SteeringNames.Hls:
                return MediaObject.Steering;
            case SteeringNames.Dvr:
                return MediaObject.SteeringDvr;
            case SteeringNames.Dash:
                return MediaObject.SteeringDash;
            case "preview.jpg":
                size = PreviewPicture.LargeLongest;
                return MediaObject.Preview;
            case "preview-320.jpg":
                size = PreviewPicture.SmallLongest;
                return MediaObject.Preview;
            default:
                return MediaObject.None;
        }
    }

    private static MediaPath OfSheet(ReadOnlySpan<char> broadcast, ReadOnlySpan<char> name)
    {
        if (!name.EndsWith(".jpg"))
            return new MediaPath { Broadcast = broadcast };
        var numbers = name[..^".jpg".Length];
        var dot = numbers.IndexOf('.');
        var count = 0L;
        var isSheet = dot < 0
            ? TryParseNumber(numbers, long.MaxValue, out var number)
            : TryParseNumber(numbers[..dot], long.MaxValue, out number) && TryParseNumber(numbers[(dot + 1)..], SpriteSheets.Capacity - 1, out count) && count > 0;
        return new MediaPath { Broadcast = broadcast, Object = isSheet ? MediaObject.SpriteSheet : MediaObject.None, Number = number, Part = (int)count };
    }

    private static MediaPath OfRendition(ReadOnlySpan<char> broadcast, ReadOnlySpan<char> rendition, ReadOnlySpan<char> name)
    {
        var what = MediaObject.None;
        var number = 0L;
        var part = 0L;
        if (name is "live.m3u8")
        {
            what = MediaObject.MediaPlaylist;
        }
        else if (name is "dvr.m3u8")
        {
            what = MediaObject.DvrPlaylist;
        }
        else if (name.EndsWith("-init.mp4"))
        {
            if (TryParseNumber(name[..^"-init.mp4".Length], int.MaxValue, out number))
                what = MediaObject.Init;
        }
        else if (name.EndsWith(".m4s"))
        {
            var numbers = name[..^".m4s".Length];
            var dot = numbers.IndexOf('.');
            if (dot < 0)
                what = TryParseNumber(numbers, long.MaxValue, out number) ? MediaObject.Segment : MediaObject.None;
            else if (TryParseNumber(numbers[..dot], long.MaxValue, out number) && TryParseNumber(numbers[(dot + 1)..], int.MaxValue - 1, out part))
                what = MediaObject.Part;
        }
        return new MediaPath { Object = what, Broadcast = broadcast, Rendition = rendition, Number = number, Part = (int)part };
    }

    private static bool TryParseNumber(ReadOnlySpan<char> text, long most, out long number)
    {
        number = 0;
        return text.Length > 0 && (text[0] != '0' || text.Length == 1)
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= most;
    }
}
