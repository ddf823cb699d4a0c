using Microsoft.Extensions.Time.Testing;

namespace Millrace.Delivery.Tests;

/// <summary>Faults of ours on the spool's threads.</summary>
public sealed class SpoolerTests
{
    [Fact]
    public async Task Write_ThatMeetsABug_HasFailedAndTheNextIsWritten()
    {
        var log = new NotedLog();
        using var spooler = new Spooler(new DeliveryOptions { SpoolThreads = 1 }, TimeProvider.System, log);
        var broken = new Work(isBroken: true);
        Assert.True(spooler.TryAdd(broken));
        Assert.False(await broken.Done);
        await log.WaitForAsync(8009);

        var sound = new Work(isBroken: false);
        Assert.True(spooler.TryAdd(sound));
        Assert.True(await sound.Done);
        spooler.Drain(() => false);
        Assert.True(spooler.IsIdle);
        Assert.False(spooler.IsFailing);
    }

    [Fact]
    public async Task Chore_ThatMeetsABug_HoldsUpNoOther()
    {
        var log = new NotedLog();
        using var spooler = new Spooler(new DeliveryOptions(), TimeProvider.System, log);
        var next = new Work(isBroken: false);
        spooler.Run(() => throw new InvalidOperationException("A bug."));
        spooler.Run(() => next.Write(spooler));
        Assert.True(await next.Done);
        await log.WaitForAsync(8009);
    }

    [Fact]
    public async Task Room_ThatABugKeepsFromBeingMade_IsMadeTheNextTime()
    {
        using var spooler = new Spooler(new DeliveryOptions { SpoolThreads = 1 }, TimeProvider.System, new NotedLog());
        spooler.OutOfSpace = () => throw new InvalidOperationException("A bug.");
        var first = new Work(isBroken: false, full: 1);
        Assert.True(spooler.TryAdd(first));
        Assert.False(await first.Done);

        spooler.OutOfSpace = () => true;
        var second = new Work(isBroken: false, full: 1);
        Assert.True(spooler.TryAdd(second));
        Assert.True(await second.Done);
    }

    [Fact]
    public async Task Failing_OfSegments_IsNotOverWithAJournalsFewBytes()
    {
        var time = new FakeTimeProvider();
        using var spooler = new Spooler(new DeliveryOptions { SpoolThreads = 1 }, time, new NotedLog());
        using var progressed = new SemaphoreSlim(0);
        spooler.Progressed += () => progressed.Release();
        await WriteAsync(new Work(isBroken: false, full: 1) { IsMedia = true });
        await WriteAsync(new Work(isBroken: false));
        Assert.True(spooler.IsFailing);
        await WriteAsync(new Work(isBroken: false) { IsMedia = true });
        Assert.False(spooler.IsFailing);
        await WriteAsync(new Work(isBroken: false, full: 1));
        Assert.True(spooler.IsFailing);
        await WriteAsync(new Work(isBroken: false));
        Assert.False(spooler.IsFailing);

        async Task WriteAsync(Work work)
        {
            // The disk is left alone for a while after a failure.
            time.Advance(TimeSpan.FromSeconds(6));
            Assert.True(spooler.TryAdd(work));
            while (!spooler.IsIdle)
                Assert.True(await progressed.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Dispose_WhileOthersAdd_ThrowsAtNobody()
    {
        for (var i = 0; i < 20; i++)
        {
            var spooler = new Spooler(new DeliveryOptions { SpoolThreads = 1 }, TimeProvider.System, new NotedLog());
            using var begun = new CountdownEvent(2);
            var isOver = false;
            var adding = Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                begun.Signal();
                while (!Volatile.Read(ref isOver))
                {
                    spooler.Run(static () => { });
                    spooler.TryAdd(new Work(isBroken: false));
                }
            })));
            Assert.True(begun.Wait(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
            spooler.Dispose();
            Volatile.Write(ref isOver, true);
            await adding.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Work that a disk refuses so many times for want of space, and that then meets a bug, or does not.</summary>
    private sealed class Work(bool isBroken, int full = 0) : ISpoolWork
    {
        private readonly TaskCompletionSource<bool> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int left = full;

        public bool IsMedia { get; init; }

        /// <summary>Whether it was written.</summary>
        public Task<bool> Done => done.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        public bool Write(Spooler spooler)
        {
            if (left-- > 0)
                throw new IOException("No space left.", 28);
            if (isBroken)
                throw new InvalidOperationException("A bug.");
            done.TrySetResult(true);
            return true;
        }

        public void Failed(Spooler spooler) => done.TrySetResult(false);
    }
}
