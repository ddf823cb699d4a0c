using System.Diagnostics;

namespace Millrace.Delivery.Tests.Relay;

/// <summary>What memory drops and somebody wanted twice is on disk; nothing else is.</summary>
public sealed class DiskCacheTests : IDisposable
{
    private const int ObjectBytes = 40_000;
    private const int MemoryBytes = 1 << 20;

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("millrace-disk-");

    private int Files => directory.EnumerateFiles("*.object").Count();

    [Fact]
    public async Task Replay_WatchedTwice_ComesFromDiskWhenMemoryHasDroppedIt()
    {
        await using var relay = Relay();
        await WatchAsync(relay, "a", 10, times: 2);
        await PushOutAsync(relay);
        await TestRelay.UntilAsync(() => relay.Node.Disk!.Count >= 10);
        Assert.Equal((relay.Node.Disk!.Count, relay.Node.Disk.Count * (long)ObjectBytes), (Files, relay.Node.Disk.Bytes));

        var before = relay.Parents.Requests.Count;
        for (var index = 0; index < 10; index++)
        {
            var exchange = relay.Get($"/b/a/source/{index}.m4s");
            Assert.Equal(BytesOf($"/b/a/source/{index}.m4s"), await exchange.BodyAsync());
            var headers = exchange.Response.Headers;
            Assert.Contains("hit; ttl=", headers["Cache-Status"].ToString(), StringComparison.Ordinal);
            Assert.Equal((TestRelay.Immutable, "\"1\"", ObjectBytes), (headers.CacheControl.ToString(), headers.ETag.ToString(), (int)exchange.Response.ContentLength!));
        }
        Assert.Equal(before, relay.Parents.Requests.Count);
        await WrittenAsync(relay);
        Assert.InRange(relay.Node.Memory.UsedBytes, 0, MemoryBytes + ObjectBytes);
    }

    [Fact]
    public async Task Scan_OfReplaysAskedForOnce_WritesNothing()
    {
        await using var relay = Relay();
        await WatchAsync(relay, "scan", 300, times: 1);
        Assert.Equal((0, 0), (relay.Node.Disk!.Count, Files));
    }

    [Fact]
    public async Task LiveMedia_AndWhatMayChange_IsNotWritten()
    {
        await using var relay = Relay();
        relay.Answer(new string('x', ObjectBytes), "public, max-age=60");
        for (var index = 0; index < 100; index++)
        {
            await relay.TextAsync($"/b/a/source/{index}.m4s");
            await relay.TextAsync($"/b/a/source/{index}.m4s");
            await relay.IdleAsync();
        }
        Assert.Equal(0, relay.Node.Disk!.Count);
    }

    [Fact]
    public async Task Purge_ReachesWhatIsOnDisk()
    {
        await using var relay = Relay();
        await WatchAsync(relay, "a", 10, times: 2);
        await PushOutAsync(relay);
        await TestRelay.UntilAsync(() => relay.Node.Disk!.Count >= 10);
        relay.Node.Purge("/b/a/");
        await TestRelay.UntilAsync(() => !relay.Node.Disk!.IsFailed && Files == relay.Node.Disk.Count);
        var before = relay.Parents.Requests.Count;
        await relay.TextAsync("/b/a/source/0.m4s");
        Assert.Equal(before + 1, relay.Parents.Requests.Count);
    }

    [Fact]
    public async Task Room_ForNewObjects_IsMadeByTheOldestThatNobodyUsed()
    {
        // The least that options allow would take long to fill.
        await using var relay = Relay(options => options.DiskCacheBytes = 30 * ObjectBytes);
        for (var round = 0; round < 10; round++)
        {
            await WatchAsync(relay, $"r{round}", 10, times: 2);
            await PushOutAsync(relay);
            Assert.InRange(relay.Node.Disk!.Bytes, 0, 30 * ObjectBytes);
        }
        await TestRelay.UntilAsync(() => relay.Node.Disk!.Count > 10);
        Assert.Null(relay.Node.Disk!.Find(Key("/b/r0/source/0.m4s")));
        // One more than there are: the one that is being written.
        Assert.InRange(Files, 10, 31);
    }

    [Fact]
    public async Task Start_OverWhatAnotherRunLeft_BeginsEmptyAndTouchesNothingElse()
    {
        var (left, foreign) = (Path.Combine(directory.FullName, "7.object"), Path.Combine(directory.FullName, "notes.txt"));
        await File.WriteAllTextAsync(left, "old", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(foreign, "mine", TestContext.Current.CancellationToken);
        await using var relay = Relay();
        Assert.Equal((false, true), (File.Exists(left), File.Exists(foreign)));
        // A second relay over the same directory goes without.
        await using var second = Relay();
        Assert.Equal((false, true), (relay.Node.Disk!.IsFailed, second.Node.Disk!.IsFailed));
        await WatchAsync(second, "a", 10, times: 2);
    }

    [Fact]
    public async Task Disk_ThatLosesAFile_IsLeftAloneAndParentsAreAsked()
    {
        await using var relay = Relay();
        await WatchAsync(relay, "a", 10, times: 2);
        await PushOutAsync(relay);
        await TestRelay.UntilAsync(() => relay.Node.Disk!.Count >= 10);
        foreach (var file in directory.EnumerateFiles("*.object"))
        {
            await using var cut = file.OpenWrite();
            cut.SetLength(0);
        }
        var exchange = relay.Get("/b/a/source/0.m4s");
        Assert.Equal(BytesOf("/b/a/source/0.m4s"), await exchange.BodyAsync());
        Assert.True(relay.Node.Disk!.IsFailed);
        await WatchAsync(relay, "a", 10, times: 1);
    }

    [Fact]
    public async Task Disk_ThatDoesNotTakeTheBytes_CostsLittleMemoryAndRefusesNobody()
    {
        await using var relay = Relay();
        // The first file that is written is a pipe that nobody reads: the disk stands still from there on.
        var pipe = Path.Combine(directory.FullName, "0.object");
        using (var made = Process.Start("mkfifo", pipe))
            await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        for (var index = 0; index < 300; index++)
        {
            for (var time = 0; time < 2; time++)
                Assert.Equal(200, (await relay.TextAsync($"/b/a/source/{index}.m4s")).Response.StatusCode);
            await relay.IdleAsync();
        }
        Assert.InRange(relay.Node.Disk!.Waiting, 1, (MemoryBytes / 8 / ObjectBytes) + 1);
        // Most of the memory is still there for what is watched.
        Assert.InRange(relay.Node.Cache.Count, MemoryBytes / 2 / ObjectBytes, MemoryBytes / ObjectBytes);
        await using var reader = new FileStream(pipe, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var read = reader.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
        await WrittenAsync(relay);
        await read;
    }

    public void Dispose() => directory.Delete(recursive: true);

    private static Millrace.Delivery.Relay.RelayKey Key(string path) => Millrace.Delivery.Relay.RelayKey.Of(path);

    private static byte[] BytesOf(string target) => [.. Enumerable.Range(0, ObjectBytes).Select(index => (byte)(index + target.GetHashCode(StringComparison.Ordinal)))];

    private TestRelay Relay(Action<Millrace.Delivery.Relay.RelayOptions>? change = null)
    {
        var relay = new TestRelay(options =>
        {
            (options.MemoryBytes, options.MaxObjectBytes, options.DiskCache) = (MemoryBytes, MemoryBytes / 4, directory.FullName);
            change?.Invoke(options);
        });
        relay.Parents.Automatic = request =>
        {
            request.Respond(200, BytesOf(request.Target), TestRelay.Immutable, ("ETag", "\"1\""));
            return true;
        };
        return relay;
    }

    private static async Task WatchAsync(TestRelay relay, string broadcast, int objects, int times)
    {
        for (var index = 0; index < objects; index++)
        {
            for (var time = 0; time < times; time++)
                Assert.Equal(200, (await relay.TextAsync($"/b/{broadcast}/source/{index}.m4s")).Response.StatusCode);
            await relay.IdleAsync();
            await WrittenAsync(relay);
        }
    }

    /// <summary>What finds too much waiting is not written, and a busy machine's disk is slow.</summary>
    private static Task WrittenAsync(TestRelay relay) => TestRelay.UntilAsync(() => relay.Node.Disk!.IsFailed || relay.Node.Disk.Waiting == 0);

    /// <summary>Other objects, each asked for so often that it takes the place of what was there.</summary>
    private static Task PushOutAsync(TestRelay relay) => WatchAsync(relay, "other", 60, times: 4);
}
