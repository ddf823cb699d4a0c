using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Millrace.Delivery.Tests;

/// <summary>
/// HTTPS: TLS on the socket, media answered there, all else by Kestrel. That both say the same is in <see cref="BothPathsTests"/>.
/// </summary>
public sealed class SecurePathTests
{
    [Fact]
    public async Task Http2_MediaAndOthers_AreKestrels()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = new HttpClient(new SocketsHttpHandler { SslOptions = TwoPaths.ClientOptions(SslApplicationProtocol.Http2) })
        {
            BaseAddress = new Uri($"https://{paths.Secure}"),
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        // Many at a time on one connection, each larger than a block of Kestrel's.
        var all = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => client.GetByteArrayAsync(Path(origin, $"source/{i % 5}.m4s"))));
        for (var i = 0; i < all.Length; i++)
            Assert.Equal(Origin.BytesOf(i % 5), all[i]);
        using var other = await client.GetAsync("/other");
        Assert.Equal(HttpVersion.Version20, other.Version);
        Assert.Equal("other\n", await other.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Http2_PlaylistHeld_IsAnsweredWithTheNextPart()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var held = new Counted("millrace.delivery.held");
        using var client = new HttpClient(new SocketsHttpHandler { SslOptions = TwoPaths.ClientOptions(SslApplicationProtocol.Http2) })
        {
            BaseAddress = new Uri($"https://{paths.Secure}"),
            DefaultRequestVersion = HttpVersion.Version20,
        };
        var before = held.Read();
        var playlist = client.GetStringAsync(Path(origin, "source/live.m3u8?_HLS_msn=5&_HLS_part=0"));
        await WaitAsync(() => held.Read() > before);
        origin.AddParts(5, 0, 1);
        Assert.Contains("5.0.m4s", await playlist, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Playlist_Blocking_IsAnsweredWithTheNextPart()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await TwoPaths.ConnectSecurelyAsync(paths.Secure);
        using var held = new Counted("millrace.delivery.held");
        using var handedOver = new Counted("millrace.http.handed_over");
        foreach (var part in (int[])[0, 1, 2])
        {
            var before = held.Read();
            // Once two in one record, once the second while the first waits, once alone.
            var ask = Get(origin, $"source/live.m3u8?_HLS_msn=5&_HLS_part={part}");
            var next = Get(origin, $"source/5.{part}.m4s");
            await client.WriteAsync(part == 0 ? [.. ask, .. next] : ask);
            await WaitAsync(() => held.Read() > before);
            if (part == 1)
                await client.WriteAsync(next);
            origin.AddParts(5, part, part + 1);
            Assert.Contains($"5.{part}.m4s", await ReadAnswerAsync(client), StringComparison.Ordinal);
            if (part == 2)
                await client.WriteAsync(next);
            Assert.EndsWith(Encoding.Latin1.GetString(Origin.BytesOf(5, part)), await ReadAnswerAsync(client), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Client_LeavingWhileHeld_IsWaitedForNoLonger()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var held = new Counted("millrace.delivery.held");
        var before = held.Read();
        using (var client = await TwoPaths.ConnectSecurelyAsync(paths.Secure))
        {
            await client.WriteAsync(Get(origin, "source/live.m3u8?_HLS_msn=5"));
            await WaitAsync(() => held.Read() > before);
        }
        await WaitAsync(() => held.Read() == before);
    }

    [Fact]
    public async Task Segment_HeldUntilItRuns_IsKestrelsAndWhole()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await TwoPaths.ConnectSecurelyAsync(paths.Secure);
        using var held = new Counted("millrace.delivery.held");
        var before = held.Read();
        await client.WriteAsync(Get(origin, "source/5.m4s", "Connection: close\r\n"));
        await WaitAsync(() => held.Read() > before);
        origin.AddParts(5, 0, 1);
        var first = new byte[1];
        Assert.Equal(1, await client.ReadAsync(first));
        origin.AddParts(5, 1, 4);
        origin.EndSegment(5);
        var answer = await ReadToEndAsync(client);
        Assert.Contains("Transfer-Encoding: chunked", answer, StringComparison.Ordinal);
        Assert.EndsWith(Encoding.Latin1.GetString(Origin.BytesOf(5, 3)), TwoPaths.Dechunked(answer), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public async Task Reader_SlowerThanTheSocket_GetsEveryByteInTheEnd(int segment)
    {
        using var origin = Filled();
        await origin.SpooledAsync(() => origin.Video.TryFind(0, out var found, out _, out _) && found.Place == SegmentPlace.File);
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await TwoPaths.ConnectSecurelyAsync(paths.Secure, receiveBuffer: 4096);
        const int Count = 300;
        var sending = client.WriteAsync(Repeat(Get(origin, $"source/{segment}.m4s"), Count));
        var expected = Encoding.Latin1.GetString(Origin.BytesOf(segment));
        for (var i = 0; i < Count; i++)
            Assert.EndsWith(expected, await ReadAnswerAsync(client), StringComparison.Ordinal);
        await sending;
    }

    [Fact]
    public async Task Reader_ThatTakesNothing_IsCutAndHoldsNothing()
    {
        var origin = Filled();
        await using (var paths = await TwoPaths.StartAsync(origin))
        {
            using var client = await TwoPaths.ConnectSecurelyAsync(paths.Secure, receiveBuffer: 4096);
            var sending = WriteUntilCutAsync(client, Repeat(Get(origin, "source/4.m4s"), 20_000));
            while (!sending.IsCompleted)
            {
                origin.Time.Advance(TimeSpan.FromSeconds(121));
                await Task.WhenAny(sending, Task.Delay(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken));
            }
            Assert.True(await sending);
        }
        origin.Dispose();
        Assert.Equal(0, origin.Pool.UsedBytes);
    }

    [Fact]
    public async Task Handshake_ThatDoesNotCome_IsCut()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var failures = new Counted("millrace.http.tls_failures");
        using var silent = await TwoPaths.ConnectAsync(paths.Secure);
        using var talkative = await TwoPaths.ConnectAsync(paths.Secure);
        await talkative.SendAsync(Get(origin, "source/0.m4s"));
        await TwoPaths.ReadToEndAsync(talkative);
        await WaitAsync(() => failures.Sum >= 1);
        var cut = TwoPaths.ReadToEndAsync(silent);
        // It may not have been accepted yet when the time is set forward the first time.
        while (!cut.IsCompleted)
        {
            origin.Time.Advance(TimeSpan.FromSeconds(11));
            await Task.WhenAny(cut, Task.Delay(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken));
        }
        Assert.Empty(await cut);
    }

    [Fact]
    public async Task Connection_AtRestForLong_IsClosed()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await TwoPaths.ConnectSecurelyAsync(paths.Secure);
        await client.WriteAsync(Get(origin, "source/0.1.m4s"));
        await ReadAnswerAsync(client);
        var end = ReadToEndAsync(client);
        while (!end.IsCompleted)
        {
            origin.Time.Advance(TimeSpan.FromSeconds(76));
            await Task.WhenAny(end, Task.Delay(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken));
        }
        Assert.Empty(await end);
    }

    [Fact]
    public async Task Connections_BeyondTheLimit_AreClosedAndMakeRoomAgain()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin, maxConnections: 2);
        using (var first = await TwoPaths.ConnectSecurelyAsync(paths.Secure))
        using (var second = await TwoPaths.ConnectSecurelyAsync(paths.Secure))
        {
            await second.WriteAsync("GET /other HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
            Assert.Contains("other", await ReadAnswerAsync(second), StringComparison.Ordinal);
            await Assert.ThrowsAnyAsync<IOException>(() => TwoPaths.ConnectSecurelyAsync(paths.Secure));
        }
        await WaitAsync(async () =>
        {
            try
            {
                using var client = await TwoPaths.ConnectSecurelyAsync(paths.Secure);
                return true;
            }
            catch (IOException)
            {
                return false;
            }
        });
    }

    [Fact]
    public async Task Stop_WithConnections_EndsThoseAtRestAndAnswersTheHeld()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var held = new Counted("millrace.delivery.held");
        var before = held.Read();
        using var atRest = await TwoPaths.ConnectSecurelyAsync(paths.Secure);
        await atRest.WriteAsync(Get(origin, "source/0.1.m4s"));
        await ReadAnswerAsync(atRest);
        using var waiting = await TwoPaths.ConnectSecurelyAsync(paths.Secure);
        await waiting.WriteAsync(Get(origin, "source/live.m3u8?_HLS_msn=5"));
        await WaitAsync(() => held.Read() > before);
        using var deadline = new CancellationTokenSource(TwoPaths.Patience);
        var stopping = paths.StopDirectAsync(deadline.Token);
        Assert.Empty(await ReadToEndAsync(atRest));
        origin.Broadcast.End();
        Assert.Contains("#EXT-X-ENDLIST", await ReadAnswerAsync(waiting), StringComparison.Ordinal);
        await stopping;
        Assert.False(deadline.IsCancellationRequested);
    }

    private static Origin Filled()
    {
        var origin = new Origin();
        origin.AddSegments(0, 5);
        return origin;
    }

    private static string Path(Origin origin, string name) => $"/b/{origin.Broadcast.Id.Value}/{name}";

    private static byte[] Get(Origin origin, string name, string fields = "") =>
        Encoding.ASCII.GetBytes($"GET {Path(origin, name)} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");

    private static byte[] Repeat(byte[] bytes, int count) => [.. Enumerable.Repeat(bytes, count).SelectMany(one => one)];

    private static async Task<string> ReadAnswerAsync(SslStream client)
    {
        using var limit = new CancellationTokenSource(TwoPaths.Patience);
        var head = new StringBuilder();
        var one = new byte[1];
        while (!(head.Length > 4 && head[^1] == '\n' && head[^3] == '\n'))
        {
            await client.ReadExactlyAsync(one, limit.Token);
            head.Append((char)one[0]);
        }
        var text = head.ToString();
        var body = new byte[int.Parse(text.Split("Content-Length: ")[1].Split('\r')[0], System.Globalization.CultureInfo.InvariantCulture)];
        await client.ReadExactlyAsync(body, limit.Token);
        return text + Encoding.Latin1.GetString(body);
    }

    private static async Task<string> ReadToEndAsync(SslStream client)
    {
        using var limit = new CancellationTokenSource(TwoPaths.Patience);
        var all = new MemoryStream();
        try
        {
            await client.CopyToAsync(all, limit.Token);
        }
        catch (IOException)
        {
            // Cut without a word.
        }
        return Encoding.Latin1.GetString(all.ToArray());
    }

    // True when the server cut the connection.
    private static async Task<bool> WriteUntilCutAsync(SslStream client, byte[] bytes)
    {
        try
        {
            while (true)
                await client.WriteAsync(bytes);
        }
        catch (Exception cut) when (cut is IOException or SocketException)
        {
            return true;
        }
    }

    private static Task WaitAsync(Func<bool> holds) => WaitAsync(() => Task.FromResult(holds()));

    private static async Task WaitAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(TwoPaths.Patience);
        while (!await holds())
            await Task.Delay(10, limit.Token);
    }
}
