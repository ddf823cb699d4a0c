namespace Millrace.Ingest.Tests;

public sealed class KeyFrameWatchTests
{
    private readonly KeyFrameWatch watch = new(2.2);
    private double now;

    [Fact]
    public void GopSeconds_OneLongGop_CountsForAWhileAndIsForgotten()
    {
        Gops(2, 5);
        Assert.Equal(2, watch.GopSeconds, 0.001);
        Gops(8, 1);
        Gops(2, 10);
        Assert.Equal(8, watch.GopSeconds, 0.1);
        Gops(2, (int)(KeyFrameWatch.Memory / 2));
        Assert.Equal(2, watch.GopSeconds, 0.001);
    }

    [Fact]
    public void GopSeconds_LongGopsNowAndThen_AreRememberedLongerEachTime()
    {
        // Each comes when the one before has just been forgotten.
        var changes = 0;
        var wasLong = false;
        for (var i = 0; i < 3600 / 2; i++)
        {
            Gops(i % 65 == 64 ? 8 : 2, 1);
            if (wasLong != watch.GopSeconds > 2.2)
                changes++;
            wasLong = watch.GopSeconds > 2.2;
        }
        Assert.InRange(changes, 1, 4);
    }

    [Fact]
    public void GopSeconds_PicturesThatStopForAWhile_CountForNothing()
    {
        Gops(1, 2);
        Pictures(0.5, isFalseKey: false);
        now += 10;
        Pictures(0.5, isFalseKey: false);
        Gops(2, 2);
        Assert.InRange(watch.GopSeconds, 1.9, 2.1);
    }

    [Fact]
    public void GopSeconds_NoFurtherKeyFrame_GrowsAsItRuns()
    {
        Gops(2, 1);
        Pictures(3, isFalseKey: false);
        Assert.InRange(watch.GopSeconds, 4.9, 5.1);
        Assert.False(watch.HasUnusableKeyFrames);
    }

    [Fact]
    public void HasUnusableKeyFrames_FalseOnesOnly_IsTrueOnceATrueOneIsMissed()
    {
        Gops(1, 1);
        Pictures(1, isFalseKey: true);
        Assert.False(watch.HasUnusableKeyFrames);
        Pictures(2, isFalseKey: true);
        Assert.True(watch.HasUnusableKeyFrames);
        Gops(2, (int)KeyFrameWatch.Memory);
        Assert.False(watch.HasUnusableKeyFrames);
    }

    [Fact]
    public void HasUnusableKeyFrames_FalseOnesBetweenTrueOnes_AreNoMatter()
    {
        for (var i = 0; i < 20; i++)
        {
            Gops(1, 1);
            Pictures(1, isFalseKey: true);
        }
        Assert.False(watch.HasUnusableKeyFrames);
    }

    [Fact]
    public void HasUnusableKeyFrames_PicturesThatNeedWhatWasBefore_IsTrue()
    {
        Gops(2, 1);
        watch.Add(now, isRandomAccess: false, isFalseKeyFrame: false, isLeading: true);
        Assert.True(watch.HasUnusableKeyFrames);
    }

    /// <summary>Pictures at 25 a second: a key frame, and then none for so long.</summary>
    private void Gops(double seconds, int count)
    {
        for (; count > 0; count--)
        {
            watch.Add(now, isRandomAccess: true, isFalseKeyFrame: false, isLeading: false);
            now += 0.04;
            for (var i = 1; i < seconds * 25; i++, now += 0.04)
                watch.Add(now, isRandomAccess: false, isFalseKeyFrame: false, isLeading: false);
        }
    }

    private void Pictures(double seconds, bool isFalseKey)
    {
        for (var i = 0; i < seconds * 25; i++, now += 0.04)
            watch.Add(now, isRandomAccess: false, isFalseKey && i == 0, isLeading: false);
    }
}
