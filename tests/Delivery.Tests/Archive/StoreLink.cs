using System.Net;
using System.Net.Sockets;

namespace Millrace.Delivery.Tests.Archive;

/// <summary>The way to a store, which can be cut and mended: connections through it are handed on to another port.</summary>
internal sealed class StoreLink : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Lock gate = new();
    private readonly List<Socket> open = [];
    private readonly int target;
    private readonly Task accepting;
    private long left = long.MaxValue;
    private bool isCut;

    public StoreLink(string endpoint)
    {
        target = new Uri(endpoint).Port;
        listener.Start();
        accepting = AcceptAsync();
    }

    public string Endpoint => $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    /// <summary>Every connection is reset, those that come are too.</summary>
    public void Cut()
    {
        lock (gate)
        {
            isCut = true;
            foreach (var socket in open)
                socket.Close(0);
            open.Clear();
        }
    }

    /// <summary>It is cut by itself when so many bytes more went to the store.</summary>
    public void CutAfter(long bytes) => Volatile.Write(ref left, bytes);

    public void Mend()
    {
        lock (gate)
        {
            isCut = false;
            left = long.MaxValue;
        }
    }

    public void Dispose()
    {
        listener.Stop();
        Cut();
        accepting.GetAwaiter().GetResult();
    }

    private async Task AcceptAsync()
    {
        var handed = new List<Task>();
        try
        {
            while (true)
                handed.Add(HandOnAsync(await listener.AcceptSocketAsync()));
        }
        catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(handed);
        }
    }

    private async Task HandOnAsync(Socket client)
    {
        using var store = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            lock (gate)
            {
                if (isCut)
                {
                    client.Close(0);
                    return;
                }
                open.Add(client);
                open.Add(store);
            }
            try
            {
                await store.ConnectAsync(IPAddress.Loopback, target);
                await Task.WhenAll(CopyAsync(client, store, isCounted: true), CopyAsync(store, client, isCounted: false));
            }
            catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
            {
                // Cut, or closed by one of both.
            }
        }
    }

    private async Task CopyAsync(Socket from, Socket to, bool isCounted)
    {
        var buffer = new byte[64 * 1024];
        int read;
        while ((read = await from.ReceiveAsync(buffer)) > 0)
        {
            if (isCounted && Interlocked.Add(ref left, -read) < 0)
                Cut();
            await to.SendAsync(buffer.AsMemory(0, read));
        }
        to.Shutdown(SocketShutdown.Send);
    }
}
