namespace Millrace.Hls.Tests;

public class HlsDirectivesTests
{
    [Theory]
    [InlineData("", null, null, PlaylistSkip.None)]
    [InlineData("token=1&x", null, null, PlaylistSkip.None)]
    [InlineData("_HLS_msn=12", 12L, null, PlaylistSkip.None)]
    [InlineData("a=b&_HLS_part=3&_HLS_msn=12&_HLS_skip=YES", 12L, 3, PlaylistSkip.Segments)]
    [InlineData("_HLS_skip=v2", null, null, PlaylistSkip.SegmentsAndDateRanges)]
    [InlineData("_HLS_msn=9223372036854775807", long.MaxValue, null, PlaylistSkip.None)]
    [InlineData("_HLS_unknown=1", null, null, PlaylistSkip.None)]
    public void TryParse_Valid_GivesThem(string query, long? segment, int? part, PlaylistSkip skip)
    {
        Assert.True(HlsDirectives.TryParse(query, out var directives, out _));
        Assert.Equal(new HlsDirectives(segment, part, skip), directives);
    }

    [Theory]
    [InlineData("_HLS_part=1")]
    [InlineData("_HLS_msn=")]
    [InlineData("_HLS_msn")]
    [InlineData("_HLS_msn=-1")]
    [InlineData("_HLS_msn=+1")]
    [InlineData("_HLS_msn= 1")]
    [InlineData("_HLS_msn=1.5")]
    [InlineData("_HLS_msn=9223372036854775808")]
    [InlineData("_HLS_msn=1&_HLS_msn=1")]
    [InlineData("_HLS_msn=1&_HLS_part=2147483647")]
    [InlineData("_HLS_msn=1&_HLS_part=x")]
    [InlineData("_HLS_skip=yes")]
    [InlineData("_HLS_skip=YES&_HLS_skip=v2")]
    public void TryParse_Invalid_SaysWhy(string query)
    {
        Assert.False(HlsDirectives.TryParse(query, out _, out var fault));
        Assert.StartsWith("_HLS_", fault, StringComparison.Ordinal);
    }
}
