using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millrace.Server.Rtmp;

namespace Millrace.Server.Tests.Rtmp;

public sealed class ConnectionLimitsTests
{
    [Theory]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:2::1", false)]
    public void TryEnter_SameHost_CountsTogether(string first, string second, bool together)
    {
        var limits = new ConnectionLimits(100, 2);
        Assert.True(limits.TryEnter(IPAddress.Parse(first)));
        Assert.True(limits.TryEnter(IPAddress.Parse(first)));
        Assert.Equal(!together, limits.TryEnter(IPAddress.Parse(second)));
        Assert.False(limits.TryEnter(IPAddress.Parse(first)));
        Assert.Equal(together ? 2 : 3, limits.Open);
        limits.Leave(IPAddress.Parse(first));
        Assert.True(limits.TryEnter(IPAddress.Parse(first)));
    }

    [Fact]
    public void TryEnter_AllPlacesTaken_RefusesEveryAddressUntilOneLeaves()
    {
        var limits = new ConnectionLimits(3, 2);
        var hosts = Enumerable.Range(1, 4).Select(i => IPAddress.Parse($"192.0.2.{i}")).ToArray();
        Assert.All(hosts[..3], host => Assert.True(limits.TryEnter(host)));
        Assert.False(limits.TryEnter(hosts[3]));
        Assert.Equal(3, limits.Open);
        limits.Leave(hosts[0]);
        Assert.True(limits.TryEnter(hosts[3]));
    }

    [Fact]
    public async Task TryEnter_ManyThreads_NeverMoreThanTheLimitAndNoneIsLost()
    {
        var limits = new ConnectionLimits(1000, 5);
        var address = IPAddress.Parse("192.0.2.1");
        var inside = 0;
        var most = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 2000; i++)
            {
                if (!limits.TryEnter(address))
                    continue;
                var now = Interlocked.Increment(ref inside);
                int seen;
                while (now > (seen = Volatile.Read(ref most)) && Interlocked.CompareExchange(ref most, now, seen) != seen)
                    continue;
                Interlocked.Decrement(ref inside);
                limits.Leave(address);
            }
        })));
        Assert.InRange(most, 1, 5);
        Assert.Equal(0, limits.Open);
        for (var i = 0; i < 5; i++)
            Assert.True(limits.TryEnter(address));
        Assert.False(limits.TryEnter(address));
    }

    [Fact]
    public void Count_WithinTheInterval_IsSaidTogetherAtItsEnd()
    {
        var time = new FakeTimeProvider();
        List<string> said = [];
        var report = new ThrottledReport<string>(time, TimeSpan.FromSeconds(1), (last, count) => said.Add($"{last} {count}"));
        report.Count("a");
        report.Count("b");
        report.Count("c");
        Assert.Equal(["a 1"], said);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["a 1", "c 2"], said);
        time.Advance(TimeSpan.FromSeconds(10));
        report.Count("d");
        Assert.Equal(["a 1", "c 2", "d 1"], said);
    }
}
