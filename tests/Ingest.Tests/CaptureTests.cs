using Millrace.Core;
using Millrace.Rtmp;

namespace Millrace.Ingest.Tests;

/// <summary>What real encoders sent, from the first byte to the last part.</summary>
public sealed class CaptureTests
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "captures");

    public static TheoryData<string> Names =>
        [.. Directory.GetFiles(Folder, "*.bin").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    private sealed class Shell(TestNode node) : IRtmpServerEvents
    {
        public RtmpServerSession? Server { get; set; }

        public PublishSession? Session { get; private set; }

        public PublishRejection? Rejection { get; private set; }

        private long Now => node.Time.GetUtcNow().UtcTicks;

        public void OnConnect(ConnectRequest request) { }

        public void OnPublish(PublishRequest request)
        {
            Session = node.Directory.Publish(TestNode.Channel, _ => { }).Session;
            Server!.AcceptPublish();
        }

        public void OnAudio(MediaBuffer payload, uint timestamp) => Rejection ??= Session!.OnAudio(payload, timestamp, Now);

        public void OnVideo(MediaBuffer payload, uint timestamp) => Rejection ??= Session!.OnVideo(payload, timestamp, Now);

        public void OnData(scoped in DataMessage message) => Rejection ??= Session!.OnData(message, Now);

        public void OnDataRefused(RtmpViolation violation) { }

        public void OnUnpublish(UnpublishReason reason) => Session!.Close();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_Capture_KeepsTheContract(string name)
    {
        using var node = new TestNode();
        var arena = new MediaArena(node.Pool);
        var shell = new Shell(node);
        shell.Server = new RtmpServerSession(RtmpLimits.Default, arena, shell);
        Assert.Null(shell.Server.Receive(File.ReadAllBytes(Path.Combine(Folder, name + ".bin")), 0));
        Assert.Null(shell.Rejection);
        shell.Session!.Close();
        shell.Server.Dispose();
        arena.Dispose();
        var health = shell.Session.Broadcast.ReadHealth();
        node.DemandNothingHeld();
        node.Sink.DemandRules(alignment: 0.0225);
        Assert.Single(node.Sink.Periods);
        Assert.Equal(Needed(name), health.Repairs);
        Assert.Equal(0, health.Ingest.MissingPictures + health.Ingest.Damaged + health.Ingest.BadTags + health.Ingest.BeforeConfiguration);
        Assert.Equal(0, health.Packaging.GapSegments);
    }

    /// <summary>What the encoder's own clock asks for: one was recorded for its step back, GStreamer's live audio source begins by a stumble.</summary>
    private static RepairCounters Needed(string name) => name switch
    {
        "ffmpeg-5.1-extended-timestamp-type-3" => new RepairCounters { BackwardJumps = 1 },
        "gstreamer-1.22-librtmp-2.4" or "gstreamer-1.22-rtmp2sink" => new RepairCounters { AudioHoles = 1, AudioDropped = 2, AudioSteered = 1 },
        _ => default,
    };
}
