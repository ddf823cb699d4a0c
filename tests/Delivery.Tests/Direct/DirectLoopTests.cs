namespace Millrace.Delivery.Tests.Direct;

/// <summary>The loop's own faults.</summary>
public sealed class DirectLoopTests
{
    [Fact]
    public async Task Listening_ThatTheKernelRefuses_IsTriedAgainAndEndsNothing()
    {
        var log = new NotedLog();
        // epoll does not watch plain files (EPERM), as it watches nothing when the kernel has no room for it.
        var path = Path.GetTempFileName();
        using var refused = File.OpenHandle(path, options: FileOptions.DeleteOnClose);
        using var loop = new DirectLoop(0, null!, new DirectLimits(10, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(10)), TimeProvider.System, log);
        loop.Start((int)refused.DangerousGetHandle());
        await log.WaitForAsync(8091, 2);
        loop.Drain();
        await loop.Drained.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
    }
}
