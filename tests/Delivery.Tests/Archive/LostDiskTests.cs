using Millrace.Core;

namespace Millrace.Delivery.Tests.Archive;

/// <summary>A node whose disk or all of it is gone, with a broadcast on it that was on air: the store has nearly all of it, and it is taken up from there.</summary>
public sealed class LostDiskTests(RadosGateway gateway)
{
    [Theory]
    [InlineData(DvrMode.Full)]
    [InlineData(DvrMode.Window)]
    public async Task Broadcast_OnAirWhenTheDiskWasLost_GoesOnWithItsPublisher(DvrMode mode)
    {
        using var storage = await OpenAsync();
        using var lost = new RecordingNode(storage.Options, mode: mode);
        var (broadcast, script) = await RecordAsync(lost, mode);
        storage.Link.Cut();
        using var direct = await OpenAsync(storage);

        // Another node has no business with it.
        direct.Options.S3.Node = "two";
        using (var stranger = new RecordingNode(direct.Options, mode: mode))
        {
            Assert.Empty(stranger.Store.TakeRecovered());
            Assert.Null(stranger.Store.Find(broadcast.Id.Value));
        }
        direct.Options.S3.Node = storage.Options.S3.Node;
        using var node = new RecordingNode(direct.Options, mode: mode);
        var recovered = Assert.Single(node.Store.TakeRecovered());
        Assert.Equal((broadcast.Id, broadcast.Channel, broadcast.StartedAt), (recovered.Id, recovered.Channel, recovered.StartedAt));
        var found = node.Store.Find(broadcast.Id.Value)!;
        Assert.Same(found, node.Store.FindNewest("studio-one"));
        // What was not uploaded is gaps; no number is used again.
        var (before, after) = (broadcast.Timeline.Read("source")!, found.Timeline.Read("source")!);
        Assert.Equal(before.FirstSegment, after.FirstSegment);
        Assert.InRange(recovered.NextSegment, after.NextSegment, before.NextSegment);
        Assert.InRange(after.Segments.Count(segment => segment.IsGap), 0, 10);
        Assert.InRange(await RecordingNode.DemandMediaAsync(found, script), 2 * after.Segments.Count - 20, 2 * after.Segments.Count);

        var next = new RandomBroadcast(found, node.Arena, 7) { Next = recovered.NextSegment };
        next.BeginPeriod();
        for (var i = 0; i < 8; i++)
            next.Segment();
        foreach (var (key, bytes) in next.Media)
            script.Media[key] = bytes;
        found.End();
        await node.KeptAsync(found);
        await node.UntilAsync(() => node.Store.Archive!.IsIdle, "nothing is to be deleted");
        Assert.Empty(await OpenNamesAsync(storage, node, broadcast.Id));
        using var watching = direct.After(node);
        await watching.UntilAsync(() => watching.Store.Replays.Find(broadcast.Id.Value) is not null, "the replay is known");
        var replay = (await watching.Store.Replays.OpenAsync(broadcast.Id.Value))!;
        Assert.True(await RecordingNode.DemandMediaAsync(replay, script) >= 40);
        Assert.Equal(found.Timeline.Read("source")!.NextSegment, replay.Timeline.Read("source")!.NextSegment);
    }

    [Fact]
    public async Task Broadcast_OnAirWhenTheDiskWasLost_IsAReplayWhenTheStoreIsBackLate()
    {
        using var storage = await OpenAsync();
        using var lost = new RecordingNode(storage.Options);
        var (broadcast, script) = await RecordAsync(lost, DvrMode.Full);
        storage.Link.Cut();

        using var late = await OpenAsync(storage);
        late.Link.Cut();
        using var node = new RecordingNode(late.Options);
        Assert.Empty(node.Store.TakeRecovered());
        // Its publisher has come back meanwhile, and is on air anew.
        node.Time.Advance(TimeSpan.FromMinutes(1));
        var (live, _) = node.Record(3, seed: 3);
        late.Link.Mend();
        await node.UntilAsync(() => node.Store.Replays.Find(broadcast.Id.Value) is { IsArchived: true }, "it is a replay");
        Assert.Same(live, node.Store.FindNewest("studio-one"));
        Assert.False(live.IsEnded);
        var replay = (await node.Store.Replays.OpenAsync(broadcast.Id.Value))!;
        Assert.True(replay.IsEnded);
        Assert.True(await RecordingNode.DemandMediaAsync(replay, script) >= 40);
        await node.UntilAsync(() => node.Store.Archive!.IsIdle, "nothing is to be deleted");
        Assert.Empty(await OpenNamesAsync(storage, node, broadcast.Id));
    }

    [Theory]
    [InlineData(DvrMode.Full)]
    [InlineData(DvrMode.Window)]
    public async Task Broadcast_OfANodeThatNeverReturns_IsAReplayAtTheOneThatIsToldSo(DvrMode mode)
    {
        using var storage = await OpenAsync();
        using var gone = new RecordingNode(storage.Options, mode: mode);
        var (broadcast, script) = await RecordAsync(gone, mode);

        // 1. While it writes nobody takes anything from it, whatever an operator says.
        using var direct = await OpenAsync(storage);
        direct.Options.S3.Node = "two";
        var cancellation = TestContext.Current.CancellationToken;
        using (var hasty = new RecordingNode(direct.Options, mode: mode, now: DateTimeOffset.UtcNow))
        {
            Assert.Equal([("one", broadcast.Id, true)], (await hasty.Store.FindOpenAsync(cancellation))!.Recordings.Select(open => (open.Node, open.Broadcast, open.IsInUse)));
            Assert.Equal([("one", true)], (await hasty.Store.AdoptAsync("one", cancellation))!.Recordings.Select(open => (open.Node, open.IsInUse)));
            Assert.Null(hasty.Store.Find(broadcast.Id.Value));
            Assert.False(Directory.Exists(hasty.DirectoryOf(broadcast.Id)));
        }
        storage.Link.Cut();

        // 2. An hour later it is another's, who is asked twice at once.
        using var node = new RecordingNode(direct.Options, mode: mode, now: DateTimeOffset.UtcNow.AddHours(1));
        Assert.Empty((await node.Store.AdoptAsync("three", cancellation))!.Recordings);
        var (live, _) = node.Record(3, seed: 3);
        var answers = await Task.WhenAll(node.Store.AdoptAsync("one", cancellation), node.Store.AdoptAsync("one", cancellation));
        Assert.All(answers, answer => Assert.Null(answer!.Fault));
        Assert.Equal([("one", broadcast.Id, false)], answers.SelectMany(answer => answer!.Recordings).Select(open => (open.Node, open.Broadcast, open.IsInUse)));
        Assert.Same(live, node.Store.FindNewest("studio-one"));
        await node.UntilAsync(() => node.Store.Replays.Find(broadcast.Id.Value) is { IsArchived: true }, "it is a replay");
        var replay = (await node.Store.Replays.OpenAsync(broadcast.Id.Value))!;
        Assert.True(replay.IsEnded);
        Assert.True(await RecordingNode.DemandMediaAsync(replay, script) >= 40);
        await node.UntilAsync(() => node.Store.Archive!.IsIdle, "nothing is to be deleted");
        Assert.Empty(await OpenNamesAsync(storage, node, broadcast.Id));
        Assert.Empty((await node.Store.FindOpenAsync(cancellation))!.Recordings);

        // 3. And every other node's.
        using var watching = direct.After(node);
        await watching.UntilAsync(() => watching.Store.Replays.Find(broadcast.Id.Value) is not null, "the replay is known");
        Assert.True(await RecordingNode.DemandMediaAsync((await watching.Store.Replays.OpenAsync(broadcast.Id.Value))!, script) >= 40);
    }

    private static async Task<(OriginBroadcast Broadcast, RandomBroadcast Script)> RecordAsync(RecordingNode node, DvrMode mode)
    {
        var (broadcast, script) = node.Record(mode == DvrMode.Full ? 24 : 240);
        await node.UntilAsync(() => broadcast.Journal.IsCaughtUp && broadcast.Archive!.TryGet("journal-0", out _) && node.Store.Archive!.Lag == TimeSpan.Zero, "full files and the journal are uploaded");
        if (mode == DvrMode.Full)
            return (broadcast, script);
        Assert.Null(broadcast.Journal.Checkpoint(broadcast.Keep!.Value));
        for (var i = 0; i < 11; i++)
            script.Segment();
        await node.UntilAsync(() => broadcast.Journal.IsCaughtUp && broadcast.Archive!.TryGet("journal-1.0", out _) && node.Store.Archive!.Lag == TimeSpan.Zero && node.Store.Archive.IsIdle, "the new journal is uploaded");
        return (broadcast, script);
    }

    private static async Task<List<string>> OpenNamesAsync(S3Case storage, RecordingNode node, BroadcastId id) => await storage.NamesAsync(node, id, under: "open/");

    /// <summary>A node's way to a bucket; of the same name to another's.</summary>
    private async Task<S3Case> OpenAsync(S3Case? same = null)
    {
        var storage = (S3Case)await StorageCase.OpenAsync(StorageKind.S3, gateway);
        storage.Options.S3.Node = "one";
        if (same is null)
            return storage;
        storage.Options.S3.Bucket = same.Options.S3.Bucket;
        return storage;
    }
}
