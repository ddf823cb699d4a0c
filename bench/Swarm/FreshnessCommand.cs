using System.Globalization;
using System.Text.RegularExpressions;

namespace Millrace.Swarm;

/// <summary>How far the live edge of the stalest stream lies behind the clock, by PROGRAM-DATE-TIME and durations.</summary>
internal static partial class FreshnessCommand
{
    public static async Task<int> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var options = new Options(arguments, "http", "streams", "name-prefix");
        var server = new Uri(options.Text("http", "http://127.0.0.1:8080"));
        var worst = double.NegativeInfinity;
        var missing = 0;
        using var player = new Player();
        for (var number = 0; number < options.Number("streams", 10); number++)
        {
            var main = new Uri(server, string.Create(CultureInfo.InvariantCulture, $"/live/{options.Text("name-prefix", "bench-")}{number:0000}/main.m3u8"));
            if (await player.GetTextAsync(main, cancellationToken) is { } text
                && Player.VideoPlaylist(main, text) is { } playlist
                && await player.GetTextAsync(playlist, cancellationToken) is { } media
                && LiveEdge(media) is { } edge)
                worst = Math.Max(worst, (DateTimeOffset.UtcNow - edge).TotalMilliseconds);
            else
                missing++;
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"stalest-ms {(missing > 0 ? 999999 : worst):0}\nwithout-playlist {missing}"));
        return missing == 0 ? 0 : 1;
    }

    /// <summary>Wall-clock time at the end of the newest part; null when the playlist tells none.</summary>
    private static DateTimeOffset? LiveEdge(string playlist)
    {
        DateTimeOffset? time = null;
        var parts = 0.0;
        foreach (Match match in Line().Matches(playlist))
        {
            var value = match.Groups[2].ValueSpan;
            switch (match.Groups[1].Value)
            {
                case "PROGRAM-DATE-TIME":
                    time = DateTimeOffset.Parse(value, CultureInfo.InvariantCulture);
                    parts = 0;
                    break;
                case "PART":
                    parts += double.Parse(value, CultureInfo.InvariantCulture);
                    break;
                default:
                    time += TimeSpan.FromSeconds(double.Parse(value, CultureInfo.InvariantCulture));
                    parts = 0;
                    break;
            }
        }
        return time + TimeSpan.FromSeconds(parts);
    }

    [GeneratedRegex(@"^#(?:EXT-X-)?(PROGRAM-DATE-TIME|PART|INF|EXTINF):(?:[^\n]*DURATION=)?([^,\r\n]+)", RegexOptions.Multiline)]
    private static partial Regex Line();
}
