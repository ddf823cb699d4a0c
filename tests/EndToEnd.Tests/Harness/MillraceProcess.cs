using System.Net;
using System.Net.Sockets;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>The real binary on ports and data of its own.</summary>
internal sealed class MillraceProcess : IAsyncDisposable
{
    private readonly ChildProcess process;
    private readonly string data;
    private readonly bool ownsData;

    private MillraceProcess(ChildProcess process, string data, bool ownsData, int httpPort, int rtmpPort)
    {
        this.process = process;
        this.data = data;
        this.ownsData = ownsData;
        HttpPort = httpPort;
        RtmpPort = rtmpPort;
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{httpPort}/"), Timeout = TimeSpan.FromSeconds(30) };
    }

    public int HttpPort { get; }

    public int RtmpPort { get; }

    /// <summary>Looks at the HTTP side; gives up after 30 s.</summary>
    public HttpClient Http { get; }

    /// <summary>Everything that the binary printed.</summary>
    public string Output => process.Output;

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
        var ports = FreePorts(2);
        List<string> arguments =
        [
            "up", $"--Http:Port={ports[0]}", "--Http:Address=127.0.0.1", $"--Rtmp:Port={ports[1]}", "--Rtmp:Address=127.0.0.1",
            $"--Data:Path={data}",
        ];
        if (!options.Any(option => option.StartsWith("--Ingest:Admission", StringComparison.Ordinal)))
            arguments.Add("--Ingest:Admission=open");
        arguments.AddRange(options);

        var server = new MillraceProcess(new ChildProcess(Tools.Millrace, arguments, data), data, ownsData, ports[0], ports[1]);
        try
        {
            await server.ReadyAsync(TimeSpan.FromSeconds(30));
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>A listener's coming up raises no event that another process could wait for, so this asks until it answers.</summary>
    private async Task ReadyAsync(TimeSpan patience)
    {
        using var timeout = new CancellationTokenSource(patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var last = "nothing answered";
        while (!process.HasExited)
        {
            try
            {
                using var answer = await Http.GetAsync(new Uri("health/ready", UriKind.Relative), timeout.Token);
                if (answer.IsSuccessStatusCode)
                    return;
                last = $"/health/ready said {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(timeout.Token)}";
                await timer.WaitForNextTickAsync(timeout.Token);
            }
            catch (HttpRequestException)
            {
                await timer.WaitForNextTickAsync(CancellationToken.None);
                if (timeout.IsCancellationRequested)
                    break;
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }
        Assert.Fail($"The server did not become ready: {(process.HasExited ? $"exit code {process.ExitCode}" : last)}.\n{process.CommandLine}\n{process.Output}");
    }
}
