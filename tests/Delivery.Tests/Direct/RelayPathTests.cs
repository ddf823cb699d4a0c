using System.Text;
using Millrace.Delivery.Tests.Relay;

namespace Millrace.Delivery.Tests;

/// <summary>The paths in front of a relay's Kestrel: what is missing is held there and sent as it arrives, and no connection goes to Kestrel for it.</summary>
public abstract class RelayPathTests
{
    private const string Blocking = "live.m3u8?_HLS_msn=7&_HLS_part=2";

    private protected abstract bool IsSecure { get; }

    [Fact]
    public async Task Object_MissedThenHit_IsAnsweredHere()
    {
        await using var relay = new TestRelay();
        await using var paths = await TwoPaths.StartAsync(relay);
        using var client = await ConnectAsync(paths);
        var sizes = (int[])[0, 1, 8000, 8200, 70_000, 131_072, 3_000_001];
        for (var i = 0; i < sizes.Length; i++)
        {
            await client.SendAsync(Get($"{i}.m4s"));
            (await relay.Parents.RequestAsync(i)).Respond(200, Bytes(sizes[i]), TestRelay.Immutable);
            Assert.Contains("edge; fwd=uri-miss", await client.ReadAnswerAsync(sizes[i]), StringComparison.Ordinal);
            await relay.IdleAsync();
            await client.SendAsync(Get($"{i}.m4s"));
            var answer = await client.ReadAnswerAsync(sizes[i]);
            Assert.Contains("edge; hit", answer, StringComparison.Ordinal);
            Assert.EndsWith("\r\n\r\n" + Encoding.Latin1.GetString(Bytes(sizes[i])), answer, StringComparison.Ordinal);
        }
        Assert.Equal(0, paths.Kestrels);
    }

    [Fact]
    public async Task Playlist_WithManyWaiting_IsOneRequestAndAnAnswerForEach()
    {
        await using var relay = new TestRelay();
        await using var paths = await TwoPaths.StartAsync(relay);
        var clients = new List<PathClient>();
        for (var i = 0; i < 200; i++)
        {
            clients.Add(await ConnectAsync(paths));
            await clients[i].SendAsync(Get(Blocking));
        }
        var asked = await relay.Parents.RequestAsync(0);
        using var waiting = new Counted("millrace.relay.waiting");
        await WaitAsync(() => waiting.Read() >= 200);
        asked.Respond(200, TestRelay.Playlist(7, 3), "public, max-age=12");
        foreach (var client in clients)
        {
            var answer = await client.ReadAnswerAsync();
            Assert.Contains("max-age=12", answer, StringComparison.Ordinal);
            Assert.EndsWith(TestRelay.Playlist(7, 3), answer, StringComparison.Ordinal);
            client.Dispose();
        }
        Assert.Single(relay.Parents.Requests, request => request.Target.EndsWith(Blocking, StringComparison.Ordinal));
        Assert.Equal(0, paths.Kestrels);
    }

    [Fact]
    public async Task Body_OfKnownLength_IsSentAsItArrives()
    {
        await using var relay = new TestRelay();
        await using var paths = await TwoPaths.StartAsync(relay);
        using var client = await ConnectAsync(paths);
        await client.SendAsync(Get("8.m4s"));
        var body = (await relay.Parents.RequestAsync(0)).Begin(TestRelay.Immutable, ("Content-Length", "50000"));
        await body.WriteAsync(Bytes(20_000), TestContext.Current.CancellationToken);
        Assert.Contains("Content-Length: 50000\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal(Bytes(20_000), await client.ReadAsync(20_000));
        await body.WriteAsync(Bytes(30_000), TestContext.Current.CancellationToken);
        await body.CompleteAsync();
        Assert.Equal(Bytes(30_000), await client.ReadAsync(30_000));
        await relay.IdleAsync();
        await client.SendAsync(Get("8.m4s"));
        Assert.Contains("edge; hit", await client.ReadAnswerAsync(50_000), StringComparison.Ordinal);
        Assert.Equal(0, paths.Kestrels);
    }

    [Fact]
    public async Task Body_OfUnknownLength_IsSentInChunksAsItArrives()
    {
        await using var relay = new TestRelay();
        await using var paths = await TwoPaths.StartAsync(relay);
        using var early = await ConnectAsync(paths);
        await early.SendAsync(Get("8.m4s"));
        var body = (await relay.Parents.RequestAsync(0)).Begin(TestRelay.Immutable);
        Assert.Contains("Transfer-Encoding: chunked\r\n", await early.ReadHeadAsync(), StringComparison.Ordinal);
        await body.WriteAsync(Bytes(20_000), TestContext.Current.CancellationToken);
        Assert.Equal(Bytes(20_000), await early.ReadChunksAsync(20_000));
        using var late = await ConnectAsync(paths);
        await late.SendAsync((byte[])[.. Get("8.m4s"), .. Get("8.m4s")]);
        await late.ReadHeadAsync();
        Assert.Equal(Bytes(20_000), await late.ReadChunksAsync(20_000));
        await body.WriteAsync(Bytes(30_000), TestContext.Current.CancellationToken);
        await body.CompleteAsync();
        Assert.Equal(Bytes(30_000), await early.ReadChunksAsync(null));
        Assert.Equal(Bytes(30_000), await late.ReadChunksAsync(null));
        await late.ReadAnswerAsync(50_000);
        Assert.Single(relay.Parents.Requests);
        Assert.Equal(0, paths.Kestrels);
    }

    [Theory]
    [InlineData("Content-Length", "50000")]
    [InlineData("Content-Length", "6000")]
    [InlineData("X", "of no length")]
    public async Task Body_ThatBreaksOff_CutsTheConnection(string field, string value)
    {
        await using var relay = new TestRelay();
        await using var paths = await TwoPaths.StartAsync(relay);
        using var client = await ConnectAsync(paths);
        await client.SendAsync(Get("8.bin"));
        var body = (await relay.Parents.RequestAsync(0)).Begin("public, max-age=60", (field, value));
        await body.WriteAsync(Bytes(5000), TestContext.Current.CancellationToken);
        await body.CompleteAsync(new IOException("It broke."));
        var answer = Encoding.Latin1.GetString(await client.ReadToEndAsync());
        Assert.DoesNotContain("\r\n0\r\n", answer, StringComparison.Ordinal);
        Assert.True(answer.Length < 6000);
        await relay.IdleAsync();
        Assert.Equal((0, 0L), (relay.Node.Cache.Count, relay.Node.Memory.UsedBytes));
    }

    [Fact]
    public async Task Waiters_TheLastOneLeaves_TheParentIsAskedNoMore()
    {
        await using var relay = new TestRelay();
        await using var paths = await TwoPaths.StartAsync(relay);
        ParentRequest asked;
        using (var client = await ConnectAsync(paths))
        {
            await client.SendAsync(Get("7.2.m4s"));
            asked = await relay.Parents.RequestAsync(0);
            Assert.False(asked.Cancelled.IsCancellationRequested);
        }
        await relay.Parents.UntilAsync(() => asked.Cancelled.IsCancellationRequested);
    }

    [Fact]
    public async Task Requests_BeyondWhatMayWait_AreRefusedAndGoOn()
    {
        await using var relay = new TestRelay(options => options.MaxWaiting = 1);
        await using var paths = await TwoPaths.StartAsync(relay);
        using var first = await ConnectAsync(paths);
        await first.SendAsync(Get("7.2.m4s"));
        var asked = await relay.Parents.RequestAsync(0);
        using var second = await ConnectAsync(paths);
        await second.SendAsync(Get("7.2.m4s"));
        Assert.Contains("Retry-After: 1", await second.ReadAnswerAsync(), StringComparison.Ordinal);
        asked.Respond(200, Bytes(30_000), TestRelay.Immutable);
        await first.ReadAnswerAsync(30_000);
        await second.SendAsync(Get("7.2.m4s"));
        Assert.StartsWith("HTTP/1.1 200 OK", await second.ReadAnswerAsync(30_000), StringComparison.Ordinal);
    }

    /// <summary>Each of them takes a few KB and then nothing: the body is there once, and none of them has a copy of any of it.</summary>
    [Fact]
    public async Task Readers_FiveHundredOfThemSlow_ShareOneBodyAndGetEveryByteInTheEnd()
    {
        const int Size = 4 << 20;
        await using var relay = new TestRelay();
        relay.Parents.Automatic = request =>
        {
            request.Respond(200, Bytes(Size), TestRelay.Immutable);
            return true;
        };
        await using var paths = await TwoPaths.StartAsync(relay);
        var clients = new List<PathClient>();
        for (var i = 0; i < 500; i++)
        {
            clients.Add(await ConnectAsync(paths, receiveBuffer: 4096));
            await clients[i].SendAsync(Get("8.m4s", "Connection: close\r\n"));
        }
        var begun = new List<byte[]>();
        foreach (var client in clients)
            begun.Add(await client.ReadAsync(1024));
        await relay.IdleAsync();
        Assert.Equal(Size, relay.Node.Memory.UsedBytes);
        byte[] whole = [.. begun[250], .. await clients[250].ReadToEndAsync()];
        Assert.True(whole.AsSpan().EndsWith(Bytes(Size)));
        foreach (var client in clients)
            client.Dispose();
        Assert.Equal(0, paths.Kestrels);
    }

    /// <summary>A socket reads what it was given until its peer has it; by then the relay may have dropped the body and fetched another.</summary>
    [Fact]
    public async Task Body_ThatIsDroppedWhileTheSocketHasIt_ArrivesUnchanged()
    {
        const int Size = 400_000;
        await using var relay = new TestRelay();
        await using var paths = await TwoPaths.StartAsync(relay);
        using var client = await ConnectAsync(paths);
        await client.SendAsync(Get("8.m4s"));
        (await relay.Parents.RequestAsync(0)).Respond(200, Bytes(Size), TestRelay.Immutable);
        // All of it is on its way, and the client takes nothing yet.
        await client.ReadAsync(1);
        await relay.IdleAsync();
        relay.Node.Purge("/b/");
        await WaitAsync(() => relay.Node.Memory.UsedBytes == 0);
        for (var i = 1; i < 4; i++)
        {
            using var other = await ConnectAsync(paths);
            await other.SendAsync(Get($"{i}.bin", "Connection: close\r\n"));
            (await relay.Parents.RequestAsync(i)).Respond(200, new byte[Size], TestRelay.Immutable);
            await other.ReadToEndAsync();
        }
        var head = await client.ReadHeadAsync();
        Assert.Contains("Content-Length: 400000", head, StringComparison.Ordinal);
        Assert.Equal(Bytes(Size), await client.ReadAsync(Size));
    }

    private static byte[] Get(string name, string fields = "") => Encoding.ASCII.GetBytes($"GET {TestRelay.Base}{name} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");

    private static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++)
            bytes[i] = (byte)((i * 7) + (i >> 8));
        return bytes;
    }

    private Task<PathClient> ConnectAsync(TwoPaths paths, int receiveBuffer = 0) =>
        PathClient.ConnectAsync(IsSecure ? paths.Secure : paths.Direct, IsSecure, receiveBuffer);

    private static async Task WaitAsync(Func<bool> holds)
    {
        using var limit = new CancellationTokenSource(TwoPaths.Patience);
        while (!holds())
            await Task.Delay(10, limit.Token);
    }
}
