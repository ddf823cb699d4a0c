[assembly: AssemblyFixture(typeof(Millrace.Delivery.Tests.Archive.RadosGateway))]

namespace Millrace.Delivery.Tests.Archive;

/// <summary>What holds wherever recordings are kept: on a real disk, and in a real S3 server.</summary>
public sealed class StorageContractTests(RadosGateway gateway)
{
    [Theory]
    [InlineData(StorageKind.Disk)]
    [InlineData(StorageKind.S3)]
    public async Task Broadcast_ThatEnded_IsAReplayOfTheNodeThatTakesOver(StorageKind kind)
    {
        using var storage = await StorageCase.OpenAsync(kind, gateway);
        using var node = new RecordingNode(storage.Options);
        var (broadcast, script) = node.Record(14);
        broadcast.End();
        await node.KeptAsync(broadcast);

        using var next = storage.After(node);
        await next.UntilAsync(() => next.Store.Replays.Find(broadcast.Id.Value) is not null, "the replay is known to the next node");
        var replay = next.Store.Replays.Find(broadcast.Id.Value)!;
        Assert.Equal(("studio-one", DvrMode.Full, broadcast.Duration), (replay.Channel.Value, replay.Mode, replay.Duration));
        await next.UntilAsync(() => replay.Bytes > 0, "the replay's size is known");
        var opened = await next.Store.Replays.OpenAsync(broadcast.Id.Value);
        Assert.NotNull(opened);
        Assert.True(opened.IsEnded);
        Assert.Equal(28, await RecordingNode.DemandMediaAsync(opened, script));
    }

    [Theory]
    [InlineData(StorageKind.Disk)]
    [InlineData(StorageKind.S3)]
    public async Task Sprites_OfAReplay_AreThoseThatWereMadeWhenTheLocalFilesHaveLeft(StorageKind kind)
    {
        using var storage = await StorageCase.OpenAsync(kind, gateway);
        using var node = new RecordingNode(storage.Options);
        var (broadcast, _) = node.Record(8);
        // A full sheet, and one in progress.
        RecordingNode.AddSprites(broadcast, 27);
        broadcast.End();
        await node.KeptAsync(broadcast);
        var before = await SpritesAsync(node, broadcast.Id);
        Assert.Equal(["0.jpg", "1.2.jpg"], before.Keys.Where(name => name != "").Order());

        if (kind == StorageKind.S3)
        {
            node.Store.Close(broadcast);
            await node.ChoresAsync();
            Assert.True(node.Store.LocalSpace!.Evict(long.MaxValue) > 0);
            Assert.False(Directory.Exists(node.DirectoryOf(broadcast.Id)));
            Assert.Equal(before, await SpritesAsync(node, broadcast.Id));
            Assert.True(File.Exists(Path.Combine(node.DirectoryOf(broadcast.Id), "sprites", "0.jpg")));
        }
        using var next = storage.After(node);
        await next.UntilAsync(() => next.Store.Replays.Find(broadcast.Id.Value) is not null, "the replay is known to the next node");
        Assert.Equal(before, await SpritesAsync(next, broadcast.Id));
    }

    /// <summary>The index, under the empty name, and every sheet that it names.</summary>
    private static async Task<Dictionary<string, string>> SpritesAsync(RecordingNode node, Millrace.Core.BroadcastId id)
    {
        var (response, index) = await node.GetAsync($"/b/{id}/sprites.vtt");
        Assert.Equal((200, "text/vtt; charset=utf-8"), (response.StatusCode, response.ContentType));
        var text = System.Text.Encoding.ASCII.GetString(index);
        var found = new Dictionary<string, string> { [""] = text };
        foreach (var name in text.Split('\n').Where(line => line.StartsWith("sprites/", StringComparison.Ordinal)).Select(line => line[8..line.IndexOf('#', StringComparison.Ordinal)]).Distinct())
        {
            var (sheet, bytes) = await node.GetAsync($"/b/{id}/sprites/{name}");
            Assert.Equal((200, "image/jpeg"), (sheet.StatusCode, sheet.ContentType));
            found[name] = Convert.ToHexString(bytes);
        }
        return found;
    }

    [Theory]
    [InlineData(StorageKind.Disk)]
    [InlineData(StorageKind.S3)]
    public async Task Broadcast_OnAirWhenTheNodeIsKilled_GoesOnWithNothingLost(StorageKind kind)
    {
        using var storage = await StorageCase.OpenAsync(kind, gateway);
        using var node = new RecordingNode(storage.Options);
        var (broadcast, script) = node.Record(12);
        await node.UntilAsync(() => broadcast.Journal.IsCaughtUp, "everything is on disk");
        if (kind == StorageKind.S3)
        {
            // What is uploaded leaves the disk; the kill finds it there no more.
            await node.UntilAsync(() => broadcast.Archive!.TryGet("source-0.m4s", out _) && broadcast.Archive.TryGet("audio-0.m4s", out _), "two files are uploaded");
            foreach (var file in node.FilesOf(broadcast.Id))
                File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(-1));
            Assert.True(node.Store.LocalSpace!.Evict(long.MaxValue) > 0);
            Assert.DoesNotContain(node.FilesOf(broadcast.Id), path => path.EndsWith("-0.m4s", StringComparison.Ordinal));
            Assert.Equal(24, await RecordingNode.DemandMediaAsync(broadcast, script));
        }

        using var after = new RecordingNode(storage.Options, from: node);
        var found = after.Store.Find(broadcast.Id.Value);
        Assert.NotNull(found);
        Assert.Equal(24, await RecordingNode.DemandMediaAsync(found, script));
        var recovered = Assert.Single(after.Store.TakeRecovered());
        script = new RandomBroadcast(found, after.Arena, 2) { Next = recovered.NextSegment };
        script.BeginPeriod();
        for (var i = 0; i < 6; i++)
            script.Segment();
        Assert.Equal(18, found.Timeline.Read("source")!.Segments.Count);
        found.End();
        await after.KeptAsync(found);
    }

    [Theory]
    [InlineData(StorageKind.Disk)]
    [InlineData(StorageKind.S3)]
    public async Task Retention_OverTheCount_NothingOfTheOldestIsKept(StorageKind kind)
    {
        using var storage = await StorageCase.OpenAsync(kind, gateway);
        using var node = new RecordingNode(storage.Options, retention: new RetentionOptions { MaxAge = TimeSpan.Zero, MaxCount = 1, MinFreeBytes = 0 });
        var (first, _) = node.Record(8);
        first.End();
        await node.KeptAsync(first);
        Assert.NotEmpty(await storage.NamesAsync(node, first.Id));
        node.Time.Advance(TimeSpan.FromMinutes(5));
        var (second, script) = node.Record(8, seed: 2);
        second.End();
        await node.KeptAsync(second);
        await node.UntilAsync(() => node.Store.Replays.Find(first.Id.Value) is null, "the oldest replay goes");
        await GoneAsync(storage, node, first.Id);

        Assert.NotEmpty(await storage.NamesAsync(node, second.Id));
        var opened = await node.Store.Replays.OpenAsync(second.Id.Value);
        Assert.Equal(16, await RecordingNode.DemandMediaAsync(opened!, script));
    }

    [Theory]
    [InlineData(StorageKind.Disk)]
    [InlineData(StorageKind.S3)]
    public async Task Takedown_RightAfterTheEnd_LeavesNothingAnywhere(StorageKind kind)
    {
        using var storage = await StorageCase.OpenAsync(kind, gateway);
        using var node = new RecordingNode(storage.Options);
        var (broadcast, _) = node.Record(20);
        // Some of it is on its way into the store now.
        broadcast.End();
        Assert.True(node.Store.Delete(broadcast.Id));
        Assert.Null(node.Store.Find(broadcast.Id.Value));
        Assert.Null(await node.Store.Replays.OpenAsync(broadcast.Id.Value));
        await GoneAsync(storage, node, broadcast.Id);
        Assert.False(node.Store.Delete(broadcast.Id));
    }

    [Theory]
    [InlineData(StorageKind.Disk)]
    [InlineData(StorageKind.S3)]
    public async Task Storage_ThatTakesNothingForAWhile_HoldsUpNobodyAndRecoversByItself(StorageKind kind)
    {
        using var storage = await StorageCase.OpenAsync(kind, gateway);
        using var node = new RecordingNode(storage.Options);
        var (broadcast, script) = node.Record(3);
        await node.UntilAsync(() => broadcast.Journal.IsCaughtUp, "everything is on disk");
        if (kind == StorageKind.S3)
            await node.UntilAsync(() => node.Store.Archive!.Lag == TimeSpan.Zero, "nothing waits");
        storage.Break(node);
        for (var i = 0; i < 12; i++)
            script.Segment();
        // The live edge does not know: 12 segments of it came meanwhile.
        Assert.Equal(15, broadcast.Timeline.Read("source")!.NextSegment);
        await node.UntilAsync(() => storage.IsFailing(node), "health says so");
        script.Segment();
        Assert.Equal(16, broadcast.Timeline.Read("source")!.NextSegment);

        storage.Mend(node);
        await node.UntilAsync(() => !storage.IsFailing(node), "it recovers");
        broadcast.End();
        await node.KeptAsync(broadcast);
        using var next = storage.After(node);
        await next.UntilAsync(() => next.Store.Replays.Find(broadcast.Id.Value) is not null, "the replay is known to the next node");
        var opened = await next.Store.Replays.OpenAsync(broadcast.Id.Value);
        Assert.Equal(32, await RecordingNode.DemandMediaAsync(opened!, script));
    }

    private static async Task GoneAsync(StorageCase storage, RecordingNode node, Millrace.Core.BroadcastId id)
    {
        var left = await storage.NamesAsync(node, id);
        for (var patience = 200; patience > 0 && (left.Count > 0 || Directory.Exists(node.DirectoryOf(id))); patience--)
        {
            var looks = 0;
            await node.UntilAsync(() => looks++ > 0, "time passes");
            left = await storage.NamesAsync(node, id);
        }
        Assert.Empty(left);
        Assert.False(Directory.Exists(node.DirectoryOf(id)));
    }
}
