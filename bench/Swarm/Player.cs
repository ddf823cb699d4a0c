using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace Millrace.Swarm;

/// <summary>As much of a low-latency HLS player as measuring needs.</summary>
internal sealed partial class Player : IDisposable
{
    private readonly HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(20) };

    /// <summary>The body, or null when the answer was not 200.</summary>
    public async Task<byte[]?> GetAsync(Uri url, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.GetAsync(url, cancellationToken);
            return response.StatusCode == HttpStatusCode.OK ? await response.Content.ReadAsByteArrayAsync(cancellationToken) : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    public async Task<string?> GetTextAsync(Uri url, CancellationToken cancellationToken) =>
        await GetAsync(url, cancellationToken) is { } body ? System.Text.Encoding.UTF8.GetString(body) : null;

    /// <summary>The first variant's media playlist; null when there is none.</summary>
    public static Uri? VideoPlaylist(Uri main, string multivariant)
    {
        var lines = multivariant.Split('\n', StringSplitOptions.TrimEntries);
        var at = Array.FindIndex(lines, line => line.StartsWith("#EXT-X-STREAM-INF:", StringComparison.Ordinal));
        return at >= 0 && at + 1 < lines.Length ? new Uri(main, lines[at + 1]) : null;
    }

    /// <summary>The part that the playlist says comes next; null when it hints at none.</summary>
    public static Uri? HintedPart(Uri playlist, string text) =>
        Hint().Match(text) is { Success: true } match ? new Uri(playlist, match.Groups[1].Value + match.Groups[2].Value) : null;

    public static double PartTarget(string text) =>
        Target().Match(text) is { Success: true } match ? double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : 0;

    /// <summary>URI of the newest part or, without parts, segment; null while there is none.</summary>
    public static Uri? NewestMedia(Uri playlist, string text)
    {
        if (Part().Matches(text) is [.., var part])
            return new Uri(playlist, part.Groups[1].Value);
        var segment = text.Split('\n', StringSplitOptions.TrimEntries).LastOrDefault(line => line.Length > 0 && line[0] != '#');
        return segment is null ? null : new Uri(playlist, segment);
    }

    /// <summary>First bytes of the first sample, and how many samples the part's first `trun` counts.</summary>
    public static (byte[] Head, int Samples) ReadPart(ReadOnlySpan<byte> part)
    {
        var samples = 0;
        var head = Array.Empty<byte>();
        Walk(part, ref samples, ref head);
        return (head, samples);
    }

    public void Dispose() => http.Dispose();

    private static void Walk(ReadOnlySpan<byte> boxes, ref int samples, ref byte[] head)
    {
        while (boxes.Length >= 8)
        {
            var size = BinaryPrimitives.ReadInt32BigEndian(boxes);
            if (size < 8 || size > boxes.Length)
                return;
            var type = boxes.Slice(4, 4);
            var body = boxes[8..size];
            if (type.SequenceEqual("moof"u8) || type.SequenceEqual("traf"u8))
                Walk(body, ref samples, ref head);
            else if (type.SequenceEqual("trun"u8) && samples == 0)
                samples = BinaryPrimitives.ReadInt32BigEndian(body[4..]);
            else if (type.SequenceEqual("mdat"u8) && head.Length == 0)
                head = body[..Math.Min(64, body.Length)].ToArray();
            boxes = boxes[size..];
        }
    }

    [GeneratedRegex("""#EXT-X-PRELOAD-HINT:[^\n]*TYPE=PART[^\n]*URI="([^"]+)"|#EXT-X-PRELOAD-HINT:URI="([^"]+)"[^\n]*TYPE=PART""")]
    private static partial Regex Hint();

    [GeneratedRegex("#EXT-X-PART-INF:[^\n]*PART-TARGET=([0-9.]+)")]
    private static partial Regex Target();

    [GeneratedRegex("""#EXT-X-PART:[^\n]*URI="([^"]+)"[^\n]*""")]
    private static partial Regex Part();
}
