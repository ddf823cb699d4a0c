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

    /// <summary>Work that a disk refuses so many times for want of space, and that then meets a bug, or does not.</summary>
    private sealed class Work(bool isBroken, int full = 0) : ISpoolWork
    {
        private readonly TaskCompletionSource<bool> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int left = full;

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
