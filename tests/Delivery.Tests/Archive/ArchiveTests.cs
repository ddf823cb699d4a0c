using Millrace.Hls;

namespace Millrace.Delivery.Tests.Archive;

/// <summary>What holds of the S3 store only, over a real server.</summary>
public sealed class ArchiveTests(RadosGateway gateway)
{
    [Fact]
    public async Task Bucket_LargeFile_GoesUpInPartsAndIsReadInRanges()
    {
        using var storage = await OpenAsync();
        using var file = new BigFile(2 * S3Bucket.PartBytes + 12_345);
        await storage.Bucket.PutFileAsync("b/x/large", file.Path, 0, file.Bytes.Length, CancellationToken.None);
        await storage.Bucket.PutFileAsync("b/x/some", file.Path, 1000, 777, CancellationToken.None);
        Assert.Equal([("b/x/large", (long)file.Bytes.Length), ("b/x/some", 777L)], await storage.Bucket.ListAsync("b/x/", CancellationToken.None));

        using var output = File.OpenHandle(file.Path + ".out", FileMode.Create, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose);
        await storage.Bucket.ReadAsync("b/x/large", S3Bucket.PartBytes - 5, 4000, output, 3, CancellationToken.None);
        await storage.Bucket.ReadAsync("b/x/some", 0, 777, output, 4003, CancellationToken.None);
        var read = new byte[4777];
        Assert.Equal(read.Length, RandomAccess.Read(output, read, 3));
        Assert.Equal(file.Bytes.AsSpan(S3Bucket.PartBytes - 5, 4000).ToArray(), read[..4000]);
        Assert.Equal(file.Bytes.AsSpan(1000, 777).ToArray(), read[4000..]);

        var missing = await Assert.ThrowsAsync<StorageException>(() => storage.Bucket.ReadAsync("b/x/none", 0, 1, output, 0, CancellationToken.None));
        Assert.True(missing.IsMissing);
        await storage.Bucket.DeleteAsync(["b/x/large", "b/x/some", "b/x/none"], CancellationToken.None);
        Assert.Empty(await storage.Bucket.ListAsync("b/x/", CancellationToken.None));
    }

    [Fact]
    public async Task Bucket_UploadCutOffInTheMiddle_LeavesPartsThatAreAborted()
    {
        using var storage = await OpenAsync();
        using var through = new S3Bucket(storage.Options.S3, TimeProvider.System);
        using var file = new BigFile(2 * S3Bucket.PartBytes + 12_345);
        storage.Link.CutAfter(S3Bucket.PartBytes + 5_000_000);
        await Assert.ThrowsAsync<StorageException>(() => through.PutFileAsync("b/x/large", file.Path, 0, file.Bytes.Length, CancellationToken.None));

        Assert.Empty(await storage.Bucket.ListAsync("b/", CancellationToken.None));
        Assert.Equal(0, await storage.Bucket.AbortUploadsAsync("b/y/", CancellationToken.None));
        Assert.Equal(1, await storage.Bucket.AbortUploadsAsync("b/x/", CancellationToken.None));
        Assert.Equal(0, await storage.Bucket.AbortUploadsAsync("b/x/", CancellationToken.None));
    }

    [Fact]
    public async Task Bucket_WrongKey_IsRefusedInWordsWithoutTheKey()
    {
        using var storage = await OpenAsync();
        storage.Options.S3.SecretKey = "a-wrong-secret";
        using var wrong = new S3Bucket(storage.Options.S3, TimeProvider.System);
        var fault = await Assert.ThrowsAsync<StorageException>(() => wrong.ListAsync("", CancellationToken.None));
        Assert.Equal("403 SignatureDoesNotMatch", fault.Message);
    }

    [Fact]
    public async Task Recording_OfManySegments_IsFewObjectsAndLeavesTheDiskBehindTheLiveWindow()
    {
        using var storage = await OpenAsync();
        using var node = new RecordingNode(storage.Options);
        var (broadcast, script) = node.Record(40);
        await node.UntilAsync(() => broadcast.Journal.IsCaughtUp && node.Store.Archive!.Lag == TimeSpan.Zero && broadcast.Archive!.TryGet("audio-6.m4s", out _), "all full files are uploaded");
        foreach (var file in node.FilesOf(broadcast.Id))
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(-1));
        storage.Options.LocalLimit = 1;
        await node.UntilAsync(() => node.FilesOf(broadcast.Id).Length <= 2, "what is uploaded leaves the disk");
        // 40 segments of each in 8 files, of which the last is written still.
        Assert.Equal(14, (await storage.NamesAsync(node, broadcast.Id)).Count(name => name.EndsWith(".m4s", StringComparison.Ordinal)));
        Assert.Equal(80, await RecordingNode.DemandMediaAsync(broadcast, script));
        Assert.Equal(0, broadcast.Timeline.Read("source")!.FirstSegment);
        Assert.DoesNotContain(broadcast.Timeline.Read("source")!.Segments, segment => segment.IsGap);
    }

    [Fact]
    public async Task LocalLimit_WhileTheStoreIsAway_LosesTheOldestThatOnlyTheDiskHas()
    {
        using var storage = await OpenAsync();
        using var node = new RecordingNode(storage.Options);
        var (broadcast, script) = node.Record(11);
        await node.UntilAsync(() => broadcast.Archive!.TryGet("source-1.m4s", out _) && broadcast.Archive.TryGet("audio-1.m4s", out _), "two files of each are uploaded");
        storage.Link.Cut();
        for (var i = 0; i < 39; i++)
            script.Segment();
        await node.UntilAsync(() => broadcast.Journal.IsCaughtUp && node.Store.ArchiveProblem is not null, "the store is away");
        foreach (var file in node.FilesOf(broadcast.Id))
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(-1));
        storage.Options.LocalLimit = 1;
        using var small = new RecordingNode(storage.Options, from: node);
        var kept = small.Store.Find(broadcast.Id.Value)!;
        await small.UntilAsync(() => kept.Timeline.Read("source")!.Segments.Count(segment => segment.IsGap) >= 10, "media are given up");

        // What the store has stays, and so does what is live.
        var segments = kept.Timeline.Read("source")!.Segments;
        Assert.Equal((0L, 50L), (segments[0].Number, kept.Timeline.Read("source")!.NextSegment));
        Assert.All(segments.Take(10), segment => Assert.False(segment.IsGap));
        Assert.All(segments.Skip(10).Take(5), segment => Assert.True(segment.IsGap));
        Assert.All(segments.TakeLast(10), segment => Assert.False(segment.IsGap));
        Assert.Contains("#EXT-X-GAP", System.Text.Encoding.UTF8.GetString(kept.Playlists.Media(kept.Find("source")!, true, PlaylistSkip.None)!.Bytes(ContentCoding.Identity)), StringComparison.Ordinal);

        storage.Options.LocalLimit = long.MaxValue;
        storage.Link.Mend();
        await small.UntilAsync(() => small.Store.ArchiveProblem is null, "the store is back");
        kept.End();
        await small.KeptAsync(kept);
        using var next = storage.After(small);
        await next.UntilAsync(() => next.Store.Replays.Find(kept.Id.Value) is not null, "the replay is known");
        Assert.True(await RecordingNode.DemandMediaAsync((await next.Store.Replays.OpenAsync(kept.Id.Value))!, script) >= 40);
    }

    [Fact]
    public async Task Takedown_OnAnotherNodeWhileTheStoreIsAway_IsCarriedOutAfterARestartAndReachesTheRecordingNode()
    {
        using var storage = await OpenAsync();
        using var direct = await OpenAsync();
        direct.Options.S3.Bucket = storage.Options.S3.Bucket;
        using var recording = new RecordingNode(direct.Options);
        var (broadcast, _) = recording.Record(8);
        broadcast.End();
        await recording.KeptAsync(broadcast);
        using var other = storage.After(recording);
        await other.UntilAsync(() => other.Store.Replays.Find(broadcast.Id.Value) is not null, "the replay is known to the other node");
        Assert.NotNull(await other.Store.Replays.OpenAsync(broadcast.Id.Value));
        storage.Link.Cut();
        Assert.True(other.Store.Delete(broadcast.Id));
        Assert.Null(await other.Store.Replays.OpenAsync(broadcast.Id.Value));
        await other.UntilAsync(() => other.Store.ArchiveProblem is not null, "the store is away");
        Assert.NotEmpty(await storage.NamesAsync(other, broadcast.Id));

        using var again = new RecordingNode(storage.Options, from: other);
        storage.Link.Mend();
        await recording.UntilAsync(() => recording.Store.Replays.Find(broadcast.Id.Value) is null, "the recording node hears of it");
        await again.UntilAsync(() => again.Store.Archive!.IsIdle, "the takedown is carried out");
        Assert.Empty(await storage.NamesAsync(again, broadcast.Id));
        Assert.Null(again.Store.Replays.Find(broadcast.Id.Value));
        await recording.UntilAsync(() => !Directory.Exists(recording.DirectoryOf(broadcast.Id)), "it leaves the recording node's disk");
    }

    [Fact]
    public async Task Object_ThatTheStoreDoesNotDelete_HoldsUpNoTakedown()
    {
        using var storage = await OpenAsync();
        using var node = new RecordingNode(storage.Options);
        var (broadcast, _) = node.Record(8);
        broadcast.End();
        await node.KeptAsync(broadcast);
        // The store refuses such a name (over 1,024 bytes) each time.
        node.Store.Archive!.DeleteObject(new string('x', 2000));
        Assert.True(node.Store.Delete(broadcast.Id));
        await node.UntilAsync(() => !node.Store.Archive.IsDoomed(broadcast.Id.Value), "the takedown is carried out");
        Assert.Empty(await storage.NamesAsync(node, broadcast.Id));
        Assert.False(node.Store.Archive.IsIdle);
    }

    [Fact]
    public async Task Window_ThatSlides_DeletesWhatLeftFromTheStore()
    {
        using var storage = await OpenAsync();
        using var node = new RecordingNode(storage.Options, mode: DvrMode.Window);
        // 100 s, in steps of 64 s, and as long again behind it.
        var (broadcast, script) = node.Record(100);
        await node.UntilAsync(() => broadcast.Archive!.TryGet("source-10.m4s", out _) && node.Store.Archive!.Lag == TimeSpan.Zero, "full files are uploaded");
        for (var i = 0; i < 100; i++)
            script.Segment();
        await node.UntilAsync(() => node.Store.Archive!.Lag == TimeSpan.Zero && node.Store.Archive.IsIdle && !broadcast.Archive!.TryGet("source-10.m4s", out _), "what left is deleted");
        var names = await storage.NamesAsync(node, broadcast.Id);
        Assert.DoesNotContain(names, name => name.EndsWith("/source-10.m4s", StringComparison.Ordinal));
        Assert.InRange(names.Count(name => name.EndsWith(".m4s", StringComparison.Ordinal)), 1, 70);
    }

    [Fact]
    public async Task Journal_MadeShorter_GoesUpAnewAndTheOldPiecesLeave()
    {
        using var storage = await OpenAsync();
        using var node = new RecordingNode(storage.Options, mode: DvrMode.Window);
        var (broadcast, script) = node.Record(250);
        await node.UntilAsync(() => broadcast.Archive!.TryGet("journal-0", out _) && node.Store.Archive!.Lag == TimeSpan.Zero, "full files and the journal are uploaded");
        Assert.Null(broadcast.Journal.Checkpoint(broadcast.Keep!.Value));
        for (var i = 0; i < 12; i++)
            script.Segment();
        await node.UntilAsync(() => broadcast.Archive!.TryGet("journal-1.0", out _) && !broadcast.Archive.TryGet("journal-0", out _) && node.Store.Archive!.IsIdle, "the new journal is uploaded");
        var names = await storage.NamesAsync(node, broadcast.Id, under: "b/");
        Assert.DoesNotContain(names, name => name.EndsWith("/journal-0", StringComparison.Ordinal));
        Assert.Contains(names, name => name.EndsWith("/journal-1.0", StringComparison.Ordinal));

        broadcast.End();
        await node.KeptAsync(broadcast);
        await node.UntilAsync(() => !broadcast.Archive!.TryGet("journal-1.0", out _) && node.Store.Archive!.IsIdle, "the pieces are deleted");
        Assert.DoesNotContain(await storage.NamesAsync(node, broadcast.Id, under: "b/"), name => name.Contains("/journal-", StringComparison.Ordinal));
        using var next = storage.After(node);
        await next.UntilAsync(() => next.Store.Replays.Find(broadcast.Id.Value) is not null, "the replay is known");
        var found = (await next.Store.Replays.OpenAsync(broadcast.Id.Value))!;
        Assert.Equal(broadcast.Timeline.Read("source")!.FirstSegment, found.Timeline.Read("source")!.FirstSegment);
        Assert.True(await RecordingNode.DemandMediaAsync(found, script) >= 100);
    }

    private async Task<S3Case> OpenAsync() => (S3Case)await StorageCase.OpenAsync(StorageKind.S3, gateway);

    private sealed class BigFile : IDisposable
    {
        public BigFile(int length)
        {
            Bytes = new byte[length];
            new Random(5).NextBytes(Bytes);
            Path = System.IO.Path.GetTempFileName();
            File.WriteAllBytes(Path, Bytes);
        }

        public byte[] Bytes { get; }

        public string Path { get; }

        public void Dispose() => File.Delete(Path);
    }
}
