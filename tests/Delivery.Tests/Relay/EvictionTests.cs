using Millrace.Delivery.Relay;

namespace Millrace.Delivery.Tests.Relay;

/// <summary>Memory is bounded, and what people watch now stays.</summary>
public sealed class EvictionTests
{
    private const int ObjectBytes = 20_000;

    [Fact]
    public async Task Scan_OfOldReplays_PushesNothingLiveOut()
    {
        await using var relay = new TestRelay(options => options.MemoryBytes = 4 << 20);
        relay.Parents.Automatic = request =>
        {
            request.Respond(200, new byte[ObjectBytes], TestRelay.Immutable);
            return true;
        };
        // Ten objects of a broadcast with several viewers.
        var live = Enumerable.Range(0, 10).Select(index => $"/b/live/source/{index}.m4s").ToList();
        for (var viewer = 0; viewer < 3; viewer++)
        {
            foreach (var path in live)
                await relay.TextAsync(path);
            await relay.IdleAsync();
        }
        for (var index = 0; index < 3000; index++)
        {
            await relay.TextAsync($"/b/old/source/{index}.m4s");
            await relay.IdleAsync();
            Assert.InRange(relay.Node.Memory.UsedBytes, 0, 4 << 20);
        }
        var before = relay.Parents.Requests.Count;
        foreach (var path in live)
            Assert.Contains("hit", (await relay.TextAsync(path)).Response.Headers["Cache-Status"].ToString(), StringComparison.Ordinal);
        Assert.Equal(before, relay.Parents.Requests.Count);
    }

    [Fact]
    public async Task Body_ThatASlowViewerStillReads_IsSharedAndFreedWithIt()
    {
        await using var relay = new TestRelay(options => options.MemoryBytes = 1 << 20);
        relay.Parents.Automatic = request =>
        {
            request.Respond(200, new byte[200_000], TestRelay.Immutable);
            return true;
        };
        var slow = relay.Node.Cache.Enter(RelayKey.Of("/b/slow/source/0.m4s"), null, out _)!;
        await slow.Answered;
        await slow.Body!.WaitForEndAsync(TestContext.Current.CancellationToken);
        for (var index = 1; index < 20; index++)
        {
            await relay.TextAsync($"/b/slow/source/{index}.m4s");
            await relay.IdleAsync();
        }
        // Evicted, and still whole for the one who reads it.
        Assert.Equal(RelayVerdict.Miss, Verdict("/b/slow/source/0.m4s"));
        Assert.Equal(200_000, slow.Body!.ToArray().Length);
        await relay.IdleAsync();
        relay.Node.Cache.Leave(slow);
        Assert.Null(slow.Body);
        relay.Node.Purge("/b/slow/");
        Assert.Equal((0, 0), (relay.Node.Memory.UsedBytes, relay.Node.Cache.Count));

        RelayVerdict Verdict(string path)
        {
            relay.Node.Cache.Leave(relay.Node.Cache.Enter(RelayKey.Of(path), null, out var verdict)!);
            return verdict;
        }
    }

    [Fact]
    public async Task Sweep_DropsErrorsAndOldVersionsOfPlaylists()
    {
        await using var relay = new TestRelay();
        for (var part = 0; part < 5; part++)
        {
            relay.Answer(TestRelay.Playlist(7, part + 1), "public, max-age=12");
            // Not as a viewer: nobody follows.
            var version = relay.Node.Cache.Enter(new RelayKey(TestRelay.Base + "live.m3u8", 7, part, Hls.PlaylistSkip.None, ContentCoding.Identity), null, out _)!;
            await relay.IdleAsync();
            relay.Node.Cache.Leave(version);
        }
        relay.Answer("gone", "no-store", 404);
        await relay.TextAsync(TestRelay.Base + "3.m4s");
        await relay.IdleAsync();
        Assert.Equal(6, relay.Node.Cache.Count);
        relay.Time.Advance(TimeSpan.FromSeconds(1));
        relay.Node.Cache.Sweep();
        Assert.Equal(5, relay.Node.Cache.Count);
        // The newest may still be of use when no parent answers.
        relay.Time.Advance(TimeSpan.FromSeconds(12));
        relay.Node.Cache.Sweep();
        Assert.Equal(1, relay.Node.Cache.Count);
        relay.Time.Advance(TimeSpan.FromSeconds(30));
        relay.Node.Cache.Sweep();
        Assert.Equal((0, 0), (relay.Node.Cache.Count, relay.Node.Memory.UsedBytes));
    }

    [Fact]
    public async Task Object_LargerThanTheLimit_GoesToEachViewerByItselfAndIsNotKept()
    {
        await using var relay = new TestRelay(options => options.MaxObjectBytes = 100_000);
        byte[] bytes = [.. Enumerable.Range(0, 300_000).Select(index => (byte)index)];
        relay.Parents.Automatic = request =>
        {
            // A parent that keeps it does ranges itself.
            if (request.Headers.TryGetValue("Range", out var range) && range == "bytes=100-199")
                request.Respond(206, bytes[100..200], TestRelay.Immutable, ("ETag", "\"1\""), ("Content-Range", "bytes 100-199/300000"));
            else
                request.Respond(200, bytes, TestRelay.Immutable, ("ETag", "\"1\""), ("Content-Type", "video/mp4"));
            return true;
        };
        for (var viewer = 0; viewer < 3; viewer++)
        {
            var whole = relay.Get(TestRelay.Base + "1.m4s");
            Assert.Equal(bytes, await whole.BodyAsync());
            Assert.Equal((200, 300_000, "video/mp4"), (whole.Response.StatusCode, whole.Response.ContentLength, whole.Response.ContentType));
        }
        var part = relay.Get(TestRelay.Base + "1.m4s", change: request => (request.Headers.Range, request.Headers.IfRange) = ("bytes=100-199", "\"1\""));
        Assert.Equal(bytes[100..200], await part.BodyAsync());
        Assert.Equal((206, 100, "bytes 100-199/300000", "*"), (part.Response.StatusCode, part.Response.ContentLength, part.Response.Headers.ContentRange.ToString(), part.Response.Headers.AccessControlAllowOrigin.ToString()));
        // What it is, is known: who holds it or asks for the head alone costs no parent anything.
        var before = relay.Parents.Requests.Count;
        var same = relay.Get(TestRelay.Base + "1.m4s", change: request => request.Headers.IfNoneMatch = "\"1\"");
        var head = relay.Get(TestRelay.Base + "1.m4s", change: request => request.Method = "HEAD");
        Assert.Empty(await same.BodyAsync());
        Assert.Empty(await head.BodyAsync());
        Assert.Equal((304, 200, 300_000), (same.Response.StatusCode, head.Response.StatusCode, head.Response.ContentLength));
        Assert.Equal((before, 5, 0L), (relay.Parents.Requests.Count, before, relay.Node.Memory.UsedBytes));

        // It breaks off on the way: nobody may take that for whole.
        relay.Parents.Automatic = null;
        var cut = relay.Get(TestRelay.Base + "1.m4s");
        var pipe = (await relay.Parents.RequestAsync(before)).Begin(TestRelay.Immutable, ("ETag", "\"1\""));
        await pipe.WriteAsync(bytes.AsMemory(0, 50_000), TestContext.Current.CancellationToken);
        Assert.Equal(bytes[..50_000], await cut.ReadAsync(50_000));
        await pipe.CompleteAsync(new IOException("cut"));
        await cut.Done;
        Assert.True(cut.WasAborted);
    }

    [Fact]
    public async Task Object_ThatGrowsBeyondTheLimit_IsCutAndNotKept()
    {
        await using var relay = new TestRelay(options => options.MaxObjectBytes = 100_000);
        var viewer = relay.Get(TestRelay.Base + "2.m4s");
        var body = (await relay.Parents.RequestAsync(0)).Begin(TestRelay.Immutable);
        await body.WriteAsync(new byte[100_001], TestContext.Current.CancellationToken);
        await viewer.BodyAsync();
        Assert.True(viewer.WasAborted);
        await relay.IdleAsync();
        relay.Time.Advance(TimeSpan.FromSeconds(1));
        relay.Node.Cache.Sweep();
        Assert.Equal(0, relay.Node.Memory.UsedBytes);
    }

    [Fact]
    public async Task Requests_BeyondTheLimits_AreRefusedWithRetryAfter()
    {
        await using var relay = new TestRelay(options => (options.MaxUpstream, options.MaxWaiting) = (2, 3));
        Exchange[] waiting = [relay.Get(TestRelay.Base + "1.m4s"), relay.Get(TestRelay.Base + "2.m4s"), relay.Get(TestRelay.Base + "2.m4s")];
        foreach (var path in (string[])["3.m4s", "2.m4s"])
        {
            var (busy, _) = await relay.TextAsync(TestRelay.Base + path);
            Assert.Equal((503, "1", "*"), (busy.StatusCode, busy.Headers.RetryAfter.ToString(), busy.Headers.AccessControlAllowOrigin.ToString()));
        }
        Assert.Equal(2, relay.Parents.Requests.Count);
        foreach (var exchange in waiting)
        {
            exchange.Abort();
            await exchange.Done;
        }
    }
}
