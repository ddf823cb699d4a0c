using Microsoft.AspNetCore.Http;
using Millrace.Core;

namespace Millrace.Delivery.Tests;

public sealed class RetentionTests
{
    private static readonly DvrOptions Full = new() { Mode = DvrMode.Full };

    [Fact]
    public async Task Age_OverTheLimit_TheReplayGoesFromDiskToo()
    {
        using var origin = new Origin(dvr: Full, retention: new RetentionOptions { MaxAge = TimeSpan.FromHours(1), MinFreeBytes = 0 });
        var replay = await RecordAsync(origin, "studio-two");
        origin.Time.Advance(TimeSpan.FromMinutes(59));
        await LookThroughAsync(origin);
        Assert.NotNull(origin.Store.Replays.Find(replay));
        Assert.Null(origin.Store.Find(replay));

        origin.Time.Advance(TimeSpan.FromMinutes(2));
        await LookThroughAsync(origin);

        Assert.Null(origin.Store.Replays.Find(replay));
        Assert.False(Directory.Exists(Path.Combine(origin.RecordingsPath, replay)));
    }

    [Fact]
    public async Task Count_OverTheLimit_TheOldestOfThatChannelGo()
    {
        using var origin = new Origin(dvr: Full, retention: new RetentionOptions { MaxCount = 2, MinFreeBytes = 0 });
        var mine = new List<string>();
        for (var i = 0; i < 4; i++)
            mine.Add(await RecordAsync(origin, "studio-two"));
        var other = await RecordAsync(origin, "studio-three");
        origin.Time.Advance(TimeSpan.FromMinutes(5));
        await LookThroughAsync(origin);

        Assert.Equal([other, mine[3], mine[2]], origin.Store.Replays.List().Select(replay => replay.Id.Value));
        Assert.True(ChannelName.TryParse("studio-two", out var name));
        Assert.Equal([mine[3], mine[2]], origin.Store.Replays.List(name).Select(replay => replay.Id.Value));
    }

    [Fact]
    public async Task Quota_OverTheLimit_TheOldestOfAllGoButNotWhatIsWatched()
    {
        // Each has 12000 bytes of media and a journal.
        using var origin = new Origin(dvr: Full, retention: new RetentionOptions { NodeBytes = 30_000, MinFreeBytes = 0 });
        var all = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            all.Add(await RecordAsync(origin, $"channel-{i}"));
            origin.Store.Replays.Find(all[0])!.Touch(origin.Time);
        }
        await LookThroughAsync(origin);

        Assert.Equal([all[4], all[0]], origin.Store.Replays.List().Select(replay => replay.Id.Value));
    }

    [Fact]
    public async Task Bytes_OfAChannelOverTheLimit_ItsOldestGoAndNobodyElses()
    {
        // Each has 12000 bytes of media and a journal.
        var retention = new RetentionOptions { MinFreeBytes = 0 };
        using var origin = new Origin(dvr: Full, retention: retention);
        var other = await RecordAsync(origin, "studio-three");
        var mine = new List<string>();
        for (var i = 0; i < 4; i++)
            mine.Add(await RecordAsync(origin, "studio-two"));
        origin.Store.Replays.Find(mine[0])!.Touch(origin.Time);
        // The store's own look at its beginning is over.
        await origin.ChoresAsync();
        retention.MaxBytes = 30_000;
        await LookThroughAsync(origin);

        Assert.Equal([mine[3], mine[0], other], origin.Store.Replays.List().Select(replay => replay.Id.Value));
    }

    [Fact]
    public async Task MinFreeBytes_OfTheDiskAreNotFree_TheOldestGoUntilTheyAre()
    {
        using var disk = SmallDisk.Mount(1 << 20);
        var retention = new RetentionOptions { MinFreeBytes = 0 };
        using var origin = new Origin(dataPath: disk.Path, dvr: Full, retention: retention);
        var all = new List<string>();
        for (var i = 0; i < 4; i++)
            all.Add(await RecordAsync(origin, $"channel-{i}"));
        origin.Store.Replays.Find(all[0])!.Touch(origin.Time);
        await origin.ChoresAsync();

        // One gives back what is missing; the oldest is being watched.
        retention.MinFreeBytes = new DriveInfo(disk.Path).AvailableFreeSpace + 1000;
        await LookThroughAsync(origin);
        Assert.Equal([all[3], all[2], all[0]], origin.Store.Replays.List().Select(replay => replay.Id.Value));
        await LookThroughAsync(origin);
        Assert.Equal(3, origin.Store.Replays.List().Count);

        // More than there is: what is watched stays, and what is on air.
        retention.MinFreeBytes = 1 << 20;
        await LookThroughAsync(origin);
        Assert.Equal([all[0]], origin.Store.Replays.List().Select(replay => replay.Id.Value));
        Assert.False(origin.Broadcast.IsEnded);
    }

    [Fact]
    public async Task Delete_WhileItIsRead_EndsTheReaderAndLeavesNothing()
    {
        using var origin = new Origin(dvr: Full);
        var id = await RecordAsync(origin, "studio-two");
        origin.Time.Advance(TimeSpan.FromMinutes(5));
        var opened = (await origin.Store.Replays.OpenAsync(id))!;
        var media = opened.Find("source")!;
        Assert.True(media.TryFind(1, out var segment, out var length, out _));
        Assert.NotNull(media.OpenLocal(segment, 0, length));

        Assert.Equal(StatusCodes.Status503ServiceUnavailable, MediaDecisions.NotOpened(MediaObject.Segment, segment).Status);
        Assert.True(origin.Store.Delete(opened.Id));

        Assert.Null(media.OpenLocal(segment, 0, length));
        // Whoever was to be sent it hears that it is gone, and does not ask again.
        Assert.Equal(StatusCodes.Status404NotFound, MediaDecisions.NotOpened(MediaObject.Segment, segment).Status);
        Assert.Null(origin.Store.Find(id));
        Assert.Null(await origin.Store.Replays.OpenAsync(id));
        Assert.False(origin.Store.Delete(opened.Id));
        await origin.ChoresAsync();
        Assert.False(Directory.Exists(Path.Combine(origin.RecordingsPath, id)));
        // What is on air does not go without having ended.
        Assert.False(origin.Store.Delete(origin.Broadcast.Id));
    }

    [Fact]
    public async Task Delete_InTheMomentInWhichItEnds_LeavesNoReplayThatNobodyCanPlay()
    {
        using var origin = new Origin(dvr: Full);
        origin.AddSegments(0, 3);
        var deleted = false;
        origin.Time.Read = () =>
        {
            origin.Time.Read = null;
            Assert.True(origin.Broadcast.IsEnded);
            deleted = origin.Store.Delete(origin.Broadcast.Id);
        };

        origin.Broadcast.End();

        Assert.True(deleted);
        Assert.Null(origin.Store.Replays.Find(origin.Broadcast.Id.Value));
        await origin.ChoresAsync();
        Assert.False(Directory.Exists(Path.Combine(origin.RecordingsPath, origin.Broadcast.Id.Value)));
    }

    [Fact]
    public async Task Open_ByManyAtOnce_IsReadOnceAndClosedWhenNobodyWatches()
    {
        using var origin = new Origin(dvr: Full);
        var id = await RecordAsync(origin, "studio-two");
        origin.Time.Advance(TimeSpan.FromMinutes(5));
        Assert.Null(origin.Store.Find(id));

        var opened = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => origin.Store.Replays.OpenAsync(id).AsTask()));
        Assert.Single(opened.Distinct());
        Assert.Equal(3, opened[0]!.Timeline.Read("source")!.Segments.Count);

        origin.Time.Advance(TimeSpan.FromMinutes(1));
        opened[0]!.Touch();
        origin.Time.Advance(TimeSpan.FromSeconds(90));
        Assert.Same(opened[0], origin.Store.Find(id));
        origin.Time.Advance(TimeSpan.FromMinutes(3));
        Assert.Null(origin.Store.Find(id));
        Assert.NotSame(opened[0], await origin.Store.Replays.OpenAsync(id));
    }

    [Fact]
    public async Task Open_MoreThanMay_ClosesWhatNobodyWatches()
    {
        using var origin = new Origin(new DeliveryOptions { MaxOpenReplays = 1 }, dvr: Full);
        var (first, second) = (await RecordAsync(origin, "studio-two"), await RecordAsync(origin, "studio-three"));
        origin.Time.Advance(TimeSpan.FromMinutes(5));
        var one = await origin.Store.Replays.OpenAsync(first);
        Assert.NotNull(one);
        Assert.Null(await origin.Store.Replays.OpenAsync(second));
        origin.Time.Advance(TimeSpan.FromSeconds(20));
        Assert.NotNull(await origin.Store.Replays.OpenAsync(second));
        Assert.Null(origin.Store.Find(first));
    }

    /// <summary>A broadcast of three segments that has ended and is on disk.</summary>
    private static async Task<string> RecordAsync(Origin origin, string channel)
    {
        origin.Time.Advance(TimeSpan.FromSeconds(1));
        var broadcast = origin.OpenBroadcast(channel);
        for (var segment = 0; segment < 3; segment++)
            origin.AddSegment(segment, broadcast);
        broadcast.End();
        await origin.SpooledAsync(() => broadcast.IsStored);
        return broadcast.Id.Value;
    }

    private static Task LookThroughAsync(Origin origin)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        origin.Store.Spooler.Run(() =>
        {
            origin.Store.Replays.Check();
            // Behind the deletions that it asked for.
            origin.Store.Spooler.Run(done.SetResult);
        });
        return done.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }
}
