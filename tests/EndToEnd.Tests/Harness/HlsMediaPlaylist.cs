using System.Globalization;

namespace Millrace.EndToEnd.Tests.Harness;

internal sealed record HlsPart(string Uri, double Duration, bool IsIndependent);

internal sealed record HlsSegment(
    long Number, string? Uri, double Duration, bool IsDiscontinuity, DateTimeOffset? ProgramDateTime, string? Map, bool IsGap,
    IReadOnlyList<HlsPart> Parts);

internal sealed record HlsRenditionReport(string Uri, long LastSegment, long? LastPart);

/// <summary>A media playlist, read strictly after draft-pantos-hls-rfc8216bis; what is not known fails.</summary>
internal sealed class HlsMediaPlaylist
{
    private readonly List<HlsSegment> segments = [];

    private HlsMediaPlaylist(string text) => Text = text;

    public string Text { get; }

    public int Version { get; private set; } = 1;

    public int TargetDuration { get; private set; }

    public double PartTarget { get; private set; }

    public long MediaSequence { get; private set; }

    public long DiscontinuitySequence { get; private set; }

    public string ServerControl { get; private set; } = "";

    public double HoldBack { get; private set; }

    public double PartHoldBack { get; private set; }

    public double CanSkipUntil { get; private set; }

    public bool CanBlockReload { get; private set; }

    public bool IndependentSegments { get; private set; }

    public bool Ended { get; private set; }

    /// <summary>Segments that a delta update left out.</summary>
    public int Skipped { get; private set; }

    /// <summary>Complete segments that the text lists, oldest first.</summary>
    public IReadOnlyList<HlsSegment> Segments => segments;

    /// <summary>Parts of the segment that is not complete yet.</summary>
    public IReadOnlyList<HlsPart> OpenParts { get; private set; } = [];

    /// <summary>The running segment stands behind a discontinuity.</summary>
    public bool OpenIsDiscontinuity { get; private set; }

    public string? Hint { get; private set; }

    public IReadOnlyList<HlsRenditionReport> Reports { get; private set; } = [];

    /// <summary>Number of the segment that is not complete yet.</summary>
    public long NextSegment => MediaSequence + Skipped + segments.Count;

    public HlsSegment Segment(long number) => segments.Single(segment => segment.Number == number);

    public static HlsMediaPlaylist Parse(string text)
    {
        var playlist = new HlsMediaPlaylist(text);
        try
        {
            playlist.Read();
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            throw new InvalidDataException($"{fault.Message}\n{text}", fault);
        }
        return playlist;
    }

    private void Read()
    {
        Assert.StartsWith("#EXTM3U\n", Text, StringComparison.Ordinal);
        Assert.EndsWith("\n", Text, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', Text);
        Assert.DoesNotContain('\uFEFF', Text);

        var once = new HashSet<string>();
        List<HlsPart> parts = [];
        List<HlsRenditionReport> reports = [];
        double? duration = null;
        var discontinuity = false;
        var gap = false;
        DateTimeOffset? date = null;
        string? map = null;

        foreach (var line in Text.Split('\n')[1..^1])
        {
            Assert.NotEqual("", line);
            if (line[0] != '#')
            {
                Assert.True(duration is not null, $"{line} has no EXTINF.");
                Assert.False(Ended, "ENDLIST does not stand last.");
                CheckName(line);
                segments.Add(new HlsSegment(MediaSequence + Skipped + segments.Count, line, duration.Value, discontinuity, date, map, gap, parts));
                (parts, duration, discontinuity, date, gap) = ([], null, false, null, false);
                continue;
            }

            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var (tag, value) = colon < 0 ? (line, "") : (line[..colon], line[(colon + 1)..]);
            if (tag is "#EXT-X-VERSION" or "#EXT-X-TARGETDURATION" or "#EXT-X-MEDIA-SEQUENCE" or "#EXT-X-DISCONTINUITY-SEQUENCE"
                or "#EXT-X-SERVER-CONTROL" or "#EXT-X-PART-INF" or "#EXT-X-SKIP" or "#EXT-X-ENDLIST" or "#EXT-X-INDEPENDENT-SEGMENTS"
                or "#EXT-X-PLAYLIST-TYPE")
            {
                Assert.True(once.Add(tag), $"{tag} stands twice.");
                Assert.True(tag == "#EXT-X-ENDLIST" || segments.Count == 0, $"{tag} stands behind a segment.");
            }
            switch (tag)
            {
                case "#EXT-X-VERSION":
                    Version = int.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture);
                    break;
                case "#EXT-X-TARGETDURATION":
                    TargetDuration = int.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture);
                    break;
                case "#EXT-X-MEDIA-SEQUENCE":
                    MediaSequence = long.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture);
                    break;
                case "#EXT-X-DISCONTINUITY-SEQUENCE":
                    DiscontinuitySequence = long.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture);
                    break;
                case "#EXT-X-SERVER-CONTROL":
                    ReadServerControl(value);
                    break;
                case "#EXT-X-PART-INF":
                    PartTarget = new HlsAttributes(value).Number("PART-TARGET");
                    break;
                case "#EXT-X-INDEPENDENT-SEGMENTS":
                    IndependentSegments = true;
                    break;
                case "#EXT-X-PLAYLIST-TYPE":
                    Assert.True(value is "EVENT" or "VOD", line);
                    break;
                case "#EXT-X-SKIP":
                    Skipped = (int)new HlsAttributes(value).Integer("SKIPPED-SEGMENTS");
                    break;
                case "#EXT-X-MAP":
                    map = new HlsAttributes(value).Quoted("URI");
                    CheckName(map);
                    break;
                case "#EXT-X-DISCONTINUITY":
                    Assert.Empty(parts);
                    discontinuity = true;
                    break;
                case "#EXT-X-PROGRAM-DATE-TIME":
                    date = DateTimeOffset.Parse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
                    break;
                case "#EXT-X-GAP":
                    gap = true;
                    break;
                case "#EXTINF":
                    Assert.Equal(',', value[^1]);
                    duration = double.Parse(value[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
                    break;
                case "#EXT-X-PART":
                    var part = new HlsAttributes(value);
                    CheckName(part.Quoted("URI"));
                    parts.Add(new HlsPart(part.Quoted("URI"), part.Number("DURATION"), part.Yes("INDEPENDENT")));
                    break;
                case "#EXT-X-PRELOAD-HINT":
                    var hint = new HlsAttributes(value);
                    Assert.Equal("PART", hint.Plain("TYPE"));
                    Assert.Null(Hint);
                    Hint = hint.Quoted("URI");
                    break;
                case "#EXT-X-RENDITION-REPORT":
                    var report = new HlsAttributes(value);
                    reports.Add(new HlsRenditionReport(report.Quoted("URI"), report.Integer("LAST-MSN"), report.Has("LAST-PART") ? report.Integer("LAST-PART") : null));
                    break;
                case "#EXT-X-DATERANGE":
                    _ = new HlsAttributes(value).Quoted("ID");
                    break;
                case "#EXT-X-ENDLIST":
                    Ended = true;
                    break;
                default:
                    Assert.Fail($"Unknown tag {tag}.");
                    break;
            }
        }
        Assert.True(duration is null, "An EXTINF has no URI.");
        OpenParts = parts;
        OpenIsDiscontinuity = discontinuity;
        Reports = reports;
    }

    private void ReadServerControl(string value)
    {
        ServerControl = value;
        var control = new HlsAttributes(value);
        CanBlockReload = control.Yes("CAN-BLOCK-RELOAD");
        HoldBack = control.Number("HOLD-BACK");
        PartHoldBack = control.Number("PART-HOLD-BACK");
        CanSkipUntil = control.Has("CAN-SKIP-UNTIL") ? control.Number("CAN-SKIP-UNTIL") : 0;
    }

    /// <summary>Media names go through caches and shells: they hold nothing that means something there.</summary>
    private static void CheckName(string uri) => Assert.DoesNotContain(uri, character => character is '?' or '&' or '#' or ' ' or '"');
}
