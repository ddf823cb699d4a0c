using Millrace.Hls;

namespace Millrace.Delivery.Tests;

/// <summary>
/// What a run that was killed leaves is what another one finds. The kill is a copy of the directory while the first run lives:
/// what <c>kill -9</c> leaves too, the page cache being the kernel's.
/// </summary>
public sealed class RecoveryTests
{
    public static TheoryData<DvrMode, int> Cases() => RecordedNode.Seeds(Enum.GetValues<DvrMode>());

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Restart_AfterAKill_ServesTheSamePlaylistsAndMedia(DvrMode mode, int seed)
    {
        using var node = new RecordedNode(mode);
        var broadcast = node.Open();
        var script = new RandomBroadcast(broadcast, node.Arena, seed);
        script.BeginPeriod();
        script.Segment();
        for (var step = 0; step < 120; step++)
            script.Step();
        broadcast.Suspend();
        await node.WrittenAsync(broadcast);

        using var after = node.Kill();
        var found = after.Store.Find(broadcast.Id.Value)!;
        Assert.Equal((false, "studio-one", broadcast.StartedAt), (found.IsEnded, found.Channel.Value, found.StartedAt));
        Assert.Equal(script.Next, after.Recovered.NextSegment);
        RecordedNode.DemandTheSame(broadcast, found);
        RecordedNode.DemandMedia(found, script);

        // And over once more, as a replay.
        found.End();
        broadcast.End();
        await after.WrittenAsync(found);
        RecordedNode.DemandTheSame(broadcast, found);
        if (mode == DvrMode.Off)
            return;
        using var replay = after.Kill();
        var watched = await replay.Store.Replays.OpenAsync(broadcast.Id.Value);
        Assert.NotNull(watched);
        Assert.True(watched.IsEnded);
        RecordedNode.DemandTheSame(broadcast, watched);
        RecordedNode.DemandMedia(watched, script);
        Assert.Equal(broadcast.Duration, replay.Store.Replays.Find(broadcast.Id.Value)!.Duration);
    }

    [Theory]
    [InlineData(DvrMode.Off, 2)]
    [InlineData(DvrMode.Off, 40)]
    [InlineData(DvrMode.Full, 2)]
    [InlineData(DvrMode.Full, 40)]
    public async Task Restart_AfterAStop_GoesOnWithAllOfIt(DvrMode mode, int segments)
    {
        using var node = new RecordedNode(mode);
        var broadcast = node.Open();
        var script = new RandomBroadcast(broadcast, node.Arena, segments);
        script.BeginPeriod();
        for (var i = 0; i < segments; i++)
            script.Segment();
        broadcast.Suspend();
        await node.WrittenAsync(broadcast);

        // The newest segments are in memory as well as in their file.
        node.Store.Dispose();
        using var after = node.Kill();
        var found = after.Store.Find(broadcast.Id.Value)!;
        Assert.Equal((false, script.Next), (found.IsEnded, after.Recovered.NextSegment));
        RecordedNode.DemandTheSame(broadcast, found);
        RecordedNode.DemandMedia(found, script);
    }

    [Theory]
    [InlineData(DvrMode.Off)]
    [InlineData(DvrMode.Full)]
    public async Task Restart_WithARunningSegment_GoesOnBehindAGapAndADiscontinuity(DvrMode mode)
    {
        using var node = new RecordedNode(mode);
        var broadcast = node.Open();
        var script = new RandomBroadcast(broadcast, node.Arena, 1);
        script.BeginPeriod();
        for (var i = 0; i < 4; i++)
            script.Segment();
        script.Parts(2);
        // The last record that is written says that segment 4 has begun; the segment itself is not finished.
        await node.WrittenAsync(broadcast);

        using var after = node.Kill();
        var found = after.Store.Find(broadcast.Id.Value)!;
        var recovered = after.Recovered;
        Assert.Equal(5, recovered.NextSegment);
        Assert.Equal(10, recovered.End.Seconds);
        Assert.Equal(10, recovered.DecodeEnd.Seconds);
        Assert.Same(found, recovered.Sink);
        Assert.Equal(4, found.Timeline.Read("source")!.NextSegment);

        var next = new RandomBroadcast(found, after.Arena, 2) { Next = recovered.NextSegment };
        next.BeginPeriod();
        next.Segment();
        next.Segment();
        foreach (var name in (string[])["source", "audio"])
        {
            var read = found.Timeline.Read(name)!;
            Assert.Equal([0L, 1, 2, 3, 4, 5, 6], read.Segments.Select(segment => segment.Number));
            Assert.Equal([4L], read.Segments.Where(segment => segment.IsGap).Select(segment => segment.Number));
            var playlist = RecordedNode.Text(found.Playlists.Media(found.Find(name)!, false, PlaylistSkip.None));
            Assert.Contains("#EXT-X-GAP\n#EXTINF:2.0,\n4.m4s\n#EXT-X-DISCONTINUITY\n", playlist, StringComparison.Ordinal);
        }
        await after.WrittenAsync(found);

        // A second kill finds the gap and both periods.
        using var again = after.Kill();
        RecordedNode.DemandTheSame(found, again.Store.Find(broadcast.Id.Value)!);
        Assert.Equal(7, again.Recovered.NextSegment);
    }

    [Fact]
    public async Task Restart_JournalCutOffAnywhere_FindsABeginningAndNeverThrows()
    {
        using var node = new RecordedNode(DvrMode.Full);
        var broadcast = node.Open();
        var script = new RandomBroadcast(broadcast, node.Arena, 5);
        script.BeginPeriod();
        for (var i = 0; i < 6; i++)
            script.Segment();
        await node.WrittenAsync(broadcast);
        var journal = await File.ReadAllBytesAsync(node.JournalOf(broadcast), TestContext.Current.CancellationToken);

        var most = -1;
        for (var length = 0; length <= journal.Length; length++)
        {
            using var after = node.Kill(then: copy => File.WriteAllBytes(copy.JournalOf(broadcast), journal[..length]));
            if (after.Store.Find(broadcast.Id.Value) is not { } found)
            {
                Assert.Equal(-1, most);
                continue;
            }
            var count = found.Timeline.Read("source")!.Segments.Count;
            Assert.True(count >= most, "A longer journal tells less.");
            most = count;
        }
        Assert.Equal(6, most);
    }

    [Fact]
    public async Task Restart_JournalWithAWrongByte_EndsInFrontOfIt()
    {
        using var node = new RecordedNode(DvrMode.Full);
        var broadcast = node.Open();
        var script = new RandomBroadcast(broadcast, node.Arena, 6);
        script.BeginPeriod();
        for (var i = 0; i < 6; i++)
            script.Segment();
        await node.WrittenAsync(broadcast);
        var journal = await File.ReadAllBytesAsync(node.JournalOf(broadcast), TestContext.Current.CancellationToken);
        var random = new Random(7);
        for (var i = 0; i < 60; i++)
        {
            var broken = (byte[])journal.Clone();
            broken[random.Next(broken.Length)] ^= (byte)random.Next(1, 256);
            using var after = node.Kill(then: copy => File.WriteAllBytes(copy.JournalOf(broadcast), broken));
            var found = after.Store.Find(broadcast.Id.Value);
            Assert.True(found is null || found.Timeline.Read("source") is null || found.Timeline.Read("source")!.Segments.Count < 7);
        }
    }

    [Fact]
    public async Task Restart_MediaTornOrMissing_AreGapsAndTheRestIsServed()
    {
        using var node = new RecordedNode(DvrMode.Full);
        var broadcast = node.Open();
        var script = new RandomBroadcast(broadcast, node.Arena, 8);
        script.BeginPeriod();
        for (var i = 0; i < 12; i++)
            script.Segment();
        await node.WrittenAsync(broadcast);

        // Files of 10 s: video's last segments lie in the second one. The audio's first file is gone altogether.
        using var after = node.Kill(then: copy =>
        {
            var directory = Path.GetDirectoryName(copy.JournalOf(broadcast))!;
            using (var file = File.OpenWrite(Directory.GetFiles(directory, "source-*.m4s").Order().Last()))
                file.SetLength(file.Length - 1);
            File.Delete(Path.Combine(directory, "audio-0.m4s"));
        });
        var found = after.Store.Find(broadcast.Id.Value)!;
        Assert.Equal([11L], found.Timeline.Read("source")!.Segments.Where(segment => segment.IsGap).Select(segment => segment.Number));
        var audio = found.Timeline.Read("audio")!.Segments;
        Assert.InRange(audio.Count(segment => segment.IsGap), 4, 6);
        RecordedNode.DemandMedia(found, script);
        var next = new RandomBroadcast(found, after.Arena, 2) { Next = after.Recovered.NextSegment };
        next.BeginPeriod();
        next.Segment();
        await after.WrittenAsync(found);
        using var again = after.Kill();
        RecordedNode.DemandTheSame(found, again.Store.Find(broadcast.Id.Value)!);
    }

    [Fact]
    public async Task Restart_LastSegmentsBytesAreNotWhatWasWritten_IsAGap()
    {
        using var node = new RecordedNode(DvrMode.Full);
        var broadcast = node.Open();
        var script = new RandomBroadcast(broadcast, node.Arena, 9);
        script.BeginPeriod();
        for (var i = 0; i < 5; i++)
            script.Segment();
        await node.WrittenAsync(broadcast);
        using var after = node.Kill(then: copy =>
        {
            var directory = Path.GetDirectoryName(copy.JournalOf(broadcast))!;
            using var file = new FileStream(Path.Combine(directory, "source-0.m4s"), FileMode.Open);
            // As after a power cut: the length is there, the bytes are not.
            file.Position = file.Length - 10;
            file.Write(new byte[10]);
        });
        var gap = Assert.Single(after.Store.Find(broadcast.Id.Value)!.Timeline.Read("source")!.Segments, segment => segment.IsGap);
        Assert.Equal(4, gap.Number);
    }

    [Fact]
    public async Task Restart_TwoBroadcastsOfAChannel_TheLaterOneWaits()
    {
        using var node = new RecordedNode(DvrMode.Full);
        var first = node.Open();
        var one = new RandomBroadcast(first, node.Arena, 1);
        one.BeginPeriod();
        one.Segment();
        node.Time.Advance(TimeSpan.FromMinutes(1));
        var second = node.Open();
        var two = new RandomBroadcast(second, node.Arena, 2);
        two.BeginPeriod();
        two.Segment();
        await node.WrittenAsync(first);
        await node.WrittenAsync(second);

        using var after = node.Kill();
        Assert.Equal(second.Id, after.Recovered.Id);
        Assert.True(after.Store.Find(first.Id.Value)!.IsEnded);
        Assert.Same(after.Store.Find(second.Id.Value), after.Store.FindNewest("studio-one"));
    }
}
