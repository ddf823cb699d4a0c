using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Packaging;

namespace Millrace.Push.Tests;

/// <summary>Senders and receivers against each other, over connections that break.</summary>
public sealed class PushTransferTests : IDisposable
{
    private readonly DirectoryInfo data = Directory.CreateTempSubdirectory("millrace-push-data-");

    private static readonly ChannelName Channel = ChannelName.TryParse("studio", out var name) ? name : throw new InvalidOperationException();
    private static readonly ChannelName Other = ChannelName.TryParse("another", out var name) ? name : throw new InvalidOperationException();

    // Nothing is dropped for its age: a test's clock runs fast, its processor may be slow.
    private static PushOptions Patient => new()
    {
        Push = ["http://a/"],
        Secret = new string('s', 32),
        MaxBufferAge = TimeSpan.FromDays(10),
        LostAfter = TimeSpan.FromDays(10),
    };

    [Fact]
    public void Push_ConnectionsCutAnywhere_TheOriginServesWhatAnInProcessOneDoes() => Gen.Select(
        Gen.Int[0, 1_000_000], Gen.Int[2, 12], Gen.Int[0, 60_000].Array[0, 6], Gen.Int[0, 100].Array[0, 4]).Sample((seed, segments, cuts, pauses) => OnPool(async () =>
    {
        await using var run = new Run();
        foreach (var cut in cuts)
            run.Origin.Cuts.Enqueue(cut);
        var script = Script.Make(seed, segments);
        var position = 0;
        foreach (var pause in pauses.Order())
        {
            // The sender gets in between: what it does with a queue that grows, it does elsewhere than at the end.
            var next = Math.Max(position, script.Count * pause / 100);
            run.Play(script, position, next);
            position = next;
            await run.SettleAsync();
        }
        run.Play(script, position, script.Count);
        await run.EndAsync();

        var (_, gaps) = Serving.AssertSame(run.Reference, run.Pushed);
        Assert.Equal(0, gaps);
        Assert.Equal(Serving.Texts(run.Reference), Serving.Texts(run.Pushed));
    }), iter: 10, threads: 1);

    [Fact]
    public Task Push_AFaultOfOurs_IsNotTheEndOfIt() => Task.Run(async () =>
    {
        await using var run = new Run();
        var script = Script.Make(7, 4);
        run.Play(script, 0, script.Count / 2);
        await run.SettleAsync();
        run.Origin.Faults.Enqueue(new InvalidOperationException("a fault"));
        run.Origin.Faults.Enqueue(new InvalidOperationException("another one"));
        for (var answer = run.Origin.NextAnswerAsync(); !run.Origin.Faults.IsEmpty; answer = run.Origin.NextAnswerAsync())
            await answer.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        run.Play(script, script.Count / 2, script.Count);
        await run.EndAsync();

        Assert.Equal(Serving.Texts(run.Reference), Serving.Texts(run.Pushed));
    });

    [Fact]
    public void Push_OriginForgetsEverything_ItGoesOnUnderTheSameNames() => Gen.Select(
        Gen.Int[0, 1_000_000], Gen.Int[3, 14], Gen.Int[10, 95], Gen.Int[0, 60_000].Array[0, 3]).Sample((seed, segments, percent, cuts) => OnPool(async () =>
    {
        await using var run = new Run();
        var script = Script.Make(seed, segments);
        var at = script.Count * percent / 100;
        run.Play(script, 0, at);
        await run.SettleAsync();
        foreach (var cut in cuts)
            run.Origin.Cuts.Enqueue(cut);
        run.Origin.Forget();
        run.Play(script, at, script.Count);
        await run.EndAsync();

        // What is left may be too little to begin with: the end alone.
        if (run.Origin.Store.Find(run.Id.Value) is not { } pushed)
            return;
        var (_, gaps) = Serving.AssertSame(run.Reference, pushed);
        Assert.Equal(0, gaps);
    }), iter: 10, threads: 1);

    [Fact]
    public void Push_OriginIsKilledAndBack_NothingIsLostOrOtherwise() => Gen.Select(
        Gen.Int[0, 1_000_000], Gen.Int[3, 14], Gen.Int[5, 95].Array[1, 3], Gen.Bool).Sample((seed, segments, kills, settles) => OnPool(async () =>
    {
        await using var run = new Run();
        var script = Script.Make(seed, segments);
        var position = 0;
        foreach (var percent in kills.Order())
        {
            var next = Math.Max(position, script.Count * percent / 100);
            run.Play(script, position, next);
            position = next;
            if (settles)
                await run.SettleAsync();
            run.Origin.Kill();
        }
        run.Play(script, position, script.Count);
        await run.EndAsync();

        var (_, gaps) = Serving.AssertSame(run.Reference, run.Pushed);
        Assert.Equal(0, gaps);
        Assert.Equal(Serving.Texts(run.Reference), Serving.Texts(run.Pushed));
    }), iter: 12, threads: 1);

    [Fact]
    public async Task Push_OriginIsKilledInASegment_ThePublisherIsThereAgain()
    {
        await using var run = new Run();
        var script = Script.Make(11, 6, ends: false);
        run.Play(script, 0, script.Boundaries[2]);
        await run.SettleAsync();
        run.Origin.Kill();
        Assert.True(run.Pushed.Timeline.Read().IsSuspended);
        run.Play(script, script.Boundaries[2], script.Boundaries[3]);
        await run.SettleAsync();
        Assert.False(run.Pushed.Timeline.Read().IsSuspended);
        Assert.True(run.Pushed.IsPushed);
    }

    [Fact]
    public async Task Push_OriginIsKilledAndBack_IsCatchingUpUntilItsPusherHasNothingMore()
    {
        await using var run = new Run(originTime: new StoppedTime());
        var script = Script.Make(11, 8, ends: false);
        run.Play(script, 0, script.Boundaries[3]);
        await run.SettleAsync();
        run.Origin.Store.Spooler.Drain(() => run.Pushed.Journal.IsCaughtUp);
        Assert.False(run.Origin.Broadcasts.IsCatchingUp);

        run.Origin.IsAway = true;
        run.Play(script, script.Boundaries[3], script.Boundaries[6]);
        run.Origin.Kill();
        Assert.True(run.Origin.Broadcasts.IsCatchingUp);
        run.Origin.IsAway = false;
        for (var answer = run.Origin.NextAnswerAsync(); run.Origin.Broadcasts.IsCatchingUp; answer = run.Origin.NextAnswerAsync())
            await answer.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.Equal(Serving.Texts(run.Reference), Serving.Texts(run.Pushed));

        // Nothing more comes of it, so that its pusher does not notice: it is heard all the same.
        run.Origin.Kill();
        Assert.True(run.Origin.Broadcasts.IsCatchingUp);
        for (var answer = run.Origin.NextAnswerAsync(); run.Origin.Broadcasts.IsCatchingUp; answer = run.Origin.NextAnswerAsync())
            await answer.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
    }

    [Fact]
    public void CatchingUp_PusherThatNeverComesBack_EndsByItself()
    {
        var time = new StoppedTime();
        using var origin = new TestOrigin(Patient, time);
        var script = Script.Make(4, 3, ends: false);
        var open = new PushOpen(Script.Contract, Script.StartedAt, false);
        foreach (var (channel, id) in (ReadOnlySpan<(ChannelName, BroadcastId)>)[(Channel, BroadcastId.New(Script.StartedAt)), (Other, BroadcastId.New(Script.StartedAt))])
        {
            var opened = origin.Broadcasts.Open(channel, id, open).Broadcast!.Broadcast;
            script.Play(opened, 0, script.Count);
            origin.Store.Spooler.Drain(() => opened.Journal.IsCaughtUp);
        }
        Assert.False(origin.Broadcasts.IsCatchingUp);
        origin.Kill();
        time.Now += 9_999;
        Assert.True(origin.Broadcasts.IsCatchingUp);
        time.Now += 1;
        Assert.False(origin.Broadcasts.IsCatchingUp);

        // One that another took the place of, and one that was taken down, are not waited for.
        origin.Kill();
        Assert.True(origin.Broadcasts.IsCatchingUp);
        Assert.NotNull(origin.Broadcasts.Open(Channel, BroadcastId.New(Script.StartedAt.AddMinutes(1)), open).Broadcast);
        Assert.True(origin.Broadcasts.IsCatchingUp);
        origin.Broadcasts.TakeDown(origin.Store.FindNewest(Other.Value)!.Id);
        Assert.False(origin.Broadcasts.IsCatchingUp);
    }

    [Fact]
    public async Task Push_TwoOriginsAndOneIsKilled_BothServeTheSameAndATakedownReachesBoth()
    {
        var time = new ScaledTime(20);
        var options = Patient;
        options.Push = ["http://dead/", "http://alive/"];
        using var one = new TestOrigin(options, time);
        using var other = new TestOrigin(options, time);
        await using var factory = new PushSinkFactory(options, data.FullName, time, NullLogger<PushSinkFactory>.Instance, new ByHost(one, other));
        var id = BroadcastId.New(Script.StartedAt);
        var sink = factory.Open(Channel, id, Script.Contract, Script.StartedAt);
        var script = Script.Make(5, 16, ends: false);
        script.Play(sink, 0, script.Boundaries[7]);
        await ReachesAsync(one, 8);
        one.Kill();
        script.Play(sink, script.Boundaries[7], script.Count);
        await ReachesAsync(one, 16);
        await ReachesAsync(other, 16);
        var (same, gaps) = Serving.AssertSame(other.Store.Find(id.Value)!, one.Store.Find(id.Value)!);
        Assert.True(same > 16, $"{same} segments");
        Assert.Equal(0, gaps);
        // Time runs twenty times as fast: a busy machine may just have been too slow for one of them.
        await UntilAsync(() => factory.Find(id).All(status => !status.IsFailing));

        // One origin is told to take it down: the pusher hears of it, and has it done everywhere.
        var told = new TaskCompletionSource<BroadcastId>(TaskCreationOptions.RunContinuationsAsynchronously);
        factory.TakenDown += (_, broadcast) => told.TrySetResult(broadcast);
        Assert.Equal([id], one.Broadcasts.TakeDown(id));
        Assert.Equal(id, await told.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        var there = await factory.Takedowns.TakeDownAsync(id, TimeSpan.Zero, TestContext.Current.CancellationToken);
        Assert.True(there.WasThere);
        Assert.Empty(there.NotReached);
        Assert.Null(one.Store.Find(id.Value));
        Assert.Null(other.Store.Find(id.Value));
        Assert.Equal(PushRefusal.TakenDown, other.Broadcasts.Find(Channel, id).Refusal);

        Task ReachesAsync(TestOrigin origin, long segment) => UntilAsync(() =>
            origin.Store.Find(id.Value)?.Timeline.Read() is { Renditions.Count: > 0 } read && read.Renditions.All(rendition => rendition.NextSegment == segment));

        async Task UntilAsync(Func<bool> holds)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            limit.CancelAfter(TimeSpan.FromSeconds(60));
            // A request is answered when it has ended, which may be long after its last frame was taken.
            while (!holds())
                await Task.Delay(TimeSpan.FromMilliseconds(10), limit.Token);
        }
    }

    [Fact]
    public async Task Open_AnewWhileTheOldOneIsDeleted_WaitsForTheDirectory()
    {
        using var origin = new TestOrigin(Patient, TimeProvider.System);
        var id = BroadcastId.New(Script.StartedAt);
        var script = Script.Make(4, 3, ends: false);
        var open = new PushOpen(Script.Contract, Script.StartedAt, false);
        script.Play(origin.Broadcasts.Open(Channel, id, open).Broadcast!.Broadcast, 0, script.Count);

        var (opened, refusal) = origin.Broadcasts.Open(Channel, id, open with { IsAnew = true });
        if (opened is null)
        {
            Assert.Equal(PushRefusal.Leaving, refusal);
            var deleted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            origin.Store.Spooler.Run(() => deleted.TrySetResult());
            await deleted.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
            (opened, refusal) = origin.Broadcasts.Open(Channel, id, open);
        }
        Assert.Equal(PushRefusal.None, refusal);
        Assert.Equal(0, opened!.Position.Periods);
        script.Play(opened.Broadcast, 0, script.Count);
        origin.Store.Spooler.Drain(() => opened.Broadcast.Journal.IsCaughtUp);

        // What it wrote is there: another run finds it.
        origin.Kill();
        Assert.Equal(3, origin.Store.Find(id.Value)!.Timeline.Read().Renditions[0].NextSegment);
    }

    [Fact]
    public async Task Push_OriginIsAwayForLong_ItsWindowHasGapsAndItsNumbersAreRight()
    {
        // Room for some three of the forty segments.
        await using var run = new Run(options => options.MaxBufferBytes = 800_000);
        var script = Script.Make(7, 40);
        run.Play(script, 0, script.Boundaries[4]);
        await run.SettleAsync();
        run.Origin.IsAway = true;
        run.Play(script, script.Boundaries[4], script.Boundaries[34]);
        run.Origin.IsAway = false;
        // It is back before more comes.
        await run.SettleAsync();
        for (var segment = 34; segment < 39; segment++)
        {
            run.Play(script, script.Boundaries[segment], script.Boundaries[segment + 1]);
            await run.SettleAsync();
        }
        run.Play(script, script.Boundaries[39], script.Count);
        await run.EndAsync();

        var (same, gaps) = Serving.AssertSame(run.Reference, run.Pushed);
        Assert.True(gaps > 5, $"{gaps} gaps");
        Assert.True(same > 5, $"{same} segments");
        Assert.Equal(0, run.Queue.Bytes);
    }

    [Fact]
    public async Task Push_OneOriginIsDead_TheOtherGetsEverythingAndIngestNeverWaits()
    {
        var time = new ScaledTime(20);
        var options = Patient;
        options.Push = ["http://dead/", "http://alive/"];
        options.MaxBufferBytes = 16 << 20;
        using var alive = new TestOrigin(options, time);
        using var dead = new TestOrigin(options, time) { IsAway = true };
        var factory = new PushSinkFactory(options, data.FullName, time, NullLogger<PushSinkFactory>.Instance, new ByHost(dead, alive));
        var id = BroadcastId.New(Script.StartedAt);
        using var reference = new TestOrigin(options, time);
        var model = reference.Store.Open(Channel, id, Script.Contract, Script.StartedAt);
        var sink = factory.Open(Channel, id, Script.Contract, Script.StartedAt);
        var script = Script.Make(3, 20);
        script.Play(model, 0, script.Count);
        script.Play(sink, 0, script.Count);
        while (true)
        {
            var answer = alive.NextAnswerAsync();
            if (alive.Store.Find(id.Value)?.Timeline.Read() is { IsEnded: true, Renditions: [{ NextSegment: 20 }, ..] })
                break;
            await answer.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        }
        await factory.DisposeAsync();

        Assert.Equal(Serving.Texts((OriginBroadcast)model), Serving.Texts(alive.Store.Find(id.Value)!));
        Assert.Null(dead.Store.Find(id.Value));
    }

    public void Dispose() => data.Delete(recursive: true);

    // Off the test framework's own context, whose threads wait meanwhile.
    private static void OnPool(Func<Task> test) => Task.Run(test).GetAwaiter().GetResult();

    /// <summary>A clock that a test moves, in milliseconds; timers are real.</summary>
    private sealed class StoppedTime : TimeProvider
    {
        public long Now { get; set; }

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => Now;
    }

    private sealed class ByHost(TestOrigin dead, TestOrigin alive) : HttpMessageHandler
    {
        private readonly HttpMessageInvoker dead = new(dead, disposeHandler: false);
        private readonly HttpMessageInvoker alive = new(alive, disposeHandler: false);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            (request.RequestUri!.Host == "dead" ? dead : alive).SendAsync(request, cancellationToken);
    }

    /// <summary>A sender to one origin, and an in-process origin beside it that gets the same calls.</summary>
    private sealed class Run : IAsyncDisposable
    {
        private readonly ScaledTime time = new(20);
        private readonly TestOrigin reference;
        private readonly IBroadcastSink model;
        private readonly PushSink sink;
        private readonly CancellationTokenSource stop = new();
        private readonly HttpMessageInvoker http;
        private readonly Task sending;

        public Run(Action<PushOptions>? change = null, TimeProvider? originTime = null)
        {
            var options = Patient;
            change?.Invoke(options);
            Origin = new TestOrigin(options, originTime ?? time);
            reference = new TestOrigin(options, time);
            Id = BroadcastId.New(Script.StartedAt);
            model = reference.Store.Open(Channel, Id, Script.Contract, Script.StartedAt);
            var history = new PushHistory(Script.Contract, Script.StartedAt);
            Queue = new PushQueue(history, options, time);
            sink = new PushSink(history, [Queue]);
            http = new HttpMessageInvoker(Origin, disposeHandler: false);
            var client = new PushClient(http, new Uri($"http://a/push/{Channel}/{Id}"), options.Secret, time);
            sending = new PushSender(Queue, client, options, time, NullLogger.Instance, Channel.Value, Id.Value, "a").RunAsync(stop.Token);
        }

        public BroadcastId Id { get; }

        public PushQueue Queue { get; }

        public TestOrigin Origin { get; }

        public OriginBroadcast Reference => (OriginBroadcast)model;

        public OriginBroadcast Pushed => Origin.Store.Find(Id.Value)!;

        public void Play(Script script, int from, int to)
        {
            script.Play(model, from, to);
            script.Play(sink, from, to);
        }

        /// <summary>Ends when the origin has what was played so far.</summary>
        public async Task SettleAsync()
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            limit.CancelAfter(TimeSpan.FromSeconds(60));
            while (true)
            {
                var (expected, actual) = (Reference.Timeline.Read(), Origin.Store.Find(Id.Value)?.Timeline.Read());
                if (expected.Periods.Count == 0)
                    return;
                // One that was killed takes its publisher for gone until the next part comes.
                if (actual is not null && (actual.IsSuspended || !expected.IsSuspended) && actual.IsEnded == expected.IsEnded
                    && actual.Periods.Count == expected.Periods.Count
                    && expected.Renditions.Zip(actual.Renditions).All(pair => pair.First.NextSegment == pair.Second.NextSegment
                        && pair.First.Running?.Parts.Length == pair.Second.Running?.Parts.Length))
                    return;
                // A request is answered when it has ended, which may be long after its last frame was taken.
                await Task.Delay(TimeSpan.FromMilliseconds(10), limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                Assert.False(limit.IsCancellationRequested, $"Expected {Where(expected)}, found {(actual is null ? "nothing" : Where(actual))}.");
            }

            static string Where(Timeline.BroadcastSnapshot read) =>
                $"{(read.IsSuspended ? "suspended " : "")}{(read.IsEnded ? "ended " : "")}{read.Periods.Count}: "
                + string.Join(", ", read.Renditions.Select(rendition => $"{rendition.Name} {rendition.NextSegment}.{rendition.Running?.Parts.Length}"));
        }

        /// <summary>Ends when the sender has brought the broadcast's end.</summary>
        public Task EndAsync() => sending.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await sending;
            stop.Dispose();
            http.Dispose();
            Origin.Dispose();
            reference.Dispose();
        }
    }
}
