namespace Millrace.Ingest.Tests;

public sealed class VideoRateTests
{
    private double now;

    [Fact]
    public void BitsPerSecond_NothingDeclared_IsMeasuredOverWholeGopsAndNeverFalls()
    {
        var rate = new VideoRate(0);
        Gops(rate, 500_000, 8);
        Assert.Equal(0, rate.BitsPerSecond);
        Gops(rate, 500_000, 8);
        Assert.Equal(500_000, rate.BitsPerSecond, 5_000d);
        Gops(rate, 3_000_000, 6);
        Assert.Equal(3_000_000, rate.BitsPerSecond, 30_000d);
        Gops(rate, 100_000, 100);
        Assert.Equal(3_000_000, rate.BitsPerSecond, 30_000d);
    }

    [Fact]
    public void BitsPerSecond_NoKeyFrame_IsMeasuredAllTheSame()
    {
        var rate = new VideoRate(0);
        Pictures(rate, 800_000, 1, isKey: true);
        Pictures(rate, 800_000, 40, isKey: false);
        Assert.Equal(800_000, rate.BitsPerSecond, 40_000d);
    }

    [Theory]
    // True, nearly true, and for a while that a picture may stand still.
    [InlineData(3_000_000, 2_900_000, 100, 3_000_000)]
    [InlineData(3_000_000, 1_700_000, 100, 3_000_000)]
    [InlineData(3_000_000, 300_000, 30, 3_000_000)]
    [InlineData(3_000_000, 300_000, 70, 300_000)]
    // Too little is believed no longer than it takes to measure.
    [InlineData(300_000, 3_000_000, 10, 3_000_000)]
    public void BitsPerSecond_Declared_CountsUntilItIsFarFromWhatComes(long declared, long real, int seconds, long expected)
    {
        var rate = new VideoRate(0) { Declared = declared };
        Assert.Equal(declared, rate.BitsPerSecond);
        Gops(rate, real, seconds / 2 + 1);
        Assert.Equal(expected, rate.BitsPerSecond, expected / 100d);
    }

    [Fact]
    public void BitsPerSecond_PicturesThatStop_MeasureNothing()
    {
        var rate = new VideoRate(700_000);
        Gops(rate, 2_000_000, 1);
        now += 20;
        Gops(rate, 2_000_000, 9);
        Assert.Equal(700_000, rate.BitsPerSecond);
        Gops(rate, 2_000_000, 6);
        Assert.Equal(2_000_000, rate.BitsPerSecond, 20_000d);
    }

    /// <summary>GOPs of two seconds.</summary>
    private void Gops(VideoRate rate, long bitsPerSecond, int count)
    {
        for (var i = 0; i < count; i++)
        {
            Pictures(rate, bitsPerSecond, 0.04, isKey: true);
            Pictures(rate, bitsPerSecond, 1.96, isKey: false);
        }
    }

    private void Pictures(VideoRate rate, long bitsPerSecond, double seconds, bool isKey)
    {
        for (var i = 0; i < (int)Math.Round(seconds * 25); i++, now += 0.04)
            rate.Add(now, (int)(bitsPerSecond / 25 / 8), isKey);
    }
}
