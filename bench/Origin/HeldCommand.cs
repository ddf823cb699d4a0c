using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Millrace.OriginBench;

/// <summary>
/// Parks requests and takes their answers. Told apart from the server by processes, joined by the machine's monotonic clock.
/// </summary>
internal static class HeldCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task<int> RunAsync(string address, string path, int count)
    {
        var endpoint = IPEndPoint.Parse(address);
        var request = Encoding.ASCII.GetBytes(
            $"GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"
            + "Accept: */*\r\nAccept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nReferer: http://localhost/c/bench\r\n\r\n");
        var sockets = new List<Socket>(count);
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(endpoint);
            sockets.Add(socket);
        }
        Console.WriteLine("connected");
        await Console.In.ReadLineAsync();
        foreach (var socket in sockets)
            await socket.SendAsync(request);
        Console.WriteLine("parked");

        using var limit = new CancellationTokenSource(Patience);
        var answers = sockets.Select(socket => AnswerAsync(socket, limit.Token)).ToList();
        var times = await Task.WhenAll(answers);
        Array.Sort(times);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"answered {times.Count(time => time > 0)} first {times.FirstOrDefault(time => time > 0)} last {times[^1]}"));
        foreach (var socket in sockets)
            socket.Dispose();
        return 0;
    }

    // The time of the first byte of a 200; 0 for anything else.
    private static async Task<long> AnswerAsync(Socket socket, CancellationToken cancellation)
    {
        try
        {
            var buffer = new byte[16];
            await socket.ReceiveAsync(buffer, cancellation);
            var at = Stopwatch.GetTimestamp();
            return buffer.AsSpan().StartsWith("HTTP/1.1 200"u8) ? at : 0;
        }
        catch (Exception fault) when (fault is SocketException or OperationCanceledException)
        {
            return 0;
        }
    }
}
