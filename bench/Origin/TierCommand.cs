using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Millrace.OriginBench;

/// <summary>
/// What a tier adds to a part. The origin (first address) and each tier in front of it are asked for the same part before it
/// exists; then it comes. Counted per part: from the origin's last byte here to the tier's.
/// </summary>
internal static class TierCommand
{
    private const int PartsPerSegment = 4;
    // For the held requests to arrive everywhere, twice over.
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(40);

    public static async Task<int> RunAsync(string[] addresses, string control, string path, int segment, int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        var sockets = new Socket[addresses.Length];
        for (var i = 0; i < addresses.Length; i++)
        {
            var endpoint = IPEndPoint.Parse(addresses[i]);
            sockets[i] = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await sockets[i].ConnectAsync(endpoint);
        }
        using var bring = new StreamWriter(new FileStream(control, FileMode.Open, FileAccess.Write)) { AutoFlush = true };
        var added = addresses.Select(_ => new List<double>()).ToArray();
        for (var index = 0; index < count; index++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{path}/{segment + (index / PartsPerSegment)}.{index % PartsPerSegment}.m4s");
            foreach (var (socket, address) in sockets.Zip(addresses))
                await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {name} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
            await Task.Delay(Settle);
            var answers = sockets.Select(socket => Task.Run(() => ReadAsync(socket, limit.Token))).ToArray();
            await Task.Delay(TimeSpan.FromMilliseconds(5));
            await bring.WriteLineAsync();
            var times = await Task.WhenAll(answers);
            for (var i = 1; i < times.Length; i++)
                added[i].Add(Stopwatch.GetElapsedTime(times[0], times[i]).TotalMilliseconds);
        }
        for (var i = 1; i < addresses.Length; i++)
        {
            var sorted = added[i].Order().ToArray();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"tier {addresses[i]} parts {sorted.Length} median {sorted[sorted.Length / 2]:f2} p99 {sorted[sorted.Length * 99 / 100]:f2} largest {sorted[^1]:f2}"));
        }
        foreach (var socket in sockets)
            socket.Dispose();
        return 0;
    }

    // The time at which the whole of a 200 with a length was here.
    private static async Task<long> ReadAsync(Socket socket, CancellationToken cancellation)
    {
        var buffer = new byte[256 * 1024];
        var have = 0;
        while (true)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(have), cancellation);
            var at = Stopwatch.GetTimestamp();
            if (read == 0)
                throw new IOException("A connection was closed.");
            have += read;
            var end = buffer.AsSpan(0, have).IndexOf("\r\n\r\n"u8);
            if (end < 0)
                continue;
            var head = Encoding.ASCII.GetString(buffer, 0, end);
            if (!head.StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
                throw new IOException(head);
            var length = int.Parse(head.Split("Content-Length: ")[1].Split('\r')[0], CultureInfo.InvariantCulture);
            if (have >= end + 4 + length)
                return at;
        }
    }
}
