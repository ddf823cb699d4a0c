using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Packaging;

namespace Millrace.Push.Tests;

/// <summary>An ingest node dies or loses its publisher, and another goes on with the broadcast behind what origins have.</summary>
public sealed class TakeOverTests
{
    private static readonly ChannelName Channel = ChannelName.TryParse("studio", out var name) ? name : throw new InvalidOperationException();
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public enum Other
    {
        /// <summary>The second origin has as much as the first, as far as their connections went.</summary>
        Level,
        /// <summary>It was not reached for a while.</summary>
        Behind,
        /// <summary>It was killed with the pusher, and is back.</summary>
        Killed,
        /// <summary>It does not answer when the other pusher asks.</summary>
        Silent,
        /// <summary>It has nothing of it.</summary>
        Empty,
    }

    [Fact]
    public void Pusher_IsKilledAnywhereAndAnotherGoesOn_NumbersGoOnAndNoNameMeansOtherBytes() => Gen.Select(
        Gen.Int[0, 1_000_000], Gen.Int[2, 10], Gen.Int[1, 99], Gen.Enum<Other>(), Gen.Int[0, 60_000]).Sample((seed, segments, percent, other, cut) => OnPool(async () =>
    {
        var time = new ScaledTime(20);
        var options = Options();
        using var first = new TestOrigin(options, TimeProvider.System);
        using var second = new TestOrigin(options, TimeProvider.System);
        var id = BroadcastId.New(Script.StartedAt);
        var script = Script.Make(seed, segments, ends: false);
        var at = Math.Max(1, script.Count * percent / 100);

        // 1. The one that dies. Origins get as far as their connections went.
        var factory = Factory(options, time, first, second);
        var sink = factory.Open(Channel, id, Script.Contract, Script.StartedAt);
        var early = other == Other.Behind ? Math.Max(1, at / 2) : at;
        second.IsAway = other == Other.Empty;
        script.Play(sink, 0, early);
        await ReachesAsync(first, id);
        second.IsAway |= other == Other.Behind;
        if (cut % 2 == 0)
            first.Cuts.Enqueue(cut);
        script.Play(sink, early, at);
        await factory.DisposeAsync();
        if (other == Other.Killed)
            second.Kill();
        var fetched = ((TestOrigin[])[first, second]).Select(origin => origin.Store.Find(id.Value) is { } there ? Serving.Fetched(there) : []).ToList();

        // 2. The one that goes on.
        second.IsAway = other == Other.Silent;
        await using var next = Factory(options, time, first, second);
        var recovered = await next.TakeOverAsync(Channel, TestContext.Current.CancellationToken);
        Assert.NotNull(recovered);
        Assert.Equal((id, Script.StartedAt, Script.Contract), (recovered.Id, recovered.StartedAt, recovered.Contract));
        second.IsAway = false;
        Assert.All(fetched.SelectMany(names => names.Keys), name => Assert.True(name.Segment < recovered.NextSegment));
        var more = Script.Make(seed + 1, 4, first: recovered.NextSegment, time: Math.Max(recovered.End.Seconds, recovered.DecodeEnd.Seconds) + 0.2);
        more.Play(recovered.Sink, 0, more.Count);
        await next.DrainAsync(Patience, TestContext.Current.CancellationToken);

        // 3. The same broadcast, behind a discontinuity, at both.
        var (one, two) = (first.Store.Find(id.Value)!, second.Store.Find(id.Value)!);
        Assert.True(one.IsEnded && two.IsEnded);
        Assert.Contains(one.Timeline.Read().Periods.Skip(1), period => period.FirstSegment == recovered.NextSegment);
        var (same, _) = Serving.AssertAgree(one, two, timesOfGaps: other != Other.Silent);
        Assert.True(same > 0);
        Serving.AssertKept(fetched[0], one);
        Serving.AssertKept(fetched[1], two);
    }), iter: 30, threads: 1);

    [Fact]
    public async Task Pusher_StillThereWhenAnotherGoesOn_IsRefusedAndItsEndIsNotHeard()
    {
        var time = new ScaledTime(20);
        var options = Options();
        using var first = new TestOrigin(options, TimeProvider.System);
        using var second = new TestOrigin(options, TimeProvider.System);
        var id = BroadcastId.New(Script.StartedAt);
        var script = Script.Make(5, 10, ends: false);
        await using var old = Factory(options, time, first, second);
        var given = new TaskCompletionSource<BroadcastId>(TaskCreationOptions.RunContinuationsAsynchronously);
        old.TakenOver += (_, broadcast) => given.SetResult(broadcast);
        var oldSink = old.Open(Channel, id, Script.Contract, Script.StartedAt);
        script.Play(oldSink, 0, script.Boundaries[4]);
        await ReachesAsync(first, id);
        await ReachesAsync(second, id);

        await using var next = Factory(options, time, first, second);
        var recovered = (await next.TakeOverAsync(Channel, TestContext.Current.CancellationToken))!;
        script.Play(oldSink, script.Boundaries[4], script.Boundaries[7]);
        Assert.Equal(id, await given.Task.WaitAsync(Patience, TestContext.Current.CancellationToken));
        oldSink.End();
        await old.DrainAsync(Patience, TestContext.Current.CancellationToken);
        var more = Script.Make(6, 3, ends: false, first: recovered.NextSegment, time: recovered.End.Seconds + 1);
        more.Play(recovered.Sink, 0, more.Count);
        await ReachesAsync(first, id, recovered.NextSegment + 3);
        await ReachesAsync(second, id, recovered.NextSegment + 3);
        Assert.False(first.Store.Find(id.Value)!.IsEnded);

        // And back again: the one that was refused may take it over like any other.
        var back = (await old.TakeOverAsync(Channel, TestContext.Current.CancellationToken))!;
        Assert.Equal((id, recovered.NextSegment + 3), (back.Id, back.NextSegment));
        back.Sink.End();
        await old.DrainAsync(Patience, TestContext.Current.CancellationToken);
        var (same, _) = Serving.AssertAgree(first.Store.Find(id.Value)!, second.Store.Find(id.Value)!);
        Assert.True(same > 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(12)]
    public async Task Pusher_AnotherGoesOnWithoutAskingTheOriginThatHasMost_TheNextPeriodBeginsAtTheSameMomentAtBoth(int seed)
    {
        for (var behind = 1; behind < 12; behind++)
        {
            var time = new ScaledTime(20);
            using var first = new TestOrigin(Options(), TimeProvider.System);
            using var second = new TestOrigin(Options(), TimeProvider.System);
            var id = BroadcastId.New(Script.StartedAt);
            var script = Script.Make(seed, 5, ends: false);
            // The first origin has some of the parts of a segment of which the second one has all.
            await PushAsync(first, id, script, script.Count - behind);
            await PushAsync(second, id, script, script.Count);
            second.IsAway = true;
            await using var next = Factory(Options(), time, first, second);
            var recovered = (await next.TakeOverAsync(Channel, TestContext.Current.CancellationToken))!;
            second.IsAway = false;
            var more = Script.Make(seed + 1, 4, first: recovered.NextSegment, time: Math.Max(recovered.End.Seconds, recovered.DecodeEnd.Seconds));
            more.Play(recovered.Sink, 0, more.Count);
            await next.DrainAsync(Patience, TestContext.Current.CancellationToken);
            Serving.AssertAgree(first.Store.Find(id.Value)!, second.Store.Find(id.Value)!, timesOfGaps: false);
        }
    }

    [Fact]
    public async Task TakeOver_OriginsThatDoNotKnowTheBroadcastFromItsBeginning_OneThatDoesIsEnough()
    {
        var time = new ScaledTime(20);
        using var first = new TestOrigin(Options(), TimeProvider.System);
        using var second = new TestOrigin(Options(), TimeProvider.System);
        var id = BroadcastId.New(Script.StartedAt);
        var script = Script.Make(3, 6, ends: false);
        await using (var factory = Factory(Options(), time, first, second))
        {
            script.Play(factory.Open(Channel, id, Script.Contract, Script.StartedAt), 0, script.Count);
            await ReachesAsync(first, id, 6);
            await ReachesAsync(second, id, 6);
        }
        first.Store.Find(id.Value)!.Story!.Forget(1);
        await using (var next = Factory(Options(), time, first, second))
            Assert.Equal((id, 6), await next.TakeOverAsync(Channel, TestContext.Current.CancellationToken) is { } recovered ? (recovered.Id, recovered.NextSegment) : default);
        second.Store.Find(id.Value)!.Story!.Forget(1);
        await using var last = Factory(Options(), time, first, second);
        Assert.Null(await last.TakeOverAsync(Channel, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task TakeOver_NothingOnAirOrNobodyThere_IsNothing()
    {
        var options = Options();
        using var first = new TestOrigin(options, TimeProvider.System);
        using var second = new TestOrigin(options, TimeProvider.System) { IsAway = true };
        await using var factory = Factory(options, TimeProvider.System, first, second);
        Assert.Null(await factory.TakeOverAsync(Channel, TestContext.Current.CancellationToken));

        var id = BroadcastId.New(Script.StartedAt);
        var script = Script.Make(3, 2);
        script.Play(first.Broadcasts.Open(Channel, id, new PushOpen(Script.Contract, Script.StartedAt, false)).Broadcast!.Broadcast, 0, script.Count);
        Assert.Null(await factory.TakeOverAsync(Channel, TestContext.Current.CancellationToken));
        first.IsAway = true;
        Assert.Null(await factory.TakeOverAsync(Channel, TestContext.Current.CancellationToken));
    }

    private static PushOptions Options(params string[] origins) => new()
    {
        Push = origins is [] ? ["http://first/", "http://second/"] : origins,
        Secret = new string('s', 32),
        MaxBufferAge = TimeSpan.FromDays(10),
        LostAfter = TimeSpan.FromDays(10),
    };

    private static PushSinkFactory Factory(PushOptions options, TimeProvider time, TestOrigin first, TestOrigin second) =>
        // Its clock goes faster than this machine may be at the moment.
        new(options, Path.GetTempPath(), time, NullLogger<PushSinkFactory>.Instance, new ByHost(first, second)) { TakeOverPatience = TimeSpan.FromHours(1) };

    /// <summary>Ends when an origin has begun the broadcast, or that segment comes next.</summary>
    private static async Task ReachesAsync(TestOrigin origin, BroadcastId id, long next = -1)
    {
        while (true)
        {
            var answer = origin.NextAnswerAsync();
            if (origin.Store.Find(id.Value)?.Timeline.Read() is { Periods.Count: > 0 } read && read.Renditions.Any(rendition => rendition.NextSegment >= next))
                return;
            await answer.WaitAsync(Patience, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>A pusher of its own brings an origin the script's first calls, and dies.</summary>
    private static async Task PushAsync(TestOrigin origin, BroadcastId id, Script script, int calls)
    {
        using var whole = new TestOrigin(Options(), TimeProvider.System);
        var model = whole.Broadcasts.Open(Channel, id, new PushOpen(Script.Contract, Script.StartedAt, false)).Broadcast!.Broadcast;
        script.Play(model, 0, calls);
        await using var factory = Factory(Options("http://first/"), new ScaledTime(20), origin, origin);
        script.Play(factory.Open(Channel, id, Script.Contract, Script.StartedAt), 0, calls);
        while (true)
        {
            var answer = origin.NextAnswerAsync();
            if (origin.Store.Find(id.Value) is { } taken && Place(taken).SequenceEqual(Place(model)))
                return;
            await answer.WaitAsync(Patience, TestContext.Current.CancellationToken);
        }

        static IEnumerable<(string, long, int)> Place(OriginBroadcast broadcast) =>
            broadcast.Timeline.Read().Renditions.Select(rendition => (rendition.Name, rendition.NextSegment, rendition.Running?.Parts.Length ?? 0));
    }

    // Off the test framework's own context, whose threads wait meanwhile.
    private static void OnPool(Func<Task> test) => Task.Run(test).GetAwaiter().GetResult();

    private sealed class ByHost(TestOrigin first, TestOrigin second) : HttpMessageHandler
    {
        private readonly HttpMessageInvoker first = new(first, disposeHandler: false);
        private readonly HttpMessageInvoker second = new(second, disposeHandler: false);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            (request.RequestUri!.Host == "second" ? second : first).SendAsync(request, cancellationToken);
    }
}
