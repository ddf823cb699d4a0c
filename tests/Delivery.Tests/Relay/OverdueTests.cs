using System.Text;
using Millrace.Delivery.Relay;

namespace Millrace.Delivery.Tests.Relay;

/// <summary>
/// What is due and does not come is asked of the next parent as well: by when parts came so far, and only then. The parts of these
/// playlists last half a second; the relay waits a tenth more.
/// </summary>
public sealed class OverdueTests
{
    private const string Live = TestRelay.Base + "live.m3u8";
    private static readonly TimeSpan Part = TimeSpan.FromSeconds(0.5);
    // On a busy machine a timer may be set late; how early it is due, LiveCadence tells.
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task Parent_ThatFallsSilent_IsLeftBeforeAPartIsOver()
    {
        await using var relay = Relay();
        var first = await WatchAsync(relay);
        var (playlist, part) = (await NextAsync(relay, 2, 0), await HintAsync(relay, 2, 0));
        Assert.Equal((first, first), (playlist.Host, part.Host));
        var viewer = relay.Get(Live, "?_HLS_msn=7&_HLS_part=2");
        await relay.AdvanceUntilAsync(() => Count(relay) == 5, Most);

        // The other one has both: they are passed on, and everything that follows is asked of it alone.
        var (other, otherPart) = (await NextAsync(relay, 2, 1), await HintAsync(relay, 2, 1));
        Assert.NotEqual(first, other.Host);
        other.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        otherPart.Respond(200, "part", TestRelay.Immutable);
        Assert.Equal(TestRelay.Playlist(7, 3), Encoding.UTF8.GetString(await viewer.BodyAsync()));
        Assert.Equal("part", (await relay.TextAsync(TestRelay.Base + "7.2.m4s")).Text);
        var after = await NextAsync(relay, 3, 0);
        Assert.Equal((other.Host, other.Host), (after.Host, (await HintAsync(relay, 3, 0)).Host));

        // The silent one is waited for a moment longer, and then no more.
        Assert.False(playlist.Cancelled.IsCancellationRequested);
        await relay.AdvanceUntilAsync(() => playlist.Cancelled.IsCancellationRequested && part.Cancelled.IsCancellationRequested, Most);
        Assert.All(relay.Node.Parents.All, parent => Assert.True(parent.IsUp));
        // Another broadcast has nothing to do with it.
        Assert.True(relay.Node.Parents.All.Single(parent => parent.Address.Host == first).Takes(Rendezvous.Hash("/b/other")));
    }

    [Fact]
    public async Task Publisher_ThatIsLateByLessThanTheMargin_CostsNoSecondRequest()
    {
        await using var relay = Relay();
        await WatchAsync(relay);
        for (var part = 2; part < 12; part++)
        {
            var (viewer, reload) = (relay.Get(TestRelay.Base + $"7.{part}.m4s"), relay.Get(Live, $"?_HLS_msn=7&_HLS_part={part}"));
            var (playlist, hinted) = (await NextAsync(relay, part, 0), await HintAsync(relay, part, 0));
            relay.Time.Advance(Part + TimeSpan.FromMilliseconds(part % 2 == 0 ? 90 : 0));
            hinted.Respond(200, "part", TestRelay.Immutable);
            await viewer.BodyAsync();
            playlist.Respond(200, TestRelay.Playlist(7, part + 1), "public, max-age=12");
            await reload.BodyAsync();
        }
        await NextAsync(relay, 12, 0);
        Assert.All(relay.Parents.Requests.GroupBy(request => request.Target), same => Assert.Single(same));
        Assert.Single(relay.Parents.Requests.DistinctBy(request => request.Host));
    }

    [Fact]
    public async Task Publisher_WhosePartsComeUnevenly_IsWaitedForLonger()
    {
        await using var relay = Relay(options => options.HedgeAfter = TimeSpan.FromSeconds(0.2));
        await WatchAsync(relay, takesParts: false);
        // Parts that are 0.15 s late, and the next ones in time: 0.15 s more are waited, a little less after each that is in time.
        var uneven = await NextAsync(relay, 2, 0);
        relay.Time.Advance(Part + TimeSpan.FromMilliseconds(150));
        uneven.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        var late = await NextAsync(relay, 3, 0);
        relay.Time.Advance(Part + TimeSpan.FromMilliseconds(340));
        late.Respond(200, TestRelay.Playlist(7, 4), "public, max-age=12");
        await NextAsync(relay, 4, 0);
        Assert.Single(relay.Parents.Requests.DistinctBy(request => request.Host));
    }

    [Fact]
    public async Task Publisher_ThatStalls_CostsOneMoreRequestForEachObjectAndMovesNothing()
    {
        await using var relay = Relay();
        var first = await WatchAsync(relay);
        var (playlist, part) = (await NextAsync(relay, 2, 0), await HintAsync(relay, 2, 0));
        await relay.AdvanceUntilAsync(() => Count(relay) == 5, Most);
        for (var i = 0; i < 30; i++)
        {
            relay.Time.Advance(TimeSpan.FromSeconds(0.1));
            await Task.Yield();
        }
        Assert.Equal(5, Count(relay));
        var (other, otherPart) = (await NextAsync(relay, 2, 1), await HintAsync(relay, 2, 1));
        // It goes on, both parents hear of it, and the other one is a little faster.
        otherPart.Respond(200, "part", TestRelay.Immutable);
        other.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        var group = Rendezvous.Hash(RelayPath.GroupOf(Live));
        var parent = relay.Node.Parents.All.Single(parent => parent.Address.Host == first);
        await TestRelay.UntilAsync(() => !parent.Takes(group));
        playlist.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        part.Respond(200, "part", TestRelay.Immutable);
        await TestRelay.UntilAsync(() => parent.Takes(group));
    }

    [Fact]
    public async Task Parent_ThatKnowsNothingOfIt_IsNotBelievedBeforeTheOneThatHoldsIt()
    {
        await using var relay = Relay();
        var first = await WatchAsync(relay, takesParts: false);
        var playlist = await NextAsync(relay, 2, 0);
        var viewer = relay.Get(Live, "?_HLS_msn=7&_HLS_part=2");
        await relay.AdvanceUntilAsync(() => Count(relay) == 3, Most);
        (await NextAsync(relay, 2, 1)).Respond(404, "", "no-store");
        await relay.AdvanceUntilAsync(() => true, TimeSpan.FromSeconds(0.3));
        Assert.False(viewer.Done.IsCompleted || playlist.Cancelled.IsCancellationRequested);
        playlist.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        Assert.Equal(TestRelay.Playlist(7, 3), Encoding.UTF8.GetString(await viewer.BodyAsync()));
        Assert.Equal(first, (await NextAsync(relay, 3, 0)).Host);
    }

    [Fact]
    public async Task Parent_ThatIsBehind_IsLeftForTheOneThatHasIt()
    {
        await using var relay = Relay();
        var first = await WatchAsync(relay);
        var (viewer, taker) = (relay.Get(Live, "?_HLS_msn=7&_HLS_part=2"), relay.Get(TestRelay.Base + "7.2.m4s"));
        (await NextAsync(relay, 2, 0)).Respond(400, "", "no-store");
        (await HintAsync(relay, 2, 0)).Respond(404, "", "no-store");
        var (other, otherPart) = (await NextAsync(relay, 2, 1), await HintAsync(relay, 2, 1));
        Assert.NotEqual(first, other.Host);
        Assert.NotEqual(first, otherPart.Host);
        other.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        otherPart.Respond(200, "part", TestRelay.Immutable);
        Assert.Equal(TestRelay.Playlist(7, 3), Encoding.UTF8.GetString(await viewer.BodyAsync()));
        Assert.Equal("part", Encoding.UTF8.GetString(await taker.BodyAsync()));
        Assert.Equal((other.Host, other.Host), ((await NextAsync(relay, 3, 0)).Host, (await HintAsync(relay, 3, 0)).Host));
        Assert.All(relay.Node.Parents.All, parent => Assert.True(parent.IsUp));
    }

    [Fact]
    public async Task Parent_WhoseErrorTheOthersShare_IsBelieved()
    {
        await using var relay = Relay();
        var first = await WatchAsync(relay, takesParts: false);
        var viewer = relay.Get(Live, "?_HLS_msn=7&_HLS_part=2");
        (await NextAsync(relay, 2, 0)).Respond(404, "gone", "no-store");
        (await NextAsync(relay, 2, 1)).Respond(404, "gone", "no-store");
        await viewer.BodyAsync();
        Assert.Equal(404, viewer.Response.StatusCode);
        Assert.Equal(first, relay.Node.Parents.Order(RelayPath.GroupOf(Live))[0].Address.Host);
    }

    [Fact]
    public async Task Parent_WhosePlaylistIsOld_IsAskedAfterTheOthers()
    {
        await using var relay = Relay();
        var first = await WatchAsync(relay, takesParts: false);
        (await NextAsync(relay, 2, 0)).Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        // Asked for once that has been read.
        await NextAsync(relay, 3, 0);
        var viewer = relay.Get(Live);
        var plain = await RequestAsync(relay, "live.m3u8", 0);
        Assert.Equal(first, plain.Host);
        plain.Respond(200, TestRelay.Playlist(5, 3), "public, max-age=1");
        await viewer.BodyAsync();
        // A viewer has the last byte a moment before the relay has read what it says.
        await TestRelay.UntilAsync(() => relay.Node.Parents.Order(RelayPath.GroupOf(Live))[0].Address.Host != first);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(404)]
    public async Task FirstLook_ThatIsNotAnswered_IsAskedOfTheNextParentToo(int status)
    {
        await using var relay = Relay();
        var viewer = relay.Get("/live/studio/main.m3u8");
        var silent = await relay.Parents.RequestAsync(0);
        await relay.AdvanceUntilAsync(() => relay.Parents.Requests.Count == 2, Most);
        var other = await relay.Parents.RequestAsync(1);
        Assert.NotEqual(silent.Host, other.Host);
        other.Respond(status, "#EXTM3U\n", "no-cache");
        // An error says that it is not there yet: the first one may hold the request until it is.
        if (status != 200)
            silent.Respond(200, "#EXTM3U\n", "no-cache");
        Assert.Equal("#EXTM3U\n", Encoding.UTF8.GetString(await viewer.BodyAsync()));
        Assert.Equal(200, viewer.Response.StatusCode);
    }

    [Fact]
    public async Task Body_ThatStopsInTheMiddle_GoesOnAtTheParentThatHasMore()
    {
        await using var relay = Relay();
        await WatchAsync(relay, takesParts: false);
        var viewer = relay.Get(TestRelay.Base + "6.m4s");
        var first = await RequestAsync(relay, "6.m4s", 0);
        var stopped = first.Begin(TestRelay.Immutable, ("ETag", "\"1\""), ("Content-Length", "40000"));
        await stopped.WriteAsync(Bytes(0, 20_000), TestContext.Current.CancellationToken);
        Assert.Equal(Bytes(0, 20_000), await viewer.ReadAsync(20_000));
        await relay.AdvanceUntilAsync(() => Count(relay, "6.m4s") == 2, Most);
        var second = await RequestAsync(relay, "6.m4s", 1);
        Assert.NotEqual(first.Host, second.Host);
        second.Respond(200, Bytes(0, 40_000), TestRelay.Immutable, ("ETag", "\"1\""));
        Assert.Equal(Bytes(20_000, 20_000), await viewer.BodyAsync());
        Assert.False(viewer.WasAborted);
        await relay.Parents.UntilAsync(() => first.Cancelled.IsCancellationRequested);
        Assert.Equal(second.Host, relay.Node.Parents.Order(RelayPath.GroupOf(Live))[0].Address.Host);
        Assert.Equal(Encoding.Latin1.GetString(Bytes(0, 40_000)).Length, (await relay.Get(TestRelay.Base + "6.m4s").BodyAsync()).Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RunningSegment_WhosePublisherStalls_GoesOnWhereItWas(bool hasOther)
    {
        await using var relay = Relay();
        await WatchAsync(relay, takesParts: false);
        var viewer = relay.Get(TestRelay.Base + "7.m4s");
        var first = await RequestAsync(relay, "7.m4s", 0);
        var running = first.Begin(TestRelay.Immutable, ("ETag", "\"1\""));
        await running.WriteAsync(Bytes(0, 20_000), TestContext.Current.CancellationToken);
        await viewer.ReadAsync(20_000);
        await relay.AdvanceUntilAsync(() => Count(relay, "7.m4s") == 2, Most);
        var second = await RequestAsync(relay, "7.m4s", 1);
        if (hasOther)
            await second.Begin(TestRelay.Immutable, ("ETag", "\"1\"")).WriteAsync(Bytes(0, 20_000), TestContext.Current.CancellationToken);
        else
            second.Respond(404, "", "no-store");
        await running.WriteAsync(Bytes(20_000, 20_000), TestContext.Current.CancellationToken);
        await running.CompleteAsync();
        Assert.Equal(Bytes(20_000, 20_000), await viewer.BodyAsync());
        await relay.Parents.UntilAsync(() => !hasOther || second.Cancelled.IsCancellationRequested);
        Assert.Equal(2, Count(relay, "7.m4s"));
        Assert.Equal(first.Host, relay.Node.Parents.Order(RelayPath.GroupOf(Live))[0].Address.Host);
    }

    [Fact]
    public void Cadence_OfPartsThatComeLate_IsAPartAndAsMuchAsTheyWere()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var cadence = new LiveCadence(time);
        PlaylistTail? last = null;
        Come(7, 2, 0);
        Assert.Equal(Part, cadence.DueIn(Part));
        // Two parts at once, both in time; the last of a segment, which is shorter.
        Come(7, 4, 1000);
        Come(8, 0, 300);
        Assert.Equal(Part, cadence.DueIn(Part));
        // 100 ms late; in time again; then a stall: no more than a part is waited for it.
        Come(8, 1, 600);
        Assert.Equal(600, cadence.DueIn(Part).TotalMilliseconds, 1);
        Come(8, 2, 500);
        Assert.Equal(590, cadence.DueIn(Part).TotalMilliseconds, 1);
        Come(8, 3, 9000);
        Assert.Equal(2 * Part, cadence.DueIn(Part));
        // Nobody knows how many parts those were.
        Come(12, 1, 9000);
        Assert.Equal(2 * Part, cadence.DueIn(Part));
        time.Advance(3 * Part);
        Assert.Equal(TimeSpan.Zero, cadence.DueIn(Part));

        void Come(long segment, int parts, int milliseconds)
        {
            time.Advance(TimeSpan.FromMilliseconds(milliseconds));
            var tail = PlaylistTail.Read(Encoding.UTF8.GetBytes(TestRelay.Playlist(segment, parts)))!;
            cadence.Advance(last, tail);
            last = tail;
        }
    }

    [Fact]
    public void DoubtedGroups_AreBoundedAndForgotten()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var doubted = new DoubtedGroups(time);
        for (var group = 0UL; group < 2000; group++)
            doubted.Add(group);
        Assert.True(doubted.Contains(1023) && !doubted.Contains(1024));
        time.Advance(DoubtedGroups.Lasts);
        Assert.False(doubted.Contains(0));
        doubted.Add(5000);
        Assert.True(doubted.Contains(5000));
    }

    private static TestRelay Relay(Action<RelayOptions>? change = null) => new(
        options =>
        {
            options.HedgeAfter = TimeSpan.FromSeconds(0.1);
            change?.Invoke(options);
        },
        parents: 2);

    /// <summary>A viewer has the version with two parts, and the next one is asked for ahead; which parent is asked.</summary>
    private static async Task<string> WatchAsync(TestRelay relay, bool takesParts = true)
    {
        var viewer = relay.TextAsync(Live, "?_HLS_msn=7&_HLS_part=1");
        var asked = await NextAsync(relay, 1, 0);
        asked.Respond(200, TestRelay.Playlist(7, 2), "public, max-age=12");
        await viewer;
        await NextAsync(relay, 2, 0);
        if (takesParts)
        {
            // Whoever takes the hinted part has the next ones asked for ahead.
            var part = relay.Get(TestRelay.Base + "7.2.m4s");
            await HintAsync(relay, 2, 0);
            Assert.False(part.Done.IsCompleted);
        }
        return asked.Host;
    }

    private static Task<ParentRequest> NextAsync(TestRelay relay, int part, int index) => RequestAsync(relay, $"live.m3u8?_HLS_msn=7&_HLS_part={part}", index);

    private static Task<ParentRequest> HintAsync(TestRelay relay, int part, int index) => RequestAsync(relay, $"7.{part}.m4s", index);

    private static int Count(TestRelay relay, string? name = null) =>
        relay.Parents.Requests.Count(request => name is null || request.Target == TestRelay.Base + name);

    private static async Task<ParentRequest> RequestAsync(TestRelay relay, string name, int index)
    {
        await relay.Parents.UntilAsync(() => Count(relay, name) > index);
        return relay.Parents.Requests.Where(request => request.Target == TestRelay.Base + name).ElementAt(index);
    }

    private static byte[] Bytes(int from, int count) => [.. Enumerable.Range(from, count).Select(index => (byte)(index * 7))];
}
