using Millrace.Delivery.Relay;

namespace Millrace.Delivery.Tests.Relay;

/// <summary>Which parent is asked, and what happens when it does not answer.</summary>
public sealed class ParentTests
{
    private const string Blocking = "?_HLS_msn=7&_HLS_part=2";

    [Fact]
    public void Order_OfManyBroadcasts_IsEvenAndMovesOnlyWhatMust()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var set = new ParentSet(new RelayOptions { Parents = ["http://a:1", "http://b:1", "http://c:1"] }, time, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        var groups = Enumerable.Range(0, 3000).Select(index => $"/b/{index:x8}").ToList();
        var before = groups.ToDictionary(group => group, group => set.Order(group)[0]);
        Assert.All(set.All, parent => Assert.InRange(before.Values.Count(first => first == parent), 850, 1150));

        var gone = set.All[1];
        set.Fail(gone, isCertain: true, "test");
        var after = groups.ToDictionary(group => group, group => set.Order(group)[0]);
        Assert.All(groups, group => Assert.True(before[group] == gone ? after[group] != gone : after[group] == before[group]));
        Assert.All(groups, group => Assert.Equal(gone, set.Order(group)[^1]));

        // It comes back: its broadcasts follow one after the other.
        set.Succeed(gone, isProbe: true);
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.InRange(groups.Count(group => set.Order(group)[0] == gone), 350, 650);
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.All(groups, group => Assert.Equal(before[group], set.Order(group)[0]));
    }

    [Fact]
    public async Task Parent_ThatRefuses_IsLeftAtOnce()
    {
        await using var relay = new TestRelay(parents: 2);
        var first = relay.Node.Parents.Order("/live/studio")[0].Address.Host;
        relay.Parents.Refuse(first);
        relay.Answer("text", "public, max-age=1");
        Assert.Equal("text", (await relay.TextAsync("/live/studio/main.m3u8")).Text);
        Assert.False(relay.Node.Parents.All.Single(parent => parent.Address.Host == first).IsUp);
    }

    [Theory]
    [InlineData(502)]
    [InlineData(504)]
    [InlineData(508)]
    [InlineData(404)]
    public async Task Parent_ThatHasNoAnswer_IsPassedOverAndStaysUp(int status)
    {
        await using var relay = new TestRelay(parents: 2);
        var first = relay.Node.Parents.Order("/live/studio")[0].Address.Host;
        relay.Parents.Automatic = request =>
        {
            request.Respond(request.Host == first ? status : 200, "text", "public, max-age=1");
            return true;
        };
        Assert.Equal(200, (await relay.TextAsync("/live/studio/main.m3u8")).Response.StatusCode);
        Assert.All(relay.Node.Parents.All, parent => Assert.True(parent.IsUp));
    }

    [Fact]
    public async Task Broadcast_ThatOneParentHasAlone_ComesFromThatOne()
    {
        await using var relay = new TestRelay(parents: 2);
        var first = relay.Node.Parents.Order("/b/01aaaaaaaaaaaaaaaaaaaaaaaa")[0].Address.Host;
        var isAnywhere = true;
        relay.Parents.Automatic = request =>
        {
            request.Respond(request.Host == first || !isAnywhere ? 404 : 200, "text", TestRelay.Immutable);
            return true;
        };
        foreach (var name in (string[])["1.m4s", "2.m4s"])
            Assert.Equal(200, (await relay.TextAsync(TestRelay.Base + name)).Response.StatusCode);
        // Asked once, and then after the other one.
        Assert.Single(relay.Parents.Requests, request => request.Host == first);
        // Nobody has it.
        isAnywhere = false;
        Assert.Equal(404, (await relay.TextAsync(TestRelay.Base + "3.m4s")).Response.StatusCode);
        Assert.Equal(2, relay.Parents.Requests.Count(request => request.Target.EndsWith("/3.m4s", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task HeldRequest_ToAParentThatFellSilent_MovesWhenTwoProbesAreLost()
    {
        await using var relay = new TestRelay(parents: 2);
        relay.Node.Start();
        var viewer = relay.Get(TestRelay.Base + "live.m3u8", Blocking);
        var held = await relay.Parents.RequestAsync(0);
        relay.Parents.Silence(held.Host);
        // An interval, another one, and the time that a probe has.
        await relay.AdvanceUntilAsync(() => relay.Parents.Requests.Any(request => request.Host != held.Host), TimeSpan.FromSeconds(1));
        Assert.True(held.Cancelled.IsCancellationRequested);
        relay.Parents.Requests.First(request => request.Host != held.Host).Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        Assert.Equal(TestRelay.Playlist(7, 3), System.Text.Encoding.UTF8.GetString(await viewer.BodyAsync()));

        // It answers again: it is taken back.
        relay.Parents.Silence(held.Host, isSilent: false);
        await relay.AdvanceUntilAsync(() => relay.Node.Parents.All.All(parent => parent.IsUp), TimeSpan.FromSeconds(2));
    }

    [Theory]
    [InlineData(200, "new")]
    [InlineData(502, "old")]
    public async Task Parent_ThatAnswersStale_IsTheLastResort(int other, string expected)
    {
        await using var relay = new TestRelay(parents: 2);
        var first = relay.Node.Parents.Order("/live/studio")[0].Address.Host;
        relay.Parents.Automatic = request =>
        {
            if (request.Host == first)
                request.Respond(200, "old", "no-cache", ("Age", "20"), ("Cache-Status", "central; fwd=stale; ttl=-19; detail=no-parent-answers"));
            else
                request.Respond(other, "new", "public, max-age=1");
            return true;
        };
        Assert.Equal((200, expected), ((await relay.TextAsync("/live/studio/main.m3u8")).Response.StatusCode, (await relay.TextAsync("/live/studio/main.m3u8")).Text));
        Assert.All(relay.Node.Parents.All, parent => Assert.True(parent.IsUp));
        // There is no other: it is not asked for again.
        relay.Node.Parents.Fail(relay.Node.Parents.All.Single(parent => parent.Address.Host != first), isCertain: true, "test");
        var count = relay.Parents.Requests.Count;
        Assert.Equal("old", (await relay.TextAsync("/live/studio/manifest.mpd")).Text);
        Assert.Equal(count + 1, relay.Parents.Requests.Count);
    }

    [Theory]
    [InlineData(200, 200, null)]
    [InlineData(504, 503, "7")]
    public async Task Parent_ThatIsBusy_IsNotAskedAgainAndItsWordIsPassedOn(int other, int status, string? retryAfter)
    {
        await using var relay = new TestRelay(parents: 2);
        var first = relay.Node.Parents.Order("/live/studio")[0].Address.Host;
        relay.Parents.Automatic = request =>
        {
            if (request.Host == first)
                request.Respond(503, "busy", "no-store", ("Retry-After", "7"));
            else
                request.Respond(other, "text", "public, max-age=1");
            return true;
        };
        // The clock stands still: nothing is tried a second time.
        var (answer, _) = await relay.TextAsync("/live/studio/main.m3u8");
        Assert.Equal((status, retryAfter), (answer.StatusCode, answer.Headers.RetryAfter.FirstOrDefault()));
        Assert.Equal(2, relay.Parents.Requests.Count);
        Assert.All(relay.Node.Parents.All, parent => Assert.True(parent.IsUp));
    }

    [Fact]
    public async Task HeldRequest_ToAParentThatSaysItIsCutOff_Moves()
    {
        await using var relay = new TestRelay(parents: 2);
        relay.Node.Start();
        var viewer = relay.Get(TestRelay.Base + "live.m3u8", Blocking);
        var held = await relay.Parents.RequestAsync(0);
        relay.Parents.CutOff(held.Host);
        await relay.AdvanceUntilAsync(() => relay.Parents.Requests.Any(request => request.Host != held.Host), TimeSpan.FromSeconds(0.5));
        relay.Parents.Requests.First(request => request.Host != held.Host).Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        await viewer.BodyAsync();
        // What it has kept it goes on answering: that takes it back no sooner than its health does.
        var cut = relay.Node.Parents.All.Single(parent => parent.Address.Host == held.Host);
        relay.Node.Parents.Succeed(cut, isProbe: false);
        Assert.True(cut is { IsUp: false, IsFailing: true } && !relay.Node.IsCutOff);
        // Nor is there anything left when the other one is cut off as well.
        var last = relay.Node.Parents.All.Single(parent => parent != cut);
        relay.Parents.CutOff(last.Address.Host);
        await relay.AdvanceUntilAsync(() => relay.Node.IsCutOff, TimeSpan.FromSeconds(3));
        Assert.True(last.IsUp);
        relay.Parents.CutOff(held.Host, isCutOff: false);
        await relay.AdvanceUntilAsync(() => cut.IsUp && !last.IsUp, TimeSpan.FromSeconds(3));
        Assert.False(relay.Node.IsCutOff);
    }

    [Fact]
    public async Task OnlyParent_ThatFellSilent_StaysUpAndIsToldToThoseBelow()
    {
        await using var relay = new TestRelay();
        relay.Node.Start();
        relay.Parents.Silence("parent0");
        await relay.AdvanceUntilAsync(() => relay.Node.IsCutOff, TimeSpan.FromSeconds(6));
        Assert.True(relay.Node.Parents.All[0].IsUp);
        relay.Parents.Silence("parent0", isSilent: false);
        await relay.AdvanceUntilAsync(() => !relay.Node.IsCutOff, TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task HeldRequest_HoweverLong_AsksNoSecondParent()
    {
        await using var relay = new TestRelay(options => options.HedgeAfter = TimeSpan.FromSeconds(0.1), parents: 2);
        var viewer = relay.Get(TestRelay.Base + "live.m3u8", Blocking);
        var held = await relay.Parents.RequestAsync(0);
        relay.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Single(relay.Parents.Requests);
        held.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        await viewer.BodyAsync();
    }

    [Fact]
    public async Task SlowParent_OfAnObjectThatExists_IsHedged()
    {
        await using var relay = new TestRelay(options => options.HedgeAfter = TimeSpan.FromSeconds(0.1), parents: 2);
        // The playlist lists segment 6, so it exists; part 7.3 is only hinted at.
        var playlist = relay.Get(TestRelay.Base + "live.m3u8");
        (await relay.Parents.RequestAsync(0)).Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        await playlist.BodyAsync();
        await relay.IdleAsync();

        var segment = relay.Get(TestRelay.Base + "6.m4s");
        var slow = await relay.Parents.RequestAsync(1);
        await relay.AdvanceUntilAsync(() => relay.Parents.Requests.Count == 3, TimeSpan.FromSeconds(1));
        var other = await relay.Parents.RequestAsync(2);
        Assert.NotEqual(slow.Host, other.Host);
        other.Respond(200, "segment", TestRelay.Immutable);
        Assert.Equal("segment"u8.ToArray(), await segment.BodyAsync());
        await relay.Parents.UntilAsync(() => slow.Cancelled.IsCancellationRequested);
        Assert.All(relay.Node.Parents.All, parent => Assert.True(parent.IsUp));
    }

    [Fact]
    public async Task Segment_ThatBreaksOff_GoesOnAtTheOtherParent()
    {
        await using var relay = new TestRelay(parents: 2);
        var viewer = relay.Get(TestRelay.Base + "8.m4s");
        var first = await relay.Parents.RequestAsync(0);
        var body = first.Begin(TestRelay.Immutable, ("ETag", "\"1\""));
        await body.WriteAsync("0123"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal("0123"u8.ToArray(), await viewer.ReadAsync(4));
        await body.CompleteAsync(new IOException("reset"));

        var second = await relay.Parents.RequestAsync(1);
        second.Respond(200, "0123456789", TestRelay.Immutable, ("ETag", "\"1\""));
        Assert.Equal("456789"u8.ToArray(), await viewer.BodyAsync());
        Assert.False(viewer.WasAborted);
        await relay.IdleAsync();
        Assert.Equal("0123456789", (await relay.TextAsync(TestRelay.Base + "8.m4s")).Text);
    }

    [Fact]
    public async Task Text_ThatBreaksOff_IsCutAndNotKept()
    {
        await using var relay = new TestRelay();
        var viewer = relay.Get("/live/studio/manifest.mpd");
        var body = (await relay.Parents.RequestAsync(0)).Begin("no-cache");
        await body.WriteAsync("<MPD"u8.ToArray(), TestContext.Current.CancellationToken);
        await viewer.ReadAsync(4);
        await body.CompleteAsync(new IOException("reset"));
        await viewer.BodyAsync();
        Assert.True(viewer.WasAborted);
        await relay.IdleAsync();
        Assert.Equal(0, relay.Node.Cache.Count);
    }

    [Fact]
    public async Task Playlist_WithoutAnyParent_IsServedStaleForAWhile()
    {
        await using var relay = new TestRelay();
        relay.Answer("old", "public, max-age=1");
        await relay.TextAsync("/live/studio/main.m3u8");
        await relay.IdleAsync();
        relay.Parents.Refuse("parent0");
        relay.Time.Advance(TimeSpan.FromSeconds(20));
        var (stale, text) = await relay.TextAsync("/live/studio/main.m3u8");
        Assert.Equal((200, "old", "20", "edge; fwd=stale; ttl=-19; detail=no-parent-answers", "no-cache"),
            (stale.StatusCode, text, stale.Headers.Age.ToString(), stale.Headers["Cache-Status"].ToString(), stale.Headers.CacheControl.ToString()));
        Assert.StartsWith("110 ", stale.Headers.Warning.ToString(), StringComparison.Ordinal);
        await relay.IdleAsync();

        relay.Time.Advance(TimeSpan.FromSeconds(12));
        var failing = relay.TextAsync("/live/studio/main.m3u8");
        Assert.Equal((504, "no-store"), ((await failing).Response.StatusCode, (await failing).Response.Headers.CacheControl.ToString()));
    }

    [Fact]
    public async Task FirstLook_WithoutAnyParent_WaitsForOneToRestartAndNoLonger()
    {
        await using var relay = new TestRelay();
        relay.Parents.Refuse("parent0");
        var began = relay.Time.GetUtcNow();
        var viewer = relay.Get(TestRelay.Base + "live.m3u8");
        await relay.AdvanceUntilAsync(() => viewer.Done.IsCompleted, TimeSpan.FromSeconds(30));
        Assert.Equal(504, viewer.Response.StatusCode);
        Assert.InRange(relay.Time.GetUtcNow() - began, TimeSpan.FromSeconds(4.5), TimeSpan.FromSeconds(7));
    }

    [Fact]
    public async Task HeldRequest_WithoutAnyParent_WaitsAndThenGetsTheNewestThereIs()
    {
        await using var relay = new TestRelay();
        var before = relay.TextAsync(TestRelay.Base + "live.m3u8", "?_HLS_msn=7&_HLS_part=1");
        (await relay.Parents.RequestAsync(0)).Respond(200, TestRelay.Playlist(7, 2), "public, max-age=12");
        await before;
        await TestRelay.UntilAsync(() => relay.Node.Directories.HoldOf(TestRelay.Base) is not null);
        relay.Parents.Refuse("parent0");
        var viewer = relay.Get(TestRelay.Base + "live.m3u8", Blocking);
        await relay.AdvanceUntilAsync(() => viewer.Done.IsCompleted, TimeSpan.FromSeconds(30));
        // Three target durations and the time for the way: a player that got it at once would ask again at once.
        Assert.True(relay.Time.GetUtcNow() - new DateTimeOffset(2026, 11, 22, 20, 0, 0, TimeSpan.Zero) >= TimeSpan.FromSeconds(7.9));
        Assert.Equal(TestRelay.Playlist(7, 2), System.Text.Encoding.UTF8.GetString(await viewer.BodyAsync()));
        Assert.Equal("no-cache", viewer.Response.Headers.CacheControl);
    }

    [Fact]
    public async Task HeldRequest_WhenTheOnlyParentComesBack_GoesOn()
    {
        await using var relay = new TestRelay();
        relay.Node.Start();
        relay.Parents.Refuse("parent0");
        var viewer = relay.Get(TestRelay.Base + "live.m3u8", Blocking);
        Assert.False(viewer.Done.IsCompleted);
        relay.Answer(TestRelay.Playlist(7, 3), "public, max-age=12");
        relay.Parents.Refuse("parent0", refuses: false);
        await relay.AdvanceUntilAsync(() => viewer.Done.IsCompleted, TimeSpan.FromSeconds(1));
        Assert.Equal(200, viewer.Response.StatusCode);
    }

    [Fact]
    public async Task HeldRequest_WhileAParentComesBack_AsksAgainAtOnce()
    {
        await using var relay = new TestRelay();
        var parent = relay.Node.Parents.All[0];
        relay.Node.Parents.Fail(parent, isCertain: true, "test");
        var viewer = relay.Get(TestRelay.Base + "live.m3u8", Blocking);
        var first = await relay.Parents.RequestAsync(0);
        relay.Answer(TestRelay.Playlist(7, 3), "public, max-age=12");
        relay.Node.Parents.Succeed(parent, isProbe: true);
        first.Respond(502, "", "no-store");
        // The clock stands still.
        Assert.Equal(TestRelay.Playlist(7, 3), System.Text.Encoding.UTF8.GetString(await viewer.BodyAsync()));
    }

    [Fact]
    public void Parent_ThatComesBack_GetsItsGroupsInTurnAndKeepsThem()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var parent = new Parent(new Uri("http://a:1"), time, TimeSpan.FromSeconds(10));
        var groups = Enumerable.Range(0, 2000).Select(index => Rendezvous.Hash($"/b/{index:x8}")).ToList();
        Assert.All(groups, group => Assert.True(parent.Takes(group)));
        Assert.True(parent.Fail(isCertain: true, hasOther: true));
        Assert.DoesNotContain(groups, parent.Takes);
        Assert.True(parent.Succeed(isProbe: true));
        HashSet<ulong> before = [];
        for (var step = 0; step <= 20; step++)
        {
            // In no half second come more than their share of it, and none leaves again.
            HashSet<ulong> now = [.. groups.Where(parent.Takes)];
            Assert.True(now.IsSupersetOf(before));
            Assert.InRange(now.Count - before.Count, 0, 150);
            Assert.InRange(now.Count, Math.Max(0, (100 * step) - 100), (100 * step) + 100);
            before = now;
            time.Advance(TimeSpan.FromSeconds(0.5));
        }
        Assert.Equal(2000, before.Count);
    }

    [Fact]
    public async Task Loop_IsRefused()
    {
        await using var relay = new TestRelay();
        var asking = relay.Get("/live/studio/main.m3u8", change: request => request.Headers["CDN-Loop"] = "other; x=1");
        var loop = (await relay.Parents.RequestAsync(0)).Headers["CDN-Loop"];
        Assert.StartsWith("other; x=1, millrace-", loop, StringComparison.Ordinal);
        var (back, _) = await relay.TextAsync("/live/studio/main.m3u8", change: request => request.Headers["CDN-Loop"] = loop);
        Assert.Equal(508, back.StatusCode);
        asking.Abort();
        await asking.Done;
    }

    [Fact]
    public async Task Hops_ThatAnybodyMadeUp_AreHandedOnSoThatNoTierAboveRefusesThem()
    {
        await using var relay = new TestRelay();
        relay.Answer("text", "public, max-age=1");
        var hops = Enumerable.Range(0, 900).Select(index => $"hop{index}").Append(new string('x', 2000));
        var (answer, _) = await relay.TextAsync("/live/studio/main.m3u8", change: request => request.Headers["CDN-Loop"] = string.Join(",", hops));
        Assert.Equal(200, answer.StatusCode);
        Assert.Matches("^hop892, hop893, hop894, hop895, hop896, hop897, hop898, hop899, millrace-[0-9a-f]{16}$", relay.Parents.Requests[0].Headers["CDN-Loop"]);
    }

    [Fact]
    public async Task Parent_ThatHasThisNodeAboveIt_IsAskedForNothing()
    {
        await using var relay = new TestRelay(parents: 2);
        relay.Node.Start();
        var viewer = relay.Get(TestRelay.Base + "live.m3u8", Blocking);
        var held = await relay.Parents.RequestAsync(0);
        relay.Parents.Above[held.Host] = $"00ff;0, {relay.Node.Loops.Name};3";
        await relay.AdvanceUntilAsync(() => relay.Parents.Requests.Count == 2, TimeSpan.FromSeconds(0.5));
        Assert.True(held.Cancelled.IsCancellationRequested);
        var other = await relay.Parents.RequestAsync(1);
        Assert.NotEqual(held.Host, other.Host);
        Assert.StartsWith($"{relay.Node.Loops.Name};0, 00ff;1", relay.Node.Above, StringComparison.Ordinal);

        // The other one as well: there is nothing to wait for.
        relay.Parents.Above[other.Host] = $"{relay.Node.Loops.Name};1";
        await relay.AdvanceUntilAsync(() => viewer.Done.IsCompleted, TimeSpan.FromSeconds(0.5));
        Assert.Equal(504, viewer.Response.StatusCode);
        Assert.Equal(504, (await relay.TextAsync(TestRelay.Base + "dvr.m3u8")).Response.StatusCode);
        Assert.Equal(2, relay.Parents.Requests.Count);

        // Its parents are others now: it is taken back.
        relay.Parents.Above[held.Host] = "00ff;0";
        await relay.AdvanceUntilAsync(() => relay.Node.Parents.All.Any(parent => parent.IsUp), TimeSpan.FromSeconds(0.5));
    }

    [Fact]
    public void Above_OfNodesThatAreGone_DiesOutInALoop()
    {
        var (a, b) = (new LoopGuard(), new LoopGuard());
        var (asA, asB) = (Of(), Of());
        asB.Above = LoopGuard.Read("dead;0, " + string.Join(',', Enumerable.Range(0, 500).Select(index => $"{index:x8};1")) + ",nonsense;1,x");
        Assert.True(asB.Above.Count <= 64);
        for (var round = 0; round < LoopGuard.MaxHops; round++)
        {
            asA.Above = LoopGuard.Read(a.Above([asB]));
            asB.Above = LoopGuard.Read(b.Above([asA]));
            Assert.Contains((a.Name, 1), asB.Above);
        }
        Assert.Equal([(a.Name, 0), (b.Name, 1)], asA.Above);

        static Parent Of() => new(new Uri("http://a:1"), TimeProvider.System, TimeSpan.Zero);
    }
}
