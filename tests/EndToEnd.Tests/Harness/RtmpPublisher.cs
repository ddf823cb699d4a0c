using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>A small RTMP publisher of the tests' own: it can send what no encoder here can, or should.</summary>
internal sealed class RtmpPublisher : IAsyncDisposable
{
    private const int SendChunkSize = 4096;

    private readonly TcpClient connection = new() { NoDelay = true };
    private readonly ConcurrentQueue<List<object?>> commands = new();
    private readonly SemaphoreSlim arrived = new(0);
    private readonly Stopwatch clock = new();
    private NetworkStream stream = null!;
    private Task reading = Task.CompletedTask;
    private uint messageStream;

    private RtmpPublisher()
    {
    }

    /// <summary>Added to every timestamp, in milliseconds; the sum wraps at 32 bits.</summary>
    public uint TimestampOffset { get; set; }

    /// <summary>Leaves the extended timestamp out of type 3 chunks, as some clients do; the specification wants it there.</summary>
    public bool OmitsRepeatedTimestamp { get; set; }

    /// <summary>When second 0 of the messages was.</summary>
    public DateTimeOffset StartedAt { get; private set; }

    /// <summary>Everything that the server answered with onStatus.</summary>
    public ConcurrentQueue<string> StatusCodes { get; } = new();

    /// <summary>The descriptions that came with them.</summary>
    public ConcurrentQueue<string> StatusDescriptions { get; } = new();

    /// <summary>Ends when the server has closed the connection.</summary>
    public Task Closed => reading;

    /// <summary>Connects and shakes hands (simple handshake), nothing more.</summary>
    public static async Task<RtmpPublisher> ConnectAsync(int port)
    {
        var publisher = new RtmpPublisher();
        await publisher.connection.ConnectAsync("127.0.0.1", port);
        publisher.stream = publisher.connection.GetStream();
        var hello = new byte[1537];
        new Random(1).NextBytes(hello.AsSpan(9));
        hello[0] = 3;
        hello.AsSpan(1, 8).Clear();
        await publisher.stream.WriteAsync(hello);
        var answer = new byte[1 + 1536 + 1536];
        await publisher.stream.ReadExactlyAsync(answer);
        await publisher.stream.WriteAsync(answer.AsMemory(1, 1536));
        publisher.reading = publisher.ReadAsync();
        return publisher;
    }

    /// <summary>Connects and asks for <paramref name="key"/>; fails with the status when it is refused.</summary>
    public static async Task<RtmpPublisher> PublishAsync(MillraceProcess server, string key)
    {
        var publisher = await ConnectAsync(server.RtmpPort);
        var status = await publisher.AskAsync(key);
        Assert.True(status == "NetStream.Publish.Start", $"The server answered {status}.\n{server.Output}");
        return publisher;
    }

    /// <summary>connect, createStream and publish; the code of the status that came.</summary>
    public async Task<string> AskAsync(string key, string app = "live")
    {
        await SendAsync(2, 1, 0, 0, Big(SendChunkSize));
        await CommandAsync(0, "connect", 1, new Dictionary<string, object?>
        {
            ["app"] = app, ["type"] = "nonprivate", ["flashVer"] = "FMLE/3.0 (compatible; Millrace.EndToEnd.Tests)", ["tcUrl"] = $"rtmp://127.0.0.1/{app}",
            ["fourCcList"] = new object?[] { "hvc1", "av01", "vp09", "avc1", "Opus", "fLaC", "ac-3", ".mp3", "mp4a" }, ["capsEx"] = 8,
        });
        var connected = await AnswerAsync("_result", "_error");
        if ((string)connected[0]! == "_error")
            return Code(connected);
        await CommandAsync(0, "createStream", 2, null);
        messageStream = (uint)(double)(await AnswerAsync("_result", "_error"))[3]!;
        await CommandAsync(messageStream, "publish", 3, null, key, "live");
        return Code(await AnswerAsync("onStatus", "_error"));
    }

    /// <summary>Sends every message when its time has come, counted from the first call; <paramref name="onSent"/> hears of each.</summary>
    public async Task SendAsync(IEnumerable<MediaMessage> messages, Action<MediaMessage>? onSent = null, CancellationToken cancellation = default)
    {
        if (!clock.IsRunning)
        {
            clock.Start();
            StartedAt = DateTimeOffset.UtcNow;
        }
        foreach (var message in messages)
        {
            var early = TimeSpan.FromSeconds(message.Seconds) - clock.Elapsed;
            if (early > TimeSpan.FromMilliseconds(1))
                await Task.Delay(early, cancellation);
            await SendNowAsync(message);
            onSent?.Invoke(message);
        }
    }

    /// <summary>Sends a media message without waiting for its time.</summary>
    public ValueTask SendNowAsync(MediaMessage message) =>
        SendAsync(message.IsVideo ? 6 : 4, message.IsVideo ? (byte)9 : (byte)8, messageStream,
            unchecked((uint)Math.Round(message.Seconds * 1000) + TimestampOffset), message.Payload);

    /// <summary>An AMF0 command on a message stream.</summary>
    public ValueTask CommandAsync(uint onStream, params object?[] values) => SendAsync(3, 20, onStream, 0, Amf0.Write(values));

    /// <summary>@setDataFrame with onMetaData.</summary>
    public ValueTask MetadataAsync(Dictionary<string, object?> members) =>
        SendAsync(4, 18, messageStream, TimestampOffset, Amf0.Write("@setDataFrame", "onMetaData", members));

    /// <summary>Bytes as they are.</summary>
    public ValueTask RawAsync(ReadOnlyMemory<byte> bytes) => stream.WriteAsync(bytes);

    /// <summary>Leaves as an encoder does that ends its stream.</summary>
    public async Task LeaveAsync()
    {
        await CommandAsync(messageStream, "FCUnpublish", 4, null, "");
        await CommandAsync(0, "deleteStream", 5, null, messageStream);
        connection.Close();
    }

    /// <summary>Resets the connection: the peer reads ECONNRESET, not an end.</summary>
    public void Reset()
    {
        connection.Client.LingerState = new LingerOption(true, 0);
        connection.Close();
    }

    public async ValueTask DisposeAsync()
    {
        connection.Dispose();
        await reading;
        arrived.Dispose();
    }

    /// <summary>One message in type 0 and type 3 chunks (RTMP 1.0 §5.3.1).</summary>
    private async ValueTask SendAsync(int chunkStream, byte type, uint onStream, uint timestamp, byte[] payload)
    {
        var isExtended = timestamp >= 0xFFFFFF;
        var field = isExtended ? 0xFFFFFF : timestamp;
        using var output = new MemoryStream(payload.Length + 64);
        output.WriteByte((byte)chunkStream);
        output.Write([(byte)(field >> 16), (byte)(field >> 8), (byte)field, (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type]);
        output.Write([(byte)onStream, (byte)(onStream >> 8), (byte)(onStream >> 16), (byte)(onStream >> 24)]);
        if (isExtended)
            output.Write(Big(timestamp));
        // Set Chunk Size itself goes out in one chunk of any size.
        for (var position = 0; position == 0 || position < payload.Length; position += SendChunkSize)
        {
            if (position > 0)
            {
                output.WriteByte((byte)(0xC0 | chunkStream));
                if (isExtended && !OmitsRepeatedTimestamp)
                    output.Write(Big(timestamp));
            }
            output.Write(payload, position, Math.Min(SendChunkSize, payload.Length - position));
        }
        await stream.WriteAsync(output.GetBuffer().AsMemory(0, (int)output.Length));
    }

    private static string Code(List<object?> answer) =>
        answer.OfType<Dictionary<string, object?>>().Select(members => members.GetValueOrDefault("code") as string).LastOrDefault(code => code is not null) ?? "no code";

    private async Task<List<object?>> AnswerAsync(params string[] names)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(15));
        while (true)
        {
            await arrived.WaitAsync(timeout.Token);
            if (!commands.TryDequeue(out var command))
                Assert.Fail($"The server closed the connection instead of {string.Join(" or ", names)}.");
            else if (names.Contains((string)command[0]!))
                return command;
        }
    }

    /// <summary>Reads chunks until the connection ends; keeps commands, answers pings.</summary>
    private async Task ReadAsync()
    {
        var chunkSize = 128;
        Dictionary<int, (byte[] Payload, int Filled, byte Type, int Length, bool Extended)> streams = [];
        try
        {
            while (true)
            {
                var basic = (await TakeAsync(1))[0];
                var id = basic & 0x3F;
                if (id == 0)
                    id = 64 + (await TakeAsync(1))[0];
                var format = basic >> 6;
                streams.TryGetValue(id, out var state);
                if (format < 3)
                {
                    var header = await TakeAsync(format switch { 0 => 11, 1 => 7, _ => 3 });
                    state.Extended = header[0] == 0xFF && header[1] == 0xFF && header[2] == 0xFF;
                    if (format < 2)
                    {
                        state.Length = (header[3] << 16) | (header[4] << 8) | header[5];
                        state.Type = header[6];
                    }
                }
                if (state.Extended)
                    await TakeAsync(4);
                state.Payload ??= [];
                if (state.Filled == 0)
                    state.Payload = new byte[state.Length];
                var take = Math.Min(chunkSize, state.Length - state.Filled);
                (await TakeAsync(take)).CopyTo(state.Payload, state.Filled);
                state.Filled += take;
                if (state.Filled == state.Length)
                {
                    if (state.Type == 1)
                        chunkSize = BinaryPrimitives.ReadInt32BigEndian(state.Payload);
                    else if (state.Type == 4 && state.Payload is [0, 6, ..])
                        await SendAsync(2, 4, 0, 0, [0, 7, .. state.Payload[2..]]);
                    else if (state.Type == 20)
                        Keep(Amf0.Read(state.Payload));
                    state.Filled = 0;
                }
                streams[id] = state;
            }
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException or SocketException)
        {
            // The end, in whichever way it came.
        }
        finally
        {
            arrived.Release();
        }
    }

    private void Keep(List<object?> command)
    {
        if (command[0] is "onStatus")
        {
            StatusCodes.Enqueue(Code(command));
            foreach (var text in command.OfType<Dictionary<string, object?>>().Select(members => members.GetValueOrDefault("description") as string).OfType<string>())
                StatusDescriptions.Enqueue(text);
        }
        commands.Enqueue(command);
        arrived.Release();
    }

    private async Task<byte[]> TakeAsync(int count)
    {
        var bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }

    private static byte[] Big(long value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
}
