using Millrace.Core;
using Millrace.Tests;

namespace Millrace.Timeline.Tests;

public class WaitTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static Task<TimelineWait> Playlist(ScriptedBroadcast broadcast, long segment, int? part) =>
        broadcast.Timeline.WaitForPlaylistAsync("source", segment, part, Token).AsTask();

    [Theory]
    [InlineData(2, null)]
    [InlineData(0, 99)]
    [InlineData(2, 5)]
    [InlineData(2, 6)]
    [InlineData(3, 1)]
    public async Task WaitForPlaylist_AlreadyListed_AnswersAtOnce(int segment, int? part)
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(3).Parts(2);

        var wait = Playlist(broadcast, segment, part);

        Assert.True(wait.IsCompleted);
        Assert.Equal(TimelineWait.Available, await wait);
    }

    [Theory]
    [InlineData(5, null, false)]
    [InlineData(6, null, true)]
    [InlineData(6, 0, true)]
    [InlineData(long.MaxValue, null, true)]
    // The last part is 3.1, the Advance Part Limit 3 / 0.35, rounded up to 9.
    [InlineData(3, 10, false)]
    [InlineData(3, 11, true)]
    [InlineData(4, 9, false)]
    [InlineData(4, 10, true)]
    public async Task WaitForPlaylist_FarAhead_IsRefusedBeyondTheLimit(long segment, int? part, bool refused)
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(3).Parts(2);

        var wait = Playlist(broadcast, segment, part);

        Assert.Equal(refused, wait.IsCompleted);
        if (refused)
            Assert.Equal(TimelineWait.TooFarInTheFuture, await wait);
    }

    [Fact]
    public async Task WaitForPlaylist_NextPart_IsReleasedByItAndNotBefore()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1).Parts(1);
        var wait = Playlist(broadcast, 1, 2);

        broadcast.Parts(1);
        Assert.False(wait.IsCompleted);
        broadcast.Parts(1);

        Assert.Equal(TimelineWait.Available, await wait);
        Assert.Equal(3, broadcast.Source.Running!.Parts.Length);
    }

    [Fact]
    public async Task WaitForPlaylist_WholeSegment_IsReleasedByItsEnd()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1);
        var wait = Playlist(broadcast, 1, null);

        broadcast.Parts(6);
        Assert.False(wait.IsCompleted);
        broadcast.EndSegment();

        Assert.Equal(TimelineWait.Available, await wait);
    }

    [Fact]
    public async Task WaitForPlaylist_PartThatEndsItsSegment_ComesWithTheEnd()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1).Parts(5);
        var wait = Playlist(broadcast, 1, 5);

        broadcast.Timeline.AppendPart(new NewPart(
            0, 1, 5, new MediaTime(330_000, 90_000), new MediaTime(30_000, 90_000), IsIndependent: false, ByteLength: 1, SampleCount: 1,
            EndsSegment: true));
        // Shown now, it would be followed by a hint at part 6, which never comes.
        Assert.False(wait.IsCompleted);
        Assert.Equal(5, broadcast.Timeline.Read("source")!.Running!.Parts.Length);

        broadcast.Timeline.EndSegment(new NewSegment(
            0, 1, new MediaTime(180_000, 90_000), new MediaTime(180_000, 90_000), IsIndependent: true, IsGap: false));
        Assert.Equal(TimelineWait.Available, await wait);
        Assert.Equal(6, broadcast.Timeline.Read("source")!.Segments[^1].Parts.Length);
    }

    [Fact]
    public async Task WaitForPlaylist_PartBeyondTheSegmentsLast_MeansTheNextSegmentsFirst()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1).Parts(3);
        var wait = Playlist(broadcast, 1, 4);

        broadcast.EndSegment();
        // The signal of part 4 fires; the waiter finds that it means part 0 of segment 2 and goes on waiting.
        var later = Playlist(broadcast, 2, 0);
        Assert.False(later.IsCompleted);
        broadcast.Parts(1);

        Assert.Equal(TimelineWait.Available, await wait);
        Assert.Equal(TimelineWait.Available, await later);
        Assert.NotNull(broadcast.Source.Running);
    }

    [Fact]
    public async Task WaitForPart_SegmentEndsWithoutIt_IsAbsent()
    {
        var broadcast = new ScriptedBroadcast().Begin().Parts(3);
        var wait = broadcast.Timeline.WaitForPartAsync("source", 0, 3, Token).AsTask();

        broadcast.EndSegment();

        Assert.Equal(TimelineWait.Absent, await wait);
    }

    [Fact]
    public async Task WaitForSegment_BecomesAGap_IsAbsent()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1);
        var wait = broadcast.Timeline.WaitForSegmentAsync("audio", 1, Token).AsTask();

        broadcast.Segments(1, silent: "audio");

        Assert.Equal(TimelineWait.Absent, await wait);
        Assert.Equal(TimelineWait.Available, await broadcast.Timeline.WaitForPlaylistAsync("audio", 1, 0, Token));
    }

    [Fact]
    public async Task WaitForSegment_RenditionNotInThePeriod_IsAbsentWhenTheLeaderEndsIt()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1).Begin(audio: false);
        var wait = broadcast.Timeline.WaitForPartAsync("audio", 1, 0, Token).AsTask();

        broadcast.Segments(1);

        Assert.Equal(TimelineWait.Absent, await wait);
    }

    [Fact]
    public async Task Wait_BroadcastEnds_IsReleased()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1);
        var playlist = Playlist(broadcast, 2, 0);
        var part = broadcast.Timeline.WaitForPartAsync("source", 1, 0, Token).AsTask();

        broadcast.Timeline.End();

        Assert.Equal(TimelineWait.Ended, await playlist);
        Assert.Equal(TimelineWait.Ended, await part);
    }

    [Fact]
    public async Task Wait_PublisherSuspended_GoesOnUntilItComesBack()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1);
        var wait = Playlist(broadcast, 1, 0);

        broadcast.Timeline.Suspend();
        Assert.True(broadcast.Source.IsSuspended);
        Assert.False(wait.IsCompleted);
        broadcast.Begin(absentSeconds: 5).Parts(1);

        Assert.Equal(TimelineWait.Available, await wait);
        Assert.False(broadcast.Source.IsSuspended);
    }

    [Fact]
    public async Task Wait_Cancelled_IsAValueAndNotAnException()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1);
        using var leaving = new CancellationTokenSource();
        var wait = broadcast.Timeline.WaitForPlaylistAsync("source", 1, 0, leaving.Token).AsTask();

        await leaving.CancelAsync();

        Assert.Equal(TimelineWait.Cancelled, await wait);
    }

    [Fact]
    public async Task Wait_RemovedSegment_IsAbsentAndItsPlaylistAvailable()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(5);
        broadcast.Timeline.RemoveBefore(3);

        Assert.Equal(TimelineWait.Absent, await broadcast.Timeline.WaitForSegmentAsync("source", 1, Token));
        Assert.Equal(TimelineWait.Available, await broadcast.Timeline.WaitForPlaylistAsync("source", 1, null, Token));
        Assert.Equal(TimelineWait.NoSuchRendition, await broadcast.Timeline.WaitForSegmentAsync("nobody", 1, Token));
    }

    [Fact]
    public async Task AppendPart_FiveThousandWaiters_AreReleasedWithoutRunningOnTheCallersThread()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1);
        var ranOnIngest = 0;
        var ingest = 0;
        var waits = new Task[5000];
        for (var i = 0; i < waits.Length; i++)
            waits[i] = HoldAsync();

        // A thread of its own that outlives the waiters, so that no pool thread can be mistaken for it: ids are used again.
        using var over = new ManualResetEventSlim();
        var thread = new Thread(() =>
        {
            Volatile.Write(ref ingest, Environment.CurrentManagedThreadId);
            broadcast.Parts(1);
            over.Wait();
        });
        thread.Start();
        try
        {
            await Task.WhenAll(waits);
        }
        finally
        {
            over.Set();
            thread.Join();
        }

        Assert.Equal(0, ranOnIngest);

        async Task HoldAsync()
        {
            var result = await broadcast.Timeline.WaitForPlaylistAsync("source", 1, 0, Token).ConfigureAwait(false);
            Assert.Equal(TimelineWait.Available, result);
            if (Environment.CurrentManagedThreadId == Volatile.Read(ref ingest))
                Interlocked.Increment(ref ranOnIngest);
        }
    }

    [Fact]
    public void Read_TwelveHoursOfSegments_CostsTheSameAsAMinute()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(29);
        // The first read of a process makes more than a snapshot.
        BytesOfARead(broadcast);
        var minute = BytesOfARead(broadcast);
        broadcast.Segments(21_569);

        // Storage is shared: a snapshot's own bytes do not depend on how much lies behind it.
        Assert.Equal(21_600, broadcast.Source.Segments.Count);
        Assert.Equal(minute, BytesOfARead(broadcast));

        static long BytesOfARead(ScriptedBroadcast broadcast)
        {
            broadcast.Parts(1);
            var before = GC.GetAllocatedBytesForCurrentThread();
            _ = broadcast.Source;
            var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            broadcast.Parts(5).EndSegment();
            return bytes;
        }
    }
}
