namespace Millrace.Delivery.Tests;

public sealed class ByteRangeTests
{
    [Theory]
    [InlineData("bytes=0-9", 0, 10)]
    [InlineData("bytes=90-", 90, 100)]
    [InlineData("bytes=90-1000", 90, 100)]
    [InlineData("bytes=-10", 90, 100)]
    [InlineData("bytes=-1000", 0, 100)]
    [InlineData("bytes=-99999999999999999999", 0, 100)]
    [InlineData("bytes=0-99999999999999999999", 0, 100)]
    [InlineData("bytes=00000000000000000000005-5", 5, 6)]
    [InlineData("Bytes=5-5", 5, 6)]
    public void Parse_OneRange_IsCutToTheObject(string header, int from, int to)
    {
        Assert.Equal(ByteRange.Kind.Satisfiable, ByteRange.Parse(header, 100, out var range));
        Assert.Equal(new ByteRange(from, to), range);
    }

    [Theory]
    [InlineData("bytes=100-")]
    [InlineData("bytes=200-300")]
    [InlineData("bytes=-0")]
    [InlineData("bytes=99999999999999999999-")]
    [InlineData("bytes=99999999999999999999-99999999999999999999")]
    public void Parse_BeyondTheObject_IsUnsatisfiable(string header) =>
        Assert.Equal(ByteRange.Kind.Unsatisfiable, ByteRange.Parse(header, 100, out _));

    [Theory]
    [InlineData("bytes=0-1,5-6")]
    [InlineData("items=0-1")]
    [InlineData("bytes=5-4")]
    [InlineData("bytes=a-b")]
    [InlineData("bytes=-")]
    [InlineData("bytes=1")]
    [InlineData("bytes=99999999999999999999-x")]
    [InlineData("bytes=+5-")]
    [InlineData("")]
    public void Parse_AnythingElse_SendsTheWhole(string header)
    {
        Assert.Equal(ByteRange.Kind.Ignored, ByteRange.Parse(header, 100, out var range));
        Assert.Equal(new ByteRange(0, 100), range);
    }

    [Theory]
    [InlineData("gzip, deflate, br", 2)]
    [InlineData("gzip;q=1.0, br;q=0", 1)]
    [InlineData("GZIP", 1)]
    [InlineData("br;q=0.000", 0)]
    [InlineData("identity", 0)]
    [InlineData("", 0)]
    public void Choose_AcceptEncoding_TakesTheSmallestAllowed(string header, int coding) =>
        Assert.Equal((ContentCoding)coding, AcceptEncoding.Choose(header));

    [Theory]
    [InlineData("gzip, deflate, br", 2)]
    [InlineData("br", 0)]
    [InlineData("br, gzip;q=0", 0)]
    [InlineData("gzip", 1)]
    public void ChooseWithLesser_AcceptEncoding_TakesWhatMayBecomeGzip(string header, int coding) =>
        Assert.Equal((ContentCoding)coding, AcceptEncoding.ChooseWithLesser(header));
}
