using Millrace.Core;

namespace Millrace.Core.Tests;

public sealed class MediaTimeTests
{
    [Theory]
    [InlineData(1000, 1000u, 90000u, 90000)]
    [InlineData(1, 48000u, 90000u, 2)]
    [InlineData(-1, 48000u, 90000u, -2)]
    [InlineData(long.MaxValue / 90000, 1u, 90000u, long.MaxValue / 90000 * 90000)]
    public void In_OtherTimescale_RoundsToNearest(long ticks, uint from, uint to, long expected) =>
        Assert.Equal(expected, new MediaTime(ticks, from).In(to).Ticks);

    [Fact]
    public void CompareTo_DifferentTimescales_IsExact()
    {
        Assert.True(new MediaTime(1, 3) > new MediaTime(333333, 1000000));
        Assert.True(new MediaTime(1, 3) < new MediaTime(333334, 1000000));
        Assert.True(new MediaTime(500, 1000) >= new MediaTime(1, 2));
    }
}
