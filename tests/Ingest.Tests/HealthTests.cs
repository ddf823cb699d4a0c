using System.Diagnostics.Metrics;
using Millrace.Packaging;
using Millrace.Packaging.Tests;
using Millrace.Rtmp;

namespace Millrace.Ingest.Tests;

public sealed class HealthTests
{
    [Fact]
    public void Metrics_BroadcastsThatEnd_NeverTakeACountBack()
    {
        using var node = new TestNode(new IngestOptions { ReconnectGrace = TimeSpan.FromSeconds(10) }, sinks: new ManySinks());
        using var reading = new Readings(node.Directory);
        var first = node.Publish();
        first.Headers();
        first.Play(4);
        var second = node.Publish(TestNode.Name("bob"));
        second.Headers();
        second.Play(4, audioIs: time => time is < 1 or > 2.5);
        second.RawPicture(4000, key: true, [0x7F, 0xFF, 0xFF, 0xFF, 0x65]);
        second.Data("onTextData", AmfValue.Of("x"));

        var before = reading.Read();
        Assert.Equal(2, before["millrace.ingest.broadcasts on_air"]);
        Assert.Equal(240, before["millrace.ingest.access_units video"]);
        Assert.Equal(1, before["millrace.ingest.dropped damaged"]);
        Assert.Equal(3, before["millrace.ingest.data_messages"]);
        Assert.True(before["millrace.ingest.repairs audio_hole"] > 0);
        Assert.True(before["millrace.packaging.irregularities silent_frame"] > 0);

        // One goes for good, one comes back: neither takes anything along.
        first.Close();
        second.Close();
        var waiting = reading.Read();
        Assert.Equal((0, 2), (waiting["millrace.ingest.broadcasts on_air"], waiting["millrace.ingest.broadcasts waiting_for_publisher"]));
        Assert.True(node.Directory.End(TestNode.Channel, new PublishRejection(PublishRejectionReason.ShuttingDown, "")));
        var again = node.Publish(TestNode.Name("bob"));
        again.Headers();
        again.Play(2);
        again.Close();
        node.Time.Advance(TimeSpan.FromSeconds(11));

        var after = reading.Read();
        foreach (var (name, value) in before.Where(entry => !entry.Key.StartsWith("millrace.ingest.broadcasts", StringComparison.Ordinal)))
            Assert.True(after[name] >= value, $"{name} went from {value} to {after[name]}.");
        Assert.Equal(300, after["millrace.ingest.access_units video"]);
        Assert.Equal(3, after["millrace.ingest.sessions"]);
        Assert.Equal((0, 0), (after["millrace.ingest.broadcasts on_air"], after["millrace.ingest.broadcasts waiting_for_publisher"]));
    }

    [Fact]
    public void Metrics_EveryRepairKind_HasASeriesFromTheStart()
    {
        using var node = new TestNode();
        using var reading = new Readings(node.Directory);
        var series = reading.Read();
        Assert.Equal(typeof(RepairCounters).GetProperties().Length, series.Keys.Count(name => name.StartsWith("millrace.ingest.repairs ", StringComparison.Ordinal)));
        Assert.All(series.Values, value => Assert.Equal(0, value));
    }

    [Fact]
    public void Health_Repairs_AreOfAllSessions()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(4, audioIs: time => time is < 1 or > 2);
        var repairs = publisher.Session.Broadcast.ReadHealth().Repairs;
        Assert.NotEqual(default, repairs);
        publisher.Close();
        node.Publish();
        Assert.Equal(repairs, publisher.Session.Broadcast.ReadHealth().Repairs);
    }

    [Fact]
    public void Problems_GoodStream_AreNone()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(5);
        Assert.Empty(Problems(node, publisher));
    }

    [Fact]
    public void Problems_EncoderThatHangs_IsTheOnlyOne()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(5);
        node.Time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(["publisher_silent"], Problems(node, publisher));
        publisher.Close();
        Assert.Empty(Problems(node, publisher));
    }

    [Theory]
    [InlineData("key_frames_rare")]
    [InlineData("audio_late")]
    [InlineData("video_late")]
    [InlineData("bitrate_near_limit")]
    [InlineData("damaged_media")]
    public void Problems_OfTheStream_AreNamed(string code)
    {
        using var node = new TestNode(new IngestOptions { MaxBitrate = code == "bitrate_near_limit" ? 26_500 : 50_000_000 });
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(8, gop: code == "key_frames_rare" ? 6 : 2,
            audioIs: time => code != "audio_late" || time < 6, videoIs: time => code != "video_late" || time < 6);
        if (code == "damaged_media")
            publisher.RawPicture(8000, key: true, [0x7F, 0xFF, 0xFF, 0xFF, 0x65]);
        Assert.Null(publisher.Rejection);
        Assert.Contains(code, Problems(node, publisher));
    }

    private static IEnumerable<string> Problems(TestNode node, TestPublisher publisher) =>
        node.Directory.FindProblems(publisher.Session.Broadcast.ReadHealth()).Select(problem => problem.Code);

    /// <summary>A sink for each broadcast.</summary>
    private sealed class ManySinks : IBroadcastSinkFactory
    {
        public IBroadcastSink Open(Core.ChannelName channel, Core.BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt) =>
            new RecordingSink().Open(channel, broadcast, contract, startedAt);
    }

    /// <summary>Reads every series of one node's ingest.</summary>
    private sealed class Readings : IMeterFactory
    {
        private readonly List<Meter> meters = [];
        private readonly MeterListener listener = new();
        private readonly Dictionary<string, long> values = [];

        public Readings(BroadcastDirectory directory)
        {
            listener.InstrumentPublished = (instrument, own) =>
            {
                if (meters.Contains(instrument.Meter))
                    own.EnableMeasurementEvents(instrument);
            };
            listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
            listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
            listener.Start();
            _ = new IngestMetrics(directory, this);
        }

        public Dictionary<string, long> Read()
        {
            values.Clear();
            listener.RecordObservableInstruments();
            return new(values);
        }

        public Meter Create(MeterOptions options)
        {
            meters.Add(new Meter(options));
            return meters[^1];
        }

        public void Dispose()
        {
            listener.Dispose();
            meters.ForEach(meter => meter.Dispose());
        }

        private void Note(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            values[tags.Length == 0 ? instrument.Name : $"{instrument.Name} {tags[0].Value}"] = value;
    }
}
