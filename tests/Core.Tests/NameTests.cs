using Millrace.Core;

namespace Millrace.Core.Tests;

public sealed class NameTests
{
    [Theory]
    [InlineData("abc", true)]
    [InlineData("a-b_9", true)]
    [InlineData("ab", false)]
    [InlineData("ABC", false)]
    [InlineData("../etc", false)]
    [InlineData("a b c", false)]
    [InlineData("käse", false)]
    [InlineData(null, false)]
    public void ChannelName_TryParse_HoldsTheRule(string? text, bool valid) =>
        Assert.Equal(valid, ChannelName.TryParse(text, out _));

    [Fact]
    public void ChannelName_LongerThan64_IsRefused()
    {
        Assert.True(ChannelName.TryParse(new string('a', 64), out _));
        Assert.False(ChannelName.TryParse(new string('a', 65), out _));
    }

    [Fact]
    public void BroadcastId_New_ParsesAndSortsByTime()
    {
        var earlier = BroadcastId.New(DateTimeOffset.UnixEpoch.AddMilliseconds(1));
        var later = BroadcastId.New(DateTimeOffset.UnixEpoch.AddYears(60));
        Assert.True(string.CompareOrdinal(earlier.Value, later.Value) < 0);
        Assert.True(BroadcastId.TryParse(later.Value, out var parsed));
        Assert.Equal(later, parsed);
        Assert.NotEqual(later, BroadcastId.New(DateTimeOffset.UnixEpoch.AddYears(60)));
        Assert.False(BroadcastId.TryParse("01arz3ndektsv4rrffq69g5fau", out _));
    }
}
