using System.Net;
using System.Net.Sockets;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>The real binary on ports and data of its own.</summary>
internal sealed class MillraceProcess : IAsyncDisposable
{
    private readonly ChildProcess process;
    private readonly string data;
    private readonly bool ownsData;

    private MillraceProcess(ChildProcess process, string data, bool ownsData)
    {
        this.process = process;
        this.data = data;
        this.ownsData = ownsData;
    }

    /// <summary>The ports that the server took: it chooses free ones itself, so that no other test can come in between.</summary>
    public int HttpPort { get; private set; }

    public int RtmpPort { get; private set; }

    /// <summary>Looks at the HTTP side; gives up after 30 s.</summary>
    public HttpClient Http { get; } = new() { Timeout = TimeSpan.FromSeconds(30) };

    /// <summary>Everything that the binary printed.</summary>
    public string Output => process.Output;

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    public long ResidentBytes => process.ResidentBytes;

    public string Origin => $"http://127.0.0.1:{HttpPort}";

    public string RtmpUrl(string key) => $"rtmp://127.0.0.1:{RtmpPort}/live/{key}";

    public Uri Uri(string path) => new(Http.BaseAddress!, path);

    /// <summary>Starts <c>millrace up</c> with admission <c>open</c> unless <paramref name="options"/> say otherwise, and waits until it is ready.</summary>
    public static async Task<MillraceProcess> StartAsync(params string[] options) =>
        await StartAsync(Directory.CreateTempSubdirectory("millrace-e2e-").FullName, ownsData: true, options);

    /// <summary>The same over data that is there already and stays.</summary>
    public static async Task<MillraceProcess> StartOverAsync(string data, params string[] options) =>
        await StartAsync(data, ownsData: false, options);

    /// <summary>Starts a relay on a port that it chooses, or on <paramref name="httpPort"/>, and waits until it is ready.</summary>
    public static async Task<MillraceProcess> StartRelayAsync(string name, IEnumerable<string> parents, int? httpPort = null, params string[] options)
    {
        var data = Directory.CreateTempSubdirectory("millrace-e2e-").FullName;
        List<string> arguments = ["node", "--roles", "relay", $"--Relay:Name={name}", $"--Http:Port={httpPort ?? 0}", "--Http:Address=127.0.0.1"];
        foreach (var parent in parents)
            arguments.AddRange(["--parent", parent]);
        arguments.AddRange(options);
        return await ReadyAsync(new MillraceProcess(new ChildProcess(Tools.Millrace, arguments, data), data, ownsData: true), takesStreams: false);
    }

    /// <summary>Starts a node of some roles over data that stays, on a port that it chooses or on <paramref name="httpPort"/>, and waits until it is ready.</summary>
    public static async Task<MillraceProcess> StartNodeAsync(string roles, string data, int? httpPort = null, params string[] options)
    {
        List<string> arguments =
        [
            "node", "--roles", roles, $"--Http:Port={httpPort ?? 0}", "--Http:Address=127.0.0.1", "--Rtmp:Port=0", "--Rtmp:Address=127.0.0.1",
            $"--Data:Path={data}", "--Ingest:Admission=open", "--Transcoding:Ladder=off", "--Preview:Interval=off", .. options,
        ];
        var node = new MillraceProcess(new ChildProcess(Tools.Millrace, arguments, data), data, ownsData: false);
        return await ReadyAsync(node, takesStreams: roles.Contains("ingest", StringComparison.Ordinal));
    }

    /// <summary>Runs another command of the binary to its end over <paramref name="data"/>; its standard output, which must come with exit code 0.</summary>
    public static async Task<IReadOnlyCollection<string>> RunAsync(string data, params string[] command)
    {
        await using var child = new ChildProcess(Tools.Millrace, [.. command, $"--Data:Path={data}"], data);
        var code = await child.ExitAsync(TimeSpan.FromSeconds(30));
        Assert.True(code == 0, $"{child.CommandLine} ended with {code}.\n{child.Output}");
        return child.StandardOutput;
    }

    /// <summary>TCP ports that nobody listened on a moment ago.</summary>
    public static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToArray();
        foreach (var listener in listeners)
            listener.Start();
        var ports = listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port).ToArray();
        foreach (var listener in listeners)
            listener.Stop();
        return ports;
    }

    /// <summary>Ends when a line of the log matches.</summary>
    public Task<string> LogAsync(Func<string, bool> matches) => process.LineAsync(matches, TimeSpan.FromSeconds(20));

    /// <summary>Fails when the server died, with what it said.</summary>
    public void AssertAlive() => Assert.False(process.HasExited, $"The server died.\n{process.Output}");

    /// <summary>SIGKILL: no farewell, nothing flushed.</summary>
    public Task KillAsync() => process.KillAsync();

    /// <summary>SIGSTOP: to its peers it looks as if the network dropped its packets. It goes on with <see cref="Continue"/>.</summary>
    public void Freeze() => process.Freeze();

    /// <summary>SIGCONT.</summary>
    public void Continue() => process.Continue();

    /// <summary>SIGTERM; true when it ended by itself within <paramref name="patience"/>.</summary>
    public Task<bool> StopAsync(TimeSpan patience) => process.StopAsync(patience);

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await process.DisposeAsync();
        if (ownsData)
            Directory.Delete(data, recursive: true);
    }

    private static async Task<MillraceProcess> StartAsync(string data, bool ownsData, string[] options)
    {
        List<string> arguments =
            ["up", "--Http:Port=0", "--Http:Address=127.0.0.1", "--Rtmp:Port=0", "--Rtmp:Address=127.0.0.1", $"--Data:Path={data}"];
        // Encoders and decoders beside each test would only make the others wait.
        foreach (var quiet in (string[])["--Ingest:Admission=open", "--Transcoding:Ladder=off", "--Preview:Interval=off"])
        {
            if (!options.Any(option => option.StartsWith(quiet[..quiet.IndexOf('=', StringComparison.Ordinal)], StringComparison.Ordinal)))
                arguments.Add(quiet);
        }
        arguments.AddRange(options);

        return await ReadyAsync(new MillraceProcess(new ChildProcess(Tools.Millrace, arguments, data), data, ownsData), takesStreams: true);
    }

    private static async Task<MillraceProcess> ReadyAsync(MillraceProcess server, bool takesStreams)
    {
        try
        {
            await server.ReadyAsync(TimeSpan.FromSeconds(30), takesStreams);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>The server prints its addresses when it answers, and is ready then or, an origin that comes back, soon.</summary>
    private async Task ReadyAsync(TimeSpan patience, bool takesStreams)
    {
        if (takesStreams)
            RtmpPort = PortOf(await process.LineAsync(line => line.StartsWith("  Stream to ", StringComparison.Ordinal), patience));
        HttpPort = PortOf(await process.LineAsync(line => line.StartsWith("  Watch at ", StringComparison.Ordinal) || line.StartsWith("  Health at ", StringComparison.Ordinal), patience));
        Http.BaseAddress = new Uri(Origin + "/");
        using var limit = new CancellationTokenSource(patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            using var answer = await Http.GetAsync(new Uri("health/ready", UriKind.Relative), limit.Token);
            if (answer.IsSuccessStatusCode)
                return;
            // An origin that comes back waits for its pushers.
            var reason = await answer.Content.ReadAsStringAsync(limit.Token);
            Assert.True(reason == "catching up\n", $"/health/ready says {(int)answer.StatusCode} {reason}.\n{process.CommandLine}\n{process.Output}");
            await timer.WaitForNextTickAsync(limit.Token);
        }

        static int PortOf(string line) => new Uri(line[12..].Trim()).Port;
    }
}
