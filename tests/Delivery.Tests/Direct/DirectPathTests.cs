using System.Net.Sockets;
using System.Text;

namespace Millrace.Delivery.Tests;

/// <summary>What only the direct path does: holding without a thread or buffer, slow readers, limits, and the way to Kestrel.</summary>
public sealed class DirectPathTests
{
    [Fact]
    public async Task Request_OfMedia_IsNotKestrels()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var handedOver = new Counted("millrace.http.handed_over");
        using var responses = new Counted("millrace.delivery.responses");
        using var client = await TwoPaths.ConnectAsync(paths.Direct);
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync(Get(origin, "source/0.1.m4s"));
            Assert.EndsWith(Encoding.Latin1.GetString(Origin.BytesOf(0, 1)), await TwoPaths.ReadAnswerAsync(client, Origin.PartBytes), StringComparison.Ordinal);
        }
        // Others of this process count as well.
        Assert.True(responses.Sum >= 3);
        await client.SendAsync("GET /other HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
        Assert.Contains("other", await TwoPaths.ReadAnswerAsync(client, 6), StringComparison.Ordinal);
        Assert.True(handedOver.Sum >= 1);
        await client.SendAsync(Get(origin, "source/0.1.m4s"));
        Assert.StartsWith("HTTP/1.1 200 OK", await TwoPaths.ReadAnswerAsync(client, Origin.PartBytes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Head_ByteByByte_IsAnswered()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await TwoPaths.ConnectAsync(paths.Direct);
        foreach (var one in Get(origin, "source/0.1.m4s"))
            await client.SendAsync(new[] { one });
        Assert.EndsWith(Encoding.Latin1.GetString(Origin.BytesOf(0, 1)), await TwoPaths.ReadAnswerAsync(client, Origin.PartBytes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Playlist_Blocking_IsAnsweredWithTheNextPart()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await TwoPaths.ConnectAsync(paths.Direct);
        using var held = new Counted("millrace.delivery.held");
        var before = held.Read();
        // Two in one packet: the second one waits in the socket for the first.
        await client.SendAsync((byte[])[.. Get(origin, "source/live.m3u8?_HLS_msn=5&_HLS_part=0"), .. Get(origin, "source/5.0.m4s")]);
        await WaitAsync(() => held.Read() > before);
        origin.AddParts(5, 0, 1);
        var answer = await TwoPaths.ReadAnswerAsync(client, null);
        Assert.Contains("5.0.m4s", answer, StringComparison.Ordinal);
        Assert.Contains("max-age=12", answer, StringComparison.Ordinal);
        Assert.EndsWith(Encoding.Latin1.GetString(Origin.BytesOf(5, 0)), await TwoPaths.ReadAnswerAsync(client, Origin.PartBytes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Playlist_BlockingAndNothingComes_Is503()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await TwoPaths.ConnectAsync(paths.Direct);
        using var held = new Counted("millrace.delivery.held");
        var before = held.Read();
        await client.SendAsync(Get(origin, "source/live.m3u8?_HLS_msn=5"));
        await WaitAsync(() => held.Read() > before);
        origin.Time.Advance(TimeSpan.FromSeconds(6.1));
        Assert.StartsWith("HTTP/1.1 503 Service Unavailable", await TwoPaths.ReadAnswerAsync(client, null), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Client_LeavingWhileHeld_IsWaitedForNoLonger()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var held = new Counted("millrace.delivery.held");
        var before = held.Read();
        using (var client = await TwoPaths.ConnectAsync(paths.Direct))
        {
            await client.SendAsync(Get(origin, "source/live.m3u8?_HLS_msn=5"));
            await WaitAsync(() => held.Read() > before);
        }
        await WaitAsync(() => held.Read() == before);
    }

    [Fact]
    public async Task Segment_Running_IsKestrelsAndWhole()
    {
        using var origin = Filled();
        origin.AddParts(5, 0, 1);
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await TwoPaths.ConnectAsync(paths.Direct);
        await client.SendAsync(Get(origin, "source/5.m4s", "Connection: close\r\n"));
        await TwoPaths.ReadAsync(client, 1);
        origin.AddParts(5, 1, 4);
        origin.EndSegment(5);
        var answer = Encoding.Latin1.GetString(await TwoPaths.ReadToEndAsync(client));
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
        using var client = await TwoPaths.ConnectAsync(paths.Direct, receiveBuffer: 4096);
        // More than both sockets hold: the server has to stop, and go on where it stopped, many times.
        const int Count = 500;
        var sending = SendAllAsync(client, Repeat(Get(origin, $"source/{segment}.m4s"), Count));
        var expected = Encoding.Latin1.GetString(Origin.BytesOf(segment));
        for (var i = 0; i < Count; i++)
            Assert.EndsWith(expected, await TwoPaths.ReadAnswerAsync(client, expected.Length), StringComparison.Ordinal);
        await sending;
    }

    [Fact]
    public async Task Reader_ThatTakesNothing_IsCutAndHoldsNothing()
    {
        var origin = Filled();
        await using (var paths = await TwoPaths.StartAsync(origin))
        {
            using var client = await TwoPaths.ConnectAsync(paths.Direct, receiveBuffer: 4096);
            using var stop = new CancellationTokenSource(TwoPaths.Patience);
            var sending = SendUntilCutAsync(client, Repeat(Get(origin, "source/4.m4s"), 20_000), stop.Token);
            // Two windows: in the first one it had taken what the sockets hold.
            while (!sending.IsCompleted)
            {
                origin.Time.Advance(TimeSpan.FromSeconds(121));
                await Task.WhenAny(sending, NextTickAsync());
            }
            Assert.True(await sending);
        }
        origin.Dispose();
        Assert.Equal(0, origin.Pool.UsedBytes);
    }

    [Fact]
    public async Task Connection_AtRestForLong_IsClosed()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await TwoPaths.ConnectAsync(paths.Direct);
        await client.SendAsync(Get(origin, "source/0.1.m4s"));
        await TwoPaths.ReadAnswerAsync(client, Origin.PartBytes);
        origin.Time.Advance(TimeSpan.FromSeconds(76));
        Assert.Empty(await TwoPaths.ReadToEndAsync(client));
    }

    [Fact]
    public async Task Connections_BeyondTheLimit_AreClosedAndMakeRoomAgain()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin, maxConnections: 2);
        using (var first = await TwoPaths.ConnectAsync(paths.Direct))
        {
            await first.SendAsync(Get(origin, "source/0.1.m4s"));
            await TwoPaths.ReadAnswerAsync(first, Origin.PartBytes);
            // Kestrel's count too.
            using var second = await TwoPaths.ConnectAsync(paths.Direct);
            await second.SendAsync("GET /other HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
            await TwoPaths.ReadAnswerAsync(second, 6);
            using var third = await TwoPaths.ConnectAsync(paths.Direct);
            Assert.Empty(await TwoPaths.ReadToEndAsync(third));
        }
        await WaitAsync(() => AnswersAsync(paths, origin));
    }

    [Fact]
    public async Task Stop_WithConnections_EndsThoseAtRestAndAnswersTheHeld()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var held = new Counted("millrace.delivery.held");
        var before = held.Read();
        using var atRest = await TwoPaths.ConnectAsync(paths.Direct);
        await atRest.SendAsync(Get(origin, "source/0.1.m4s"));
        await TwoPaths.ReadAnswerAsync(atRest, Origin.PartBytes);
        using var waiting = await TwoPaths.ConnectAsync(paths.Direct);
        await waiting.SendAsync(Get(origin, "source/live.m3u8?_HLS_msn=5"));
        await WaitAsync(() => held.Read() > before);
        using var deadline = new CancellationTokenSource(TwoPaths.Patience);
        var stopping = paths.StopDirectAsync(deadline.Token);
        Assert.Empty(await TwoPaths.ReadToEndAsync(atRest));
        // As the server does it, in the other order: broadcasts end, and who waits for their future hears of it.
        origin.Broadcast.End();
        var answer = Encoding.Latin1.GetString(await TwoPaths.ReadToEndAsync(waiting));
        Assert.Contains("Connection: close", answer, StringComparison.Ordinal);
        Assert.Contains("#EXT-X-ENDLIST", answer, StringComparison.Ordinal);
        await stopping;
        Assert.False(deadline.IsCancellationRequested);
    }

    private static Origin Filled()
    {
        var origin = new Origin();
        origin.AddSegments(0, 5);
        return origin;
    }

    private static byte[] Get(Origin origin, string name, string fields = "") =>
        Encoding.ASCII.GetBytes($"GET /b/{origin.Broadcast.Id.Value}/{name} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");

    private static byte[] Repeat(byte[] bytes, int count) => [.. Enumerable.Repeat(bytes, count).SelectMany(one => one)];

    private static async Task SendAllAsync(Socket client, byte[] bytes)
    {
        using var limit = new CancellationTokenSource(TwoPaths.Patience);
        for (var done = 0; done < bytes.Length;)
            done += await client.SendAsync(bytes.AsMemory(done), limit.Token);
    }

    // True when the server cut the connection.
    private static async Task<bool> SendUntilCutAsync(Socket client, byte[] bytes, CancellationToken cancellation)
    {
        try
        {
            while (true)
                await client.SendAsync(bytes, cancellation);
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private static async Task<bool> AnswersAsync(TwoPaths paths, Origin origin)
    {
        using var client = await TwoPaths.ConnectAsync(paths.Direct);
        await client.SendAsync(Get(origin, "source/0.1.m4s", "Connection: close\r\n"));
        return (await TwoPaths.ReadToEndAsync(client)).Length > 0;
    }

    // The loop looks at its connections once a second of real time.
    private static Task NextTickAsync() => Task.Delay(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken);

    private static Task WaitAsync(Func<bool> holds) => WaitAsync(() => Task.FromResult(holds()));

    private static async Task WaitAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(TwoPaths.Patience);
        while (!await holds())
            await Task.Delay(10, limit.Token);
    }
}
