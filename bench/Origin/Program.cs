using Millrace.OriginBench;

const string Usage = """
    serve [--Section:Key=value…]                     the server with one synthetic broadcast; a line on stdin brings its next part
    held --http HOST:PORT --path PATH --count N      parks N requests; says when all are parked, and how long the last answer took
    slow --http HOST:PORT --path PATH --count N      reads N responses at 1 KB/s each, until a line comes on stdin
    tier --http HOST:PORT[,…] --control FIFO --path PATH --msn N --count N
                                                     each part of the future asked of all of them: how much later than the first they give it
    """;

switch (args)
{
    case ["serve", .. var settings]:
        return await ServeCommand.RunAsync(settings);
    case ["held", "--http", var address, "--path", var path, "--count", var count]:
        return HeldCommand.Run(address, path, int.Parse(count, System.Globalization.CultureInfo.InvariantCulture));
    case ["slow", "--http", var address, "--path", var path, "--count", var count]:
        return await SlowCommand.RunAsync(address, path, int.Parse(count, System.Globalization.CultureInfo.InvariantCulture));
    case ["tier", "--http", var addresses, "--control", var control, "--path", var path, "--msn", var msn, "--count", var count]:
        return await TierCommand.RunAsync(addresses.Split(','), control, path,
            int.Parse(msn, System.Globalization.CultureInfo.InvariantCulture), int.Parse(count, System.Globalization.CultureInfo.InvariantCulture));
    default:
        await Console.Error.WriteLineAsync(Usage);
        return 2;
}
