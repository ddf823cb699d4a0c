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

    public static int Run(string address, string path, int count)
    {
        var endpoint = IPEndPoint.Parse(address);
        var request = Encoding.ASCII.GetBytes(
            $"GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"
            + "Accept: */*\r\nAccept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nReferer: http://localhost/c/bench\r\n\r\n");
        var sockets = new List<Socket>(count);
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            // Never awaited: such a socket's calls are the system's own, and no pool of threads takes part in what is measured.
            socket.Connect(endpoint);
            sockets.Add(socket);
        }
        Console.WriteLine("connected");
        Console.In.ReadLine();
        foreach (var socket in sockets)
            socket.Send(request);
        Console.WriteLine("parked");

        // One after the other: whoever reads cheaply measures the server and not himself. The last time is when all had been received.
        var began = Stopwatch.GetTimestamp();
        var times = sockets.ConvertAll(socket => TimeOfAnswer(socket, began)).ToArray();
        Array.Sort(times);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"answered {times.Count(time => time > 0)} first {times.FirstOrDefault(time => time > 0)} last {times[^1]}"));
        foreach (var socket in sockets)
            socket.Dispose();
        return 0;
    }

    // When a 200 had been received; 0 for anything else.
    private static long TimeOfAnswer(Socket socket, long began)
    {
        try
        {
            Span<byte> start = stackalloc byte[16];
            // Of what is left for all of them.
            socket.ReceiveTimeout = Math.Max(1, (int)(Patience - Stopwatch.GetElapsedTime(began)).TotalMilliseconds);
            socket.Receive(start);
            var at = Stopwatch.GetTimestamp();
            return start.StartsWith("HTTP/1.1 200"u8) ? at : 0;
        }
        catch (SocketException)
        {
            return 0;
        }
    }
}
