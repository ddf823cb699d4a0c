using System.Diagnostics;
using System.Globalization;

namespace Millrace.Swarm;

/// <summary>
/// Time from the first media message of a new stream until everything that a player needs first answers 200: the
/// multivariant playlist, a media playlist with a part or segment in it, and that media.
/// </summary>
internal static class StartCommand
{
    public static async Task<int> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var options = new Options(arguments, "url", "http", "count", "name-prefix", "source");
        var loop = Source.Load(options.Text("source", "artifacts/bench/720p30.flv"));
        var url = new Uri(options.Text("url", "rtmp://127.0.0.1:1935/live"));
        var server = new Uri(options.Text("http", "http://127.0.0.1:8080"));
        var count = options.Number("count", 10);
        var times = new List<double>();
        using var player = new Player();
        for (var number = 0; number < count; number++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{options.Text("name-prefix", "start-")}{number:00}-{Environment.ProcessId}");
            times.Add(await OnceAsync(player, loop, url, server, name, cancellationToken));
        }
        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"starts {count}\npublish-to-playable-p50-ms {times[count / 2]:0.#}\npublish-to-playable-max-ms {times[^1]:0.#}"));
        return double.IsFinite(times[^1]) ? 0 : 1;
    }

    private static async Task<double> OnceAsync(Player player, MediaLoop loop, Uri url, Uri server, string name, CancellationToken cancellationToken)
    {
        var firstFrame = 0L;
        var publisher = new Publisher(loop, url, name, 0)
        {
            FrameSent = _ => Interlocked.CompareExchange(ref firstFrame, Stopwatch.GetTimestamp(), 0),
        };
        var pacer = new Pacer([publisher]);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pacing = new Thread(() =>
        {
            pacer.Connect(1, ended.Token);
            pacer.Run(TimeSpan.FromSeconds(30), ended.Token);
        });
        pacing.Start();
        try
        {
            var main = new Uri(server, $"/live/{name}/main.m3u8");
            for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began).TotalSeconds < 20;)
            {
                if (await player.GetTextAsync(main, cancellationToken) is { } text
                    && Player.VideoPlaylist(main, text) is { } playlist
                    && await player.GetTextAsync(playlist, cancellationToken) is { } media
                    && Player.NewestMedia(playlist, media) is { } newest
                    && await player.GetAsync(newest, cancellationToken) is not null)
                {
                    return Stopwatch.GetElapsedTime(Interlocked.Read(ref firstFrame)).TotalMilliseconds;
                }
                await Task.Delay(5, cancellationToken);
            }
            return double.PositiveInfinity;
        }
        finally
        {
            await ended.CancelAsync();
            pacing.Join();
            publisher.Close();
        }
    }
}
