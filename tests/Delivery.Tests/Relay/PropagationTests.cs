using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Delivery.Relay;
using Millrace.Push;

namespace Millrace.Delivery.Tests.Relay;

/// <summary>A relay with viewers asks ahead; one without asks for nothing. Purges go down the tree.</summary>
public sealed class PropagationTests
{
    [Fact]
    public async Task Watched_TheNextVersionAndTheHintedPart_AreAskedForAhead()
    {
        await using var relay = new TestRelay();
        await WatchAsync(relay);
        // Nobody takes parts yet: only the playlist.
        var next = await RequestAsync(relay, "live.m3u8?_HLS_msn=7&_HLS_part=2");
        Assert.DoesNotContain(relay.Parents.Requests, request => request.Target.Contains(".m4s", StringComparison.Ordinal));
        var part = relay.Get(TestRelay.Base + "7.1.m4s");
        (await RequestAsync(relay, "7.1.m4s")).Respond(200, "part", TestRelay.Immutable);
        await part.BodyAsync();
        next.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");

        var after = await RequestAsync(relay, "live.m3u8?_HLS_msn=7&_HLS_part=3");
        var hinted = await RequestAsync(relay, "7.3.m4s");
        hinted.Respond(200, "ahead", TestRelay.Immutable);
        await relay.IdleButAsync(1);
        var viewer = await relay.TextAsync(TestRelay.Base + "7.3.m4s");
        Assert.Equal("ahead", viewer.Text);
        Assert.Contains("hit", viewer.Response.Headers["Cache-Status"].ToString(), StringComparison.Ordinal);
        after.Respond(200, TestRelay.Playlist(7, 4, ended: true), "public, max-age=12");
        await relay.IdleAsync();
        await FollowerEndsAsync(relay);
        Assert.All(relay.Parents.Requests.GroupBy(request => request.Target), same => Assert.Single(same));
    }

    [Fact]
    public async Task Watched_NoMore_NothingIsAskedFor()
    {
        await using var relay = new TestRelay();
        await WatchAsync(relay);
        var held = await RequestAsync(relay, "live.m3u8?_HLS_msn=7&_HLS_part=2");
        Assert.False(held.Cancelled.IsCancellationRequested);
        await relay.AdvanceUntilAsync(() => held.Cancelled.IsCancellationRequested, TimeSpan.FromSeconds(4));
        await FollowerEndsAsync(relay);
        await relay.IdleAsync();
        var count = relay.Parents.Requests.Count;
        relay.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(count, relay.Parents.Requests.Count);
    }

    [Fact]
    public async Task Watched_OfABroadcastThatIsGone_TheFollowerEnds()
    {
        await using var relay = new TestRelay();
        await WatchAsync(relay);
        (await RequestAsync(relay, "live.m3u8?_HLS_msn=7&_HLS_part=2")).Respond(404, "gone", "no-store");
        await relay.AdvanceUntilAsync(() => relay.Node.Directories.IsFollowing(TestRelay.Base + "live.m3u8") == false, TimeSpan.FromSeconds(4));
    }

    [Fact]
    public async Task Playlists_ThatSomebodyMadeUp_AreForgottenWithTheirRequests()
    {
        await using var relay = new TestRelay(options => options.MaxUpstream = 5000);
        await WatchAsync(relay);
        await RequestAsync(relay, "live.m3u8?_HLS_msn=7&_HLS_part=2");
        relay.Parents.Automatic = request =>
        {
            request.Respond(404, "", "no-store");
            return true;
        };
        for (var i = 0; i < 3000; i++)
            Assert.Equal(404, (await relay.TextAsync($"/b/{i:x26}/source/live.m3u8", "?_HLS_msn=7&_HLS_part=1")).Response.StatusCode);
        await relay.IdleButAsync(1);
        Assert.Equal(1, relay.Node.Directories.Count);
        // As many as wait at a time are known, and no more; nobody follows them. What is real is watched as before.
        relay.Parents.Automatic = null;
        var waiting = Enumerable.Range(10_000, 2500).Select(i => relay.Get($"/b/{i:x26}/source/live.m3u8", "?_HLS_msn=7&_HLS_part=1")).ToList();
        Assert.Equal(2001, relay.Node.Directories.Count);
        Assert.False(relay.Node.Directories.IsFollowing($"/b/{10_000:x26}/source/live.m3u8"));
        var real = relay.Node.Directories.Watch(new RelayKey(TestRelay.Base + "live.m3u8", 7, 2, Hls.PlaylistSkip.None, ContentCoding.Identity))!;
        Assert.True(real.HasViewers && relay.Node.Directories.IsFollowing(real.Path));
        relay.Node.Directories.Leave(real);
        foreach (var exchange in waiting)
            exchange.Abort();
        await Task.WhenAll(waiting.Select(exchange => exchange.Done));
        await relay.IdleButAsync(1);
        Assert.Equal(1, relay.Node.Directories.Count);
    }

    [Fact]
    public void Tail_OfADeltaUpdate_CountsWhatWasSkipped()
    {
        var tail = PlaylistTail.Read("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-SKIP:SKIPPED-SEGMENTS=5\n#EXTINF:2,\n15.m4s\n#EXT-X-PART:URI=\"16.0.m4s\",DURATION=0.3\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"16.1.m4s\"\n"u8)!;
        Assert.Equal((16, 1, "16.1.m4s", true, false), (tail.NextSegment, tail.NextPart, tail.Hint, tail.CanBlock, tail.IsEnded));
        Assert.True(tail.Lists("15.m4s") && tail.Lists("16.0.m4s") && !tail.Lists("16.1.m4s") && tail.IsPart("16.1.m4s") && !tail.IsPart("15.m4s"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<MPD/>")]
    [InlineData("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx.m3u8\n")]
    [InlineData("#EXTM3U\n#EXT-X-TARGETDURATION:-5\n")]
    public void Tail_OfAnythingElse_IsNone(string text) => Assert.Null(PlaylistTail.Read(System.Text.Encoding.UTF8.GetBytes(text)));

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("http://evil.example/x")]
    [InlineData("/internal/purge")]
    [InlineData("a?b")]
    public void Tail_HintThatIsNoPlainName_IsNotFollowed(string uri) =>
        Assert.Null(PlaylistTail.Read(System.Text.Encoding.UTF8.GetBytes($"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{uri}\"\n"))!.Hint);

    [Fact]
    public async Task Purge_DropsWhatIsKeptAndWhatIsOnItsWay()
    {
        await using var relay = new TestRelay();
        relay.Answer("old", TestRelay.Immutable);
        await relay.TextAsync(TestRelay.Base + "1.m4s");
        await relay.TextAsync("/b/other/source/1.m4s");
        await relay.IdleAsync();
        relay.Parents.Automatic = null;
        var coming = relay.Get(TestRelay.Base + "2.m4s");
        var asked = await relay.Parents.RequestAsync(2);
        Assert.Equal(2, relay.Node.Purge("/b/01aaaaaaaaaaaaaaaaaaaaaaaa/"));
        asked.Respond(200, "old", TestRelay.Immutable);
        Assert.Equal("old"u8.ToArray(), await coming.BodyAsync());
        await relay.IdleAsync();
        Assert.Equal(1, relay.Node.Cache.Count);
        relay.Answer("gone", "no-store", 404);
        Assert.Equal(404, (await relay.TextAsync(TestRelay.Base + "1.m4s")).Response.StatusCode);
        Assert.Equal(404, (await relay.TextAsync(TestRelay.Base + "2.m4s")).Response.StatusCode);
        Assert.Equal("old", (await relay.TextAsync("/b/other/source/1.m4s")).Text);
    }

    [Fact]
    public async Task PurgeLog_ACursor_GetsWhatCameAfterItOnce()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var log = new PurgeLog(time);
        var applied = new List<string>();
        log.Apply = (prefix, _) =>
        {
            applied.Add(prefix);
            return 0;
        };
        var (start, none, more) = log.Since(null);
        Assert.Empty(none);
        log.Publish("/b/one/");
        await more.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        var (cursor, first, _) = log.Since(start);
        // It is told again, and there is nothing any more that it could drop: nobody hears of it a second time.
        log.Add(first[0]);
        Assert.Equal(["/b/one/", "/b/one/"], applied);
        Assert.Empty(log.Since(cursor).Purges);
        log.Publish("/live/two/");
        Assert.Equal("/live/two/", Assert.Single(log.Since(cursor).Purges).Prefix);
        // Of another process, or nonsense: everything there is.
        Assert.Equal(2, log.Since("ffff.2").Purges.Count);
        for (var i = 0; i < 2000; i++)
            log.Publish($"/b/{i}/");
        Assert.Equal(1024, log.Since(cursor).Purges.Count);
    }

    [Fact]
    public async Task Purge_ThatASecondParentTellsLater_DropsWhatCameFromItMeanwhile()
    {
        await using var relay = new TestRelay(parents: 2);
        var log = new PurgeLog(relay.Time) { Apply = relay.Node.Purge };
        var purge = new Purge("1", "/b/01aaaaaaaaaaaaaaaaaaaaaaaa/", relay.Time.GetTimestamp());
        log.Add(purge);
        var (cursor, told, _) = log.Since(null);
        Assert.Single(told);
        // From the parent that has not heard of it.
        relay.Answer("gone elsewhere", TestRelay.Immutable);
        await relay.TextAsync(TestRelay.Base + "1.m4s");
        await relay.IdleAsync();
        log.Add(purge);
        Assert.Equal(0, relay.Node.Cache.Count);
        // The relays below may have it from here.
        Assert.Equal(purge, Assert.Single(log.Since(cursor).Purges));
        for (var i = 0; i < 2000; i++)
            log.Publish($"/b/{i}/");
        log.Add(purge);
        Assert.Equal(purge, log.Since(cursor).Purges[^1]);
    }

    [Fact]
    public async Task Purge_ACopyThatAParentKeptSinceBefore_IsNotTaken()
    {
        await using var relay = new TestRelay(options => options.HoldLimit = TimeSpan.FromSeconds(2), parents: 2);
        var unaware = relay.Node.Parents.Order(TestRelay.Base.AsSpan(0, "/b/".Length + 26))[0].Address.Host;
        relay.Node.Purge("/b/01aaaaaaaaaaaaaaaaaaaaaaaa/");
        relay.Time.Advance(TimeSpan.FromSeconds(10));
        var age = "11";
        var elsewhere = 404;
        relay.Parents.Automatic = request =>
        {
            if (request.Host == unaware)
                request.Respond(200, "gone elsewhere", TestRelay.Immutable, ("Age", age));
            else
                request.Respond(elsewhere, "", "no-store");
            return true;
        };
        // Older than the purge, and as old as far as an age in whole seconds tells: the other parent knows.
        Assert.Equal(404, (await relay.TextAsync(TestRelay.Base + "1.m4s")).Response.StatusCode);
        age = "10";
        Assert.Equal(404, (await relay.TextAsync(TestRelay.Base + "2.m4s")).Response.StatusCode);
        // It has no answer: only what may be younger is taken, and what surely is without asking it.
        elsewhere = 502;
        Assert.Equal("gone elsewhere", (await relay.TextAsync(TestRelay.Base + "3.m4s")).Text);
        age = "9";
        var count = relay.Parents.Requests.Count;
        Assert.Equal(200, (await relay.TextAsync(TestRelay.Base + "4.m4s")).Response.StatusCode);
        Assert.Equal(count + 1, relay.Parents.Requests.Count);
        age = "100";
        var refused = relay.Get(TestRelay.Base + "5.m4s");
        await relay.AdvanceUntilAsync(() => refused.Done.IsCompleted, TimeSpan.FromSeconds(3));
        Assert.Equal(504, refused.Response.StatusCode);
    }

    [Fact]
    public async Task Takedown_OfAChannelsNewestBroadcast_PurgesItsLiveAddressesToo()
    {
        using var origin = new Origin();
        var older = origin.Broadcast;
        older.End();
        origin.Time.Advance(TimeSpan.FromSeconds(1));
        var newer = origin.OpenBroadcast("studio-one");
        newer.End();
        var log = new PurgeLog(origin.Time);
        using var pushed = new PushedBroadcasts(origin.Store, new PushOptions(), origin.Time, NullLogger<PushedBroadcasts>.Instance);
        var endpoint = new PushEndpoint(
            pushed, new PushOptions { Secret = "a-secret-of-the-test" }, log, origin.Pool, origin.Time, NullLogger<PushEndpoint>.Instance);
        Assert.Equal([$"/b/{older.Id.Value}/"], await TakeDownAsync(older));
        Assert.Equal([$"/b/{newer.Id.Value}/", "/live/studio-one/"], await TakeDownAsync(newer));

        async Task<IEnumerable<string>> TakeDownAsync(OriginBroadcast broadcast)
        {
            var (cursor, _, _) = log.Since(null);
            var context = new DefaultHttpContext();
            context.Request.Method = "DELETE";
            context.Request.RouteValues["broadcast"] = broadcast.Id.Value;
            context.Request.Headers.Authorization = "Bearer a-secret-of-the-test";
            await endpoint.InvokeAsync(context);
            Assert.Equal(204, context.Response.StatusCode);
            return log.Since(cursor).Purges.Select(purge => purge.Prefix);
        }
    }

    [Fact]
    public void RecentPurges_AreBounded_AndTheLaterOneOfAPrefixCounts()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var purges = new RecentPurges(time);
        purges.Add("/b/one/", TimeSpan.FromSeconds(5));
        purges.Add("/b/one/", TimeSpan.FromSeconds(9));
        purges.Add("/b/one/source/", TimeSpan.FromSeconds(7));
        Assert.Equal(TimeSpan.FromSeconds(5), purges.SinceOf("/b/one/source/1.m4s"));
        Assert.Null(purges.SinceOf("/b/one"));
        Assert.Null(purges.SinceOf("/b/other/1.m4s"));
        for (var i = 0; i < 1023; i++)
            purges.Add($"/b/{i}/", TimeSpan.Zero);
        Assert.Null(purges.SinceOf("/b/one/1.m4s"));
        Assert.Equal(TimeSpan.FromSeconds(7), purges.SinceOf("/b/one/source/1.m4s"));
    }

    [Theory]
    [InlineData("/b/01aa/", true)]
    [InlineData("/live/studio/", true)]
    [InlineData("/b/01aa/source/", true)]
    [InlineData("/", false)]
    [InlineData("/b/", false)]
    [InlineData("/b/01aa", false)]
    [InlineData("/b/../", false)]
    [InlineData("/api/v1/channels/", false)]
    public void Purge_OfAPrefix_IsOneBroadcastOrChannel(string prefix, bool isOne) => Assert.Equal(isOne, PurgeLog.IsPrefix(prefix));

    /// <summary>One viewer has the version with two parts and is gone.</summary>
    private static async Task WatchAsync(TestRelay relay)
    {
        var viewer = relay.TextAsync(TestRelay.Base + "live.m3u8", "?_HLS_msn=7&_HLS_part=1");
        (await RequestAsync(relay, "live.m3u8?_HLS_msn=7&_HLS_part=1")).Respond(200, TestRelay.Playlist(7, 2), "public, max-age=12");
        await viewer;
    }

    private static async Task<ParentRequest> RequestAsync(TestRelay relay, string name)
    {
        await relay.Parents.UntilAsync(() => relay.Parents.Requests.Any(request => request.Target == TestRelay.Base + name));
        return relay.Parents.Requests.Last(request => request.Target == TestRelay.Base + name);
    }

    private static Task FollowerEndsAsync(TestRelay relay) =>
        relay.AdvanceUntilAsync(() => !relay.Node.Directories.IsFollowing(TestRelay.Base + "live.m3u8"), TimeSpan.FromSeconds(4));
}
