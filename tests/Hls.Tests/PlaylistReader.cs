using System.Globalization;
using System.Text;

namespace Millrace.Hls.Tests;

/// <summary>
/// A small strict reader of media playlists: it knows exactly the tags that we write and fails on anything else, on
/// anything out of place, and on what draft-pantos-hls-rfc8216bis says MUST NOT be.
/// </summary>
internal sealed class PlaylistReader
{
    public sealed record Part(double Duration, string Uri, bool Independent);

    public sealed class Entry
    {
        public long Number { get; init; }
        public double Duration { get; set; }
        public string? Uri { get; set; }
        public bool IsGap { get; set; }
        public int Discontinuity { get; init; }
        public string? Map { get; init; }
        public string? Date { get; init; }
        public List<Part> Parts { get; } = [];
        public List<string> Lines { get; } = [];
    }

    public int Target { get; private set; }
    public double PartTarget { get; private set; }
    public long MediaSequence { get; private set; }
    public int DiscontinuitySequence { get; private set; }
    public string? Type { get; private set; }
    public string? ServerControl { get; private set; }
    public string? Hint { get; private set; }
    public bool IsIndependent { get; private set; }
    public bool IsEnded { get; private set; }
    public int Skipped { get; private set; }
    public string? RemovedDateRanges { get; private set; }
    public List<string> Reports { get; } = [];
    public List<string> DateRanges { get; } = [];

    /// <summary>Complete segments, and at the end the running one (without URI) if it has parts.</summary>
    public List<Entry> Entries { get; } = [];

    public IEnumerable<Entry> Complete => Entries.Where(entry => entry.Uri is not null);

    public static PlaylistReader Read(byte[] playlist)
    {
        var text = Encoding.UTF8.GetString(playlist);
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        var reader = new PlaylistReader();
        var lines = text[..^1].Split('\n');
        Assert.Equal("#EXTM3U", lines[0]);
        Assert.Equal("#EXT-X-VERSION:10", lines[1]);
        reader.ReadBody(lines[2..]);
        reader.CheckDurations();
        return reader;
    }

    private void ReadBody(string[] lines)
    {
        Entry? entry = null;
        var pending = new List<string>();
        string? date = null, map = null;
        var discontinuity = 0;
        foreach (var line in lines)
        {
            Assert.False(IsEnded, "nothing follows EXT-X-ENDLIST");
            var (tag, value) = line.Split(':', 2) is [var t, var v] && line[0] == '#' ? (t, v) : (line, "");
            switch (tag)
            {
                case "#EXT-X-TARGETDURATION": Target = int.Parse(value, CultureInfo.InvariantCulture); break;
                case "#EXT-X-PLAYLIST-TYPE": Type = value; break;
                case "#EXT-X-SERVER-CONTROL": ServerControl = value; break;
                case "#EXT-X-PART-INF": PartTarget = Number(Attribute(value, "PART-TARGET")!); break;
                case "#EXT-X-INDEPENDENT-SEGMENTS": IsIndependent = true; break;
                case "#EXT-X-MEDIA-SEQUENCE":
                    Assert.Empty(Entries);
                    MediaSequence = long.Parse(value, CultureInfo.InvariantCulture);
                    break;
                case "#EXT-X-DISCONTINUITY-SEQUENCE":
                    Assert.Empty(Entries);
                    discontinuity = DiscontinuitySequence = int.Parse(value, CultureInfo.InvariantCulture);
                    break;
                case "#EXT-X-SKIP":
                    Assert.Empty(Entries);
                    Assert.Equal(0, Skipped);
                    Skipped = int.Parse(Attribute(value, "SKIPPED-SEGMENTS")!, CultureInfo.InvariantCulture);
                    RemovedDateRanges = Attribute(value, "RECENTLY-REMOVED-DATERANGES");
                    break;
                case "#EXT-X-DATERANGE": DateRanges.Add(Attribute(value, "ID")!); break;
                case "#EXT-X-DISCONTINUITY":
                    Assert.Null(entry);
                    discontinuity++;
                    pending.Add(line);
                    break;
                case "#EXT-X-MAP":
                    Assert.Null(entry);
                    map = Attribute(value, "URI");
                    pending.Add(line);
                    break;
                case "#EXT-X-PROGRAM-DATE-TIME":
                    // Tags of a segment stand before its first part (§4.4.4.9).
                    Assert.Null(entry);
                    date = value;
                    pending.Add(line);
                    break;
                case "#EXT-X-PART":
                    Current().Parts.Add(new Part(
                        Number(Attribute(value, "DURATION")!), Attribute(value, "URI")!, Attribute(value, "INDEPENDENT") == "YES"));
                    Assert.Equal($"{entry!.Number}.{entry.Parts.Count - 1}.m4s", entry.Parts[^1].Uri);
                    break;
                case "#EXT-X-GAP":
                    Current().IsGap = true;
                    break;
                case "#EXTINF":
                    Assert.EndsWith(",", value, StringComparison.Ordinal);
                    Current().Duration = Number(value[..^1]);
                    break;
                case "#EXT-X-PRELOAD-HINT":
                    Assert.Null(Hint);
                    Assert.StartsWith("TYPE=PART,", value, StringComparison.Ordinal);
                    Hint = Attribute(value, "URI");
                    break;
                case "#EXT-X-RENDITION-REPORT": Reports.Add(value); break;
                case "#EXT-X-ENDLIST": IsEnded = true; break;
                default:
                    Assert.DoesNotContain("#", line, StringComparison.Ordinal);
                    Assert.True(Current().Duration > 0, "a URI without EXTINF");
                    entry!.Uri = line;
                    Assert.Equal($"{entry.Number}.m4s", line);
                    entry = null;
                    break;
            }
        }
        Assert.Empty(pending);
        Assert.False(IsEnded && Hint is not null, "EXT-X-ENDLIST excludes EXT-X-PRELOAD-HINT (§4.4.5.3)");

        Entry Current()
        {
            if (entry is not null)
                return entry;
            entry = new Entry
            {
                Number = MediaSequence + Skipped + Entries.Count, Discontinuity = discontinuity, Map = map, Date = date,
            };
            entry.Lines.AddRange(pending);
            pending.Clear();
            date = null;
            Entries.Add(entry);
            return entry;
        }
    }

    /// <summary>§4.4.3.1 (EXTINF rounded ≤ target), §4.4.4.9 (parts ≤ 100 % and ≥ 85 % of their target), §4.4.3.8.</summary>
    private void CheckDurations()
    {
        foreach (var entry in Entries)
        {
            Assert.True(Math.Round(entry.Duration, MidpointRounding.AwayFromZero) <= Target, $"segment {entry.Number} outlasts the target");
            for (var i = 0; i < entry.Parts.Count; i++)
            {
                Assert.True(entry.Parts[i].Duration <= PartTarget, $"part {entry.Parts[i].Uri} outlasts PART-TARGET");
                var isLast = entry.Uri is not null && i == entry.Parts.Count - 1;
                Assert.True(isLast || entry.Parts[i].Independent || entry.Parts[i].Duration >= 0.85 * PartTarget, $"part {entry.Parts[i].Uri} is short");
            }
            if (entry is { Uri: not null, Parts.Count: > 0 })
                Assert.Equal(entry.Duration, entry.Parts.Sum(part => part.Duration), 0.0001);
        }
        if (ServerControl is null)
            return;
        Assert.Equal("YES", Attribute(ServerControl, "CAN-BLOCK-RELOAD"));
        Assert.True(Number(Attribute(ServerControl, "CAN-SKIP-UNTIL")!) >= 6 * Target);
        Assert.True(Number(Attribute(ServerControl, "HOLD-BACK")!) >= 3 * Target);
        Assert.True(Number(Attribute(ServerControl, "PART-HOLD-BACK")!) >= 3 * PartTarget - 1e-9);
    }

    /// <summary>What a server may change between two versions of a playlist (§6.2.1), with this one the later.</summary>
    public void CheckFollows(PlaylistReader before)
    {
        Assert.Equal((before.Target, before.PartTarget), (Target, PartTarget));
        Assert.True(MediaSequence >= before.MediaSequence, "the media sequence number went back");
        Assert.True(DiscontinuitySequence >= before.DiscontinuitySequence, "the discontinuity sequence number went back");
        foreach (var old in before.Complete.Where(old => old.Number >= MediaSequence + Skipped))
        {
            var now = Complete.Single(entry => entry.Number == old.Number);
            Assert.Equal((old.Duration, old.Discontinuity, old.Map, old.IsGap), (now.Duration, now.Discontinuity, now.Map, now.IsGap));
        }
        Assert.True((LastNumber, LastParts).CompareTo((before.LastNumber, before.LastParts)) >= 0, "the live edge went back");
    }

    private long LastNumber => Entries.Count == 0 ? -1 : Entries[^1].Number;

    private int LastParts => Entries.Count == 0 || Entries[^1].Uri is not null ? int.MaxValue : Entries[^1].Parts.Count;

    public static string? Attribute(string list, string name)
    {
        foreach (var start in new[] { 0 }.Concat(Enumerable.Range(1, list.Length - 1).Where(i => list[i - 1] == ',')))
        {
            if (!list.AsSpan(start).StartsWith(name + "=", StringComparison.Ordinal))
                continue;
            var value = list[(start + name.Length + 1)..];
            return value[0] == '"' ? value[1..value.IndexOf('"', 1)] : value.Split(',')[0];
        }
        return null;
    }

    private static double Number(string text) => double.Parse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
}
