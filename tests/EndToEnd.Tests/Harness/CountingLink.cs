using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>
/// The wire from one node to another: hands bytes on both ways as they are and counts them, and what was asked for. Requests to
/// parents have no body, so each line that begins a head can be told by the empty line before it; of pushes only bytes count.
/// </summary>
internal sealed class CountingLink : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<string, int> targets = new(StringComparer.Ordinal);
    private readonly ConcurrentBag<Task> connections = [];
    private readonly CancellationTokenSource stop = new();
    private readonly int parentPort;
    private readonly bool carriesPushes;
    private readonly Task accepting;
    private TaskCompletionSource mended = new();
    private long bytesUp;
    private long bytesDown;

    public CountingLink(string from, string to, int parentPort, bool carriesPushes = false)
    {
        Name = $"{from} -> {to}";
        From = from;
        To = to;
        this.parentPort = parentPort;
        this.carriesPushes = carriesPushes;
        mended.SetResult();
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        accepting = AcceptAsync();
    }

    public string Name { get; }

    public string From { get; }

    public string To { get; }

    /// <summary>Bytes to the parent, or to the one that is pushed to.</summary>
    public long BytesUp => Interlocked.Read(ref bytesUp);

    /// <summary>Bytes of answers.</summary>
    public long BytesDown => Interlocked.Read(ref bytesDown);

    /// <summary>What the node below names as its parent.</summary>
    public string Address => $"http://127.0.0.1:{Port}";

    public int Port { get; }

    /// <summary>How often each path with its query was asked for; health and purges left out.</summary>
    public IReadOnlyDictionary<string, int> Targets => targets;

    /// <summary>How often parts were asked for.</summary>
    public int Parts => targets.Where(pair => IsPart(pair.Key)).Sum(pair => pair.Value);

    /// <summary>What never changes under its name, numbered versions of playlists included: one crossing is enough.</summary>
    public IEnumerable<KeyValuePair<string, int>> Repeated =>
        targets.Where(pair => pair.Value > 1 && (pair.Key.EndsWith(".m4s", StringComparison.Ordinal) || pair.Key.EndsWith(".mp4", StringComparison.Ordinal)
            || pair.Key.Contains("_HLS_msn=", StringComparison.Ordinal)));

    /// <summary>
    /// From now on what is sent arrives nowhere, either way, and nobody is told: as if the network dropped it. Connections that
    /// there are stay, new ones come to stand and bring nothing.
    /// </summary>
    public void Cut() => Volatile.Write(ref mended, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>What was sent in the meantime arrives, as after repeats by TCP.</summary>
    public void Mend() => Volatile.Read(ref mended).TrySetResult();

    /// <summary>Ends every connection; a second time does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        Mend();
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
                await PassAsync();
                await above.ConnectAsync(IPAddress.Loopback, parentPort, stop.Token);
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
                var up = UpAsync(below.GetStream(), above.GetStream(), ended.Token);
                var down = DownAsync(above.GetStream(), below.GetStream(), ended.Token);
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
            await PassAsync();
            Interlocked.Add(ref bytesUp, read);
            if (!carriesPushes)
            {
                head.Append(Encoding.Latin1.GetString(buffer, 0, read));
                for (int end; (end = head.ToString().IndexOf("\r\n\r\n", StringComparison.Ordinal)) >= 0; head.Remove(0, end + 4))
                    Count(head.ToString(0, end));
            }
            await to.WriteAsync(buffer.AsMemory(0, read), token);
        }
        // The end of a connection does not come through a cut wire either.
        await PassAsync();
    }

    private async Task DownAsync(NetworkStream from, NetworkStream to, CancellationToken token)
    {
        var buffer = new byte[64 * 1024];
        for (int read; (read = await from.ReadAsync(buffer, token)) > 0;)
        {
            await PassAsync();
            Interlocked.Add(ref bytesDown, read);
            await to.WriteAsync(buffer.AsMemory(0, read), token);
        }
        await PassAsync();
    }

    private Task PassAsync() => Volatile.Read(ref mended).Task;

    private void Count(string head)
    {
        var target = head.Split(' ')[1];
        if (!target.StartsWith("/health/", StringComparison.Ordinal) && !target.StartsWith("/internal/", StringComparison.Ordinal))
            targets.AddOrUpdate(target, 1, static (_, count) => count + 1);
    }
}
