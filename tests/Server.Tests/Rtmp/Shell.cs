using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Millrace.Core;
using Millrace.Ingest;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Packaging.Tests;
using Millrace.Rtmp;
using Millrace.Server.Rtmp;

namespace Millrace.Server.Tests.Rtmp;

/// <summary>The shell around RTMP sessions with a fake clock, no socket, and a log to read.</summary>
internal sealed class Shell : IMeterFactory, IBroadcastSinkFactory, IStreamKeys, ILogger<RtmpConnection>, IDisposable
{
    /// <summary>The one stream key that is right.</summary>
    public const string Key = "right-key-of-alice";

    private readonly List<Meter> meters = [];

    public Shell(IngestOptions? ingest = null, RtmpOptions? rtmp = null)
    {
        ingest ??= new IngestOptions { Admission = AdmissionMode.Open };
        Rtmp = rtmp ?? new RtmpOptions();
        Directory = new BroadcastDirectory(ingest, new PackagingOptions(), this, Pool, Time);
        Connections = new RtmpConnectionFactory(
            Microsoft.Extensions.Options.Options.Create(Rtmp), Directory, new Admission(ingest, this), Pool, new RtmpMetrics(this), Time, this);
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));

    public MediaBlockPool Pool { get; } = new();

    public RtmpOptions Rtmp { get; }

    public BroadcastDirectory Directory { get; }

    public RtmpConnectionFactory Connections { get; }

    /// <summary>Event ids and lines.</summary>
    public ConcurrentQueue<(int Id, string Line)> Said { get; } = new();

    public Peer Connect(string stream = "alice", string app = "live") => new(this, new RtmpPublisherOptions(app, stream, "rtmp://h/" + app));

    public ChannelName? Find(string channel) => Directory.List().Select(broadcast => (ChannelName?)broadcast.Channel).FirstOrDefault(name => name!.Value.Value == channel);

    public void Dispose()
    {
        Directory.Dispose();
        meters.ForEach(meter => meter.Dispose());
    }

    public Meter Create(MeterOptions options)
    {
        meters.Add(new Meter(options));
        return meters[^1];
    }

    public IBroadcastSink Open(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt) =>
        new RecordingSink().Open(channel, broadcast, contract, startedAt);

    public ValueTask<ChannelName?> FindChannelAsync(string streamKey, CancellationToken cancellationToken) =>
        new(streamKey == Key && ChannelName.TryParse("alice", out var name) ? name : null);

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Said.Enqueue((eventId.Id, formatter(state, exception) + exception));
}

/// <summary>An encoder at the other end of a transport that is two queues.</summary>
internal sealed class Peer : ITransport, IDisposable
{
    private static readonly byte[] Avc = Convert.FromHexString("01f4001fffe1001967f4001f9196805005bb0110000003001000000303c0f1832a01000568ce0f1920fff8f800");

    private readonly Shell shell;
    private readonly ConcurrentQueue<byte[]> answers = new();
    private readonly SemaphoreSlim happened = new(0);
    private readonly RtmpPublisher client;
    private readonly ArrayBufferWriter<byte> media = new();

    public Peer(Shell shell, RtmpPublisherOptions options)
    {
        this.shell = shell;
        client = new RtmpPublisher(options);
        Connection = shell.Connections.Create(new IPEndPoint(IPAddress.Loopback, 50000), () => Ended++);
        Connection.Attach(this);
    }

    public RtmpConnection Connection { get; }

    public RtmpPublisherState State => client.State;

    public (string Code, string Description) Refusal => client.Refusal;

    /// <summary>The server asked the transport to close.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>How often the connection gave its place back.</summary>
    public int Ended { get; private set; }

    /// <summary>Bytes that the server sent.</summary>
    public long Answered { get; private set; }

    /// <summary>The peer takes nothing any more.</summary>
    public bool IsStuck { get; set; }

    public bool Send(ReadOnlySpan<byte> bytes)
    {
        if (IsStuck)
            return false;
        answers.Enqueue(bytes.ToArray());
        Answered += bytes.Length;
        happened.Release();
        return true;
    }

    public void Close()
    {
        IsClosed = true;
        happened.Release();
    }

    /// <summary>Handshake and commands, as far as the server answers them at once.</summary>
    public Peer Begin()
    {
        client.Start(0);
        Pump();
        return this;
    }

    public void Pump()
    {
        do
        {
            while (answers.TryDequeue(out var answer))
                Assert.Null(client.Receive(answer));
            var output = client.PendingOutput.ToArray();
            client.ConsumeOutput(output.Length);
            if (output.Length > 0)
                Connection.Receive(output);
        }
        while (!answers.IsEmpty);
    }

    /// <summary>Waits for what another thread does.</summary>
    public async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        for (Pump(); !condition(); Pump())
            await happened.WaitAsync(limit.Token);
    }

    /// <summary>The clock goes on, and the transport looks at it once a second, as the read loop does.</summary>
    public void Pass(double seconds)
    {
        for (; seconds > 0; seconds--)
        {
            shell.Time.Advance(TimeSpan.FromSeconds(Math.Min(1, seconds)));
            Connection.CheckTimeouts();
        }
    }

    public void Header() => Video(0, FlvPacketKind.SequenceStart, key: true, Avc);

    public void Picture(uint milliseconds, bool key) => Video(milliseconds, FlvPacketKind.CodedFrames, key, [0, 0, 0, 2, key ? (byte)0x65 : (byte)0x41, 1]);

    public void Data(string name, params AmfValue[] values)
    {
        media.ResetWrittenCount();
        client.WriteData(media, 0, name, values);
        Connection.Receive(media.WrittenSpan);
    }

    /// <summary>Takes the publish back, whether it was answered or not, and asks for another one in the same breath.</summary>
    public void Republish(string stream)
    {
        media.ResetWrittenCount();
        client.WriteUnpublish(media);
        byte[] body = [2, .. Text("publish"), 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, .. Text(stream), 2, .. Text("live")];
        // A chunk of type 0 on chunk stream 3: time 0, length, command, message stream 1.
        media.Write((ReadOnlySpan<byte>)[3, 0, 0, 0, 0, 0, (byte)body.Length, 20, 1, 0, 0, 0, .. body]);
        Connection.Receive(media.WrittenSpan);

        static byte[] Text(string text) => [0, (byte)text.Length, .. System.Text.Encoding.ASCII.GetBytes(text)];
    }

    public void Raw(ReadOnlySpan<byte> bytes) => Connection.Receive(bytes);

    public void Dispose()
    {
        Connection.Dispose();
        client.Dispose();
        happened.Dispose();
    }

    private void Video(uint milliseconds, FlvPacketKind kind, bool key, byte[] body)
    {
        var tag = new ArrayBufferWriter<byte>();
        FlvTagWriter.WriteVideo(tag, Codec.Avc, kind, key ? FlvFrameType.Key : FlvFrameType.Inter, 0, body, legacy: true);
        media.ResetWrittenCount();
        client.WriteVideo(media, milliseconds, tag.WrittenSpan);
        Connection.Receive(media.WrittenSpan);
    }
}
