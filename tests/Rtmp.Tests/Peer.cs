using System.Buffers;
using System.Buffers.Binary;
using Millrace.Core;

namespace Millrace.Rtmp.Tests;

/// <summary>A server session with its pool and its recorded events; disposing checks that no memory is left.</summary>
internal sealed class Server : IDisposable
{
    private readonly MediaArena arena;

    public Server(RtmpLimits? limits = null, Action<RtmpServerSession>? answer = null, bool unanswered = false)
    {
        arena = new MediaArena(Pool);
        Session = new RtmpServerSession(limits ?? RtmpLimits.Default, arena, Events);
        Events.Session = Session;
        if (answer is not null || unanswered)
            Events.Answer = answer;
    }

    public MediaBlockPool Pool { get; } = new();

    public RecordedEvents Events { get; } = new();

    public RtmpServerSession Session { get; }

    /// <summary>Hands over in portions; -1 means whole. Output is read off after each portion.</summary>
    public RtmpViolation? Receive(ReadOnlySpan<byte> input, int portion = -1)
    {
        RtmpViolation? violation = null;
        while (!input.IsEmpty)
        {
            var count = portion < 0 ? input.Length : Math.Min(portion, input.Length);
            violation = Session.Receive(input[..count], 1);
            input = input[count..];
            if (violation is not null)
                return violation;
        }
        return violation;
    }

    /// <summary>Everything the session wants to send.</summary>
    public byte[] TakeOutput()
    {
        var bytes = Session.PendingOutput.ToArray();
        Session.ConsumeOutput(bytes.Length);
        return bytes;
    }

    /// <summary>The names and codes of the commands that the session wants to send, after a handshake answer if one is due.</summary>
    public List<string> TakeCommands(bool afterHandshake)
    {
        var reader = new ChunkReader(RtmpLimits.Default, null);
        ReadOnlySpan<byte> input = TakeOutput();
        if (afterHandshake)
            input = input[(1 + (2 * HandshakeDigest.PacketBytes))..];
        else
            reader.SetChunkSize(4096);
        var commands = new List<string>();
        while (reader.Read(ref input, out var message) == OperationStatus.Done)
        {
            if (message.Type == RtmpMessageType.SetChunkSize)
                reader.SetChunkSize(BinaryPrimitives.ReadUInt32BigEndian(message.Payload));
            if (message.Type != RtmpMessageType.CommandAmf0)
            {
                commands.Add(message.Type.ToString());
                continue;
            }
            var amf = new Amf0Reader(message.Payload, AmfLimits.Default);
            Assert.True(amf.TryReadAll(out var values));
            var info = values.Count > 3 && values[3]["code"] is { } code ? " " + code.Text : "";
            commands.Add($"{values[0].Text} {values[1].Number} on {message.MessageStreamId}{info}");
        }
        Assert.Null(reader.Violation);
        return commands;
    }

    public void Dispose()
    {
        Session.Dispose();
        arena.Dispose();
        Assert.Equal(0, Pool.UsedBytes);
    }
}

/// <summary>Writes a client's bytes message by message, the way a test wants them.</summary>
internal sealed class ClientBytes
{
    private readonly ArrayBufferWriter<byte> bytes = new();

    public ChunkWriter Writer { get; init; } = new();

    public byte[] ToArray() => bytes.WrittenSpan.ToArray();

    public ClientBytes Handshake(DigestSchema schema = DigestSchema.None)
    {
        new ClientHandshake(schema).Start(7, bytes);
        bytes.Write<byte>(new byte[HandshakeDigest.PacketBytes]);
        return this;
    }

    public ClientBytes Raw(params ReadOnlySpan<byte> raw)
    {
        bytes.Write(raw);
        return this;
    }

    public ClientBytes Message(RtmpMessageType type, uint stream, uint timestamp, ReadOnlySpan<byte> body, int chunkStream = 4)
    {
        Writer.Write(bytes, chunkStream, type, stream, timestamp, body);
        return this;
    }

    public ClientBytes ChunkSize(uint size)
    {
        var body = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(body, size);
        Message(RtmpMessageType.SetChunkSize, 0, 0, body, 2);
        if (size is > 0 and <= 0xFFFFFF)
            Writer.ChunkBytes = (int)size;
        return this;
    }

    public ClientBytes Command(uint stream, string name, double transaction, params AmfValue[] values) =>
        Message(RtmpMessageType.CommandAmf0, stream, 0, Amf(name, transaction, values), 3);

    public ClientBytes Connect(params (string Name, AmfValue Value)[] more) =>
        Command(0, "connect", 1, AmfValue.Object(
            [("app", AmfValue.Of("live")), ("tcUrl", AmfValue.Of("rtmp://h/live")), ("flashVer", AmfValue.Of("test")), .. more]));

    public ClientBytes Publish(string name = "key?a=b", string type = "live") =>
        Command(0, "releaseStream", 2, AmfValue.Null, AmfValue.Of(name))
            .Command(0, "FCPublish", 3, AmfValue.Null, AmfValue.Of(name))
            .Command(0, "createStream", 4, AmfValue.Null)
            .Command(1, "publish", 5, AmfValue.Null, AmfValue.Of(name), AmfValue.Of(type));

    public ClientBytes Data(uint timestamp, params AmfValue[] values)
    {
        var body = new ArrayBufferWriter<byte>();
        foreach (var value in values)
            new Amf0Writer(body).Value(value);
        return Message(RtmpMessageType.DataAmf0, 1, timestamp, body.WrittenSpan);
    }

    /// <summary>Handshake, connect and publish.</summary>
    public static ClientBytes Publishing() => new ClientBytes().Handshake().Connect().Publish();

    public static byte[] Amf(string name, double transaction, params ReadOnlySpan<AmfValue> values)
    {
        var body = new ArrayBufferWriter<byte>();
        var amf = new Amf0Writer(body);
        amf.String(name);
        amf.Number(transaction);
        foreach (var value in values)
            amf.Value(value);
        return body.WrittenSpan.ToArray();
    }

    /// <summary>Bytes of that length which differ by seed.</summary>
    public static byte[] Body(int length, int seed)
    {
        var body = new byte[length];
        new Random(seed).NextBytes(body);
        return body;
    }
}
