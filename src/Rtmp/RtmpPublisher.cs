using System.Buffers;
using System.Buffers.Binary;

namespace Millrace.Rtmp;

/// <summary>Where a publisher stands.</summary>
public enum RtmpPublisherState
{
    /// <summary>S0 to S2 are under way.</summary>
    Handshaking,

    /// <summary>connect waits for its answer.</summary>
    Connecting,

    /// <summary>createStream waits for its answer.</summary>
    CreatingStream,

    /// <summary>publish waits for its answer.</summary>
    AwaitingPublish,

    /// <summary>The server takes media.</summary>
    Publishing,

    /// <summary>The server refused, or ended the publishing: <see cref="RtmpPublisher.Refusal"/> says why.</summary>
    Refused,

    /// <summary>The server broke the protocol.</summary>
    Closed,
}

/// <summary>What to publish, and where.</summary>
/// <param name="App">Application.</param>
/// <param name="StreamName">Stream name, with its query.</param>
/// <param name="TcUrl">Address without the stream name.</param>
public sealed record RtmpPublisherOptions(string App, string StreamName, string TcUrl)
{
    /// <summary>What the publisher calls itself. The default is what encoders send.</summary>
    public string FlashVersion { get; init; } = "FMLE/3.0 (compatible; Millrace)";

    /// <summary>Kind of publishing: live, record or append.</summary>
    public string Type { get; init; } = "live";

    /// <summary>Chunk size of what is sent, 1 to 16777215. 4096 is what OBS sets.</summary>
    public int ChunkBytes { get; init; } = 4096;

    /// <summary>Enhanced RTMP capabilities to announce; null for none.</summary>
    public RtmpCapabilities? Capabilities { get; init; }

    /// <summary>Limits on what the server sends.</summary>
    public RtmpLimits Limits { get; init; } = RtmpLimits.Default;

    internal DigestSchema Digest { get; init; } = DigestSchema.None;
}

/// <summary>The client's end of one RTMP connection that publishes, without I/O, clock, lock or log. One owner.</summary>
/// <remarks>
/// <see cref="Start"/>, then hand over what comes by <see cref="Receive"/> and send <see cref="PendingOutput"/>; the
/// commands follow by themselves. From Publishing on, media is written to any writer, message by message, and may be sent
/// before or after pending output.
/// </remarks>
public sealed class RtmpPublisher : IDisposable
{
    private const double ConnectTransaction = 1;
    private const double CreateStreamTransaction = 4;
    private const int AudioChunkStream = 4;
    private const int VideoChunkStream = 6;

    private readonly RtmpPublisherOptions options;
    private readonly ClientHandshake handshake;
    private readonly ChunkReader reader;
    private readonly ChunkWriter writer = new();
    private readonly OutputBuffer output = new();
    private readonly ArrayBufferWriter<byte> payload = new();
    private uint streamId;
    private RtmpViolation? violation;

    /// <param name="options">What to publish, and where.</param>
    public RtmpPublisher(RtmpPublisherOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        handshake = new ClientHandshake(options.Digest);
        reader = new ChunkReader(options.Limits, arena: null);
    }

    /// <summary>Where the publisher stands.</summary>
    public RtmpPublisherState State { get; private set; }

    /// <summary>Code and description of the server's refusal.</summary>
    public (string Code, string Description) Refusal { get; private set; }

    /// <summary>What the server announced in its answer to connect.</summary>
    public RtmpCapabilities ServerCapabilities { get; private set; } = RtmpCapabilities.None;

    /// <summary>True after the server asked for a new connection; where to in <see cref="ReconnectTcUrl"/>.</summary>
    public bool ReconnectRequested { get; private set; }

    /// <summary>Where the server wants the new connection; null for the same address.</summary>
    public string? ReconnectTcUrl { get; private set; }

    /// <summary>Bytes to send, in order. Valid until the next call of any method.</summary>
    public ReadOnlyMemory<byte> PendingOutput => output.Pending;

    /// <summary>Takes <paramref name="count"/> bytes off <see cref="PendingOutput"/>, because they were sent.</summary>
    public void ConsumeOutput(int count) => output.Consume(count);

    /// <summary>Begins the handshake.</summary>
    /// <param name="nowMilliseconds">Any monotonic clock.</param>
    public void Start(long nowMilliseconds) => handshake.Start((uint)nowMilliseconds, output);

    /// <summary>Takes all of the input and adds to the output. A violation by the server ends the connection.</summary>
    public RtmpViolation? Receive(ReadOnlySpan<byte> input)
    {
        if (violation is not null)
            return violation;
        if (!handshake.IsDone)
        {
            if (!handshake.Read(ref input, output))
                return Close(handshake.Violation!);
            if (!handshake.IsDone)
                return null;
            State = RtmpPublisherState.Connecting;
            WriteConnect();
        }
        while (true)
        {
            var status = reader.Read(ref input, out var message);
            if (status == OperationStatus.NeedMoreData)
                return null;
            if (status == OperationStatus.InvalidData)
                return Close(reader.Violation!);
            Handle(message);
            if (violation is not null)
                return violation;
        }
    }

    /// <summary>Writes an audio message: the body of an FLV audio tag.</summary>
    public void WriteAudio(IBufferWriter<byte> destination, uint timestamp, ReadOnlySpan<byte> body) =>
        writer.Write(destination, AudioChunkStream, RtmpMessageType.Audio, streamId, timestamp, body);

    /// <summary>Writes a video message: the body of an FLV video tag.</summary>
    public void WriteVideo(IBufferWriter<byte> destination, uint timestamp, ReadOnlySpan<byte> body) =>
        writer.Write(destination, VideoChunkStream, RtmpMessageType.Video, streamId, timestamp, body);

    /// <summary>Writes a data message that the server is to keep for later viewers (<c>@setDataFrame</c>).</summary>
    public void WriteData(IBufferWriter<byte> destination, uint timestamp, string name, params ReadOnlySpan<AmfValue> values)
    {
        payload.ResetWrittenCount();
        var amf = new Amf0Writer(payload);
        amf.String("@setDataFrame");
        amf.String(name);
        foreach (var value in values)
            amf.Value(value);
        writer.Write(destination, AudioChunkStream, RtmpMessageType.DataAmf0, streamId, timestamp, payload.WrittenSpan);
    }

    /// <summary>Writes the commands that end the publishing.</summary>
    public void WriteUnpublish(IBufferWriter<byte> destination)
    {
        WriteCommand(destination, 0, "FCUnpublish", 6, AmfValue.Null, AmfValue.Of(options.StreamName));
        WriteCommand(destination, 0, "deleteStream", 7, AmfValue.Null, AmfValue.Of(streamId));
    }

    /// <summary>Gives back the memory of messages under way.</summary>
    public void Dispose() => reader.Dispose();

    private RtmpViolation Close(RtmpViolation why)
    {
        State = RtmpPublisherState.Closed;
        return violation = why;
    }

    private void Handle(scoped in ChunkMessage message)
    {
        switch (message.Type)
        {
            case RtmpMessageType.SetChunkSize when message.Payload.Length >= 4:
                if (!reader.SetChunkSize(BinaryPrimitives.ReadUInt32BigEndian(message.Payload)))
                    Close(reader.Violation!);
                break;
            case RtmpMessageType.UserControl when message.Payload is [0, 6, _, _, _, _, ..]:
                Span<byte> pong = stackalloc byte[6];
                message.Payload[..6].CopyTo(pong);
                pong[1] = 7;
                writer.Write(output, 2, RtmpMessageType.UserControl, 0, 0, pong);
                break;
            case RtmpMessageType.CommandAmf0:
                HandleCommand(message.Payload);
                break;
            default:
                // Windows and stream events need no answer from a publisher that receives next to nothing.
                break;
        }
    }

    private void HandleCommand(ReadOnlySpan<byte> body)
    {
        var amf = new Amf0Reader(body, options.Limits.Amf);
        if (!amf.TryReadAll(out var values))
        {
            Close(amf.Violation!);
            return;
        }
        if (values.Count < 2 || !values[0].TryGetString(out var name) || !values[1].TryGetNumber(out var transaction))
        {
            Close(new RtmpViolation(RtmpFault.AmfSyntax, "RTMP 1.0 §7.1.1", "a command has no name or transaction"));
            return;
        }
        switch (name)
        {
            case "_result" when transaction == ConnectTransaction && State == RtmpPublisherState.Connecting:
                ServerCapabilities = values.Count > 2 ? RtmpCapabilities.Read(values[2]) : RtmpCapabilities.None;
                State = RtmpPublisherState.CreatingStream;
                WriteCreateStream();
                break;
            case "_result" when transaction == CreateStreamTransaction && State == RtmpPublisherState.CreatingStream:
                streamId = values.Count > 3 && values[3].TryGetNumber(out var id) && id is >= 0 and <= uint.MaxValue
                    ? (uint)id : 0;
                State = RtmpPublisherState.AwaitingPublish;
                WriteCommand(output, streamId, "publish", 5,
                    AmfValue.Null, AmfValue.Of(options.StreamName), AmfValue.Of(options.Type));
                break;
            case "_error" when transaction is ConnectTransaction or CreateStreamTransaction:
                Refuse(values);
                break;
            case "onStatus":
                HandleStatus(values);
                break;
            default:
                // Answers to releaseStream and FCPublish carry nothing.
                break;
        }
    }

    private void HandleStatus(List<AmfValue> values)
    {
        var info = values.Count > 3 ? values[3] : AmfValue.Null;
        if (TextOf(info, "level") == "error")
        {
            Refuse(values);
        }
        else if (TextOf(info, "code") == "NetStream.Publish.Start" && State == RtmpPublisherState.AwaitingPublish)
        {
            State = RtmpPublisherState.Publishing;
        }
        else if (TextOf(info, "code") == "NetConnection.Connect.ReconnectRequest")
        {
            ReconnectRequested = true;
            ReconnectTcUrl = info["tcUrl"] is null ? null : TextOf(info, "tcUrl");
        }
    }

    private void Refuse(List<AmfValue> values)
    {
        var info = values.Count > 3 ? values[3] : AmfValue.Null;
        Refusal = (TextOf(info, "code"), TextOf(info, "description"));
        State = RtmpPublisherState.Refused;
    }

    private static string TextOf(AmfValue properties, string name) =>
        properties[name] is { } value && value.TryGetString(out var text) ? text : "";

    private void WriteConnect()
    {
        List<KeyValuePair<string, AmfValue>> properties =
        [
            new("app", AmfValue.Of(options.App)),
            new("type", AmfValue.Of("nonprivate")),
            new("flashVer", AmfValue.Of(options.FlashVersion)),
            new("tcUrl", AmfValue.Of(options.TcUrl)),
        ];
        if (options.Capabilities is { } capabilities)
            properties.AddRange(capabilities.ToProperties());
        WriteCommand(output, 0, "connect", ConnectTransaction, AmfValue.Object("", properties));
    }

    private void WriteCreateStream()
    {
        Span<byte> size = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(size, options.ChunkBytes);
        writer.Write(output, 2, RtmpMessageType.SetChunkSize, 0, 0, size);
        writer.ChunkBytes = options.ChunkBytes;
        WriteCommand(output, 0, "releaseStream", 2, AmfValue.Null, AmfValue.Of(options.StreamName));
        WriteCommand(output, 0, "FCPublish", 3, AmfValue.Null, AmfValue.Of(options.StreamName));
        WriteCommand(output, 0, "createStream", CreateStreamTransaction, AmfValue.Null);
    }

    private void WriteCommand(
        IBufferWriter<byte> destination, uint stream, string name, double transaction, params ReadOnlySpan<AmfValue> values)
    {
        payload.ResetWrittenCount();
        var amf = new Amf0Writer(payload);
        amf.String(name);
        amf.Number(transaction);
        foreach (var value in values)
            amf.Value(value);
        writer.Write(destination, 3, RtmpMessageType.CommandAmf0, stream, 0, payload.WrittenSpan);
    }
}
