using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Core;
using Millrace.Delivery;

namespace Millrace.Push.Tests;

/// <summary>An ingest node is stopped: origins get what it has, and the broadcast waits there.</summary>
public sealed class LeaveTests
{
    private static readonly ChannelName Channel = ChannelName.TryParse("studio", out var name) ? name : throw new InvalidOperationException();
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly PushOptions Options = new()
    {
        Push = ["http://origin/"],
        Secret = new string('s', 32),
        MaxBufferAge = TimeSpan.FromDays(10),
        LostAfter = TimeSpan.FromDays(10),
    };

    [Fact]
    public void Pusher_LeavesAnywhere_TheOriginHasAllOfItAndAnotherGoesOnWithoutAGap() => Gen.Select(
        Gen.Int[0, 1_000_000], Gen.Int[2, 10], Gen.Int[0, 99], Gen.Int[0, 60_000]).Sample((seed, segments, percent, cut) => Task.Run(async () =>
    {
        var time = new ScaledTime(20);
        using var whole = new TestOrigin(Options, TimeProvider.System);
        using var origin = new TestOrigin(Options, TimeProvider.System);
        var id = BroadcastId.New(Script.StartedAt);
        var script = Script.Make(seed, segments, ends: false);
        var at = script.Boundaries[script.Boundaries.Count * percent / 100];
        var model = whole.Broadcasts.Open(Channel, id, new PushOpen(Script.Contract, Script.StartedAt, false)).Broadcast!.Broadcast;
        script.Play(model, 0, at);
        model.Suspend();

        // 1. Everything is brought over, also when a connection breaks meanwhile; nothing ends.
        if (cut % 2 == 0)
            origin.Cuts.Enqueue(cut);
        await using (var leaving = Factory(time, origin))
        {
            var sink = leaving.Open(Channel, id, Script.Contract, Script.StartedAt);
            script.Play(sink, 0, at);
            sink.Suspend();
            await leaving.DrainAsync(Timeout.InfiniteTimeSpan, TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);
        }
        var broadcast = origin.Store.Find(id.Value)!;
        Assert.Equal((false, true), (broadcast.IsEnded, broadcast.Timeline.Read().IsSuspended));
        Assert.Equal(0, Serving.AssertSame(model, broadcast).Gaps);

        // 2. Another one goes on with the very next number.
        await using var next = Factory(time, origin);
        var recovered = (await next.TakeOverAsync(Channel, TestContext.Current.CancellationToken))!;
        Assert.Equal((id, model.Timeline.Read().Renditions.Max(rendition => rendition.NextSegment)), (recovered.Id, recovered.NextSegment));
        var more = Script.Make(seed + 1, 3, first: recovered.NextSegment, time: Math.Max(recovered.End.Seconds, recovered.DecodeEnd.Seconds) + 0.2);
        more.Play(recovered.Sink, 0, more.Count);
        await next.DrainAsync(Timeout.InfiniteTimeSpan, TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.True(broadcast.IsEnded);
        Assert.Equal(recovered.NextSegment, broadcast.Timeline.Read().Periods.First(period => period.FirstSegment >= recovered.NextSegment).FirstSegment);
    }).GetAwaiter().GetResult(), iter: 30, threads: 1);

    [Fact]
    public async Task Pusher_LeavesBeforeThePublisherCameBack_IsNotHeldUp()
    {
        var time = new ScaledTime(20);
        using var origin = new TestOrigin(Options, TimeProvider.System);
        var id = BroadcastId.New(Script.StartedAt);
        var script = Script.Make(3, 4, ends: false);
        await using (var first = Factory(time, origin))
        {
            script.Play(first.Open(Channel, id, Script.Contract, Script.StartedAt), 0, script.Boundaries[2]);
            await first.DrainAsync(Patience, TestContext.Current.CancellationToken);
        }
        for (var i = 0; i < 2; i++)
        {
            await using var next = Factory(time, origin);
            Assert.Equal(id, (await next.TakeOverAsync(Channel, TestContext.Current.CancellationToken))!.Id);
            await next.DrainAsync(Timeout.InfiniteTimeSpan, TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);
        }
        Assert.False(origin.Store.Find(id.Value)!.IsEnded);
    }

    [Fact]
    public async Task Pusher_LeavesWhileTheOriginIsAway_WaitsNoLongerThanItsPatience()
    {
        var time = new ScaledTime(20);
        using var origin = new TestOrigin(Options, TimeProvider.System) { IsAway = true };
        var script = Script.Make(3, 4, ends: false);
        await using var factory = Factory(time, origin);
        script.Play(factory.Open(Channel, BroadcastId.New(Script.StartedAt), Script.Contract, Script.StartedAt), 0, script.Count);
        await factory.DrainAsync(TimeSpan.FromSeconds(3), TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(1, Assert.Single(factory.Failing).Broadcasts);
    }

    private static PushSinkFactory Factory(TimeProvider time, TestOrigin origin) =>
        // Its clock goes faster than this machine may be at the moment; the origin's does not.
        new(Options, Path.GetTempPath(), time, NullLogger<PushSinkFactory>.Instance, new Through(origin)) { TakeOverPatience = TimeSpan.FromHours(1) };

    // A factory disposes of its handler, and the origin outlives it.
    private sealed class Through(TestOrigin origin) : HttpMessageHandler
    {
        private readonly HttpMessageInvoker origin = new(origin, disposeHandler: false);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            origin.SendAsync(request, cancellationToken);
    }
}
