using Millrace.Core;

namespace Millrace.Packaging.Tests;

public sealed class PartTargetTests
{
    [Theory]
    [InlineData(30, 0, 334)]
    [InlineData(29.97002997, 0, 334)]
    [InlineData(60, 0, 334)]
    [InlineData(59.94005994, 0, 334)]
    [InlineData(25, 0, 320)]
    [InlineData(24, 0, 334)]
    [InlineData(23.976024, 0, 334)]
    [InlineData(50, 0, 340)]
    [InlineData(5, 0, 400)]
    [InlineData(2, 0, 500)]
    [InlineData(30, 1024.0 / 48000, 342)]
    [InlineData(30, 1024.0 / 44100, 349)]
    [InlineData(25, 1024.0 / 48000, 320)]
    [InlineData(30, 960.0 / 48000, 340)]
    [InlineData(30, 4096.0 / 44100, 372)]
    [InlineData(0, 1024.0 / 48000, 342)]
    [InlineData(0, 1024.0 / 44100, 326)]
    public void Derive_FrameRate_WholeFramesFillIt(double rate, double audioFrame, long milliseconds)
    {
        for (var phase = 0; phase < 10; phase++)
        {
            var timestamps = rate == 0 ? [] : Enumerable.Range(0, 13).Select(i => Math.Round(i * 1000 / rate + phase / 10.0)).ToArray();
            var target = PartTarget.Derive(TimeSpan.FromMilliseconds(333), timestamps, audioFrame);
            Assert.Equal(new MediaTime(milliseconds, 1000), target);
        }
    }

    [Fact]
    public void Derive_NothingMeasured_TakesTheWantedLength() =>
        Assert.Equal(new MediaTime(333, 1000), PartTarget.Derive(TimeSpan.FromMilliseconds(333), [], 0));

    [Fact]
    public void Derive_HoleInTheMeasurement_IgnoresIt()
    {
        double[] timestamps = [0, 33, 67, 100, 133, 1133, 1167, 1200, 1233, 1267];
        Assert.InRange(PartTarget.Derive(TimeSpan.FromMilliseconds(333), timestamps, 0).Ticks, 330, 370);
    }
}
