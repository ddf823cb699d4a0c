using Millrace.Core;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Delivery.Tests;

public sealed class OriginStoreTests
{
    [Fact]
    public async Task Segment_OfWhichTheJournalDoesNotKnowYet_IsNotWritten()
    {
        using var origin = new Origin();
        origin.AddParts(0, 0, Origin.PartsPerSegment);
        var ended = new NewSegment(0, 0, new MediaTime(0, 90_000), new MediaTime(180_000, 90_000), true, false);
        var (segment, parts) = origin.Video.Complete(new SegmentDescription(0, 0, ended.Start, ended.Duration, true, false))!.Value;
        // The store's timer, between the end of the segment and its record.
        origin.Broadcast.Retry();
        Assert.Equal(SegmentPlace.Memory, segment.Place);

        origin.Video.SetEntry(segment, origin.Broadcast.Journal.AddSegment(new JournalRecord.SegmentEnded(ended, parts, default)));
        origin.Broadcast.Retry();
        await origin.SpooledAsync(() => origin.Broadcast.Journal.IsCaughtUp);
        Assert.Equal(SegmentPlace.Both, segment.Place);
    }

    [Fact]
    public async Task Replay_WhoseOpeningMetABug_IsOpenedTheNextTime()
    {
        using var origin = new Origin(dvr: new DvrOptions { Mode = DvrMode.Full });
        var replay = await RecordAsync(origin);
        origin.Store.Close(origin.Broadcast);
        replay.Opening = Task.FromException<OriginBroadcast?>(new InvalidOperationException("A bug."));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await origin.Store.Replays.OpenAsync(replay.Id.Value));
        Assert.NotNull(await origin.Store.Replays.OpenAsync(replay.Id.Value));
    }

    [Fact]
    public async Task Replay_Measured_IsAllThatItsDirectoryHolds()
    {
        using var origin = new Origin(dvr: new DvrOptions { Mode = DvrMode.Full });
        var replay = await RecordAsync(origin);
        var directory = origin.Store.DirectoryOf(replay.Id);
        replay.Measure(directory);
        var before = replay.Bytes;
        var sprites = Directory.CreateDirectory(Path.Combine(directory, "sprites"));
        await File.WriteAllBytesAsync(Path.Combine(sprites.FullName, "0.jpg"), new byte[5000], TestContext.Current.CancellationToken);
        replay.Measure(directory);
        Assert.Equal(before + 5000, replay.Bytes);
    }

    [Fact]
    public async Task Segment_ThatLeavesBeforeTheJournalKnowsOfIt_HoldsTheJournalUpNoMore()
    {
        using var origin = new Origin();
        origin.AddParts(0, 0, Origin.PartsPerSegment);
        var ended = new NewSegment(0, 0, new MediaTime(0, 90_000), new MediaTime(180_000, 90_000), true, false);
        var (segment, parts) = origin.Video.Complete(new SegmentDescription(0, 0, ended.Start, ended.Duration, true, false))!.Value;
        origin.Video.RemoveBefore(1);
        origin.Video.SetEntry(segment, origin.Broadcast.Journal.AddSegment(new JournalRecord.SegmentEnded(ended, parts, default)));
        await origin.SpooledAsync(() => origin.Broadcast.Journal.IsCaughtUp);
    }

    [Fact]
    public async Task Segment_OlderThanTheNewest_LeavesMemoryAndReadsTheSame()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 8);
        await origin.SpooledAsync(() => origin.Broadcast.MemoryBytes == 3 * Origin.PartsPerSegment * Origin.PartBytes);

        for (var segment = 0L; segment < 8; segment++)
        {
            Assert.True(origin.Video.TryFind(segment, out var found, out var length, out _));
            Assert.Equal(segment >= 5, found.IsInMemory);
            Assert.Equal(Origin.BytesOf(segment), Read(origin, found, 0, length));
            Assert.Equal(Origin.BytesOf(segment)[150..2700], Read(origin, found, 150, 2700));
        }
    }

    [Fact]
    public async Task Segments_LargerThanMemoryHasRoomFor_GoToTheSpoolAndNotAway()
    {
        // Two and a half segments: the three newest would not fit.
        using var origin = new Origin(new DeliveryOptions { MaxMemoryBytes = 10_000 });
        for (var segment = 0L; segment < 8; segment++)
        {
            origin.AddSegment(segment);
            await origin.SpooledAsync(() => origin.Broadcast.MemoryBytes <= 5_000);
        }

        Assert.Equal(0, origin.Broadcast.Timeline.Read("source")!.FirstSegment);
        Assert.True(origin.Video.TryFind(0, out var first, out _, out _) && first.Place == SegmentPlace.File);
    }

    [Fact]
    public async Task Window_Slides_FilesOfSegmentsThatLeftAreDeleted()
    {
        using var origin = new Origin(new DeliveryOptions { SpoolFileDuration = TimeSpan.FromSeconds(4) }, TimeSpan.FromSeconds(8));
        for (var segment = 0L; segment < 40; segment++)
        {
            origin.AddSegment(segment);
            var spooled = segment - 3;
            await origin.SpooledAsync(() => spooled < 0 || (origin.Video.TryFind(spooled, out var found, out _, out _) && found.Place == SegmentPlace.File));
        }

        var snapshot = origin.Broadcast.Timeline.Read("source")!;
        Assert.Equal(36, snapshot.FirstSegment);
        // Two windows and two target durations: 10 segments behind the edge and the one that reaches over it.
        Assert.False(origin.Video.TryFind(28, out _, out _, out _));
        Assert.True(origin.Video.TryFind(30, out _, out _, out _));
        origin.Store.Spooler.Dispose();
        Assert.InRange(Directory.GetFiles(Path.Combine(origin.RecordingsPath, origin.Broadcast.Id.Value), "*.m4s").Length, 1, 6);
    }

    [Fact]
    public async Task Reader_InAFileThatIsDeleted_ReadsOn()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 5);
        await origin.SpooledAsync(() => origin.Video.TryFind(0, out var found, out _, out _) && found.Place == SegmentPlace.File);
        Assert.True(origin.Video.TryFind(0, out var segment, out var length, out _));
        using var piece = origin.Video.OpenLocal(segment, 0, length)!.Value;

        origin.Broadcast.End();
        origin.Store.Dispose();

        Assert.False(Directory.Exists(Path.Combine(origin.RecordingsPath, origin.Broadcast.Id.Value)));
        var bytes = new byte[length];
        Assert.Equal(length, RandomAccess.Read(piece.File!, bytes, piece.FileOffset));
        Assert.Equal(Origin.BytesOf(0), bytes);
    }

    [Fact]
    public void Spool_CannotBeWritten_OldestSegmentsGoAndTheWindowShrinks()
    {
        var file = Path.GetTempFileName();
        try
        {
            // Below a file no directory can be made.
            using var origin = new Origin(new DeliveryOptions { MaxMemoryBytes = 1 << 20 }, TimeSpan.FromHours(1), file);
            var count = 2 * (1 << 20) / (Origin.PartBytes * Origin.PartsPerSegment);
            origin.AddSegments(0, count);

            Assert.InRange(origin.Broadcast.MemoryBytes, 1, 1 << 20);
            var snapshot = origin.Broadcast.Timeline.Read("source")!;
            Assert.True(snapshot.FirstSegment > count / 3);
            for (var segment = snapshot.FirstSegment; segment < count; segment++)
                Assert.True(origin.Video.TryFind(segment, out _, out _, out _), $"segment {segment} is listed and gone");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Spool_WritableAgain_TakesWhatItRefused()
    {
        using var place = new TemporaryFile();
        using var origin = new Origin(dataPath: place.Path);
        origin.AddSegments(0, 5);
        await origin.SpooledAsync(() => origin.Store.IsSpoolFailing && origin.Store.Spooler.IsIdle);
        Assert.All(Enumerable.Range(0, 5), segment => Assert.True(origin.Video.TryFind(segment, out var found, out _, out _) && found.Place is SegmentPlace.Memory or SegmentPlace.Queued));

        place.Delete();
        origin.Time.Advance(TimeSpan.FromSeconds(6));
        origin.AddSegment(5);
        await origin.SpooledAsync(() => !origin.Store.IsSpoolFailing && origin.Broadcast.MemoryBytes == 3 * Origin.PartsPerSegment * Origin.PartBytes);
    }

    [Fact]
    public async Task End_AfterKeepEnded_NothingIsLeft()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 6);
        origin.AddParts(6, 0, 2);
        origin.Broadcast.End();
        await origin.SpooledAsync(() => origin.Broadcast.MemoryBytes == 0);
        Assert.Same(origin.Broadcast, origin.Store.Find(origin.Broadcast.Id.Value));
        Assert.True(origin.Video.TryFind(6, out var last, out var length, out var isComplete) && isComplete && length == 2 * Origin.PartBytes);
        Assert.Equal([.. Origin.BytesOf(6, 0), .. Origin.BytesOf(6, 1)], Read(origin, last, 0, length));

        origin.Time.Advance(new DeliveryOptions().KeepEnded + TimeSpan.FromSeconds(2));

        Assert.Null(origin.Store.Find(origin.Broadcast.Id.Value));
        Assert.Null(origin.Store.FindNewest("studio-one"));
        origin.ReleaseArena();
        Assert.Equal(0, origin.Pool.UsedBytes);
        origin.Store.Spooler.Dispose();
        Assert.Empty(Directory.GetDirectories(origin.RecordingsPath));
    }

    [Fact]
    public async Task Broadcasts_FiveHundredComeAndGo_LeaveNothing()
    {
        using var origin = new Origin();
        for (var i = 0; i < 500; i++)
        {
            var broadcast = origin.OpenBroadcast($"channel-{i % 7}");
            origin.AddSegment(0, broadcast);
            origin.AddParts(1, 0, 1, broadcast);
            broadcast.End();
            await origin.SpooledAsync(() => broadcast.MemoryBytes == 0);
        }
        origin.Broadcast.End();
        origin.Time.Advance(new DeliveryOptions().KeepEnded + TimeSpan.FromSeconds(2));
        Assert.Empty(origin.Store.Broadcasts);
        origin.ReleaseArena();
        Assert.Equal(0, origin.Pool.UsedBytes);
        await origin.ChoresAsync();
        Assert.Empty(Directory.GetDirectories(origin.RecordingsPath));
    }

    [Fact]
    public void Open_NewBroadcastOnAChannel_TakesItsPlace()
    {
        using var origin = new Origin();
        var second = origin.OpenBroadcast("studio-one");
        Assert.Same(second, origin.Store.FindNewest("studio-one"));
        origin.Broadcast.End();
        origin.Time.Advance(new DeliveryOptions().KeepEnded + TimeSpan.FromSeconds(2));
        Assert.Same(second, origin.Store.FindNewest("studio-one"));
    }

    [Fact]
    public void Start_LeftoversOfACrash_AreDeletedAndNothingElse()
    {
        var directory = Directory.CreateTempSubdirectory("millrace-sweep-");
        try
        {
            var left = Directory.CreateDirectory(Path.Combine(directory.FullName, "recordings", BroadcastId.New(DateTimeOffset.UtcNow).Value));
            File.WriteAllText(Path.Combine(left.FullName, "source-0.m4s"), "x");
            var foreign = Directory.CreateDirectory(Path.Combine(directory.FullName, "recordings", "holiday"));
            using (var origin = new Origin(dataPath: directory.FullName))
                origin.Store.Spooler.Dispose();
            Assert.False(Directory.Exists(left.FullName));
            Assert.True(Directory.Exists(foreign.FullName));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static byte[] Read(Origin origin, StoredSegment segment, int from, int to)
    {
        using var bytes = new MemoryStream();
        while (from < to)
        {
            using var piece = origin.Video.OpenLocal(segment, from, to)!.Value;
            foreach (var slice in piece.Slices)
                bytes.Write(slice.Span);
            if (piece.File is { } file)
            {
                var part = new byte[piece.Length];
                Assert.Equal(part.Length, RandomAccess.Read(file, part, piece.FileOffset));
                bytes.Write(part);
            }
            from += piece.Length;
        }
        return bytes.ToArray();
    }

    private static async Task<Replay> RecordAsync(Origin origin)
    {
        origin.AddSegments(0, 6);
        origin.Broadcast.End();
        await origin.SpooledAsync(() => origin.Broadcast.IsStored);
        return origin.Store.Replays.Find(origin.Broadcast.Id.Value)!;
    }

    private sealed class TemporaryFile : IDisposable
    {
        public string Path { get; } = System.IO.Path.GetTempFileName();

        public void Delete() => File.Delete(Path);

        public void Dispose()
        {
            if (Directory.Exists(Path))
                Directory.Delete(Path, recursive: true);
            File.Delete(Path);
        }
    }
}
