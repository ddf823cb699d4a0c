using Millrace.Hls;

namespace Millrace.Delivery.Tests;

/// <summary>A real file system that runs full: a tmpfs of one megabyte. Needs the right to mount.</summary>
public sealed class FullDiskTests
{
    private const int Megabyte = 1 << 20;
    private const int SegmentBytes = Origin.PartBytes * Origin.PartsPerSegment;

    [Fact]
    public async Task Recording_LargerThanTheDisk_GetsShorterAndTheLiveEdgeGoesOn()
    {
        using var disk = SmallDisk.Mount(Megabyte);
        using var origin = new Origin(
            new DeliveryOptions { RecordingFileDuration = TimeSpan.FromSeconds(40), MaxMemoryBytes = Megabyte }, dataPath: disk.Path,
            dvr: new DvrOptions { Mode = DvrMode.Full });
        // Four times what the disk holds.
        const int Count = 4 * Megabyte / SegmentBytes;
        for (var segment = 0; segment < Count; segment++)
        {
            origin.AddSegment(segment);
            // The disk is fast; this only keeps the test from being faster.
            await origin.SpooledAsync(() => origin.Video.TryFind(segment, out var found, out _, out _) && found.Place is SegmentPlace.Both or SegmentPlace.File);
        }

        var read = origin.Broadcast.Timeline.Read("source")!;
        Assert.Equal(Count, read.NextSegment);
        Assert.True(read.FirstSegment > Count / 2, $"The recording goes back to {read.FirstSegment}.");
        Assert.InRange(read.Segments.Count, Megabyte / SegmentBytes / 3, Megabyte / SegmentBytes);
        Assert.DoesNotContain(read.Segments, segment => segment.IsGap);
        Assert.Equal(0, origin.Broadcast.MemoryBytes / (8 * SegmentBytes));
        await origin.SpooledAsync(() => !origin.Store.IsSpoolFailing);
        for (var segment = read.FirstSegment; segment < Count; segment++)
            Assert.True(origin.Video.TryFind(segment, out _, out _, out _), $"segment {segment} is listed and gone");
        // It cannot be rewound to the beginning any more, and says so.
        var playlist = System.Text.Encoding.UTF8.GetString(origin.Broadcast.Playlists.Media(origin.Video, true, PlaylistSkip.None)!.Bytes(ContentCoding.Identity));
        Assert.DoesNotContain("PLAYLIST-TYPE", playlist, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replays_OnAFullDisk_GoBeforeAnythingThatIsLive()
    {
        using var disk = SmallDisk.Mount(Megabyte);
        using var origin = new Origin(
            new DeliveryOptions { RecordingFileDuration = TimeSpan.FromSeconds(40), MaxMemoryBytes = Megabyte }, dataPath: disk.Path,
            dvr: new DvrOptions { Mode = DvrMode.Full });
        var old = new List<OriginBroadcast>();
        for (var i = 0; i < 3; i++)
        {
            origin.Time.Advance(TimeSpan.FromSeconds(1));
            old.Add(origin.OpenBroadcast($"channel-{i}"));
            for (var segment = 0; segment < 60; segment++)
                origin.AddSegment(segment, old[i]);
            old[i].End();
            await origin.SpooledAsync(() => old[i].IsStored);
        }
        origin.Time.Advance(TimeSpan.FromMinutes(5));
        // The second one is being watched.
        origin.Store.Replays.Find(old[1].Id.Value)!.Touch(origin.Time);
        for (var segment = 0; segment < 120; segment++)
        {
            origin.AddSegment(segment);
            await origin.SpooledAsync(() => origin.Video.TryFind(segment, out var found, out _, out _) && found.Place is SegmentPlace.Both or SegmentPlace.File);
        }

        Assert.Equal(0, origin.Broadcast.Timeline.Read("source")!.FirstSegment);
        Assert.Null(origin.Store.Replays.Find(old[0].Id.Value));
        Assert.NotNull(origin.Store.Replays.Find(old[1].Id.Value));
    }

    [Fact]
    public async Task Disk_ThatComesBack_IsWrittenAgainAndWhatMemoryLostIsAGap()
    {
        using var disk = SmallDisk.Mount(Megabyte);
        using var origin = new Origin(new DeliveryOptions { MaxMemoryBytes = 10 * SegmentBytes }, dataPath: disk.Path, dvr: new DvrOptions { Mode = DvrMode.Full });
        origin.AddSegments(0, 20);
        await origin.SpooledAsync(() => origin.Broadcast.Journal.IsCaughtUp);
        // Somebody else takes all the room; there is nothing that we could give back.
        var hog = Path.Combine(disk.Path, "hog");
        SmallDisk.Fill(hog);
        origin.AddSegments(20, 22);
        // Neither was written, and no thread fails only after the disk came back. (A record may find room in the journal's last page.)
        await origin.SpooledAsync(() => origin.Store.Spooler.IsIdle && IsInMemory(20) && IsInMemory(21));
        origin.AddSegments(22, 60);
        Assert.InRange(origin.Broadcast.MemoryBytes, 1, 10 * SegmentBytes);
        var during = origin.Broadcast.Timeline.Read("source")!;
        Assert.Equal((0L, 60L), (during.FirstSegment, during.NextSegment));
        Assert.Contains(during.Segments, segment => segment.IsGap);

        File.Delete(hog);
        origin.Time.Advance(TimeSpan.FromSeconds(6));
        origin.AddSegment(60);
        await origin.SpooledAsync(() => !origin.Store.IsSpoolFailing && origin.Broadcast.Journal.IsCaughtUp);

        foreach (var segment in origin.Broadcast.Timeline.Read("source")!.Segments)
            Assert.Equal(segment.IsGap, !origin.Video.TryFind(segment.Number, out _, out _, out _));

        bool IsInMemory(long number) => origin.Video.TryFind(number, out var found, out _, out _) && found.Place == SegmentPlace.Memory;
    }
}
