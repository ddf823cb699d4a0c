using Millrace.Core;
using Millrace.Packaging;
using Millrace.Packaging.Tests;

namespace Millrace.Ingest.Tests;

/// <summary>Broadcasts that an earlier run left.</summary>
public sealed class RecoveredTests
{
    private static readonly BroadcastId Id = BroadcastId.New(new DateTimeOffset(2026, 5, 1, 11, 0, 0, TimeSpan.Zero));

    [Fact]
    public void Publisher_BackWithinTheGrace_GoesOnBehindWhatWasThere()
    {
        var sinks = new Recovering();
        using var node = new TestNode(sinks: sinks);
        var waiting = node.Directory.Find(TestNode.Channel)!;
        Assert.Equal((Id, BroadcastState.Suspended), (waiting.Id, waiting.ReadHealth().State));

        node.Time.Advance(TimeSpan.FromSeconds(29));
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(10);
        publisher.Close();

        Assert.Equal(0, sinks.Sink.Opened);
        var period = Assert.Single(sinks.Sink.Periods);
        Assert.Equal(41, period.FirstSegment);
        Assert.True(period.Start > new MediaTime(82, 1));
        Assert.Equal(41, sinks.Sink.SegmentsOf(0, 0).First().Segment);
        // Its first segment is no broadcast's first one: it is as long as the others.
        Assert.InRange(sinks.Sink.SegmentsOf(0, 0).First().Duration.Seconds, 1.9, 2.1);
        node.DemandNothingHeld();
    }

    [Fact]
    public void Publisher_NotBackWithinTheGrace_TheBroadcastEnds()
    {
        var sinks = new Recovering();
        using var node = new TestNode(sinks: sinks);
        node.Time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(1, sinks.Sink.Ended);
        Assert.Null(node.Directory.Find(TestNode.Channel));
    }

    [Fact]
    public void Grace_Zero_TheBroadcastEndsAtOnce()
    {
        var sinks = new Recovering();
        using var node = new TestNode(new IngestOptions { ReconnectGrace = TimeSpan.Zero }, sinks: sinks);
        Assert.Equal(1, sinks.Sink.Ended);
    }

    [Fact]
    public async Task Prepare_OriginsHaveABroadcastOfTheChannel_ThePublisherGoesOnWithIt()
    {
        var sinks = new Elsewhere();
        using var node = new TestNode(sinks: sinks);
        var first = node.Directory.PrepareAsync(TestNode.Channel, TestContext.Current.CancellationToken);
        // A second publisher of the channel does not take it from the first.
        var second = node.Directory.PrepareAsync(TestNode.Channel, TestContext.Current.CancellationToken);
        Assert.False(first.IsCompleted || second.IsCompleted);
        sinks.Answer.SetResult(Broadcast(sinks.Sink));
        await Task.WhenAll(first, second);
        Assert.Equal((1, Id), (sinks.Asked, node.Directory.Find(TestNode.Channel)!.Id));

        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(5);
        publisher.Close();
        Assert.Equal(41, Assert.Single(sinks.Sink.Periods).FirstSegment);
        // What is here already is nobody else's.
        Assert.True(node.Directory.PrepareAsync(TestNode.Channel, TestContext.Current.CancellationToken).IsCompletedSuccessfully);
        Assert.Equal(1, sinks.Asked);
        node.DemandNothingHeld();
    }

    [Fact]
    public async Task Prepare_TheNodeStopsMeanwhile_NothingIsTaken()
    {
        var sinks = new Elsewhere();
        using var node = new TestNode(sinks: sinks);
        var preparing = node.Directory.PrepareAsync(TestNode.Channel, TestContext.Current.CancellationToken);
        node.Directory.Dispose();
        await preparing;
        Assert.Null(node.Directory.Find(TestNode.Channel));
        Assert.True(node.Directory.PrepareAsync(TestNode.Channel, TestContext.Current.CancellationToken).IsCompletedSuccessfully);
        Assert.Equal(1, sinks.Asked);
    }

    private static RecoveredBroadcast Broadcast(RecordingSink sink) => new(
        TestNode.Channel, Id, new DateTimeOffset(2026, 5, 1, 11, 0, 0, TimeSpan.Zero), sink.Contract!, 41, new MediaTime(82, 1), new MediaTime(82, 1), sink);

    /// <summary>Origins elsewhere, which answer when a test says.</summary>
    private sealed class Elsewhere : IBroadcastSinkFactory
    {
        public RecordingSink Sink { get; } = new() { Contract = new LowLatencyContract(2, new MediaTime(334, 1000)) };

        public TaskCompletionSource<RecoveredBroadcast?> Answer { get; } = new();

        public int Asked { get; private set; }

        public IBroadcastSink Open(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt) =>
            Sink.Open(channel, broadcast, contract, startedAt);

        public Task<RecoveredBroadcast?> TakeOverAsync(ChannelName channel, CancellationToken cancellation)
        {
            Asked++;
            return Answer.Task.WaitAsync(cancellation);
        }
    }

    private sealed class Recovering : IBroadcastSinkFactory
    {
        public RecordingSink Sink { get; } = new() { Contract = new LowLatencyContract(2, new MediaTime(334, 1000)) };

        public IBroadcastSink Open(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt) =>
            Sink.Open(channel, broadcast, contract, startedAt);

        public IReadOnlyList<RecoveredBroadcast> TakeRecovered() => [Broadcast(Sink)];
    }
}
