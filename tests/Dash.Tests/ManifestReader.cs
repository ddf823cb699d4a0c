using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace Millrace.Dash.Tests;

/// <summary>A strict reader of our manifests: well-formed, no unknown attribute, elements in the schema's order.</summary>
internal sealed class ManifestReader
{
    private static readonly XNamespace Mpd = "urn:mpeg:dash:schema:mpd:2011";

    // Order of the children in the schema (ISO/IEC 23009-1 Annex B), as far as we write them.
    private static readonly Dictionary<string, string[]> Children = new()
    {
        ["MPD"] = ["ServiceDescription", "Period", "UTCTiming"],
        ["Period"] = ["AdaptationSet"],
        ["AdaptationSet"] = ["SupplementalProperty", "ProducerReferenceTime", "Representation"],
        ["ProducerReferenceTime"] = ["UTCTiming"],
        ["Representation"] = ["AudioChannelConfiguration", "SegmentTemplate"],
        ["SegmentTemplate"] = ["SegmentTimeline"],
        ["SegmentTimeline"] = ["S"],
        ["ServiceDescription"] = ["Latency", "PlaybackRate"],
    };

    public sealed record Track(
        string Id, string Codecs, long Timescale, long Offset, string Initialization, List<(long Number, long Start, long Duration)> Segments);

    public sealed record Period(string Id, TimeSpan Start, List<Track> Tracks);

    public required XElement Root { get; init; }

    public required List<Period> Periods { get; init; }

    public static ManifestReader Read(byte[] manifest)
    {
        using var stream = new MemoryStream(manifest);
        var root = XDocument.Load(stream).Root!;
        Assert.Equal(Mpd + "MPD", root.Name);
        foreach (var element in root.DescendantsAndSelf())
            CheckChildren(element);
        var periods = root.Elements(Mpd + "Period").Select(ReadPeriod).ToList();
        Assert.Equal(periods.Count, periods.Select(period => period.Id).Distinct().Count());
        for (var i = 1; i < periods.Count; i++)
        {
            var end = periods[i - 1].Start + TimeSpan.FromSeconds(periods[i - 1].Tracks.Max(
                track => (double)(track.Segments[^1].Start + track.Segments[^1].Duration - track.Offset) / track.Timescale));
            Assert.True(periods[i].Start >= end - TimeSpan.FromMilliseconds(2), $"{periods[i].Id} begins before {periods[i - 1].Id} ends");
        }
        return new ManifestReader { Root = root, Periods = periods };
    }

    public string? this[string attribute] => (string?)Root.Attribute(attribute);

    private static void CheckChildren(XElement element)
    {
        if (!Children.TryGetValue(element.Name.LocalName, out var allowed))
        {
            Assert.Empty(element.Elements());
            return;
        }
        var positions = element.Elements().Select(child => Array.IndexOf(allowed, child.Name.LocalName)).ToList();
        Assert.DoesNotContain(-1, positions);
        Assert.Equal(positions.Order(), positions);
    }

    private static Period ReadPeriod(XElement element) => new(
        (string)element.Attribute("id")!, XmlConvert.ToTimeSpan((string)element.Attribute("start")!),
        [.. element.Elements(Mpd + "AdaptationSet").Elements(Mpd + "Representation").Select(ReadTrack)]);

    private static Track ReadTrack(XElement element)
    {
        var template = element.Element(Mpd + "SegmentTemplate")!;
        Assert.EndsWith("$RepresentationID$/$Number$.m4s", (string)template.Attribute("media")!, StringComparison.Ordinal);
        var number = Long(template, "startNumber")!.Value;
        var segments = new List<(long, long, long)>();
        var next = 0L;
        foreach (var s in template.Element(Mpd + "SegmentTimeline")!.Elements())
        {
            var start = Long(s, "t") ?? next;
            Assert.True(segments.Count == 0 ? s.Attribute("t") is not null : start >= next, "S@t goes back");
            for (var repeat = Long(s, "r") ?? 0; repeat >= 0; repeat--)
            {
                segments.Add((number++, start, Long(s, "d")!.Value));
                start += Long(s, "d")!.Value;
            }
            next = start;
        }
        Assert.NotEmpty(segments);
        return new Track(
            (string)element.Attribute("id")!, (string)element.Attribute("codecs")!, Long(template, "timescale")!.Value,
            Long(template, "presentationTimeOffset")!.Value, (string)template.Attribute("initialization")!, segments);
    }

    private static long? Long(XElement element, string attribute) =>
        (string?)element.Attribute(attribute) is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : null;
}
