using Millrace.Core;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Delivery.Tests;

/// <summary>A journal that was made shorter tells the same, whenever it was done and wherever a kill fell.</summary>
public sealed class CheckpointTests
{
    public static TheoryData<DvrMode, int> Cases() => RecordedNode.Seeds(DvrMode.Off, DvrMode.Window);

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Checkpoint_OfAnyBroadcast_IsFoundAsItWas(DvrMode mode, int seed)
    {
        using var node = new RecordedNode(mode);
        var broadcast = node.Open();
        var script = new RandomBroadcast(broadcast, node.Arena, seed);
        script.BeginPeriod();
        script.Segment();
        for (var round = 1; round <= 3; round++)
        {
            for (var step = 0; step < 200; step++)
                script.Step();
            Lose(broadcast, seed + round);
            await node.WrittenAsync(broadcast);
            var before = broadcast.Journal.Good;
            Assert.Null(broadcast.Journal.Checkpoint(broadcast.Keep!.Value));
            Assert.Equal(round, broadcast.Journal.Good.Generation);
            Assert.InRange(broadcast.Journal.Length, 1, mode == DvrMode.Off ? before.Length / 2 : before.Length + 4000);
            Assert.Equal(broadcast.Journal.Length, new FileInfo(node.JournalOf(broadcast)).Length);

            // At once, and when it went on behind it; it goes on the same way after a kill.
            using (var after = node.Kill())
                await DemandAsync(broadcast, script, after);
            for (var step = 0; step < 40; step++)
                script.Step();
            broadcast.Suspend();
            await node.WrittenAsync(broadcast);
            using (var after = node.Kill())
                await DemandAsync(broadcast, script, after);
            script.BeginPeriod();
        }
    }

    [Fact]
    public async Task Kill_WhileTheNewJournalIsWritten_LeavesTheOldOne()
    {
        using var node = new RecordedNode(DvrMode.Off);
        var (broadcast, script) = await RecordAsync(node);
        var old = await File.ReadAllBytesAsync(node.JournalOf(broadcast), TestContext.Current.CancellationToken);
        Assert.Null(broadcast.Journal.Checkpoint(broadcast.Keep!.Value));
        var made = await File.ReadAllBytesAsync(node.JournalOf(broadcast), TestContext.Current.CancellationToken);
        Assert.InRange(made.Length, 1, old.Length / 2);
        foreach (var length in (int[])[0, 1, 7, made.Length / 3, made.Length - 1, made.Length])
        {
            using var after = node.Kill(then: copy =>
            {
                File.WriteAllBytes(copy.JournalOf(broadcast), old);
                File.WriteAllBytes(copy.JournalOf(broadcast) + ".new", made[..length]);
            });
            await DemandAsync(broadcast, script, after);
            Assert.False(File.Exists(after.JournalOf(broadcast) + ".new"));
        }
    }

    [Fact]
    public async Task Journal_BehindACheckpointCutOffAnywhere_FindsABeginningOfWhatCame()
    {
        using var node = new RecordedNode(DvrMode.Off);
        var (broadcast, script) = await RecordAsync(node);
        Assert.Null(broadcast.Journal.Checkpoint(broadcast.Keep!.Value));
        var begin = (int)broadcast.Journal.Length;
        var first = broadcast.Timeline.Read("source")!.NextSegment;
        for (var i = 0; i < 4; i++)
            script.Segment();
        await node.WrittenAsync(broadcast);
        var journal = await File.ReadAllBytesAsync(node.JournalOf(broadcast), TestContext.Current.CancellationToken);
        var most = first;
        for (var length = begin; length <= journal.Length; length++)
        {
            using var after = node.Kill(then: copy => File.WriteAllBytes(copy.JournalOf(broadcast), journal[..length]));
            var next = after.Store.Find(broadcast.Id.Value)!.Timeline.Read("source")!.NextSegment;
            Assert.True(next >= most, "A longer journal tells less.");
            most = next;
        }
        Assert.Equal(first + 4, most);
    }

    [Fact]
    public async Task Journal_WithAWrongCheckpoint_NeverThrows()
    {
        using var node = new RecordedNode(DvrMode.Off);
        var (broadcast, _) = await RecordAsync(node);
        Assert.Null(broadcast.Journal.Checkpoint(broadcast.Keep!.Value));
        var records = RecordsOf(node, broadcast);
        var random = new Random(3);
        for (var i = 0; i < 60; i++)
        {
            // Whole records in a wrong order, twice, or missing; or one that is cut off in its middle.
            var wrong = records.ToList();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                var at = random.Next(1, wrong.Count);
                if (random.Next(2) == 0)
                    wrong.RemoveAt(at);
                else
                    wrong.Insert(random.Next(1, wrong.Count), wrong[at]);
            }
            byte[] bytes = [.. wrong.SelectMany(JournalRecordTests.Write)];
            using var after = node.Kill(then: copy => File.WriteAllBytes(copy.JournalOf(broadcast), random.Next(3) == 0 ? bytes[..random.Next(bytes.Length)] : bytes));
            after.Store.Find(broadcast.Id.Value)?.Playlists.Multivariant(false, false);
        }
    }

    [Fact]
    public async Task Checkpoint_ThatMeetsABug_LeavesTheJournalAsItIs()
    {
        using var node = new RecordedNode(DvrMode.Off);
        var (broadcast, _) = await RecordAsync(node);
        Assert.Null(broadcast.Journal.Checkpoint(broadcast.Keep!.Value));
        var records = RecordsOf(node, broadcast);
        // A segment of a rendition that the state behind it does not know: nothing that is ever written.
        var period = records.OfType<JournalRecord.PeriodBegan>().First().Period;
        var kept = records.OfType<JournalRecord.Kept>().First(kept => kept.Recorded is not null);
        records.InsertRange(2,
        [
            new JournalRecord.PeriodBegan(period with { Renditions = [.. period.Renditions.Select(rendition => rendition with { Name = rendition.Name + "-gone" })] }),
            new JournalRecord.Kept(kept.Rendition, null, kept.Recorded),
        ]);
        var directory = Path.Combine(Path.GetDirectoryName(node.JournalOf(broadcast))!, "wrong");
        var journal = new Journal(node.Store.Spooler, directory);
        records.ForEach(journal.Add);
        await node.WrittenAsync(journal);
        var path = Path.Combine(directory, Journal.FileName);
        var (good, bytes) = (journal.Good, await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));

        Assert.Contains("-gone", journal.Checkpoint(broadcast.Keep!.Value), StringComparison.Ordinal);
        Assert.Equal(good, journal.Good);
        Assert.False(journal.IsInCheckpoint);
        Assert.Equal([path], Directory.GetFiles(directory));
        journal.Add(new JournalRecord.Suspended());
        await node.WrittenAsync(journal);
        byte[] goesOn = [.. bytes, .. JournalRecordTests.Write(new JournalRecord.Suspended())];
        Assert.Equal(goesOn, await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
        journal.Close();
        journal.CloseFile();
    }

    [Fact]
    public async Task Broadcast_OnAirForLong_HasAJournalAndAMemoryThatDoNotGrow()
    {
        using var origin = new Origin(new DeliveryOptions { SpoolFileDuration = TimeSpan.FromMinutes(10), MemorySegments = 2 });
        const int Count = 26_000;
        var longest = 0L;
        for (var segment = 0; segment < Count; segment++)
        {
            // A publisher that comes and goes, with a new header each time.
            if (segment % 40 == 39)
            {
                origin.Broadcast.Suspend();
                origin.BeginPeriod(segment);
            }
            origin.AddSegment(segment);
            // The disk is fast; this only keeps the test from being faster.
            if (segment % 100 == 0)
            {
                await origin.SpooledAsync(() => origin.Broadcast.Journal.IsCaughtUp);
                await origin.ChoresAsync();
            }
            longest = Math.Max(longest, origin.Broadcast.Journal.Length);
        }
        await origin.SpooledAsync(() => origin.Broadcast.Journal.IsCaughtUp);
        await origin.ChoresAsync();
        var (generation, length) = origin.Broadcast.Journal.Good;
        Assert.InRange(generation, 1, 10);
        Assert.InRange(longest, Journal.LeastCheckpointBytes, Journal.LeastCheckpointBytes + (Journal.LeastCheckpointBytes >> 2));
        Assert.InRange(length, 1, Journal.LeastCheckpointBytes);
        var snapshot = origin.Broadcast.Timeline.Read();
        Assert.Equal(1 + Count / 40, snapshot.PeriodCount);
        Assert.InRange(snapshot.Periods.Count, 2, 4);
        Assert.Equal(0, snapshot.Periods[0].Index);
        Assert.Equal(snapshot.Periods[0].Start, new MediaTime(0, snapshot.Periods[0].Start.Timescale));
    }

    /// <summary>What the journal holds.</summary>
    private static List<JournalRecord> RecordsOf(RecordedNode node, OriginBroadcast broadcast)
    {
        var records = new List<JournalRecord>();
        JournalFile.Read(node.JournalOf(broadcast), record =>
        {
            records.Add(record);
            return true;
        });
        return records;
    }

    /// <summary>Media of some segments turn out to be lost.</summary>
    private static void Lose(OriginBroadcast broadcast, int seed)
    {
        var random = new Random(seed);
        foreach (var rendition in broadcast.Timeline.Read().Renditions)
        {
            foreach (var segment in rendition.Segments.Where(segment => !segment.IsGap && random.Next(6) == 0))
            {
                broadcast.Timeline.Lose(rendition.Name, segment.Number);
                broadcast.Journal.Add(new JournalRecord.Lost(rendition.Name, segment.Number));
            }
        }
    }

    /// <summary>A broadcast of which most has left.</summary>
    private static async Task<(OriginBroadcast Broadcast, RandomBroadcast Script)> RecordAsync(RecordedNode node)
    {
        var broadcast = node.Open();
        var script = new RandomBroadcast(broadcast, node.Arena, 5);
        script.BeginPeriod();
        script.Segment();
        for (var step = 0; step < 200; step++)
            script.Step();
        broadcast.Suspend();
        await node.WrittenAsync(broadcast);
        return (broadcast, script);
    }

    private static async Task DemandAsync(OriginBroadcast broadcast, RandomBroadcast script, RecordedNode after)
    {
        var found = after.Store.Find(broadcast.Id.Value)!;
        Assert.Equal(script.Next, after.Recovered.NextSegment);
        Assert.Equal(broadcast.StartedAt, found.StartedAt);
        // The one that was killed is told what its successor finds: that nobody is there.
        if (!broadcast.Timeline.Read().IsSuspended)
        {
            Assert.Equal(broadcast.Timeline.Read("source")!.Segments.Select(segment => (segment.Number, segment.IsGap)), found.Timeline.Read("source")!.Segments.Select(segment => (segment.Number, segment.IsGap)));
        }
        else
        {
            RecordedNode.DemandTheSame(broadcast, found);
        }
        RecordedNode.DemandMedia(found, script);
        await after.WrittenAsync(found);

        // It goes on: the same events make the same of both.
        var one = broadcast.Timeline.Save();
        var other = found.Timeline.Save();
        Assert.Equal(one.Renditions.Select(rendition => (rendition.Name, rendition.NextSegment, rendition.FirstEver, rendition.NewestDependent, rendition.PresentationDelay, rendition.Inits.Count)),
            other.Renditions.Select(rendition => (rendition.Name, rendition.NextSegment, rendition.FirstEver, rendition.NewestDependent, rendition.PresentationDelay, rendition.Inits.Count)));
        Assert.Equal(one.Periods, other.Periods);
        Assert.Equal(one.RemovedDateRanges, other.RemovedDateRanges);
    }
}
