using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>
/// The wire from one node to its parent: hands bytes on both ways as they are and counts what was asked for. Requests have no
/// body, so each line that begins a head can be told by the empty line before it.
/// </summary>
internal sealed class CountingLink : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<string, int> targets = new(StringComparer.Ordinal);
    private readonly ConcurrentBag<Task> connections = [];
    private readonly CancellationTokenSource stop = new();
    private readonly int parentPort;
    private readonly Task accepting;

    public CountingLink(string from, string to, int parentPort)
    {
        Name = $"{from} -> {to}";
        To = to;
        this.parentPort = parentPort;
        listener.Start();
        Address = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        accepting = AcceptAsync();
    }

    public string Name { get; }

    public string To { get; }

    /// <summary>What the node below names as its parent.</summary>
    public string Address { get; }

    /// <summary>How often each path with its query was asked for; health and purges left out.</summary>
    public IReadOnlyDictionary<string, int> Targets => targets;

    /// <summary>How often parts were asked for.</summary>
    public int Parts => targets.Where(pair => IsPart(pair.Key)).Sum(pair => pair.Value);

    /// <summary>What never changes under its name, numbered versions of playlists included: one crossing is enough.</summary>
    public IEnumerable<KeyValuePair<string, int>> Repeated =>
        targets.Where(pair => pair.Value > 1 && (pair.Key.EndsWith(".m4s", StringComparison.Ordinal) || pair.Key.EndsWith(".mp4", StringComparison.Ordinal)
            || pair.Key.Contains("_HLS_msn=", StringComparison.Ordinal)));

    /// <summary>Cuts the wire; a second time does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting;
        await Task.WhenAll(connections);
    }

    private static bool IsPart(string target) => target.EndsWith(".m4s", StringComparison.Ordinal) && target[(target.LastIndexOf('/') + 1)..].Count(c => c == '.') == 2;

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                connections.Add(CarryAsync(await listener.AcceptTcpClientAsync(stop.Token)));
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException)
        {
        }
    }

    private async Task CarryAsync(TcpClient below)
    {
        using var above = new TcpClient();
        using (below)
        {
            try
            {
                below.NoDelay = above.NoDelay = true;
                await above.ConnectAsync(IPAddress.Loopback, parentPort, stop.Token);
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
                var up = UpAsync(below.GetStream(), above.GetStream(), ended.Token);
                var down = above.GetStream().CopyToAsync(below.GetStream(), ended.Token);
                await Task.WhenAny(up, down);
                // Either end closes both, as a wire that is cut.
                await ended.CancelAsync();
                await Task.WhenAll(up, down);
            }
            catch (Exception fault) when (fault is IOException or SocketException or OperationCanceledException)
            {
                // A parent that is gone refuses or resets; the node below sees the same.
                below.Client.LingerState = new LingerOption(true, 0);
            }
        }
    }

    private async Task UpAsync(NetworkStream from, NetworkStream to, CancellationToken token)
    {
        var buffer = new byte[16 * 1024];
        var head = new StringBuilder();
        for (int read; (read = await from.ReadAsync(buffer, token)) > 0;)
        {
            head.Append(Encoding.Latin1.GetString(buffer, 0, read));
            for (int end; (end = head.ToString().IndexOf("\r\n\r\n", StringComparison.Ordinal)) >= 0; head.Remove(0, end + 4))
                Count(head.ToString(0, end));
            await to.WriteAsync(buffer.AsMemory(0, read), token);
        }
    }

    private void Count(string head)
    {
        var target = head.Split(' ')[1];
        if (!target.StartsWith("/health/", StringComparison.Ordinal) && !target.StartsWith("/internal/", StringComparison.Ordinal))
            targets.AddOrUpdate(target, 1, static (_, count) => count + 1);
    }
}
