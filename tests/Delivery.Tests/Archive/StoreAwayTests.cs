namespace Millrace.Delivery.Tests.Archive;

/// <summary>What a node does while the store behind its disk cannot be reached, and how it finds out that it can again.</summary>
public sealed class StoreAwayTests(RadosGateway gateway)
{
    [Fact]
    public async Task Replay_ThatOnlyTheStoreHas_IsRefusedForNowAndLiveGoesOn()
    {
        using var storage = await OpenAsync();
        using var recording = new RecordingNode(storage.Options);
        var (old, script) = recording.Record(14);
        RecordingNode.AddSprites(old, 3);
        old.End();
        await recording.KeptAsync(old);
        using var node = storage.After(recording);
        await node.UntilAsync(() => node.Store.Replays.Find(old.Id.Value) is not null, "the replay is known");
        var (live, liveScript) = node.Record(4, channel: "studio-two");

        // 1. Nothing of it is here.
        storage.Link.Cut();
        foreach (var name in (string[])["main.m3u8", "manifest.mpd", "source/dvr.m3u8", "source/0-init.mp4", "source/0.m4s", "sprites.vtt", "download.mp4"])
            await DemandAwayAsync(node, $"/b/{old.Id}/{name}");
        liveScript.Segment();
        await DemandLiveAsync(node, live, liveScript, 4);

        // 2. Back: no word of the outage is remembered.
        storage.Link.Mend();
        Assert.Equal(200, (await node.GetAsync($"/b/{old.Id}/main.m3u8")).Response.StatusCode);
        Assert.Equal(script.Media[("source", 0)], (await node.GetAsync($"/b/{old.Id}/source/0.m4s")).Body);

        // 3. Away while it is watched: what was read a moment ago is there, what was not is refused.
        storage.Link.Cut();
        Assert.Equal(200, (await node.GetAsync($"/b/{old.Id}/source/dvr.m3u8")).Response.StatusCode);
        Assert.Equal(script.Media[("source", 0)], (await node.GetAsync($"/b/{old.Id}/source/0.m4s")).Body);
        await DemandAwayAsync(node, $"/b/{old.Id}/source/13.m4s");
        await DemandAwayAsync(node, $"/b/{old.Id}/audio/0.m4s");
        liveScript.Segment();
        await DemandLiveAsync(node, live, liveScript, 5);

        storage.Link.Mend();
        Assert.Equal(28, await RecordingNode.DemandMediaAsync((await node.Store.Replays.OpenAsync(old.Id.Value))!, script));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Deletion_WhileTheStoreIsAway_HappensOnceItIsBack(bool restarts)
    {
        using var storage = await OpenAsync();
        using var node = new RecordingNode(storage.Options);
        var (kept, _) = node.Record(8);
        kept.End();
        await node.KeptAsync(kept);
        node.Time.Advance(TimeSpan.FromMinutes(1));
        // Some of this one is in the store, more is on its way.
        var (fresh, script) = node.Record(20, seed: 2);
        await node.UntilAsync(() => fresh.Archive!.TryGet("source-0.m4s", out _), "a file is uploaded");
        storage.Link.Cut();
        for (var i = 0; i < 20; i++)
            script.Segment();
        fresh.End();
        Assert.True(node.Store.Delete(kept.Id));
        Assert.True(node.Store.Delete(fresh.Id));
        await node.UntilAsync(() => node.Store.ArchiveProblem is not null, "the store is away");
        Assert.Equal(404, (await node.GetAsync($"/b/{kept.Id}/main.m3u8")).Response.StatusCode);
        Assert.NotEmpty(await storage.NamesAsync(node, kept.Id));
        Assert.NotEmpty(await storage.NamesAsync(node, fresh.Id));

        using var again = restarts ? new RecordingNode(storage.Options, from: node) : null;
        if (restarts)
            node.Dispose();
        var last = again ?? node;
        Assert.False(last.Store.Archive!.IsIdle);
        storage.Link.Mend();
        await last.UntilAsync(() => last.Store.Archive!.IsIdle, "both are deleted");
        Assert.Empty(await storage.NamesAsync(last, kept.Id));
        Assert.Empty(await storage.NamesAsync(last, fresh.Id));
        Assert.Empty(last.Store.Replays.List());
        Assert.Null(last.Store.ArchiveProblem);
    }

    [Fact]
    public async Task Check_SaysWhatIsWrongWithAStore()
    {
        using var storage = await OpenAsync();
        Assert.Null(await StorageCheck.RunAsync(storage.Options));
        Assert.Equal(["first"], await NamesAsync(gateway, storage));

        storage.Link.Cut();
        Assert.NotNull(await StorageCheck.RunAsync(storage.Options));
        storage.Link.Mend();
        var bucket = storage.Options.S3.Bucket;
        storage.Options.S3.Bucket = "there-is-none";
        Assert.Equal("404 NoSuchBucket", await StorageCheck.RunAsync(storage.Options));
        storage.Options.S3.Bucket = bucket;
        storage.Options.S3.SecretKey = "a-wrong-secret";
        Assert.Equal("403 SignatureDoesNotMatch", await StorageCheck.RunAsync(storage.Options));
    }

    /// <summary>All names in the bucket, whatever their prefix.</summary>
    private static async Task<List<string>> NamesAsync(RadosGateway gateway, S3Case storage)
    {
        var options = new S3Options
        {
            Endpoint = gateway.Endpoint, Bucket = storage.Options.S3.Bucket, Prefix = "", AccessKey = RadosGateway.AccessKey, SecretKey = RadosGateway.SecretKey,
        };
        using var bucket = new S3Bucket(options, TimeProvider.System);
        return [.. (await bucket.ListAsync("", CancellationToken.None)).Select(entry => entry.Name)];
    }

    private static async Task DemandAwayAsync(RecordingNode node, string path)
    {
        var (response, _) = await node.GetAsync(path);
        Assert.True(response.StatusCode == 503, $"{path} is answered with {response.StatusCode}.");
        Assert.Equal(("5", "no-store"), (response.Headers.RetryAfter.ToString(), response.Headers.CacheControl.ToString()));
    }

    private static async Task DemandLiveAsync(RecordingNode node, OriginBroadcast live, RandomBroadcast script, long newest)
    {
        var (response, playlist) = await node.GetAsync($"/b/{live.Id}/source/live.m3u8");
        Assert.Equal(200, response.StatusCode);
        Assert.Contains($"\n{newest}.m4s\n", System.Text.Encoding.ASCII.GetString(playlist), StringComparison.Ordinal);
        Assert.Equal(script.Media[("source", newest)], (await node.GetAsync($"/b/{live.Id}/source/{newest}.m4s")).Body);
    }

    private async Task<S3Case> OpenAsync() => (S3Case)await StorageCase.OpenAsync(StorageKind.S3, gateway);
}
