using System.Globalization;
using Millrace.Hls;

namespace Millrace.Delivery.Relay;

/// <summary>
/// What tells one object from another: the path, the delivery directives (-1 and None where there are none) and the content
/// coding. Nothing else that a client sends is in it, or reaches a parent.
/// </summary>
internal readonly record struct RelayKey(string Path, long Segment, int Part, PlaylistSkip Skip, ContentCoding Coding)
{
    /// <summary>Media and other objects without directives.</summary>
    public static RelayKey Of(string path, ContentCoding coding = ContentCoding.Identity) => new(path, -1, -1, PlaylistSkip.None, coding);

    /// <summary>A playlist with its directives.</summary>
    public static RelayKey Of(string path, HlsDirectives directives, ContentCoding coding) =>
        new(path, directives.Segment ?? -1, directives.Part ?? -1, directives.Skip, coding);

    /// <summary>It asks for what may not exist yet, by a directive.</summary>
    public bool IsBlocking => Segment >= 0;

    /// <summary>The same playlist, whichever version.</summary>
    public RelayKey AnyVersion => this with { Segment = -1, Part = -1 };

    /// <summary>Path and canonical query for the parent: msn, part, skip, in this order.</summary>
    public string Target()
    {
        if (Segment < 0 && Skip == PlaylistSkip.None)
            return Path;
        var text = Path;
        var separator = '?';
        if (Segment >= 0)
        {
            text = string.Create(CultureInfo.InvariantCulture, $"{text}{separator}_HLS_msn={Segment}");
            separator = '&';
        }
        if (Part >= 0)
            text = string.Create(CultureInfo.InvariantCulture, $"{text}{separator}_HLS_part={Part}");
        return Skip switch
        {
            PlaylistSkip.Segments => $"{text}{separator}_HLS_skip=YES",
            PlaylistSkip.SegmentsAndDateRanges => $"{text}{separator}_HLS_skip=v2",
            _ => text,
        };
    }
}
