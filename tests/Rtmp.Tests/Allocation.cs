namespace Millrace.Rtmp.Tests;

/// <summary>What code takes from the garbage collector's heap.</summary>
internal static class Allocation
{
    /// <summary>
    /// Bytes that <paramref name="action"/> allocates on this thread: the least of some runs after a first one. A collection
    /// that a test beside this one causes adds what was left of the thread's allocation block, up to 8 KiB.
    /// </summary>
    public static long Least(Action action)
    {
        action();
        var least = long.MaxValue;
        for (var run = 0; run < 8; run++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            action();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
