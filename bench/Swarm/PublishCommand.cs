using System.Diagnostics;
using System.Globalization;

namespace Millrace.Swarm;

/// <summary>N publishers in real time; says whether they, or the server, fell behind.</summary>
internal static class PublishCommand
{
    public static int Run(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var options = new Options(arguments, "url", "streams", "seconds", "warmup", "name-prefix", "reconnect-every", "source");
        var url = new Uri(options.Text("url", "rtmp://127.0.0.1:1935/live"));
        var count = options.Number("streams", 10);
        var reconnect = options.Number("reconnect-every", 0);
        var prefix = options.Text("name-prefix", "bench-");
        var loop = Source.Load(options.Text("source", "artifacts/bench/720p30.flv"));

        var publishers = Enumerable.Range(0, count).Select(number => new Publisher(
            loop, url, string.Create(CultureInfo.InvariantCulture, $"{prefix}{number:0000}"), number * 2000 / count)
        {
            // Spread over the period, so that the streams take turns.
            ReconnectSeconds = reconnect == 0 ? 0 : reconnect + number % Math.Max(1, reconnect / 4),
        }).ToList();

        var pacer = new Pacer(publishers);
        pacer.Connect(atOnce: 8, cancellationToken);
        Console.WriteLine($"live {publishers.Count(publisher => publisher.IsLive)}");
        pacer.Run(TimeSpan.FromSeconds(options.Number("warmup", 0)), cancellationToken);
        publishers.ForEach(publisher => publisher.ResetCounts());
        Console.WriteLine("measuring");
        var started = Stopwatch.GetTimestamp();
        pacer.Run(TimeSpan.FromSeconds(options.Number("seconds", 10)), cancellationToken);
        Report(publishers, pacer, Stopwatch.GetElapsedTime(started));
        publishers.ForEach(publisher => publisher.Close());
        return publishers.Sum(publisher => publisher.Disconnections) == 0 ? 0 : 1;
    }

    private static void Report(List<Publisher> publishers, Pacer pacer, TimeSpan time)
    {
        foreach (var failed in publishers.Where(publisher => publisher.Failure is not null).Take(5))
            Console.WriteLine($"failed {failed.Name}: {failed.Failure}");
        var bytes = publishers.Sum(publisher => publisher.BytesSent);
        Line("seconds", time.TotalSeconds);
        Line("live-at-end", publishers.Count(publisher => publisher.IsLive));
        Line("connections", publishers.Sum(publisher => publisher.Connections));
        Line("disconnections", publishers.Sum(publisher => publisher.Disconnections));
        Line("messages", publishers.Sum(publisher => publisher.MessagesSent));
        Line("megabits-per-second-per-stream", bytes * 8 / time.TotalSeconds / 1e6 / publishers.Count);
        Line("late-messages", publishers.Sum(publisher => publisher.LateMessages));
        Line("worst-lateness-ms", publishers.Max(publisher => publisher.WorstLatenessMilliseconds));
        Line("worst-round-ms", pacer.WorstRoundMilliseconds);
        Line("own-cpu-seconds", Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds);
    }

    private static void Line(string name, double value) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} {value:0.###}"));
}
