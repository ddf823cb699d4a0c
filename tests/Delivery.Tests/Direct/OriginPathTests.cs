using System.Text;

namespace Millrace.Delivery.Tests;

/// <summary>What the paths in front of Kestrel do and Kestrel does not: holding, slow readers, limits, and the way to Kestrel. An origin's.</summary>
public abstract class OriginPathTests
{
    private protected abstract bool IsSecure { get; }

    [Fact]
    public async Task Request_OfMedia_IsNotKestrels()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var responses = new Counted("millrace.delivery.responses");
        using var client = await ConnectAsync(paths);
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync(Get(origin, "source/0.1.m4s"));
            Assert.EndsWith(Encoding.Latin1.GetString(Origin.BytesOf(0, 1)), await client.ReadAnswerAsync(Origin.PartBytes), StringComparison.Ordinal);
        }
        // Others of this process count as well.
        Assert.True(responses.Sum >= 3);
        Assert.Equal(0, paths.Kestrels);
        using var handedOver = new Counted("millrace.http.handed_over");
        await client.SendAsync("GET /other HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
        Assert.Contains("other", await client.ReadAnswerAsync(6), StringComparison.Ordinal);
        Assert.True(handedOver.Sum >= 1);
        await client.SendAsync(Get(origin, "source/0.1.m4s"));
        Assert.StartsWith("HTTP/1.1 200 OK", await client.ReadAnswerAsync(Origin.PartBytes), StringComparison.Ordinal);
        Assert.Equal(1, paths.Kestrels);
    }

    [Fact]
    public async Task Head_ByteByByte_IsAnswered()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await ConnectAsync(paths);
        foreach (var one in Get(origin, "source/0.1.m4s"))
            await client.SendAsync(new[] { one });
        Assert.EndsWith(Encoding.Latin1.GetString(Origin.BytesOf(0, 1)), await client.ReadAnswerAsync(Origin.PartBytes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Playlist_Blocking_IsAnsweredWithTheNextPart()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await ConnectAsync(paths);
        using var held = new Counted("millrace.delivery.held");
        foreach (var part in (int[])[0, 1, 2])
        {
            var before = held.Read();
            // The request behind it comes with it, or while it waits, or afterwards.
            var ask = Get(origin, $"source/live.m3u8?_HLS_msn=5&_HLS_part={part}");
            var next = Get(origin, $"source/5.{part}.m4s");
            await client.SendAsync(part == 0 ? [.. ask, .. next] : ask);
            await WaitAsync(() => held.Read() > before);
            if (part == 1)
                await client.SendAsync(next);
            origin.AddParts(5, part, part + 1);
            var answer = await client.ReadAnswerAsync();
            Assert.Contains($"5.{part}.m4s", answer, StringComparison.Ordinal);
            Assert.Contains("max-age=12", answer, StringComparison.Ordinal);
            if (part == 2)
                await client.SendAsync(next);
            Assert.EndsWith(Encoding.Latin1.GetString(Origin.BytesOf(5, part)), await client.ReadAnswerAsync(Origin.PartBytes), StringComparison.Ordinal);
        }
        Assert.Equal(0, paths.Kestrels);
    }

    [Fact]
    public async Task Playlist_BlockingAndNothingComes_Is503()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await ConnectAsync(paths);
        using var held = new Counted("millrace.delivery.held");
        var before = held.Read();
        await client.SendAsync(Get(origin, "source/live.m3u8?_HLS_msn=5"));
        await WaitAsync(() => held.Read() > before);
        origin.Time.Advance(TimeSpan.FromSeconds(6.1));
        Assert.StartsWith("HTTP/1.1 503 Service Unavailable", await client.ReadAnswerAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Client_LeavingWhileHeld_IsWaitedForNoLonger()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var held = new Counted("millrace.delivery.held");
        var before = held.Read();
        using (var client = await ConnectAsync(paths))
        {
            await client.SendAsync(Get(origin, "source/live.m3u8?_HLS_msn=5"));
            await WaitAsync(() => held.Read() > before);
        }
        await WaitAsync(() => held.Read() == before);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Segment_Running_IsKestrelsAndWhole(bool isHeld)
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = await ConnectAsync(paths);
        using var held = new Counted("millrace.delivery.held");
        var before = held.Read();
        if (!isHeld)
            origin.AddParts(5, 0, 1);
        await client.SendAsync(Get(origin, "source/5.m4s", "Connection: close\r\n"));
        if (isHeld)
        {
            await WaitAsync(() => held.Read() > before);
            origin.AddParts(5, 0, 1);
        }
        await client.ReadAsync(1);
        origin.AddParts(5, 1, 4);
        origin.EndSegment(5);
        var answer = Encoding.Latin1.GetString(await client.ReadToEndAsync());
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
        using var client = await ConnectAsync(paths, receiveBuffer: 4096);
        // More than both sockets hold: the server has to stop, and go on where it stopped, many times.
        const int Count = 400;
        var sending = client.SendAsync(Repeat(Get(origin, $"source/{segment}.m4s"), Count));
        var expected = Encoding.Latin1.GetString(Origin.BytesOf(segment));
        for (var i = 0; i < Count; i++)
            Assert.EndsWith(expected, await client.ReadAnswerAsync(expected.Length), StringComparison.Ordinal);
        await sending;
    }

    [Fact]
    public async Task Reader_ThatTakesNothing_IsCutAndHoldsNothing()
    {
        var origin = Filled();
        await using (var paths = await TwoPaths.StartAsync(origin))
        {
            using var client = await ConnectAsync(paths, receiveBuffer: 4096);
            var sending = client.SendUntilCutAsync(Repeat(Get(origin, "source/4.m4s"), 20_000));
            // Two windows: in the first one it had taken what the sockets hold.
            await AdvanceUntilAsync(origin, TimeSpan.FromSeconds(121), sending);
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
        using var client = await ConnectAsync(paths);
        await client.SendAsync(Get(origin, "source/0.1.m4s"));
        await client.ReadAnswerAsync(Origin.PartBytes);
        var end = client.ReadToEndAsync();
        await AdvanceUntilAsync(origin, TimeSpan.FromSeconds(76), end);
        Assert.Empty(await end);
    }

    [Fact]
    public async Task Connections_BeyondTheLimit_AreClosedAndMakeRoomAgain()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin, maxConnections: 2);
        using (var first = await ConnectAsync(paths))
        {
            await first.SendAsync(Get(origin, "source/0.1.m4s"));
            await first.ReadAnswerAsync(Origin.PartBytes);
            // Kestrel's count too.
            using var second = await ConnectAsync(paths);
            await second.SendAsync("GET /other HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
            await second.ReadAnswerAsync(6);
            Assert.False(await AnswersAsync(paths, origin));
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
        using var atRest = await ConnectAsync(paths);
        await atRest.SendAsync(Get(origin, "source/0.1.m4s"));
        await atRest.ReadAnswerAsync(Origin.PartBytes);
        using var waiting = await ConnectAsync(paths);
        await waiting.SendAsync(Get(origin, "source/live.m3u8?_HLS_msn=5"));
        await WaitAsync(() => held.Read() > before);
        using var deadline = new CancellationTokenSource(TwoPaths.Patience);
        var stopping = paths.StopDirectAsync(deadline.Token);
        Assert.Empty(await atRest.ReadToEndAsync());
        // As the server does it, in the other order: broadcasts end, and who waits for their future hears of it.
        origin.Broadcast.End();
        Assert.Contains("#EXT-X-ENDLIST", await waiting.ReadAnswerAsync(), StringComparison.Ordinal);
        await stopping;
        Assert.False(deadline.IsCancellationRequested);
    }

    private protected static Origin Filled()
    {
        var origin = new Origin();
        origin.AddSegments(0, 5);
        return origin;
    }

    private protected static string PathOf(Origin origin, string name) => $"/b/{origin.Broadcast.Id.Value}/{name}";

    private protected static byte[] Get(Origin origin, string name, string fields = "") =>
        Encoding.ASCII.GetBytes($"GET {PathOf(origin, name)} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");

    private protected static Task WaitAsync(Func<bool> holds) => WaitAsync(() => Task.FromResult(holds()));

    private protected static async Task WaitAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(TwoPaths.Patience);
        while (!await holds())
            await Task.Delay(10, limit.Token);
    }

    /// <summary>
    /// Sets the time forward until something has happened. It may not have been seen at all when that is done first, and one of
    /// the paths looks at its connections once a second of real time.
    /// </summary>
    private protected static async Task AdvanceUntilAsync(Origin origin, TimeSpan step, Task happening)
    {
        while (!happening.IsCompleted)
        {
            origin.Time.Advance(step);
            await Task.WhenAny(happening, Task.Delay(TimeSpan.FromMilliseconds(100), TestContext.Current.CancellationToken));
        }
    }

    private static byte[] Repeat(byte[] bytes, int count) => [.. Enumerable.Repeat(bytes, count).SelectMany(one => one)];

    private Task<PathClient> ConnectAsync(TwoPaths paths, int receiveBuffer = 0) =>
        PathClient.ConnectAsync(IsSecure ? paths.Secure : paths.Direct, IsSecure, receiveBuffer);

    private async Task<bool> AnswersAsync(TwoPaths paths, Origin origin)
    {
        try
        {
            using var client = await ConnectAsync(paths);
            await client.SendAsync(Get(origin, "source/0.1.m4s", "Connection: close\r\n"));
            return (await client.ReadToEndAsync()).Length > 0;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
