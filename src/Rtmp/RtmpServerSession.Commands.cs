using System.Buffers.Binary;

namespace Millrace.Rtmp;

// Commands of the client (RTMP 1.0 §7.2), and what is answered.
public sealed partial class RtmpServerSession
{
    private const int ControlChunkStream = 2;
    private const int CommandChunkStream = 3;
    private const int StatusChunkStream = 5;

    /// <summary>
    /// Lets the publisher begin, and hands over what it sent meanwhile. False, without effect, when nobody waits any more.
    /// What was handed over can turn out to break a rule: look at <see cref="Violation"/> afterwards.
    /// </summary>
    public bool AcceptPublish()
    {
        if (State != RtmpServerState.PublishPending)
            return false;
        State = RtmpServerState.Publishing;
        WriteStreamBegin(publishStreamId);
        WriteStatus(publishStreamId, "status", "NetStream.Publish.Start", "Publishing.");
        // An event can end the publishing: what is left is dropped by Deliver.
        while (pendingMedia?.TryDequeue(out var message) == true)
        {
            if (message.Data.Length > 0)
                DeliverData(message.Type, message.Timestamp, message.Data);
            else
                Deliver(message.Type, message.Timestamp, message.Media);
        }
        pendingMedia = null;
        pendingMediaBytes = 0;
        return true;
    }

    /// <summary>
    /// Refuses the publisher. The shell closes after sending, perhaps later. False, without effect, when nobody waits
    /// any more.
    /// </summary>
    /// <param name="code">Such as <c>NetStream.Publish.BadName</c>.</param>
    /// <param name="description">What the person at the encoder should read.</param>
    public bool RejectPublish(string code, string description)
    {
        if (State != RtmpServerState.PublishPending)
            return false;
        WriteStatus(publishStreamId, "error", code, description);
        EndPublish();
        return true;
    }

    /// <summary>
    /// Ends the publishing from our side, such as when another publisher takes the channel or a codec cannot be carried.
    /// The shell closes after sending. Without effect unless publishing.
    /// </summary>
    /// <param name="code">Such as <c>NetStream.Publish.BadName</c>.</param>
    /// <param name="description">What the person at the encoder should read.</param>
    public void ClosePublish(string code, string description)
    {
        if (State is not (RtmpServerState.Publishing or RtmpServerState.PublishPending))
            return;
        var stream = publishStreamId;
        EndPublish();
        WriteStatus(stream, "error", code, description);
        WriteStatus(stream, "status", "NetStream.Unpublish.Success", description);
    }

    /// <summary>
    /// Asks the client to connect anew (Enhanced RTMP v2, "Reconnect Request"). It goes on publishing here until it has.
    /// False when it did not announce that it understands, or is not connected.
    /// </summary>
    /// <param name="tcUrl">Where to; null for the same place.</param>
    /// <param name="description">Why, for people; null for none.</param>
    public bool RequestReconnect(string? tcUrl, string? description)
    {
        if (State is RtmpServerState.Closed || !PeerCapabilities.CapsEx.HasFlag(RtmpCapsEx.Reconnect))
            return false;
        List<KeyValuePair<string, AmfValue>> info =
        [
            new("level", AmfValue.Of("status")),
            new("code", AmfValue.Of("NetConnection.Connect.ReconnectRequest")),
        ];
        if (tcUrl is not null)
            info.Add(new("tcUrl", AmfValue.Of(tcUrl)));
        if (description is not null)
            info.Add(new("description", AmfValue.Of(description)));
        WriteCommand(CommandChunkStream, 0, "onStatus", 0, AmfValue.Null, AmfValue.Object("", info));
        return true;
    }

    private void HandleCommand(scoped in ChunkMessage message)
    {
        var amf = new Amf0Reader(WithoutAmf3Framing(message.Type, message.Payload), limits.Amf);
        if (!amf.TryReadAll(out var values))
        {
            Close(amf.Violation!);
            return;
        }
        if (values.Count == 0 || !values[0].TryGetString(out var name))
        {
            Close(RtmpFault.AmfSyntax, "RTMP 1.0 §7.1.1", "a command has no name");
            return;
        }
        var transaction = values.Count > 1 && values[1].TryGetNumber(out var number) ? number : 0;
        if (connection is null != (name == "connect"))
        {
            Close(RtmpFault.CommandOrder, "RTMP 1.0 §7.2.1.1",
                connection is null ? "a command came before connect" : "connect came twice");
            return;
        }
        var stream = message.MessageStreamId;
        switch (name)
        {
            case "connect":
                HandleConnect(transaction, values);
                break;
            case "createStream":
                HandleCreateStream(transaction);
                break;
            case "publish":
                HandlePublish(stream, values);
                break;
            case "releaseStream":
                // Encoders ask to free a name they may still hold; who holds a name is decided at publish.
                WriteResult(transaction, AmfValue.Undefined);
                break;
            case "FCPublish":
                WriteResult(transaction, AmfValue.Undefined);
                // Flash Media Live Encoder waits for it.
                WriteCommand(CommandChunkStream, 0, "onFCPublish", 0, AmfValue.Null,
                    Info("status", "NetStream.Publish.Start", "FCPublish."));
                break;
            case "FCUnpublish":
                WriteResult(transaction, AmfValue.Undefined);
                WriteCommand(CommandChunkStream, 0, "onFCUnpublish", 0, AmfValue.Null,
                    Info("status", "NetStream.Unpublish.Success", "FCUnpublish."));
                Unpublish(UnpublishReason.FCUnpublish);
                break;
            case "closeStream":
                if (stream == publishStreamId)
                    Unpublish(UnpublishReason.CloseStream);
                break;
            case "deleteStream":
                // No answer (§7.2.2.3).
                if (values.Count > 3 && values[3].TryGetNumber(out var deleted) && deleted == publishStreamId)
                    Unpublish(UnpublishReason.DeleteStream);
                break;
            case "play" or "play2":
                WriteStatus(stream, "error", "NetStream.Play.Failed",
                    "Playback over RTMP is not offered: watch this channel over HLS or DASH.");
                break;
            case "getStreamLength":
                WriteResult(transaction, AmfValue.Of(0));
                break;
            case "_checkbw":
                WriteResult(transaction, AmfValue.Undefined);
                break;
            case "_result" or "_error" or "onStatus":
                // Answers to what we never asked; answering them would make a loop.
                break;
            default:
                // Transaction 0 asks for no answer (§7.2.1.2). The name is not repeated: it can hold anything.
                if (transaction != 0)
                {
                    WriteCommand(CommandChunkStream, 0, "_error", transaction, AmfValue.Null,
                        Info("error", "NetConnection.Call.Failed", "There is no such method."));
                }
                break;
        }
    }

    private void HandleConnect(double transaction, List<AmfValue> values)
    {
        var properties = values.Count > 2 ? values[2] : AmfValue.Null;
        connection = new ConnectRequest(
            TextOf(properties, "app"), TextOf(properties, "tcUrl"), TextOf(properties, "flashVer"),
            RtmpCapabilities.Read(properties));
        State = RtmpServerState.Connected;
        events.OnConnect(connection);

        // 1. windows, 2. chunk size, 3. the result: the order of Adobe's server.
        announcedWindow = (uint)limits.AcknowledgementWindowBytes;
        WriteUInt32(RtmpMessageType.WindowAcknowledgementSize, announcedWindow);
        Span<byte> bandwidth = stackalloc byte[5];
        BinaryPrimitives.WriteUInt32BigEndian(bandwidth, announcedWindow);
        bandwidth[4] = 2;
        Write(ControlChunkStream, RtmpMessageType.SetPeerBandwidth, 0, bandwidth);
        WriteUInt32(RtmpMessageType.SetChunkSize, (uint)limits.OutputChunkBytes);
        writer.ChunkBytes = limits.OutputChunkBytes;

        List<KeyValuePair<string, AmfValue>> server =
        [
            // A version that clients compare: from 3,0 on they take us for a server with live publishing.
            new("fmsVer", AmfValue.Of("FMS/3,0,1,123")),
            new("capabilities", AmfValue.Of(31)),
            new("mode", AmfValue.Of(1)),
        ];
        if (connection.Capabilities != RtmpCapabilities.None)
            server.AddRange(RtmpCapabilities.Server.ToProperties());
        // objectEncoding 0: whatever was asked for, our answers are AMF0, and so may the client's be.
        WriteCommand(CommandChunkStream, 0, "_result", transaction, AmfValue.Object("", server), AmfValue.Object(
            ("level", AmfValue.Of("status")),
            ("code", AmfValue.Of("NetConnection.Connect.Success")),
            ("description", AmfValue.Of("Connection succeeded.")),
            ("objectEncoding", AmfValue.Of(0))));
    }

    private void HandleCreateStream(double transaction)
    {
        if (createdStreams >= limits.MaxMessageStreams)
        {
            WriteCommand(CommandChunkStream, 0, "_error", transaction, AmfValue.Null,
                Info("error", "NetConnection.Call.Failed", "Too many streams."));
            return;
        }
        WriteResult(transaction, AmfValue.Of(++createdStreams));
    }

    private void HandlePublish(uint stream, List<AmfValue> values)
    {
        // NetStream.publish(false) ends the publishing.
        if (values.Count > 3 && values[3].Kind == AmfKind.Boolean)
        {
            Unpublish(UnpublishReason.CloseStream);
            return;
        }
        if (values.Count <= 3 || !values[3].TryGetString(out var name))
        {
            WriteStatus(stream, "error", "NetStream.Publish.BadName", "publish needs a stream name.");
            return;
        }
        if (State != RtmpServerState.Connected)
        {
            WriteStatus(stream, "error", "NetStream.Publish.BadName", "This connection publishes already.");
            return;
        }
        if (++publishes > limits.MaxPublishes)
        {
            WriteStatus(stream, "error", "NetStream.Publish.BadName", "This connection has published often enough: connect anew.");
            return;
        }
        var type = values.Count > 4 && values[4].TryGetString(out var text)
            ? text switch { "record" => PublishType.Record, "append" => PublishType.Append, _ => PublishType.Live }
            : PublishType.Live;
        State = RtmpServerState.PublishPending;
        publishStreamId = stream;
        publishWasAsked = true;
        reader.KeepMedia = true;
        events.OnPublish(new PublishRequest(connection!, name, type));
    }

    private void Unpublish(UnpublishReason reason)
    {
        if (State is not (RtmpServerState.Publishing or RtmpServerState.PublishPending))
            return;
        var stream = publishStreamId;
        EndPublish();
        WriteStatus(stream, "status", "NetStream.Unpublish.Success", "Unpublished.");
        events.OnUnpublish(reason);
    }

    private void EndPublish()
    {
        if (violation is null)
            State = RtmpServerState.Connected;
        reader.KeepMedia = false;
        DropPendingMedia();
    }

    private static string TextOf(AmfValue properties, string name) =>
        properties[name] is { } value && value.TryGetString(out var text) ? text : "";

    private static AmfValue Info(string level, string code, string description) => AmfValue.Object(
        ("level", AmfValue.Of(level)), ("code", AmfValue.Of(code)), ("description", AmfValue.Of(description)));

    private void WriteStreamBegin(uint stream)
    {
        Span<byte> body = stackalloc byte[6];
        BinaryPrimitives.WriteUInt16BigEndian(body, 0);
        BinaryPrimitives.WriteUInt32BigEndian(body[2..], stream);
        Write(ControlChunkStream, RtmpMessageType.UserControl, 0, body);
    }

    private void WriteStatus(uint stream, string level, string code, string description) =>
        WriteCommand(StatusChunkStream, stream, "onStatus", 0, AmfValue.Null, Info(level, code, description));

    private void WriteResult(double transaction, AmfValue value)
    {
        if (transaction != 0)
            WriteCommand(CommandChunkStream, 0, "_result", transaction, AmfValue.Null, value);
    }

    private void WriteCommand(
        int chunkStream, uint stream, string name, double transaction, params ReadOnlySpan<AmfValue> values)
    {
        payload.ResetWrittenCount();
        var amf = new Amf0Writer(payload);
        amf.String(name);
        amf.Number(transaction);
        foreach (var value in values)
            amf.Value(value);
        Write(chunkStream, RtmpMessageType.CommandAmf0, stream, payload.WrittenSpan);
    }

    private void WriteUInt32(RtmpMessageType type, uint value)
    {
        Span<byte> body = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(body, value);
        Write(ControlChunkStream, type, 0, body);
    }

    private void Write(int chunkStream, RtmpMessageType type, uint stream, ReadOnlySpan<byte> body)
    {
        if (violation is not null)
            return;
        if (output.Length + body.Length > limits.MaxOutputBytes)
        {
            Close(RtmpFault.OutputOverflow, nameof(limits.MaxOutputBytes),
                $"more than {limits.MaxOutputBytes} bytes of answers wait to be sent");
            return;
        }
        writer.Write(output, chunkStream, type, stream, 0, body);
    }
}
