using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Ingest;
using Millrace.Packaging;
using Millrace.Rtmp;

namespace Millrace.Pipeline;

/// <summary>Everything between a publisher's socket and its segments, as the server puts it together, with one publisher.</summary>
internal sealed class Node : IRtmpServerEvents, IDisposable
{
    /// <summary>What the read loop takes from a socket at a time: about one message.</summary>
    private const int ReadBytes = 8 * 1024;

    private readonly string directory = Directory.CreateTempSubdirectory("millrace-bench-").FullName;
    private readonly OriginStore store;
    private readonly BroadcastDirectory broadcasts;
    private readonly MediaArena arena;
    private readonly RtmpServerSession session;
    private readonly long start = DateTime.UtcNow.Ticks;
    private readonly EncoderLoop encoder;
    private PublishSession? publishing;

    public Node()
    {
        var packaging = new PackagingOptions();
        store = new OriginStore(new DeliveryOptions(), new DvrOptions(), new RetentionOptions(), packaging.Window, directory, TimeProvider.System, NullLogger<OriginStore>.Instance);
        broadcasts = new BroadcastDirectory(
            new IngestOptions { Admission = AdmissionMode.Open }, packaging, store, MediaBlockPool.Shared, TimeProvider.System);
        arena = new MediaArena(MediaBlockPool.Shared);
        session = new RtmpServerSession(RtmpLimits.Default, arena, this);
        using var publisher = new RtmpPublisher(new RtmpPublisherOptions("live", "bench", "rtmp://localhost/live"));
        encoder = EncoderLoop.Record(publisher, session);
        Feed(encoder.Login);
    }

    /// <summary>Takes one turn of the encoder in: <see cref="EncoderLoop.AccessUnits"/> access units.</summary>
    public void Turn() => Feed(encoder.Turn);

    public void Dispose()
    {
        publishing?.Close();
        broadcasts.Dispose();
        store.Dispose();
        session.Dispose();
        arena.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    void IRtmpServerEvents.OnConnect(ConnectRequest request) { }

    void IRtmpServerEvents.OnPublish(PublishRequest request)
    {
        if (!ChannelName.TryParse(request.StreamName, out var channel))
            throw new InvalidOperationException(ChannelName.Rule);
        (publishing, _) = broadcasts.Publish(channel, _ => { });
        session.AcceptPublish();
    }

    void IRtmpServerEvents.OnAudio(MediaBuffer payload, uint timestamp) => Demand(publishing!.OnAudio(payload, timestamp, At(timestamp)));

    void IRtmpServerEvents.OnVideo(MediaBuffer payload, uint timestamp) => Demand(publishing!.OnVideo(payload, timestamp, At(timestamp)));

    void IRtmpServerEvents.OnData(scoped in DataMessage message) { }

    void IRtmpServerEvents.OnDataRefused(RtmpViolation violation) { }

    void IRtmpServerEvents.OnUnpublish(UnpublishReason reason) { }

    // The encoder's own clock is the wall clock: the benchmark runs faster than real time.
    private long At(uint timestamp) => start + timestamp * TimeSpan.TicksPerMillisecond;

    private void Feed(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var read = bytes[..Math.Min(ReadBytes, bytes.Length)];
            if (session.Receive(read, 0) is { } violation)
                throw new InvalidOperationException(violation.ToString());
            session.ConsumeOutput(session.PendingOutput.Length);
            bytes = bytes[read.Length..];
        }
    }

    private static void Demand(PublishRejection? rejection)
    {
        if (rejection is not null)
            throw new InvalidOperationException(rejection.Description);
    }
}
