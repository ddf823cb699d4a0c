using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery.Tests.Relay;

/// <summary>RFC 9111: how long an answer is used, what becomes of it then, and what the answer's head says about it.</summary>
public sealed class FreshnessTests
{
    private const string Master = "/live/studio/main.m3u8";

    [Fact]
    public async Task Text_PastItsTime_IsValidatedAndKeepsItsBody()
    {
        await using var relay = new TestRelay();
        var first = relay.TextAsync(Master);
        (await relay.Parents.RequestAsync(0)).Respond(200, "one", "public, max-age=2", ("ETag", "\"a\""));
        Assert.Equal("one", (await first).Text);
        await relay.IdleAsync();
        relay.Time.Advance(TimeSpan.FromSeconds(1.5));
        var (hit, text) = await relay.TextAsync(Master);
        Assert.Equal(("one", "1", "edge; hit; ttl=0"), (text, hit.Headers.Age.ToString(), hit.Headers["Cache-Status"].ToString()));

        relay.Time.Advance(TimeSpan.FromSeconds(1));
        var third = relay.TextAsync(Master);
        var asked = await relay.Parents.RequestAsync(1);
        Assert.Equal("\"a\"", asked.Headers["If-None-Match"]);
        asked.Respond(304, "", "public, max-age=2", ("ETag", "\"a\""));
        var (renewed, same) = await third;
        Assert.Equal(("one", 200, "edge; fwd=stale; fwd-status=304; stored"), (same, renewed.StatusCode, renewed.Headers["Cache-Status"].ToString()));
        await relay.IdleAsync();

        relay.Time.Advance(TimeSpan.FromSeconds(3));
        var fourth = relay.TextAsync(Master);
        (await relay.Parents.RequestAsync(2)).Respond(200, "two", "public, max-age=2", ("ETag", "\"b\""));
        Assert.Equal("two", (await fourth).Text);
        Assert.Equal(("two", 3), ((await relay.TextAsync(Master)).Text, relay.Parents.Requests.Count));
    }

    [Fact]
    public async Task Age_OfAnUpperTier_CountsAndItsVerdictStands()
    {
        await using var relay = new TestRelay();
        relay.Answer("text", "public, max-age=10", 200, ("Age", "7"), ("Cache-Status", "central; hit; ttl=3"));
        var (first, _) = await relay.TextAsync(Master);
        Assert.Equal("central; hit; ttl=3, edge; fwd=uri-miss; fwd-status=200; stored", first.Headers["Cache-Status"]);
        Assert.Equal("7", first.Headers.Age);
        await relay.IdleAsync();
        relay.Time.Advance(TimeSpan.FromSeconds(2));
        var (second, _) = await relay.TextAsync(Master);
        Assert.Equal(("9", "central; hit; ttl=3, edge; hit; ttl=1"), (second.Headers.Age.ToString(), second.Headers["Cache-Status"].ToString()));
        relay.Time.Advance(TimeSpan.FromSeconds(1.1));
        await relay.TextAsync(Master);
        Assert.Equal(2, relay.Parents.Requests.Count);
    }

    [Theory]
    [InlineData("no-store")]
    [InlineData("private, max-age=60")]
    [InlineData("no-cache")]
    [InlineData("max-age=x")]
    [InlineData("max-age=60, s-maxage=0")]
    public async Task Answer_ThatMayNotBeReused_IsAskedForAgain(string cacheControl)
    {
        await using var relay = new TestRelay();
        relay.Answer("text", cacheControl);
        await relay.TextAsync(Master);
        await relay.IdleAsync();
        await relay.TextAsync(Master);
        Assert.Equal(2, relay.Parents.Requests.Count);
    }

    [Fact]
    public async Task Answer_ThatVariesByMoreThanTheCoding_IsNotKept()
    {
        await using var relay = new TestRelay();
        relay.Answer("text", "public, max-age=60", 200, ("Vary", "Accept-Encoding, Cookie"));
        await relay.TextAsync(Master);
        await relay.IdleAsync();
        await relay.TextAsync(Master);
        Assert.Equal(2, relay.Parents.Requests.Count);
    }

    [Theory]
    [InlineData(404)]
    [InlineData(400)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Error_IsSharedForLessThanAPart(int status)
    {
        await using var relay = new TestRelay();
        relay.Answer("sorry", "public, max-age=3600", status);
        var (first, _) = await relay.TextAsync(TestRelay.Base + "9.0.m4s");
        await relay.IdleAsync();
        Assert.Equal((status, "*"), (first.StatusCode, first.Headers.AccessControlAllowOrigin.ToString()));
        relay.Time.Advance(TimeSpan.FromMilliseconds(80));
        await relay.TextAsync(TestRelay.Base + "9.0.m4s");
        Assert.Single(relay.Parents.Requests);
        relay.Answer("part", TestRelay.Immutable);
        relay.Time.Advance(TimeSpan.FromMilliseconds(20));
        Assert.Equal("part", (await relay.TextAsync(TestRelay.Base + "9.0.m4s")).Text);
    }

    [Fact]
    public async Task Answer_ThatIsStaleAbove_SaysSoInEveryTierBelow()
    {
        await using var relay = new TestRelay();
        const string Cut = "above; fwd=stale; ttl=-2; detail=no-parent-answers";
        relay.Answer("text", "no-cache", 200, ("ETag", "\"1\""), ("Cache-Status", Cut));
        Assert.StartsWith("110 ", (await relay.TextAsync(Master)).Response.Headers.Warning.ToString(), StringComparison.Ordinal);
        await relay.IdleAsync();
        relay.Answer("", "no-cache", 304, ("ETag", "\"1\""), ("Cache-Status", Cut));
        Assert.StartsWith("110 ", (await relay.TextAsync(Master)).Response.Headers.Warning.ToString(), StringComparison.Ordinal);
        await relay.IdleAsync();
        relay.Answer("", "no-cache", 304, ("ETag", "\"1\""));
        Assert.Empty((await relay.TextAsync(Master)).Response.Headers.Warning.ToString());
    }

    [Fact]
    public async Task Conditions_RangesAndHead_AreAnsweredFromTheKeptObject()
    {
        await using var relay = new TestRelay();
        relay.Answer("0123456789", TestRelay.Immutable, 200, ("ETag", "\"1\""), ("Last-Modified", "Sun, 22 Nov 2026 19:00:00 GMT"), ("Content-Type", "video/mp4"));
        const string Path = TestRelay.Base + "7.m4s";
        var (whole, _) = await relay.TextAsync(Path);
        Assert.Equal((10L, "video/mp4", "bytes", "\"1\"", TestRelay.Immutable),
            (whole.ContentLength, whole.ContentType, whole.Headers.AcceptRanges.ToString(), whole.Headers.ETag.ToString(), whole.Headers.CacheControl.ToString()));
        await relay.IdleAsync();

        var (same, empty) = await relay.TextAsync(Path, change: request => request.Headers.IfNoneMatch = "\"0\", W/\"1\"");
        Assert.Equal((304, "", "\"1\"", "*"), (same.StatusCode, empty, same.Headers.ETag.ToString(), same.Headers.AccessControlAllowOrigin.ToString()));
        Assert.Equal(304, (await relay.TextAsync(Path, change: request => request.Headers.IfModifiedSince = "Sun, 22 Nov 2026 19:00:00 GMT")).Response.StatusCode);

        Assert.Equal(412, (await relay.TextAsync(Path, change: request => request.Headers.IfMatch = "\"0\"")).Response.StatusCode);
        Assert.Equal(412, (await relay.TextAsync(Path, change: request => request.Headers.IfUnmodifiedSince = "Sun, 22 Nov 2026 18:59:59 GMT")).Response.StatusCode);
        Assert.Equal(200, (await relay.TextAsync(Path, change: request => request.Headers.IfMatch = "\"1\"")).Response.StatusCode);

        var (part, middle) = await relay.TextAsync(Path, change: request => request.Headers.Range = "bytes=2-4");
        Assert.Equal((206, "234", "bytes 2-4/10", 3L), (part.StatusCode, middle, part.Headers.ContentRange.ToString(), part.ContentLength));
        Assert.Equal("789", (await relay.TextAsync(Path, change: request => request.Headers.Range = "bytes=-3")).Text);
        using var refused = new Counted("millrace.relay.refused");
        var (beyond, _) = await relay.TextAsync(Path, change: request => request.Headers.Range = "bytes=10-");
        // Others of this process count as well.
        Assert.True(refused.Sum >= 1);
        Assert.Equal((416, "bytes */10", "no-store", "*"),
            (beyond.StatusCode, beyond.Headers.ContentRange.ToString(), beyond.Headers.CacheControl.ToString(), beyond.Headers.AccessControlAllowOrigin.ToString()));
        foreach (var absurd in (string[])["bytes=5-2", "bytes=0-1,3-4", "bytes=", "lines=1-2"])
            Assert.Equal("0123456789", (await relay.TextAsync(Path, change: request => request.Headers.Range = absurd)).Text);
        var (other, all) = await relay.TextAsync(Path, change: request => (request.Headers.Range, request.Headers.IfRange) = ("bytes=2-4", "\"0\""));
        Assert.Equal((200, "0123456789"), (other.StatusCode, all));

        var (head, none) = await relay.TextAsync(Path, change: request => request.Method = "HEAD");
        Assert.Equal((200, 10L, ""), (head.StatusCode, head.ContentLength, none));
        Assert.Single(relay.Parents.Requests);
    }

    [Theory]
    [InlineData("/b/x/../../etc/passwd", "", "GET", 404)]
    [InlineData("/b/x/%2e%2e/y", "", "GET", 404)]
    [InlineData("/live/studio/main.m3u8\r\nX: y", "", "GET", 404)]
    [InlineData("/b/x//y", "", "GET", 404)]
    [InlineData("/b/x/source/live.m3u8", "?_HLS_part=1", "GET", 400)]
    [InlineData("/b/x/source/live.m3u8", "?_HLS_msn=-1", "GET", 400)]
    [InlineData("/b/x/source/live.m3u8", "?_HLS_msn=1&_HLS_msn=2", "GET", 400)]
    [InlineData("/live/studio/main.m3u8", "", "POST", 405)]
    [InlineData("/api/v1/channels/studio", "", "DELETE", 405)]
    [InlineData("/live/studio/main.m3u8", "", "OPTIONS", 204)]
    public async Task BadRequests_AreAnsweredWithCorsAndTroubleNoParent(string path, string query, string method, int status)
    {
        await using var relay = new TestRelay();
        var (response, _) = await relay.TextAsync(path, query, request => request.Method = method);
        Assert.Equal((status, "*"), (response.StatusCode, response.Headers.AccessControlAllowOrigin.ToString()));
        Assert.Empty(relay.Parents.Requests);
        Assert.Equal(0, relay.Node.Cache.Count);
    }

    [Theory]
    [InlineData("/b/01aaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("/api/v1/accounts")]
    [InlineData("/c/studio")]
    [InlineData("/internal/purge")]
    public void OtherPaths_AreLeftToOthers(string path)
    {
        var relay = new TestRelay();
        var context = new DefaultHttpContext();
        context.Request.Path = path;
        Assert.False(relay.Endpoint.TryInvoke(context, out _));
    }
}
