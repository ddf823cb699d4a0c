using System.Globalization;
using System.Text;
using CsCheck;

namespace Millrace.Delivery.Tests;

/// <summary>The same bytes to both paths, and the same bytes back, but for the date: there is one server, as far as anyone can see.</summary>
public sealed class BothPathsTests
{
    // Ends every conversation. It is Kestrel's: so each of them also hands a begun connection over, with bytes behind.
    internal const string Last = "GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    private static readonly string[] Names =
    [
        "main.m3u8", "manifest.mpd", "source/live.m3u8", "source/0-init.mp4", "source/1-init.mp4", "source/0.m4s", "source/1.m4s",
        "source/4.m4s", "source/0.0.m4s", "source/4.3.m4s", "source/4.2.m4s", "source/00.m4s", "source/-1.m4s", "source/1.m4s/", "source//1.m4s",
        "source/./1.m4s", "source/../source/1.m4s", "source/%31.m4s", "source/1.m4s%00", "source/99999999999999999999.m4s", "audio/1.m4s", "nothing", "",
        "dvr.m3u8", "source/dvr.m3u8", "steering.json", "steering-dvr.json", "steering-dash.json",
    ];

    internal static readonly string[] Fields =
    [
        "Host: a\r\n", "Host: media.example:8080\r\n", "Host:\r\n", "Host: a b\r\n", "Host: [::1]:80\r\n", "Host: a:b\r\n", "Host: a,b\r\n",
        "Connection: keep-alive\r\n", "Connection: close\r\n", "connection: Close\r\n", "Connection: keep-alive, Upgrade\r\n", "Connection: \r\n",
        "Range: bytes=0-0\r\n", "Range: bytes=-7\r\n", "Range: bytes=100-\r\n", "Range: bytes=5000-\r\n", "Range: bytes=0-1,3-4\r\n", "Range: lines=1-2\r\n",
        "Range: bytes=7-3\r\n", "Range: bytes=0-99999999999999999999\r\n", "Range:\r\n", "range:bytes=1-2 \t\r\n",
        "If-Range: \"1\"\r\n", "If-Range: \"2\"\r\n", "If-Range:\r\n",
        "If-None-Match: \"1\"\r\n", "If-None-Match: W/\"1\", \"x\"\r\n", "If-None-Match: *\r\n", "If-None-Match: nonsense\r\n", "If-None-Match:\r\n",
        "If-Modified-Since: Sun, 22 Nov 2026 20:00:02 GMT\r\n", "If-Modified-Since: Sun, 22 Nov 2026 19:00:00 GMT\r\n", "If-Modified-Since: Mon, 23 Nov 2026 00:00:00 GMT\r\n", "If-Modified-Since: yesterday\r\n",
        "Accept-Encoding: gzip, deflate, br, zstd\r\n", "Accept-Encoding: br;q=0, gzip\r\n", "Accept-Encoding: identity\r\n", "Accept-Encoding:\r\n",
        "Content-Length: 0\r\n", "Content-Length: 3\r\n", "Content-Length: x\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n",
        "Expect: 100-continue\r\n", "Upgrade: websocket\r\n", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", "TE: trailers\r\n",
        " folded: line\r\n", "No colon\r\n", "Spaced : 1\r\n", ": nameless\r\n", "X: \u00e9\r\n", "X: a\u0000b\r\n", "X: a\rb\r\n", "X: bare\n", "Cookie: a=b; c=d\r\n",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n", "Accept: */*\r\n", "Origin: https://elsewhere.example\r\n", "\r\n",
    ];

    [Fact]
    public async Task Names_EveryOne_AnswersTheSame()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        foreach (var name in Names)
        {
            foreach (var method in (string[])["GET", "HEAD", "POST", "OPTIONS", "get", "GET ", "BREW"])
                await AssertSameAsync(paths, $"{method} {Root(origin)}/{name} HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        foreach (var target in (string[])["/live/studio-one/main.m3u8", "/live/studio-one/manifest.mpd", "/live/nobody/main.m3u8", "/live/studio-one/preview.jpg", "/live/", "/b/", "/b", "/", "*", "http://a/b/x/main.m3u8"])
            await AssertSameAsync(paths, $"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    [Fact]
    public async Task Fields_EachOne_AnswersTheSame()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        foreach (var field in Fields)
        {
            foreach (var name in (string[])["source/1.m4s", "source/live.m3u8"])
            {
                await AssertSameAsync(paths, $"GET {Root(origin)}/{name} HTTP/1.1\r\nHost: a\r\n{field}\r\n");
                await AssertSameAsync(paths, $"GET {Root(origin)}/{name} HTTP/1.1\r\n{field}{field}\r\n");
            }
        }
    }

    [Theory]
    [InlineData("?_HLS_msn=4")]
    [InlineData("?_HLS_msn=4&_HLS_part=3&_HLS_skip=YES")]
    [InlineData("?_HLS_msn=99")]
    [InlineData("?_HLS_part=1")]
    [InlineData("?_HLS_skip=no")]
    [InlineData("?")]
    [InlineData("??a=b&%00")]
    [InlineData("?a#b")]
    [InlineData("?token=\u00fc")]
    public async Task Query_OfAPlaylist_AnswersTheSame(string query)
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        await AssertSameAsync(paths, $"GET {Root(origin)}/source/live.m3u8{query} HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    [Fact]
    public async Task Limits_AtAndBeyondThem_AnswerTheSame()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        foreach (var length in (int[])[3000, 3900, 3990, 4000, 4010, 4090, 4096, 4200])
            await AssertSameAsync(paths, $"GET {Root(origin)}/source/live.m3u8?{new string('a', length - 100)} HTTP/1.1\r\nHost: a\r\n\r\n");
        foreach (var length in (int[])[10_000, 16_200, 16_280, 16_300, 16_384, 16_500])
            await AssertSameAsync(paths, $"GET {Root(origin)}/source/1.m4s HTTP/1.1\r\nHost: a\r\nX: {new string('a', length)}\r\n\r\n");
        foreach (var count in (int[])[58, 60, 61, 63, 64, 65])
        {
            var many = string.Concat(Enumerable.Range(0, count).Select(i => string.Create(CultureInfo.InvariantCulture, $"X{i}: a\r\n")));
            await AssertSameAsync(paths, $"GET {Root(origin)}/source/1.m4s HTTP/1.1\r\nHost: a\r\n{many}\r\n");
        }
    }

    [Theory]
    [InlineData("HTTP/1.0")]
    [InlineData("HTTP/1.2")]
    [InlineData("HTTP/2.0")]
    [InlineData("http/1.1")]
    [InlineData("")]
    public async Task Version_AnyOther_AnswersTheSame(string version)
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        await AssertSameAsync(paths, $"GET {Root(origin)}/source/1.m4s {version}\r\nHost: a\r\n\r\n");
        // With TLS the handshake has said which protocol it is (RFC 7301), and a preface of another says nothing.
        await AssertSameAsync(paths, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", withTls: false);
    }

    [Fact]
    public async Task Pipeline_OfEverything_AnswersTheSameInOrder()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        string Get(string name) => $"GET {Root(origin)}/{name} HTTP/1.1\r\nHost: a\r\n\r\n";
        var media = Get("source/0.m4s") + Get("source/live.m3u8") + Get("source/4.1.m4s") + Get("source/7.m4s/") + Get("source/0-init.mp4");
        await AssertSameAsync(paths, string.Concat(Enumerable.Repeat(Get("source/4.1.m4s"), 40)));
        await AssertSameAsync(paths, media + "GET /other HTTP/1.1\r\nHost: a\r\n\r\n" + media);
        await AssertSameAsync(paths, Get("source/0.m4s") + $"POST {Root(origin)}/main.m3u8 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET " + media);
        await AssertSameAsync(paths, $"GET {Root(origin)}/source/1.m4s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + media);
    }

    [Fact]
    public async Task Smuggling_LengthAndChunks_AnswersTheSame()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        foreach (var framing in (string[])["Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: +5\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding : chunked\r\n", "transfer-encoding:\tchunked\r\n"])
            await AssertSameAsync(paths, $"GET {Root(origin)}/source/1.m4s HTTP/1.1\r\nHost: a\r\n{framing}\r\n0\r\n\r\n");
    }

    /// <summary>A playlist that is kept in several pieces.</summary>
    [Fact]
    public async Task Playlist_OfALongBroadcast_AnswersTheSame()
    {
        using var origin = new Origin(dvr: new DvrOptions { Mode = DvrMode.Full });
        origin.AddSegments(0, 4 * OriginBroadcast.SlideSegments);
        await using var paths = await TwoPaths.StartAsync(origin);
        foreach (var fields in (string[])["", "Accept-Encoding: gzip\r\n", "Connection: close\r\n"])
            await AssertSameAsync(paths, $"GET {Root(origin)}/source/dvr.m3u8 HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        await AssertSameAsync(paths, $"HEAD {Root(origin)}/source/dvr.m3u8 HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal(0, paths.Kestrels);
    }

    [Fact]
    public async Task Segment_ThatItsStoreDoesNotHandOut_AnswersTheSame()
    {
        using var origin = new Origin(new DeliveryOptions { RecordingFileDuration = TimeSpan.FromSeconds(10) }, dvr: new DvrOptions { Mode = DvrMode.Full });
        origin.AddSegments(0, 12);
        await origin.SpooledAsync(() => origin.Video.TryFind(8, out var found, out _, out _) && found.Place == SegmentPlace.File);
        await using var paths = await TwoPaths.StartAsync(origin);
        string Get(string name, string fields = "") => $"GET {Root(origin)}/source/{name} HTTP/1.1\r\nHost: a\r\n{fields}\r\n";
        File.Delete(Path.Combine(origin.Broadcast.Directory, SpoolFile.NameOf("source", 0)));
        // It is said, and the connection goes on.
        await AssertSameAsync(paths, Get("0.m4s") + Get("0.1.m4s", "Range: bytes=1-2\r\n") + Get("11.m4s") + Get("1.m4s"));
        var said = await TwoPaths.ExchangeAsync(paths.Secure, Get("0.m4s") + Get("11.m4s") + Last, isSecure: true);
        Assert.StartsWith("HTTP/1.1 503 Service Unavailable\r\n", said, StringComparison.Ordinal);
        Assert.Contains(Encoding.Latin1.GetString(Origin.BytesOf(11)), said, StringComparison.Ordinal);
    }

    /// <summary>Requests put together at random, and half of them with a byte or two changed.</summary>
    [Fact]
    public async Task Requests_AtRandom_AnswerTheSame()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        var root = Root(origin);
        var head = Gen.Select(
            OneOf("GET", "GET", "GET", "GET", "HEAD", "POST"), OneOf(Names), OneOf("", "", "?_HLS_skip=YES", "?x=1"),
            OneOf(Fields).Array[0, 5],
            (method, name, query, fields) => $"{method} {root}/{name}{query} HTTP/1.1\r\nHost: a\r\n{string.Concat(fields)}\r\n");
        var request = Changed(head);
        await request.SampleAsync(async text => await AssertSameAsync(paths, text), iter: 400, threads: 1);
    }

    internal static Gen<string> Changed(Gen<string> head)
    {
        // Not a digit for a digit: a body of another length would be waited for.
        var change = Gen.Select(Gen.Int[0, 600], OneOf(' ', '\r', '\n', '\t', ':', '/', '.', 'x', '%', '\0', '\u00ff', '?'), Gen.Int[0, 2]);
        return Gen.Select(head, change.Array[0, 2], (text, changes) => changes.Aggregate(text, Change));
    }

    internal static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);

    private static string Change(string text, (int At, char To, int How) change)
    {
        var at = change.At % text.Length;
        return change.How switch
        {
            0 => text.Insert(at, change.To.ToString()),
            1 => text.Remove(at, 1),
            _ => string.Concat(text.AsSpan(0, at), change.To.ToString(), text.AsSpan(at + 1)),
        };
    }

    internal static async Task AssertSameAsync(TwoPaths paths, string request, bool withTls = true, Func<Task>? between = null)
    {
        var plain = await TwoPaths.ExchangeAsync(paths.Plain, request + Last);
        var direct = await TwoPaths.ExchangeAsync(paths.Direct, request + Last);
        Assert.Empty(paths.Faults);
        AssertSame("the direct path", plain, direct, request);
        if (!withTls)
            return;
        await (between?.Invoke() ?? Task.CompletedTask);
        AssertSame("the direct path with TLS", plain, await TwoPaths.ExchangeAsync(paths.Secure, request + Last, isSecure: true), request);
        Assert.Empty(paths.Faults);
    }

    private static void AssertSame(string what, string plain, string direct, string request)
    {
        if (plain == direct)
            return;
        var at = plain.Zip(direct).TakeWhile(pair => pair.First == pair.Second).Count();
        Assert.Fail($"To {Readable(request, 0)}\nfrom byte {at} on, Kestrel:\n{Readable(plain, at)}\n{what}:\n{Readable(direct, at)}");
    }

    private static string Readable(string text, int from) =>
        string.Concat(text.Skip(from).Take(1000).Select(one => one is '\n' or (>= ' ' and < '\x7f') ? one.ToString() : $"\\x{(int)one:x2}"));

    private static string Root(Origin origin) => $"/b/{origin.Broadcast.Id.Value}";

    // Four whole segments, the oldest in a spool file sooner or later, and three parts of the next one.
    private static Origin Filled()
    {
        var origin = new Origin();
        origin.AddSegments(0, 5);
        return origin;
    }
}
