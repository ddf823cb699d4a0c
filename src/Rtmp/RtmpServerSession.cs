using System.Buffers;
using System.Buffers.Binary;
using Millrace.Core;

namespace Millrace.Rtmp;

/// <summary>Where a server session stands; the shell's time-outs depend on it.</summary>
public enum RtmpServerState
{
    /// <summary>C0 to C2 are under way.</summary>
    Handshaking,

    /// <summary>The handshake is done, connect has not come.</summary>
    AwaitingConnect,

    /// <summary>Connected, not publishing.</summary>
    Connected,

    /// <summary>Publish was asked for and waits for the shell's answer.</summary>
    PublishPending,

    /// <summary>Media flows.</summary>
    Publishing,

    /// <summary>The peer broke a rule or a limit: send what is pending and close.</summary>
    Closed,
}

/// <summary>The server's end of one RTMP connection, without I/O, clock, lock or log. One owner.</summary>
/// <remarks>
/// The shell hands over what it read by <see cref="Receive"/>, sends <see cref="PendingOutput"/> whenever there is some,
/// and closes when Receive returns a violation. Media that comes between publish and its answer is kept up to a limit.
/// Media after the end of a publish is dropped; media without any publish is a violation.
/// </remarks>
public sealed partial class RtmpServerSession : IDisposable
{
    private readonly RtmpLimits limits;
    private readonly MediaArena arena;
    private readonly IRtmpServerEvents events;
    private readonly ChunkReader reader;
    private readonly ChunkWriter writer = new();
    private readonly OutputBuffer output = new();
    private readonly ArrayBufferWriter<byte> payload = new();
    private ServerHandshake? handshake = new();
    private RtmpViolation? violation;

    private long receivedBytes;
    private long acknowledgedBytes;
    private uint acknowledgementWindow;
    private uint announcedWindow;

    private ConnectRequest? connection;
    private uint createdStreams;
    private int publishes;
    private uint publishStreamId;
    private bool publishWasAsked;
    private Queue<PendingMessage>? pendingMedia;
    private int pendingMediaBytes;

    private readonly record struct PendingMessage(RtmpMessageType Type, uint Timestamp, MediaBuffer Media, byte[] Data);

    /// <param name="limits">What the peer may do.</param>
    /// <param name="arena">Where media goes; the caller owns it and disposes it after the session.</param>
    /// <param name="events">Receives what happens.</param>
    public RtmpServerSession(RtmpLimits limits, MediaArena arena, IRtmpServerEvents events)
    {
        ArgumentNullException.ThrowIfNull(limits);
        this.limits = limits;
        this.arena = arena;
        this.events = events;
        reader = new ChunkReader(limits, arena);
        acknowledgementWindow = (uint)limits.AcknowledgementWindowBytes;
    }

    /// <summary>Where the session stands.</summary>
    public RtmpServerState State { get; private set; }

    /// <summary>The breach that ended the session; null while there is none.</summary>
    public RtmpViolation? Violation => violation;

    /// <summary>Bytes received, handshake included.</summary>
    public long ReceivedBytes => receivedBytes;

    /// <summary>Bytes declared by messages that are under way and take memory.</summary>
    public long UnfinishedBytes => reader.UnfinishedBytes;

    /// <summary>What the client announced; none before connect.</summary>
    public RtmpCapabilities PeerCapabilities => connection?.Capabilities ?? RtmpCapabilities.None;

    /// <summary>Bytes to send, in order. Valid until the next call of any method of the session.</summary>
    public ReadOnlyMemory<byte> PendingOutput => output.Pending;

    /// <summary>Takes <paramref name="count"/> bytes off <see cref="PendingOutput"/>, because they were sent.</summary>
    public void ConsumeOutput(int count) => output.Consume(count);

    /// <summary>
    /// Takes all of the input, calls the events it leads to, and adds to the output. The violation that comes back ends
    /// the session: send what is pending, close, and hand over nothing more.
    /// </summary>
    /// <param name="input">Bytes as they came, in any portions.</param>
    /// <param name="nowMilliseconds">Any monotonic clock; goes into the handshake only.</param>
    public RtmpViolation? Receive(ReadOnlySpan<byte> input, long nowMilliseconds)
    {
        if (violation is not null)
            return violation;
        receivedBytes += input.Length;
        if (handshake is not null)
        {
            if (!handshake.Read(ref input, (uint)nowMilliseconds, output))
                return Close(handshake.Violation!);
            if (!handshake.IsDone)
                return null;
            handshake = null;
            State = RtmpServerState.AwaitingConnect;
        }
        while (true)
        {
            var status = reader.Read(ref input, out var message);
            if (status == OperationStatus.NeedMoreData)
                break;
            if (status == OperationStatus.InvalidData)
                return Close(reader.Violation!);
            Handle(message);
            if (violation is not null)
                return violation;
        }
        if (receivedBytes - acknowledgedBytes >= acknowledgementWindow)
        {
            acknowledgedBytes = receivedBytes;
            WriteUInt32(RtmpMessageType.Acknowledgement, (uint)receivedBytes);
        }
        return violation;
    }

    /// <summary>Gives back the memory of messages under way and of media that waits for an answer.</summary>
    public void Dispose()
    {
        State = RtmpServerState.Closed;
        violation ??= new RtmpViolation(RtmpFault.CommandOrder, "", "the session is closed");
        DropPendingMedia();
        reader.Dispose();
    }

    private RtmpViolation Close(RtmpViolation why)
    {
        violation ??= why;
        State = RtmpServerState.Closed;
        reader.KeepMedia = false;
        return violation;
    }

    private void Close(RtmpFault fault, string clause, string text) => Close(new RtmpViolation(fault, clause, text));

    private void Handle(scoped in ChunkMessage message)
    {
        switch (message.Type)
        {
            case RtmpMessageType.Audio or RtmpMessageType.Video or RtmpMessageType.Aggregate:
                HandleMedia(message);
                break;
            case RtmpMessageType.DataAmf0 or RtmpMessageType.DataAmf3:
                HandleData(message);
                break;
            case RtmpMessageType.CommandAmf0 or RtmpMessageType.CommandAmf3:
                HandleCommand(message);
                break;
            case RtmpMessageType.SetChunkSize:
                if (TryGetUInt32(message, out var size) && !reader.SetChunkSize(size))
                    Close(reader.Violation!);
                break;
            case RtmpMessageType.Abort:
                if (TryGetUInt32(message, out var chunkStreamId))
                    reader.Abort(chunkStreamId);
                break;
            case RtmpMessageType.Acknowledgement:
                // Nothing that we send is held back for it.
                TryGetUInt32(message, out _);
                break;
            case RtmpMessageType.WindowAcknowledgementSize:
                if (TryGetUInt32(message, out var window) && window > 0)
                    acknowledgementWindow = window;
                break;
            case RtmpMessageType.SetPeerBandwidth:
                // Answered when it differs from what was said last (§5.4.5).
                if (TryGetUInt32(message, out var bandwidth) && bandwidth > 0 && bandwidth != announcedWindow)
                {
                    announcedWindow = bandwidth;
                    WriteUInt32(RtmpMessageType.WindowAcknowledgementSize, bandwidth);
                }
                break;
            case RtmpMessageType.UserControl:
                HandleUserControl(message);
                break;
            default:
                // Shared objects and types nobody defined: skipped, as the specification asks of neither end.
                break;
        }
    }

    private bool TryGetUInt32(scoped in ChunkMessage message, out uint value)
    {
        value = 0;
        if (message.Payload.Length < 4)
        {
            Close(RtmpFault.ControlMessage, "RTMP 1.0 §5.4",
                $"a control message of type {(byte)message.Type} is too short");
            return false;
        }
        value = BinaryPrimitives.ReadUInt32BigEndian(message.Payload);
        return true;
    }

    private void HandleUserControl(scoped in ChunkMessage message)
    {
        const ushort PingRequest = 6;
        const ushort PingResponse = 7;
        var body = message.Payload;
        if (body.Length < 2 || (BinaryPrimitives.ReadUInt16BigEndian(body) == PingRequest && body.Length < 6))
        {
            Close(RtmpFault.ControlMessage, "RTMP 1.0 §7.1.7", "a user control message is too short");
            return;
        }
        // Buffer lengths and stream events matter to players only.
        if (BinaryPrimitives.ReadUInt16BigEndian(body) != PingRequest)
            return;
        Span<byte> pong = stackalloc byte[6];
        BinaryPrimitives.WriteUInt16BigEndian(pong, PingResponse);
        body.Slice(2, 4).CopyTo(pong[2..]);
        Write(2, RtmpMessageType.UserControl, 0, pong);
    }

    private void HandleMedia(scoped in ChunkMessage message)
    {
        if (!publishWasAsked)
        {
            message.Media.Release();
            Close(RtmpFault.MediaBeforePublish, "RTMP 1.0 §7.2.2.6", "audio or video came before publish");
            return;
        }
        // No buffer: the message was empty, or began when nothing was published.
        if (message.Media.Length == 0)
            return;
        if (!IsOfPublishedStream(message.MessageStreamId))
        {
            message.Media.Release();
            return;
        }
        if (message.Type == RtmpMessageType.Aggregate)
            HandleAggregate(message.Media, message.Timestamp);
        else
            Deliver(message.Type, message.Timestamp, message.Media);
    }

    // Sub-message: type 1, length 3, timestamp 3 (low), timestamp 1 (high), stream id 3, body, back pointer 4 (§7.1.6).
    private void HandleAggregate(MediaBuffer aggregate, uint timestamp)
    {
        const int Header = 11;
        const int BackPointer = 4;
        var position = 0;
        uint? first = null;
        try
        {
            while (position < aggregate.Length && violation is null)
            {
                var rest = aggregate.Span[position..];
                var length = rest.Length >= Header ? (rest[1] << 16) | (rest[2] << 8) | rest[3] : 0;
                // Some senders leave out the last back pointer.
                if (rest.Length < Header + length)
                {
                    Close(RtmpFault.AggregateMessage, "RTMP 1.0 §7.1.6", "a part of an aggregate message exceeds it");
                    return;
                }
                var time = ((uint)rest[7] << 24) | ((uint)rest[4] << 16) | ((uint)rest[5] << 8) | rest[6];
                first ??= time;
                var type = (RtmpMessageType)rest[0];
                var corrected = timestamp + (time - first.Value);
                if (type is RtmpMessageType.Audio or RtmpMessageType.Video)
                {
                    // Copied: a part that is kept must not hold the memory of the whole, which may be anything.
                    if (length > 0)
                        Deliver(type, corrected, arena.Copy(rest.Slice(Header, length)));
                }
                else if (type is RtmpMessageType.DataAmf0 or RtmpMessageType.DataAmf3)
                {
                    DeliverData(type, corrected, rest.Slice(Header, length));
                }
                else if (type == RtmpMessageType.Aggregate)
                {
                    Close(RtmpFault.AggregateMessage, "RTMP 1.0 §7.1.6", "an aggregate message holds another");
                    return;
                }
                position = (int)Math.Min(position + (long)Header + length + BackPointer, aggregate.Length);
            }
        }
        finally
        {
            aggregate.Release();
        }
    }

    /// <summary>Hands a message on, or keeps it while publish is unanswered. Owns the reference.</summary>
    private void Deliver(RtmpMessageType type, uint timestamp, MediaBuffer media)
    {
        if (State == RtmpServerState.Publishing)
        {
            if (type == RtmpMessageType.Audio)
                events.OnAudio(media, timestamp);
            else
                events.OnVideo(media, timestamp);
        }
        else if (State == RtmpServerState.PublishPending && KeepPending(media.Length))
        {
            pendingMedia!.Enqueue(new PendingMessage(type, timestamp, media, []));
        }
        else
        {
            media.Release();
        }
    }

    private bool KeepPending(int bytes)
    {
        if (bytes > limits.MaxPendingMediaBytes - pendingMediaBytes)
        {
            Close(RtmpFault.MediaBeforePublish, nameof(limits.MaxPendingMediaBytes),
                $"more than {limits.MaxPendingMediaBytes} bytes of media came before publish was answered");
            return false;
        }
        // A message of few bytes costs a queue entry, and perhaps an array, all the same.
        pendingMediaBytes += bytes + 64;
        pendingMedia ??= new Queue<PendingMessage>();
        return true;
    }

    private void DropPendingMedia()
    {
        while (pendingMedia?.TryDequeue(out var message) == true)
            message.Media.Release();
        pendingMediaBytes = 0;
    }

    private void HandleData(scoped in ChunkMessage message)
    {
        if (IsOfPublishedStream(message.MessageStreamId))
            DeliverData(message.Type, message.Timestamp, message.Payload);
    }

    private void DeliverData(RtmpMessageType type, uint timestamp, ReadOnlySpan<byte> raw)
    {
        if (State == RtmpServerState.PublishPending)
        {
            if (KeepPending(raw.Length))
                pendingMedia!.Enqueue(new PendingMessage(type, timestamp, default, raw.ToArray()));
            return;
        }
        if (State != RtmpServerState.Publishing)
            return;
        var amf = new Amf0Reader(WithoutAmf3Framing(type, raw), limits.Amf);
        if (!amf.TryReadAll(out var values))
        {
            if (amf.Violation!.Fault == RtmpFault.AmfLimit)
                Close(amf.Violation);
            else
                events.OnDataRefused(amf.Violation);
            return;
        }
        var wrapped = values.Count > 1 && values[0].TryGetString(out var outer) && outer == "@setDataFrame";
        var first = wrapped ? 1 : 0;
        if (values.Count <= first || !values[first].TryGetString(out var name))
        {
            events.OnDataRefused(new RtmpViolation(RtmpFault.AmfSyntax, "RTMP 1.0 §7.1.2", "a data message has no name"));
            return;
        }
        events.OnData(new DataMessage
        {
            Name = name,
            Values = values.GetRange(first + 1, values.Count - first - 1),
            Timestamp = timestamp,
            SetDataFrame = wrapped,
            Raw = raw,
        });
    }

    /// <summary>AMF3 messages start with one byte, 0, and go on in AMF0 that switches to AMF3 where it likes (§7.1.1).</summary>
    private static ReadOnlySpan<byte> WithoutAmf3Framing(RtmpMessageType type, ReadOnlySpan<byte> body) =>
        type is RtmpMessageType.DataAmf3 or RtmpMessageType.CommandAmf3 && body is [0, ..] ? body[1..] : body;

    /// <summary>
    /// Only the stream of another createStream is foreign: encoders exist that send media on stream 0 or on a number of
    /// their own.
    /// </summary>
    private bool IsOfPublishedStream(uint messageStreamId) =>
        messageStreamId == publishStreamId || messageStreamId == 0 || messageStreamId > createdStreams;
}
