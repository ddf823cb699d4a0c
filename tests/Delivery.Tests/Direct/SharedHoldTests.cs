using System.Collections.Concurrent;
using Millrace.Delivery.Tests.Relay;
using Millrace.Timeline;

namespace Millrace.Delivery.Tests;

/// <summary>One wait for all who wait for the same.</summary>
public sealed class SharedHoldTests
{
    private readonly ConcurrentDictionary<MediaHold, SharedHold> all = new();

    [Fact]
    public async Task Crowd_ThatWaitsForTheSame_IsWokenOnceEachWhenItComes()
    {
        using var origin = Filled();
        var users = Enumerable.Range(0, 1000).Select(_ => (Hold: SharedHold.Enter(all, Part(origin, 1)), Waiter: new Noted())).ToList();
        var other = SharedHold.Enter(all, Part(origin, 2));
        Assert.All(users, user => Assert.True(user.Hold.TryWait(user.Waiter)));
        Assert.Equal(2, all.Count);
        origin.AddParts(1, 0, 2);
        await TestRelay.UntilAsync(() => users.TrueForAll(user => user.Waiter.Woken == 1));
        Assert.All(users, user => Assert.Equal((true, TimelineWait.Available), (user.Hold.IsOver, user.Hold.Result)));
        Assert.False(other.IsOver);
        // Who comes afterwards waits for nothing.
        Assert.False(SharedHold.Enter(all, Part(origin, 1)).TryWait(new Noted()));
        await TestRelay.UntilAsync(() => all.Count == 1);
    }

    [Fact]
    public async Task Wait_ThatTheLastOneLeaves_Ends()
    {
        using var origin = Filled();
        var (first, second) = (SharedHold.Enter(all, Part(origin, 1)), SharedHold.Enter(all, Part(origin, 1)));
        Assert.Same(first, second);
        var (left, stays) = (new Noted(), new Noted());
        Assert.True(first.TryWait(left) && second.TryWait(stays));
        first.Leave(left);
        Assert.False(first.IsOver);
        second.Leave(stays);
        await TestRelay.UntilAsync(() => all.IsEmpty && first.IsOver);
        Assert.Equal((TimelineWait.Cancelled, 0, 0), (first.Result, left.Woken, stays.Woken));
        // Whoever comes now waits anew.
        var again = SharedHold.Enter(all, Part(origin, 1));
        Assert.NotSame(first, again);
        var waiter = new Noted();
        Assert.True(again.TryWait(waiter));
        origin.AddParts(1, 0, 2);
        await TestRelay.UntilAsync(() => waiter.Woken == 1);
        Assert.Equal(TimelineWait.Available, again.Result);
    }

    [Fact]
    public async Task Users_WhoComeAndGoWhilePartsCome_AllLearnOfTheirs()
    {
        using var origin = Filled();
        var users = Enumerable.Range(0, 4).Select(user => Task.Run(async () =>
        {
            for (var part = 0; part < 24; part++)
            {
                // One leaves at once, one waits for what comes.
                var hold = Part(origin, part % Origin.PartsPerSegment, 1 + (part / Origin.PartsPerSegment));
                SharedHold.Enter(all, hold).Leave(null);
                var shared = SharedHold.Enter(all, hold);
                var waiter = new Noted();
                if (shared.TryWait(waiter))
                    await TestRelay.UntilAsync(() => waiter.Woken == 1);
                Assert.Equal(TimelineWait.Available, shared.Result);
                shared.Leave(waiter);
            }
        })).ToList();
        for (var segment = 1; segment <= 6; segment++)
        {
            for (var part = 0; part < Origin.PartsPerSegment; part++)
            {
                origin.AddParts(segment, part, part + 1);
                await Task.Yield();
            }
            origin.EndSegment(segment);
        }
        await Task.WhenAll(users);
        await TestRelay.UntilAsync(() => all.IsEmpty);
    }

    private static Origin Filled()
    {
        var origin = new Origin();
        origin.AddSegment(0);
        return origin;
    }

    private static MediaHold Part(Origin origin, int part, long segment = 1) => new(MediaObject.Part, origin.Broadcast, origin.Video, segment, part);

    private sealed class Noted : IWaiter
    {
        private int woken;

        public int Woken => Volatile.Read(ref woken);

        public void Wake() => Interlocked.Increment(ref woken);
    }
}
