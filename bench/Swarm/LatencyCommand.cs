using System.Diagnostics;
using System.Globalization;

namespace Millrace.Swarm;

/// <summary>
/// Time from the RTMP message of a part's first frame to the moment that part has been downloaded by a request which
/// waited for it: publishes one stream, asks for each hinted part in advance, and finds the part's frames again by their bytes.
/// </summary>
internal static class LatencyCommand
{
    public static async Task<int> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var options = new Options(arguments, "url", "http", "seconds", "name", "source");
        var name = options.Text("name", "probe");
        var loop = Source.Load(options.Text("source", "artifacts/bench/720p30.flv"));
        var seconds = options.Number("seconds", 30);
        var sentAt = new long[loop.FrameHeads.Count];
        var frames = new Dictionary<string, int>();
        for (var frame = 0; frame < loop.FrameHeads.Count; frame++)
            frames.TryAdd(Convert.ToHexString(loop.FrameHeads[frame]), frame);

        var publisher = new Publisher(loop, new Uri(options.Text("url", "rtmp://127.0.0.1:1935/live")), name, 0)
        {
            FrameSent = frame => Volatile.Write(ref sentAt[frame], Stopwatch.GetTimestamp()),
        };
        var pacer = new Pacer([publisher]);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pacing = new Thread(() =>
        {
            pacer.Connect(1, ended.Token);
            pacer.Run(TimeSpan.FromSeconds(seconds + 30), ended.Token);
        });
        pacing.Start();
        try
        {
            using var player = new Player();
            var playlist = await TuneInAsync(player, new Uri(options.Text("http", "http://127.0.0.1:8080")), name, ended.Token);
            if (playlist is null)
            {
                Console.WriteLine($"failed: no playlist within 20 s; publisher: {publisher.Failure ?? "live"}");
                return 1;
            }
            return await MeasureAsync(player, playlist, frames, sentAt, seconds, ended.Token);
        }
        finally
        {
            await ended.CancelAsync();
            pacing.Join();
            publisher.Close();
        }
    }

    private static async Task<Uri?> TuneInAsync(Player player, Uri server, string name, CancellationToken cancellationToken)
    {
        var main = new Uri(server, $"/live/{name}/main.m3u8");
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started).TotalSeconds < 20;)
        {
            if (await player.GetTextAsync(main, cancellationToken) is { } text && Player.VideoPlaylist(main, text) is { } playlist)
                return playlist;
            await Task.Delay(50, cancellationToken);
        }
        return null;
    }

    private static async Task<int> MeasureAsync(
        Player player, Uri playlist, Dictionary<string, int> frames, long[] sentAt, int seconds, CancellationToken cancellationToken)
    {
        var fromFirst = new List<double>();
        var fromLast = new List<double>();
        var missed = 0;
        var unknown = 0;
        var target = 0.0;
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < seconds)
        {
            var text = await player.GetTextAsync(playlist, cancellationToken);
            if (text is null || Player.HintedPart(playlist, text) is not { } hinted)
            {
                missed++;
                await Task.Delay(50, cancellationToken);
                continue;
            }
            target = Player.PartTarget(text);
            var part = await player.GetAsync(hinted, cancellationToken);
            var arrived = Stopwatch.GetTimestamp();
            if (part is null)
            {
                missed++;
                continue;
            }
            var (head, samples) = Player.ReadPart(part);
            if (!frames.TryGetValue(Convert.ToHexString(head), out var frame))
            {
                unknown++;
                continue;
            }
            fromFirst.Add(Stopwatch.GetElapsedTime(Volatile.Read(ref sentAt[frame]), arrived).TotalMilliseconds);
            var lastFrame = (frame + samples - 1) % sentAt.Length;
            fromLast.Add(Stopwatch.GetElapsedTime(Volatile.Read(ref sentAt[lastFrame]), arrived).TotalMilliseconds);
        }

        Line("parts", fromFirst.Count);
        Line("hints-missed", missed);
        Line("parts-unknown", unknown);
        if (fromFirst.Count == 0)
            return 1;
        Line("part-target-ms", target * 1000);
        Line("first-frame-to-part-p50-ms", Percentile(fromFirst, 0.5));
        Line("first-frame-to-part-p99-ms", Percentile(fromFirst, 0.99));
        Line("first-frame-to-part-max-ms", fromFirst.Max());
        Line("last-frame-to-part-p50-ms", Percentile(fromLast, 0.5));
        Line("last-frame-to-part-p99-ms", Percentile(fromLast, 0.99));
        Line("p99-above-part-target-ms", Percentile(fromFirst, 0.99) - target * 1000);
        return 0;
    }

    private static double Percentile(List<double> values, double share)
    {
        var sorted = values.Order().ToList();
        return sorted[Math.Min(sorted.Count - 1, (int)Math.Ceiling(share * sorted.Count) - 1)];
    }

    private static void Line(string name, double value) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} {value:0.##}"));
}
