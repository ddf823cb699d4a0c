using Millrace.Swarm;

const string Usage = """
    swarm publish  --url rtmp://127.0.0.1:1935/live --streams N --seconds S [--warmup S] [--name-prefix bench-]
                   [--reconnect-every S] [--source FILE]
    swarm latency  --url … --http http://127.0.0.1:8080 --seconds S [--name probe] [--source FILE]
    swarm start    --url … --http … [--count 10] [--name-prefix start-] [--source FILE]
    swarm freshness --http … --streams N [--name-prefix bench-]
    """;

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, happened) =>
{
    happened.Cancel = true;
    stop.Cancel();
};

try
{
    return args switch
    {
        ["publish", .. var rest] => PublishCommand.Run(rest, stop.Token),
        ["latency", .. var rest] => await LatencyCommand.RunAsync(rest, stop.Token),
        ["start", .. var rest] => await StartCommand.RunAsync(rest, stop.Token),
        ["freshness", .. var rest] => await FreshnessCommand.RunAsync(rest, stop.Token),
        _ => Fail(Usage),
    };
}
catch (ArgumentException exception)
{
    return Fail(exception.Message);
}

static int Fail(string text)
{
    Console.Error.WriteLine(text);
    return 2;
}
