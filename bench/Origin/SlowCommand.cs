using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Millrace.OriginBench;

/// <summary>Viewers that take 1 KB a second, each with a small receive buffer: what they occupy at the server is what is measured.</summary>
internal static class SlowCommand
{
    private const int ReceiveBuffer = 4096;
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);

    public static async Task<int> RunAsync(string address, string path, int count)
    {
        var endpoint = IPEndPoint.Parse(address);
        var request = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        var sockets = new List<Socket>(count);
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveBufferSize = ReceiveBuffer };
            await socket.ConnectAsync(endpoint);
            sockets.Add(socket);
        }
        Console.WriteLine("connected");
        await Console.In.ReadLineAsync();
        foreach (var socket in sockets)
            await socket.SendAsync(request);
        // The console's own ReadLineAsync blocks.
        var stop = Task.Run(Console.In.ReadLine);
        var buffer = new byte[1024];
        var total = 0L;
        for (var round = 1; !stop.IsCompleted; round++)
        {
            foreach (var socket in sockets)
                total += await socket.ReceiveAsync(buffer) is > 0 and var read ? read : throw new IOException("A slow reader was cut.");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"read {round} {total}"));
            await Task.WhenAny(stop, Task.Delay(Pace));
        }
        foreach (var socket in sockets)
            socket.Dispose();
        return 0;
    }
}
