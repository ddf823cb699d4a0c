namespace Millrace.Delivery.Tests.Archive;

/// <summary>A real file system that runs full, with a real store behind it. Needs the right to mount.</summary>
public sealed class FullDiskWithStoreTests(RadosGateway gateway)
{
    private const int Megabyte = 1 << 20;

    [Fact]
    public async Task Recording_LargerThanTheDisk_IsWholeBecauseTheStoreHasIt()
    {
        using var storage = await OpenAsync();
        using var disk = SmallDisk.Mount(Megabyte);
        using var node = new RecordingNode(storage.Options, dataPath: disk.Path);
        var (broadcast, script) = node.Record(1);
        // Twice what the disk holds.
        for (var i = 1; script.Media.Values.Sum(bytes => (long)bytes.Length) < 2 * Megabyte; i++)
        {
            script.Segment();
            if (i % 20 != 0)
                continue;
            // As long as this lasts on air the store is well ahead of the disk.
            await node.UntilAsync(() => broadcast.Journal.IsCaughtUp && node.Store.Archive!.Lag == TimeSpan.Zero, "it is recorded and uploaded");
            node.Age(broadcast);
        }
        await node.UntilAsync(() => broadcast.Journal.IsCaughtUp && !node.Store.IsSpoolFailing, "all of it is recorded");
        var read = broadcast.Timeline.Read("source")!;
        Assert.Equal((0L, (long)read.Segments.Count), (read.FirstSegment, read.NextSegment));
        Assert.DoesNotContain(read.Segments, segment => segment.IsGap);
        // Read back through the same small disk.
        node.Age(broadcast);
        Assert.Equal(2 * read.Segments.Count, await RecordingNode.DemandMediaAsync(broadcast, script));
        Assert.Null(node.Store.ArchiveProblem);
    }

    [Fact]
    public async Task Disk_ThatIsFullForAWhile_IsSaidAndLiveGoesOnAndTheReplayIsWhole()
    {
        using var storage = await OpenAsync();
        using var disk = SmallDisk.Mount(Megabyte);
        using var node = new RecordingNode(storage.Options, dataPath: disk.Path);
        var (broadcast, script) = node.Record(12);
        await node.UntilAsync(() => broadcast.Journal.IsCaughtUp && node.Store.Archive!.Lag == TimeSpan.Zero, "it is recorded and uploaded");
        // Somebody else takes all the room, and what the store has is too young to leave.
        var hog = Path.Combine(disk.Path, "hog");
        SmallDisk.Fill(hog);
        script.Segment();
        await node.UntilAsync(() => node.Store.IsSpoolFailing && node.Store.Spooler.IsIdle, "health says so");
        for (var i = 0; i < 12; i++)
            script.Segment();
        Assert.Equal(25, broadcast.Timeline.Read("source")!.NextSegment);
        Assert.Equal(script.Media[("source", 24)], (await node.GetAsync($"/b/{broadcast.Id}/source/24.m4s")).Body);
        Assert.True(node.Store.IsSpoolFailing);

        File.Delete(hog);
        await node.UntilAsync(() => !node.Store.IsSpoolFailing && broadcast.Journal.IsCaughtUp, "it recovers");
        broadcast.End();
        await node.KeptAsync(broadcast);
        using var next = storage.After(node);
        await next.UntilAsync(() => next.Store.Replays.Find(broadcast.Id.Value) is not null, "the replay is known to the next node");
        Assert.Equal(50, await RecordingNode.DemandMediaAsync((await next.Store.Replays.OpenAsync(broadcast.Id.Value))!, script));
    }

    private async Task<S3Case> OpenAsync() => (S3Case)await StorageCase.OpenAsync(StorageKind.S3, gateway);
}
