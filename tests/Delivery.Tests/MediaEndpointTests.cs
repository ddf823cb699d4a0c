using System.Text;
using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery.Tests;

public sealed class MediaEndpointTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Segment_Complete_IsImmutableAndWhole()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        var answer = await GetAsync(origin, Media(origin, "1.m4s"));
        Assert.Equal(200, answer.Response.StatusCode);
        Assert.Equal("video/mp4", answer.Response.ContentType);
        Assert.Equal("public, max-age=31536000, immutable", answer.Response.Headers.CacheControl);
        Assert.Equal(4000, answer.Response.ContentLength);
        Assert.Equal(Origin.BytesOf(1), await answer.BodyAsync());
    }

    [Fact]
    public async Task Broadcast_EndedWithNothingButGaps_IsNotThereUnderAnyName()
    {
        using var origin = new Origin(dvr: new DvrOptions { Mode = DvrMode.Full });
        origin.Broadcast.EndSegment(new Packaging.SegmentDescription(0, 0, new(0, 90_000), new(180_000, 90_000), false, true));
        Assert.Equal(200, (await GetAsync(origin, Media(origin, "dvr.m3u8"))).Response.StatusCode);
        origin.Broadcast.End();
        // A relay asks another origin for it, which may have been there.
        foreach (var name in (string[])["dvr.m3u8", "live.m3u8", "0.m4s"])
            Assert.Equal(404, (await GetAsync(origin, Media(origin, name))).Response.StatusCode);
    }

    [Fact]
    public async Task Segment_InASpoolFile_ReadsTheSame()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 5);
        await origin.SpooledAsync(() => origin.Video.TryFind(0, out var found, out _, out _) && found.Place == SegmentPlace.File);
        Assert.Equal(Origin.BytesOf(0), await (await GetAsync(origin, Media(origin, "0.m4s"))).BodyAsync());
        var part = await GetAsync(origin, Media(origin, "0.2.m4s"));
        Assert.Equal(Origin.BytesOf(0, 2), await part.BodyAsync());
        var range = await GetAsync(origin, Media(origin, "0.m4s"), request => request.Headers.Range = "bytes=950-1049");
        Assert.Equal(206, range.Response.StatusCode);
        Assert.Equal("bytes 950-1049/4000", range.Response.Headers.ContentRange);
        Assert.Equal(Origin.BytesOf(0)[950..1050], await range.BodyAsync());
    }

    [Fact]
    public async Task Segment_RangeBeyondIt_Is416()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        var answer = await GetAsync(origin, Media(origin, "0.m4s"), request => request.Headers.Range = "bytes=4000-");
        Assert.Equal(416, answer.Response.StatusCode);
        Assert.Equal("bytes */4000", answer.Response.Headers.ContentRange);
        Assert.Equal("no-store", answer.Response.Headers.CacheControl);
        Assert.Empty(await answer.BodyAsync());
    }

    [Fact]
    public async Task Segment_Running_IsSentPartByPart()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        origin.AddParts(2, 0, 1);
        var answer = Start(origin, Media(origin, "2.m4s"));
        Assert.Equal(Origin.BytesOf(2, 0), await answer.ReadAsync(1000));
        Assert.Null(answer.Response.ContentLength);
        Assert.False(answer.Done.IsCompleted);

        origin.AddParts(2, 1, 3);
        Assert.Equal(Origin.BytesOf(2)[1000..3000], await answer.ReadAsync(2000));

        origin.AddParts(2, 3, 4);
        origin.EndSegment(2);
        Assert.Equal(Origin.BytesOf(2, 3), await answer.BodyAsync());
        Assert.False(answer.WasAborted);
    }

    [Fact]
    public async Task Segment_RunningAndNeverEnded_IsCompleteWhenAPeriodBegins()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        origin.AddParts(2, 0, 1);
        var answer = Start(origin, Media(origin, "2.m4s"));
        Assert.Equal(Origin.BytesOf(2, 0), await answer.ReadAsync(1000));

        origin.BeginPeriod(3);

        Assert.Empty(await answer.BodyAsync());
        Assert.False(answer.WasAborted);
    }

    [Fact]
    public async Task Segment_Next_WaitsForItsFirstPart()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        var answer = Start(origin, Media(origin, "2.m4s"));
        Assert.False(answer.Done.IsCompleted);
        origin.AddSegment(2);
        Assert.Equal(Origin.BytesOf(2), await answer.BodyAsync());
    }

    [Fact]
    public async Task Segment_RunningAndNothingComes_IsCutAndNotEnded()
    {
        using var origin = new Origin();
        origin.AddParts(0, 0, 1);
        var answer = Start(origin, Media(origin, "0.m4s"));
        await answer.ReadAsync(1000);
        origin.Time.Advance(TimeSpan.FromSeconds(7));
        await answer.Done.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.True(answer.WasAborted);
    }

    [Fact]
    public async Task Part_Hinted_WaitsAndIsSent()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 1);
        origin.AddParts(1, 0, 1);
        var answer = Start(origin, Media(origin, "1.1.m4s"));
        Assert.False(answer.Done.IsCompleted);
        origin.AddParts(1, 1, 2);
        Assert.Equal(Origin.BytesOf(1, 1), await answer.BodyAsync());
    }

    [Fact]
    public async Task Part_HintedButTheSegmentEndedWithoutIt_Is404WithCors()
    {
        using var origin = new Origin();
        origin.AddParts(0, 0, 2);
        var answer = Start(origin, Media(origin, "0.2.m4s"));
        origin.EndSegment(0);
        await answer.Done.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(404, answer.Response.StatusCode);
        Assert.Equal("*", answer.Response.Headers.AccessControlAllowOrigin);
        Assert.Equal("no-store", answer.Response.Headers.CacheControl);
    }

    [Fact]
    public async Task Playlist_Blocking_IsHeldUntilThePartIsThere()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        var answer = Start(origin, Media(origin, "live.m3u8"), query: "?_HLS_msn=2&_HLS_part=1&token=ignored");
        origin.AddParts(2, 0, 1);
        Assert.False(answer.Done.IsCompleted);
        origin.AddParts(2, 1, 2);
        var text = Encoding.UTF8.GetString(await answer.BodyAsync());
        Assert.Contains("2.1.m4s", text, StringComparison.Ordinal);
        Assert.Equal("application/vnd.apple.mpegurl", answer.Response.ContentType);
        Assert.Equal("public, max-age=12", answer.Response.Headers.CacheControl);
    }

    [Theory]
    [InlineData("main.m3u8", "#EXT-X-STREAM-INF")]
    [InlineData("manifest.mpd", "<Representation")]
    public async Task Whole_OnAirWithoutAPart_IsHeldUntilThereIsOne(string name, string content)
    {
        using var origin = new Origin();
        var fromChannel = Start(origin, $"/live/studio-one/{name}");
        var own = Start(origin, $"/b/{origin.Broadcast.Id.Value}/{name}");
        Assert.False(fromChannel.Done.IsCompleted || own.Done.IsCompleted);
        origin.AddParts(0, 0, 1);
        foreach (var answer in (Exchange[])[fromChannel, own])
        {
            Assert.Contains(content, Encoding.UTF8.GetString(await answer.BodyAsync()), StringComparison.Ordinal);
            Assert.Equal(200, answer.Response.StatusCode);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whole_OnAirAndNoPartComes_Is404(bool ends)
    {
        using var origin = new Origin();
        var answer = Start(origin, "/live/studio-one/main.m3u8");
        if (ends)
            origin.Broadcast.End();
        else
            origin.Time.Advance(TimeSpan.FromSeconds(6.1));
        Assert.NotEmpty(await answer.BodyAsync());
        Assert.Equal((404, "no-store"), (answer.Response.StatusCode, (string?)answer.Response.Headers.CacheControl));
    }

    [Fact]
    public async Task Playlist_FirstLookBeforeASegment_IsHeldUntilThereIsOne()
    {
        using var origin = new Origin();
        origin.AddParts(0, 0, Origin.PartsPerSegment);
        var answer = Start(origin, Media(origin, "live.m3u8"));
        Assert.False(answer.Done.IsCompleted);
        origin.EndSegment(0);
        Assert.Contains("\n0.m4s\n", Encoding.UTF8.GetString(await answer.BodyAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Playlist_FirstLookAndNoSegmentComes_IsAnsweredAsItIs()
    {
        using var origin = new Origin();
        origin.AddParts(0, 0, 2);
        var answer = Start(origin, Media(origin, "live.m3u8"));
        origin.Time.Advance(TimeSpan.FromSeconds(6.1));
        Assert.Contains("0.1.m4s", Encoding.UTF8.GetString(await answer.BodyAsync()), StringComparison.Ordinal);
        Assert.Equal(200, answer.Response.StatusCode);
    }

    [Fact]
    public async Task Playlist_BlockingAndNothingComes_Is503AfterThreeTargetDurations()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        var answer = Start(origin, Media(origin, "live.m3u8"), query: "?_HLS_msn=2");
        origin.Time.Advance(TimeSpan.FromSeconds(5.9));
        Assert.False(answer.Done.IsCompleted);
        origin.Time.Advance(TimeSpan.FromSeconds(0.2));
        await answer.Done.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(503, answer.Response.StatusCode);
    }

    [Fact]
    public async Task Playlist_BlockingWhileThePublisherIsAway_IsTheCurrentOneInTheEnd()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        origin.Broadcast.Suspend();
        var answer = Start(origin, Media(origin, "live.m3u8"), query: "?_HLS_msn=2");
        origin.Time.Advance(TimeSpan.FromSeconds(7));
        Assert.Contains("1.m4s", Encoding.UTF8.GetString(await answer.BodyAsync()), StringComparison.Ordinal);
        Assert.Equal(200, answer.Response.StatusCode);
        Assert.Equal("no-cache", answer.Response.Headers.CacheControl);
    }

    [Fact]
    public async Task Playlist_BlockingAndTheBroadcastEnds_HasEndlist()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        var answer = Start(origin, Media(origin, "live.m3u8"), query: "?_HLS_msn=2&_HLS_part=0");
        origin.Broadcast.End();
        Assert.Contains("#EXT-X-ENDLIST", Encoding.UTF8.GetString(await answer.BodyAsync()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("?_HLS_msn=40")]
    [InlineData("?_HLS_msn=-1")]
    [InlineData("?_HLS_part=1")]
    [InlineData("?_HLS_msn=2&_HLS_part=99")]
    [InlineData("?_HLS_skip=maybe")]
    public async Task Playlist_BadDirectives_Are400WithCors(string query)
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        var answer = await GetAsync(origin, Media(origin, "live.m3u8"), query: query);
        Assert.Equal(400, answer.Response.StatusCode);
        Assert.Equal("*", answer.Response.Headers.AccessControlAllowOrigin);
    }

    [Fact]
    public async Task Playlist_SameTag_Is304()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        var first = await GetAsync(origin, "/live/studio-one/main.m3u8", request => request.Headers.AcceptEncoding = "br");
        Assert.Equal("br", first.Response.Headers.ContentEncoding);
        var second = await GetAsync(origin, "/live/studio-one/main.m3u8", request =>
        {
            request.Headers.AcceptEncoding = "br";
            request.Headers.IfNoneMatch = first.Response.Headers.ETag;
        });
        Assert.Equal(304, second.Response.StatusCode);
        Assert.Empty(await second.BodyAsync());
    }

    [Theory]
    [InlineData("Sun, 22 Nov 2026 20:00:02 GMT", "", 304)]
    [InlineData("Mon, 23 Nov 2026 00:00:00 GMT", "", 304)]
    [InlineData("Sun, 22 Nov 2026 20:00:01 GMT", "", 200)]
    [InlineData("yesterday", "", 200)]
    [InlineData("Mon, 23 Nov 2026 00:00:00 GMT", "\"other\"", 200)]
    public async Task Segment_SinceItsFirstFrame_IsNotModified(string since, string tag, int status)
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        var answer = await GetAsync(origin, Media(origin, "1.m4s"), request =>
        {
            request.Headers.IfModifiedSince = since;
            request.Headers.IfNoneMatch = tag;
        });
        Assert.Equal(status, answer.Response.StatusCode);
        Assert.Equal("Sun, 22 Nov 2026 20:00:02 GMT", answer.Response.Headers.LastModified);
    }

    [Theory]
    [InlineData("\"1\"", "", 200)]
    [InlineData("\"0\", *", "", 200)]
    [InlineData("\"other\"", "", 412)]
    [InlineData("W/\"1\"", "Mon, 23 Nov 2026 00:00:00 GMT", 412)]
    [InlineData("", "Sun, 22 Nov 2026 20:00:02 GMT", 200)]
    [InlineData("", "Sun, 22 Nov 2026 20:00:01 GMT", 412)]
    [InlineData("", "yesterday", 200)]
    public async Task Segment_ForAnotherVersion_IsRefused(string tag, string since, int status)
    {
        using var origin = new Origin();
        origin.AddSegments(0, 2);
        var answer = await GetAsync(origin, Media(origin, "1.m4s"), request =>
        {
            request.Headers.IfMatch = tag;
            request.Headers.IfUnmodifiedSince = since;
        });
        Assert.Equal(status, answer.Response.StatusCode);
    }

    [Fact]
    public async Task Head_OfASegment_HasItsLengthAndNoBody()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 1);
        var answer = await GetAsync(origin, Media(origin, "0.m4s"), request => request.Method = "HEAD");
        Assert.Equal(4000, answer.Response.ContentLength);
        Assert.Empty(await answer.BodyAsync());
    }

    [Theory]
    [InlineData("/live/nobody/main.m3u8", 404)]
    [InlineData("/live/studio-one/preview.jpg", 404)]
    [InlineData("/b/01aaaaaaaaaaaaaaaaaaaaaaaa/main.m3u8", 404)]
    public async Task Anything_Missing_Is404WithCors(string path, int status)
    {
        using var origin = new Origin();
        var answer = await GetAsync(origin, path);
        Assert.Equal(status, answer.Response.StatusCode);
        Assert.Equal("*", answer.Response.Headers.AccessControlAllowOrigin);
        Assert.NotEmpty(await answer.BodyAsync());
    }

    [Fact]
    public async Task Other_MethodsAndPreflight_AreAnsweredWithCors()
    {
        using var origin = new Origin();
        var post = await GetAsync(origin, "/live/studio-one/main.m3u8", request => request.Method = "POST");
        Assert.Equal((405, "*"), (post.Response.StatusCode, (string?)post.Response.Headers.AccessControlAllowOrigin));
        var options = await GetAsync(origin, "/live/studio-one/main.m3u8", request => request.Method = "OPTIONS");
        Assert.Equal((204, "*"), (options.Response.StatusCode, (string?)options.Response.Headers.AccessControlAllowOrigin));
    }

    private static string Media(Origin origin, string name) => $"/b/{origin.Broadcast.Id.Value}/source/{name}";

    private static async Task<Exchange> GetAsync(Origin origin, string path, Action<HttpRequest>? change = null, string query = "")
    {
        var exchange = Start(origin, path, change, query);
        await exchange.Done.WaitAsync(Patience, TestContext.Current.CancellationToken);
        return exchange;
    }

    private static Exchange Start(Origin origin, string path, Action<HttpRequest>? change = null, string query = "") =>
        new(new MediaEndpoint(origin.Store, origin.Time).TryInvoke, path, change, query);
}
