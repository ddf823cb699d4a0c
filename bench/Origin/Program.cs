using Millrace.OriginBench;

const string Usage = """
    serve [--Section:Key=value…]                     the server with one synthetic broadcast; a line on stdin brings its next part
    held --http HOST:PORT --path PATH --count N      parks N requests; says when all are parked, and how long the last answer took
    """;

switch (args)
{
    case ["serve", .. var settings]:
        return await ServeCommand.RunAsync(settings);
    case ["held", "--http", var address, "--path", var path, "--count", var count]:
        return await HeldCommand.RunAsync(address, path, int.Parse(count, System.Globalization.CultureInfo.InvariantCulture));
    default:
        await Console.Error.WriteLineAsync(Usage);
        return 2;
}
