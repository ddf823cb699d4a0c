using Millrace.Server.Options;

namespace Millrace.Server.Tests;

public sealed class ServerHostTests
{
    [Fact]
    public async Task Build_OfANode_LeavesThreadsForWhatIsQueuedBehindABlockedOne()
    {
        ThreadPool.GetMinThreads(out var before, out var ports);
        ThreadPool.SetMinThreads(Environment.ProcessorCount, ports);
        try
        {
            await using var app = ServerHost.Build(EffectiveConfiguration.Load(null, [new("Log:Level", "none"), new("Transcoding:Ladder", "off")]), demo: false);
            ThreadPool.GetMinThreads(out var threads, out _);
            Assert.Equal(Environment.ProcessorCount + 4, threads);
        }
        finally
        {
            ThreadPool.SetMinThreads(before, ports);
        }
    }
}
