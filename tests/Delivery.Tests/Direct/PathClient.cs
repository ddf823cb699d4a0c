using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Millrace.Delivery.Tests;

/// <summary>A connection of a test's own, plain or with TLS, on which HTTP/1.1 is spoken.</summary>
internal sealed class PathClient : IDisposable
{
    private readonly Stream stream;

    private PathClient(Stream stream) => this.stream = stream;

    public static async Task<PathClient> ConnectAsync(IPEndPoint server, bool isSecure = false, int receiveBuffer = 0)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer > 0)
            socket.ReceiveBufferSize = receiveBuffer;
        await socket.ConnectAsync(server);
        var plain = new NetworkStream(socket, ownsSocket: true);
        if (!isSecure)
            return new PathClient(plain);
        var tls = new SslStream(plain);
        await tls.AuthenticateAsClientAsync(TwoPaths.ClientOptions(SslApplicationProtocol.Http11));
        return new PathClient(tls);
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await stream.WriteAsync(bytes);

    /// <summary>Sends again and again; true when the server cut the connection.</summary>
    public async Task<bool> SendUntilCutAsync(byte[] bytes)
    {
        try
        {
            while (true)
                await stream.WriteAsync(bytes);
        }
        catch (IOException)
        {
            return true;
        }
    }

    public async Task<byte[]> ReadAsync(int count)
    {
        using var limit = new CancellationTokenSource(TwoPaths.Patience);
        var bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes, limit.Token);
        return bytes;
    }

    /// <summary>Everything up to the end, orderly or not.</summary>
    public async Task<byte[]> ReadToEndAsync()
    {
        using var limit = new CancellationTokenSource(TwoPaths.Patience);
        var all = new MemoryStream();
        try
        {
            await stream.CopyToAsync(all, limit.Token);
        }
        catch (IOException)
        {
            // Cut without a word.
        }
        return all.ToArray();
    }

    public async Task<string> ReadHeadAsync()
    {
        // No head here is shorter than this; what is left of it comes byte by byte.
        var head = new StringBuilder(Encoding.Latin1.GetString(await ReadAsync(80)));
        while (!(head[^1] == '\n' && head[^3] == '\n'))
            head.Append((char)(await ReadAsync(1))[0]);
        return head.ToString();
    }

    /// <summary>A response with a body of that length, or of the length that it says.</summary>
    public async Task<string> ReadAnswerAsync(int? length = null)
    {
        var text = await ReadHeadAsync();
        var said = int.Parse(text.Split("Content-Length: ")[1].Split('\r')[0], CultureInfo.InvariantCulture);
        Assert.Equal(length ?? said, said);
        return text + Encoding.Latin1.GetString(await ReadAsync(said));
    }

    /// <summary>The data of so many bytes of chunks (RFC 9112 §7.1), or of all up to the last one.</summary>
    public async Task<byte[]> ReadChunksAsync(int? count)
    {
        var data = new List<byte>();
        while (count is null || data.Count < count)
        {
            var line = new StringBuilder();
            while (!(line.Length > 2 && line[^1] == '\n'))
                line.Append((char)(await ReadAsync(1))[0]);
            var length = int.Parse(line.ToString().Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            data.AddRange(await ReadAsync(length));
            if (length > 0)
                continue;
            Assert.Equal("\r\n"u8.ToArray(), await ReadAsync(2));
            break;
        }
        return [.. data];
    }

    public void Dispose() => stream.Dispose();
}
