using System.Text;
using CsCheck;
using Millrace.Delivery.Tests.Relay;

namespace Millrace.Delivery.Tests;

/// <summary>The same bytes to both paths of a relay, and the same bytes back, but for a date of sending.</summary>
public sealed class RelayBothPathsTests
{
    private static readonly string[] Names =
    [
        "live.m3u8", "7.m4s", "7.0.m4s", "0-init.mp4", "manifest.mpd", "poster.jpg", "unkept.jpg", "empty", "gone", "never", "broken", "unable", "moved", "wordy",
        "", "./7.m4s", "%37.m4s", "7.m4s/", "//7.m4s", "7,1.m4s", "~", "..", "live.m3u8/",
    ];

    private static readonly string[] Queries =
    [
        "", "?x=1", "?_HLS_msn=7&_HLS_part=2", "?_HLS_part=2&_HLS_msn=7&_HLS_skip=YES", "?_HLS_part=1", "?_HLS_msn=x", "?_HLS_skip=no", "?", "??a=b&%00", "?token=\u00fc",
    ];

    private static readonly string[] RelayFields =
    [
        "CDN-Loop: other\r\n", "CDN-Loop: a, b, c, d, e, f, g, h, i\r\n", "CDN-Loop:\r\n", "cdn-loop: a;v=1\r\nCDN-Loop: b\r\n",
        "If-Modified-Since: Sun, 22 Nov 2026 19:00:00 GMT\r\n", "If-Modified-Since: Sun, 22 Nov 2026 17:00:00 GMT\r\n", "If-Modified-Since: yesterday\r\n", "If-Modified-Since:\r\n",
        "If-None-Match: \"p\"\r\n", "If-None-Match: \"p\"\r\nIf-Modified-Since: Sun, 22 Nov 2026 19:00:00 GMT\r\n",
    ];

    [Fact]
    public async Task Names_WithEveryMethodAndQuery_AnswerTheSame()
    {
        await using var relay = Relay();
        await using var paths = await TwoPaths.StartAsync(relay);
        foreach (var name in Names)
        {
            foreach (var method in (string[])["GET", "HEAD", "POST", "OPTIONS"])
                await AssertSameAsync(relay, paths, $"{method} {TestRelay.Base}{name} HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        foreach (var query in Queries)
        {
            await AssertSameAsync(relay, paths, $"GET {TestRelay.Base}live.m3u8{query} HTTP/1.1\r\nHost: a\r\n\r\n");
            await AssertSameAsync(relay, paths, $"GET {TestRelay.Base}7.0.m4s{query} HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        foreach (var target in (string[])["/live/studio/main.m3u8", "/live/studio/gone", "/live/", "/b/", "/b/01aaaaaaaaaaaaaaaaaaaaaaaa", "/api/v1/time", "/"])
            await AssertSameAsync(relay, paths, $"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    [Fact]
    public async Task Fields_EachOne_AnswerTheSame()
    {
        await using var relay = Relay();
        await using var paths = await TwoPaths.StartAsync(relay);
        foreach (var field in (string[])[.. BothPathsTests.Fields, .. RelayFields])
        {
            foreach (var name in (string[])["live.m3u8", "7.m4s", "poster.jpg"])
                await AssertSameAsync(relay, paths, $"GET {TestRelay.Base}{name} HTTP/1.1\r\nHost: a\r\n{field}\r\n");
        }
        await AssertSameAsync(relay, paths, $"GET {TestRelay.Base}7.m4s HTTP/1.1\r\nHost: a\r\nCDN-Loop: {relay.Node.Loops.Token}\r\n\r\n");
    }

    [Fact]
    public async Task Age_AndFreshness_AreTheSameAsTimePasses()
    {
        await using var relay = Relay();
        await using var paths = await TwoPaths.StartAsync(relay);
        for (var i = 0; i < 8; i++)
        {
            foreach (var name in (string[])["live.m3u8", "7.m4s", "gone"])
                await AssertSameAsync(relay, paths, $"GET {TestRelay.Base}{name} HTTP/1.1\r\nHost: a\r\n\r\n");
            relay.Time.Advance(TimeSpan.FromSeconds(0.7));
        }
        // What is out of date goes out nevertheless while nobody answers.
        relay.Parents.Refuse("parent0");
        relay.Time.Advance(TimeSpan.FromSeconds(65));
        await AssertSameAsync(relay, paths, $"GET {TestRelay.Base}live.m3u8 HTTP/1.1\r\nHost: a\r\n\r\n");
        await AssertSameAsync(relay, paths, "GET /live/studio/other.mpd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", waitsForParents: true);
    }

    [Fact]
    public async Task Pipeline_OfEverything_AnswersTheSameInOrder()
    {
        await using var relay = Relay();
        await using var paths = await TwoPaths.StartAsync(relay);
        string Get(string name) => $"GET {TestRelay.Base}{name} HTTP/1.1\r\nHost: a\r\n\r\n";
        var media = Get("live.m3u8") + Get("7.m4s") + Get("0-init.mp4") + Get("gone") + Get("7.0.m4s");
        await AssertSameAsync(relay, paths, string.Concat(Enumerable.Repeat(media, 10)));
        await AssertSameAsync(relay, paths, media + Get("wordy") + media);
        await AssertSameAsync(relay, paths, media + $"POST {TestRelay.Base}live.m3u8 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET " + media);
    }

    /// <summary>Requests put together at random, and half of them with a byte or two changed.</summary>
    [Fact]
    public async Task Requests_AtRandom_AnswerTheSame()
    {
        await using var relay = Relay();
        await using var paths = await TwoPaths.StartAsync(relay);
        var head = Gen.Select(
            BothPathsTests.OneOf("GET", "GET", "GET", "HEAD"), BothPathsTests.OneOf(Names), BothPathsTests.OneOf(Queries),
            BothPathsTests.OneOf([.. BothPathsTests.Fields, .. RelayFields]).Array[0, 4],
            (method, name, query, fields) => $"{method} {TestRelay.Base}{name}{query} HTTP/1.1\r\nHost: a\r\n{string.Concat(fields)}\r\n");
        await BothPathsTests.Changed(head).SampleAsync(async text => await AssertSameAsync(relay, paths, text), iter: 150, threads: 1);
    }

    // Once before: the first one to ask gets a miss, and the second a hit.
    private static async Task AssertSameAsync(TestRelay relay, TwoPaths paths, string request, bool waitsForParents = false)
    {
        var first = TwoPaths.ExchangeAsync(paths.Plain, request + BothPathsTests.Last);
        if (waitsForParents)
        {
            // No further than to the error, which is kept for less than a part.
            await TestRelay.UntilAsync(() => relay.Node.Cache.Fetching > 0);
            await relay.AdvanceUntilAsync(() => relay.Node.Cache.Fetching == 0, TimeSpan.FromSeconds(60));
        }
        await first;
        await relay.IdleAsync();
        await BothPathsTests.AssertSameAsync(paths, request, between: relay.IdleAsync);
        await relay.IdleAsync();
    }

    private static TestRelay Relay()
    {
        var relay = new TestRelay();
        relay.Parents.Automatic = request =>
        {
            var name = request.Target.Split('?')[0];
            name = name[(name.LastIndexOf('/') + 1)..];
            switch (name)
            {
                case "live.m3u8" or "main.m3u8":
                    request.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=60", ("ETag", "\"p\""), ("Vary", "Accept-Encoding"), ("Content-Type", "application/vnd.apple.mpegurl"), ("Cache-Status", "origin; hit"));
                    break;
                case "manifest.mpd":
                    request.Respond(200, "<MPD/>", "no-cache", ("ETag", "\"m\""), ("Content-Type", "application/dash+xml"));
                    break;
                case "7.m4s":
                    request.Respond(200, Bytes(150_000), TestRelay.Immutable, ("ETag", "\"1\""), ("Content-Type", "video/mp4"), ("Date", "Sun, 22 Nov 2026 19:59:59 GMT"));
                    break;
                case "7.0.m4s":
                    request.Respond(200, Bytes(20_000), TestRelay.Immutable, ("ETag", "\"1\""), ("Content-Type", "video/mp4"), ("Age", "5"));
                    break;
                case "0-init.mp4":
                    request.Respond(200, Bytes(700), TestRelay.Immutable, ("Content-Type", "video/mp4"), ("Content-Disposition", "attachment; filename=a.mp4"));
                    break;
                case "poster.jpg":
                    request.Respond(200, Bytes(9000), "public, max-age=60", ("Last-Modified", "Sun, 22 Nov 2026 18:00:00 GMT"), ("Vary", "Cookie"));
                    break;
                case "unkept.jpg":
                    request.Respond(200, Bytes(100), "no-store", ("Content-Encoding", "gzip"));
                    break;
                case "empty":
                    request.Respond(200, "", "public, max-age=60");
                    break;
                case "gone":
                    request.Respond(410, "gone\n", "no-store");
                    break;
                case "broken":
                    request.Respond(500, "broken\n", "no-store");
                    break;
                case "unable":
                    request.Respond(503, "later\n", "no-store");
                    break;
                case "moved":
                    request.Respond(302, "elsewhere\n", "no-store");
                    break;
                case "wordy":
                    request.Respond(200, "text", "public, max-age=60", ("Cache-Status", string.Join(", ", Enumerable.Repeat("some-other-tier; hit; ttl=3", 60))));
                    break;
                default:
                    request.Respond(404, "There is no such thing.\n", "no-store", ("Content-Type", "text/plain"));
                    break;
            }
            return true;
        };
        return relay;
    }

    private static byte[] Bytes(int count) => Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, (count / 8) + 1).Select(index => $"{index:x8}")))[..count];
}
