using System.Buffers.Text;
using System.Collections.Frozen;
using System.Text;

namespace Millrace.Delivery.Relay;

/// <summary>
/// As much of a media playlist as a relay needs to ask for what comes next: where it ends, what it hints at, and the newest
/// names. Of draft-pantos-hls-rfc8216bis: §4.4.3 (target duration, media sequence, EXT-X-PART-INF), §4.4.4.9 (EXT-X-PART), §4.4.5.2 (EXT-X-SKIP),
/// §4.4.5.3 (EXT-X-PRELOAD-HINT).
/// </summary>
internal sealed class PlaylistTail
{
    /// <summary>Longest text that is looked at.</summary>
    public const int MaxBytes = 8 << 20;

    private const int MaxNames = 256;
    private readonly FrozenSet<string> segments;
    private readonly FrozenSet<string> parts;
    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> segmentNames;
    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> partNames;

    private PlaylistTail(IEnumerable<string> segments, IEnumerable<string> parts)
    {
        this.segments = segments.ToFrozenSet(StringComparer.Ordinal);
        this.parts = parts.ToFrozenSet(StringComparer.Ordinal);
        segmentNames = this.segments.GetAlternateLookup<ReadOnlySpan<char>>();
        partNames = this.parts.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Media sequence number of the segment that is not complete yet.</summary>
    public long NextSegment { get; private init; }

    /// <summary>Index of its first part that is not there yet.</summary>
    public int NextPart { get; private init; }

    /// <summary>Seconds, at least 1.</summary>
    public int TargetDuration { get; private init; }

    /// <summary>How long a part lasts at most, at most a minute; without parts, a segment.</summary>
    public TimeSpan PartTarget { get; private init; }

    /// <summary>The server holds requests for the future.</summary>
    public bool CanBlock { get; private init; }

    /// <summary>Nothing more comes.</summary>
    public bool IsEnded { get; private init; }

    /// <summary>The part that comes next, a plain name, or null.</summary>
    public string? Hint { get; private init; }

    /// <summary>It is a part that the playlist lists or hints at.</summary>
    public bool IsPart(ReadOnlySpan<char> name) => partNames.Contains(name) || name.SequenceEqual(Hint);

    /// <summary>It exists: nobody has to wait for it.</summary>
    public bool Lists(ReadOnlySpan<char> name) => IsEnded || partNames.Contains(name) || segmentNames.Contains(name);

    /// <summary>Something came between <paramref name="other"/> and this.</summary>
    public bool IsNewerThan(PlaylistTail other) => NextSegment > other.NextSegment || (NextSegment == other.NextSegment && NextPart > other.NextPart);

    /// <summary>Not older than <paramref name="other"/>.</summary>
    public bool IsAtLeast(PlaylistTail other) =>
        IsEnded || NextSegment > other.NextSegment || (NextSegment == other.NextSegment && NextPart >= other.NextPart);

    /// <summary>Reads a playlist; null when it is no media playlist.</summary>
    public static PlaylistTail? Read(ReadOnlySpan<byte> text)
    {
        if (!text.StartsWith("#EXTM3U"u8))
            return null;
        long next = 0;
        int target = 0, open = 0;
        double part = 0;
        bool canBlock = false, isEnded = false;
        string? hint = null;
        var segments = new Queue<string>();
        var parts = new Queue<string>();
        foreach (var range in text.Split((byte)'\n'))
        {
            var line = text[range].TrimEnd((byte)'\r');
            if (line.IsEmpty)
                continue;
            if (line[0] != (byte)'#')
            {
                Keep(segments, line);
                next++;
                open = 0;
            }
            else if (After(line, "#EXT-X-PART:"u8, out var attributes))
            {
                Keep(parts, Quoted(attributes, "URI=\""u8));
                open++;
            }
            else if (After(line, "#EXT-X-TARGETDURATION:"u8, out var value))
            {
                target = (int)Math.Clamp(Number(value), 0, 3600);
            }
            else if (After(line, "#EXT-X-PART-INF:"u8, out attributes))
            {
                var at = attributes.IndexOf("PART-TARGET="u8);
                part = at >= 0 && Utf8Parser.TryParse(attributes[(at + 12)..], out double seconds, out _) && seconds is > 0 and <= 60 ? seconds : 0;
            }
            else if (After(line, "#EXT-X-MEDIA-SEQUENCE:"u8, out value))
            {
                next += Number(value);
            }
            else if (After(line, "#EXT-X-SKIP:"u8, out attributes))
            {
                var at = attributes.IndexOf("SKIPPED-SEGMENTS="u8);
                next += at < 0 ? 0 : Number(attributes[(at + 17)..]);
            }
            else if (After(line, "#EXT-X-SERVER-CONTROL:"u8, out attributes))
            {
                canBlock = attributes.IndexOf("CAN-BLOCK-RELOAD=YES"u8) >= 0;
            }
            else if (After(line, "#EXT-X-PRELOAD-HINT:"u8, out attributes))
            {
                if (attributes.IndexOf("TYPE=PART"u8) >= 0 && attributes.IndexOf("BYTERANGE"u8) < 0)
                    hint = Name(Quoted(attributes, "URI=\""u8));
            }
            else if (line.SequenceEqual("#EXT-X-ENDLIST"u8))
            {
                isEnded = true;
            }
        }
        return target == 0 ? null : new PlaylistTail(segments, parts)
        {
            NextSegment = next,
            NextPart = open,
            TargetDuration = target,
            PartTarget = TimeSpan.FromSeconds(part > 0 ? part : Math.Min(target, 60)),
            CanBlock = canBlock,
            IsEnded = isEnded,
            Hint = hint,
        };
    }

    private static void Keep(Queue<string> names, ReadOnlySpan<byte> uri)
    {
        if (Name(uri) is not { } name)
            return;
        names.Enqueue(name);
        if (names.Count > MaxNames)
            names.Dequeue();
    }

    // A name beside the playlist; whatever lies elsewhere is left to the players.
    private static string? Name(ReadOnlySpan<byte> uri)
    {
        if (uri.Length is 0 or > 64)
            return null;
        var name = Encoding.Latin1.GetString(uri);
        return RelayPath.IsWellFormed("/" + name) && !name.Contains('/', StringComparison.Ordinal) ? name : null;
    }

    private static bool After(ReadOnlySpan<byte> line, ReadOnlySpan<byte> tag, out ReadOnlySpan<byte> rest)
    {
        var isThat = line.StartsWith(tag);
        rest = isThat ? line[tag.Length..] : default;
        return isThat;
    }

    private static ReadOnlySpan<byte> Quoted(ReadOnlySpan<byte> attributes, ReadOnlySpan<byte> name)
    {
        var at = attributes.IndexOf(name);
        if (at < 0)
            return default;
        var rest = attributes[(at + name.Length)..];
        var end = rest.IndexOf((byte)'"');
        return end < 0 ? default : rest[..end];
    }

    private static long Number(ReadOnlySpan<byte> text) => Utf8Parser.TryParse(text, out long number, out _) ? Math.Clamp(number, 0, int.MaxValue * 1000L) : 0;
}
