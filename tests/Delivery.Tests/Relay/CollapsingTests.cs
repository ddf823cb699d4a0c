using System.Text;

namespace Millrace.Delivery.Tests.Relay;

/// <summary>One request to a parent for each object, however many ask, whenever they come and go.</summary>
public sealed class CollapsingTests
{
    private const string Blocking = "?_HLS_msn=7&_HLS_part=2";

    [Fact]
    public async Task Held_TenThousandWaiters_CostOneRequest()
    {
        await using var relay = new TestRelay();
        var waiting = Enumerable.Range(0, 10_000).Select(_ => relay.Get(TestRelay.Base + "live.m3u8", Blocking)).ToList();
        var asked = await relay.Parents.RequestAsync(0);
        Assert.All(waiting, exchange => Assert.False(exchange.Done.IsCompleted));
        asked.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        foreach (var exchange in waiting)
            Assert.Equal(TestRelay.Playlist(7, 3), Encoding.UTF8.GetString(await exchange.BodyAsync()));
        Assert.Single(relay.Parents.Requests, request => request.Target.EndsWith("live.m3u8" + Blocking, StringComparison.Ordinal));
        Assert.Contains("collapsed", waiting[^1].Response.Headers["Cache-Status"].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Waiters_TheLastOneLeaves_TheParentIsAskedNoMore()
    {
        await using var relay = new TestRelay();
        var (first, second) = (relay.Get(TestRelay.Base + "7.2.m4s"), relay.Get(TestRelay.Base + "7.2.m4s"));
        var asked = await relay.Parents.RequestAsync(0);
        first.Abort();
        await first.Done;
        Assert.False(asked.Cancelled.IsCancellationRequested);
        second.Abort();
        await second.Done;
        await relay.Parents.UntilAsync(() => asked.Cancelled.IsCancellationRequested);

        // Whoever comes now begins anew.
        var third = relay.Get(TestRelay.Base + "7.2.m4s");
        (await relay.Parents.RequestAsync(1)).Respond(200, "part", TestRelay.Immutable);
        Assert.Equal("part"u8.ToArray(), await third.BodyAsync());
        await relay.IdleAsync();
        Assert.Equal(1, relay.Node.Cache.Count);
    }

    [Fact]
    public async Task Body_WhileItArrives_IsPassedOnAndLateJoinersGetItFromTheStart()
    {
        await using var relay = new TestRelay();
        var early = relay.Get(TestRelay.Base + "8.m4s");
        var body = (await relay.Parents.RequestAsync(0)).Begin(TestRelay.Immutable);
        await body.WriteAsync(Bytes(1, 20_000), TestContext.Current.CancellationToken);
        Assert.Equal(Bytes(1, 20_000), await early.ReadAsync(20_000));
        Assert.Null(early.Response.ContentLength);

        var late = relay.Get(TestRelay.Base + "8.m4s");
        Assert.Equal(Bytes(1, 20_000), await late.ReadAsync(20_000));
        Assert.False(late.Done.IsCompleted);
        await body.WriteAsync(Bytes(2, 30_000), TestContext.Current.CancellationToken);
        Assert.Equal(Bytes(2, 30_000), await early.ReadAsync(30_000));
        await body.CompleteAsync();
        Assert.Empty(await early.BodyAsync());
        Assert.Equal(Bytes(2, 30_000), await late.BodyAsync());

        await relay.IdleAsync();
        var after = relay.Get(TestRelay.Base + "8.m4s");
        Assert.Equal((byte[])[.. Bytes(1, 20_000), .. Bytes(2, 30_000)], await after.BodyAsync());
        Assert.Equal(50_000, after.Response.ContentLength);
        Assert.Single(relay.Parents.Requests);
    }

    [Fact]
    public async Task Body_ThatIsLeftInTheMiddle_IsNotKept()
    {
        await using var relay = new TestRelay();
        var viewer = relay.Get(TestRelay.Base + "8.m4s");
        var asked = await relay.Parents.RequestAsync(0);
        await asked.Begin(TestRelay.Immutable).WriteAsync(Bytes(1, 20_000), TestContext.Current.CancellationToken);
        await viewer.ReadAsync(20_000);
        viewer.Abort();
        await viewer.Done;
        await relay.Parents.UntilAsync(() => asked.Cancelled.IsCancellationRequested);
        await relay.IdleAsync();
        Assert.Equal((0, 0), (relay.Node.Cache.Count, relay.Node.Memory.UsedBytes));
    }

    [Theory]
    [InlineData("?_HLS_part=2&_HLS_msn=7")]
    [InlineData("?session=1&_HLS_msn=7&x=%00&_HLS_part=2")]
    [InlineData("?_HLS_msn=7&_HLS_part=2&_HLS_msn_=9")]
    public async Task Query_ButTheDirectives_IsNoPartOfTheKey(string query)
    {
        await using var relay = new TestRelay();
        relay.Answer(TestRelay.Playlist(7, 3), "public, max-age=12");
        await relay.TextAsync(TestRelay.Base + "live.m3u8", Blocking);
        await relay.TextAsync(TestRelay.Base + "live.m3u8", query);
        Assert.Equal(TestRelay.Base + "live.m3u8" + Blocking, Assert.Single(relay.Parents.Requests, IsVersionSeven).Target);
        await relay.TextAsync(TestRelay.Base + "7.0.m4s", "?session=1");
        await relay.TextAsync(TestRelay.Base + "7.0.m4s", "?_HLS_msn=7");
        Assert.Equal(TestRelay.Base + "7.0.m4s", Assert.Single(relay.Parents.Requests, request => request.Target.Contains("7.0.m4s", StringComparison.Ordinal)).Target);

        static bool IsVersionSeven(ParentRequest request) => request.Target.Contains("_HLS_msn=7&_HLS_part=2", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Steering_TheFirstRelaysNameAndThePathway_AreAllThatReachesAParent()
    {
        await using var relay = new TestRelay();
        relay.Answer("{}", "public, max-age=1");
        const string Path = "/b/01aaaaaaaaaaaaaaaaaaaaaaaa/steering.json";
        await relay.TextAsync(Path, "?_HLS_pathway=.&_HLS_throughput=1");
        var (again, _) = await relay.TextAsync(Path, "?_HLS_throughput=2&x=y&_HLS_pathway=.");
        Assert.Contains("hit", again.Headers["Cache-Status"].ToString(), StringComparison.Ordinal);
        await relay.TextAsync(Path, "?base=other&_HLS_pathway=edge");
        await relay.TextAsync("/api/v1/channels/studio/playback", "?region=EU&y=z");
        await relay.TextAsync("/api/v1/channels/studio", "?region=EU");
        Assert.Equal([Path + "?base=edge&pathway=.", Path + "?base=other&pathway=edge", "/api/v1/channels/studio/playback?base=edge&region=eu", "/api/v1/channels/studio"],
            relay.Parents.Requests.Select(request => request.Target));
        // It holds for its time and no longer.
        relay.Time.Advance(TimeSpan.FromSeconds(1.1));
        await relay.TextAsync(Path, "?_HLS_pathway=.");
        Assert.Equal(5, relay.Parents.Requests.Count);
    }

    [Fact]
    public async Task Coding_OfATextAlone_IsPartOfTheKey()
    {
        await using var relay = new TestRelay();
        relay.Answer("text", "public, max-age=60", 200, ("Vary", "Accept-Encoding"));
        foreach (var accepted in (string[])["br, gzip", "gzip;q=0.5", "identity", "br;q=1, x", ""])
        {
            await relay.TextAsync("/live/studio/main.m3u8", change: request => request.Headers.AcceptEncoding = accepted);
            await relay.TextAsync(TestRelay.Base + "7.m4s", change: request => request.Headers.AcceptEncoding = accepted);
        }
        Assert.Equal(["br, gzip", "identity", "gzip", "identity"], relay.Parents.Requests.Select(request => request.Headers["Accept-Encoding"]));
    }

    [Fact]
    public async Task Client_WhateverElseItSends_ReachesNoParent()
    {
        await using var relay = new TestRelay();
        relay.Answer("text", "public, max-age=60");
        await relay.TextAsync("/live/studio/main.m3u8", change: request =>
        {
            request.Headers.Cookie = "a=b";
            request.Headers.Authorization = "Bearer x";
            request.Headers.Host = "evil.example";
            request.Headers["X-Forwarded-Host"] = "evil.example";
            request.Headers.Range = "bytes=0-1";
        });
        Assert.Equal(["Accept-Encoding", "CDN-Loop"], Assert.Single(relay.Parents.Requests).Headers.Keys.Order());
    }

    private static byte[] Bytes(byte seed, int count) => [.. Enumerable.Range(0, count).Select(index => (byte)((index * 7) + seed))];
}
