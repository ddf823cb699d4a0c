using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Millrace.Swarm;

/// <summary>Brings a connection from nothing to "publishing": handshake, connect, createStream, publish.</summary>
internal sealed class RtmpLogin : IDisposable
{
    private const int TimeoutMilliseconds = 15_000;
    private readonly NetworkStream stream;
    private readonly Dictionary<int, (int Length, byte Type, MemoryStream Body)> incoming = [];
    private int chunkBytes = 128;

    private RtmpLogin(Socket socket) => stream = new NetworkStream(socket, ownsSocket: false);

    /// <summary>A connected, non-blocking socket on which media messages of message stream 1 can follow.</summary>
    /// <exception cref="IOException">The server refused, or closed, or did not answer in 15 s.</exception>
    public static Socket Publish(Uri url, string name)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true,
            ReceiveTimeout = TimeoutMilliseconds,
            SendTimeout = TimeoutMilliseconds,
        };
        try
        {
            socket.Connect(url.Host, url.IsDefaultPort || url.Port < 0 ? 1935 : url.Port);
            using (var login = new RtmpLogin(socket))
                login.Run(url, name);
            socket.Blocking = false;
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Dispose() => stream.Dispose();

    private void Run(Uri url, string name)
    {
        var application = url.AbsolutePath.Trim('/');
        Handshake();
        var size = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(size, MediaLoop.ChunkBytes);
        Send(2, 1, size, 0);
        Send(3, 20, new Amf0().String("connect").Number(1).Object(
            ("app", application), ("type", "nonprivate"), ("flashVer", "FMLE/3.0 (compatible; Millrace.Swarm)"),
            ("tcUrl", $"rtmp://{url.Authority}/{application}")).ToArray(), 0);
        Await("_result");
        Send(3, 20, new Amf0().String("releaseStream").Number(2).Null().String(name).ToArray(), 0);
        Send(3, 20, new Amf0().String("FCPublish").Number(3).Null().String(name).ToArray(), 0);
        Send(3, 20, new Amf0().String("createStream").Number(4).Null().ToArray(), 0);
        var result = Await("_result", transaction: 4);
        var messageStream = BinaryPrimitives.ReadDoubleBigEndian(result.AsSpan(result.Length - 8));
        if (messageStream != 1)
            throw new IOException($"The server gave message stream {messageStream}; the prepared chunks are for 1.");
        Send(3, 20, new Amf0().String("publish").Number(5).Null().String(name).String("live").ToArray(), 1);
        var status = Encoding.UTF8.GetString(Await("onStatus"));
        if (!status.Contains("NetStream.Publish.Start", StringComparison.Ordinal))
            throw new IOException("Publish refused: " + new string([.. status.Where(letter => letter is >= ' ' and < (char)127)]));
    }

    private void Handshake()
    {
        var hello = new byte[1 + 1536];
        hello[0] = 3;
        Random.Shared.NextBytes(hello.AsSpan(9));
        stream.Write(hello);
        var answer = new byte[1 + 1536 + 1536];
        stream.ReadExactly(answer);
        stream.Write(answer.AsSpan(1, 1536));
    }

    private void Send(int chunkStream, byte type, byte[] payload, int messageStream)
    {
        var chunks = new MemoryStream();
        MediaLoop.Chunk(chunks, chunkStream, 0, 0, type, payload, messageStream, type == 1 ? 128 : MediaLoop.ChunkBytes);
        stream.Write(chunks.GetBuffer(), 0, (int)chunks.Length);
    }

    /// <summary>The body of the next command of this name (and transaction).</summary>
    private byte[] Await(string command, double? transaction = null)
    {
        while (true)
        {
            var (type, body) = ReadMessage();
            if (type == 1)
                chunkBytes = BinaryPrimitives.ReadInt32BigEndian(body);
            if (type != 20 || body.Length < 12)
                continue;
            var length = BinaryPrimitives.ReadUInt16BigEndian(body.AsSpan(1));
            var name = Encoding.UTF8.GetString(body, 3, length);
            var number = BinaryPrimitives.ReadDoubleBigEndian(body.AsSpan(4 + length));
            // releaseStream and FCPublish may be answered by an error without consequence.
            if (name == "_error" && number is 1 or 4)
                throw new IOException("The server answered _error.");
            if (name == command && (transaction is null || transaction == number))
                return body;
        }
    }

    private (byte Type, byte[] Body) ReadMessage()
    {
        Span<byte> header = stackalloc byte[11];
        while (true)
        {
            stream.ReadExactly(header[..1]);
            var form = header[0] >> 6;
            var id = header[0] & 63;
            stream.ReadExactly(header[..(form switch { 0 => 11, 1 => 7, 2 => 3, _ => 0 })]);
            if (!incoming.TryGetValue(id, out var message))
                message = (0, 0, new MemoryStream());
            if (form < 2)
                message = (header[3] << 16 | header[4] << 8 | header[5], header[6], message.Body);
            var part = new byte[Math.Min(chunkBytes, message.Length - (int)message.Body.Length)];
            stream.ReadExactly(part);
            message.Body.Write(part);
            incoming[id] = message;
            if (message.Body.Length < message.Length)
                continue;
            var body = message.Body.ToArray();
            message.Body.SetLength(0);
            return (message.Type, body);
        }
    }
}
