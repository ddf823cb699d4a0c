using Millrace.Media;

namespace Millrace.Transcoding.Tests;

public sealed class BudgetTests
{
    private static readonly LadderPlan Plan = Ladder.Derive(
        new SourceFacts(new VideoFormat(Codec.Avc, "avc1.64001f", [], 1280, 720), null, 30, 0, 2, false, 2), new TranscodingOptions());

    [Fact]
    public void Reserve_InsteadOfAnother_TakesItsRoomInTheSameStep()
    {
        var budget = new TranscodingBudget(Plan.PixelsPerSecond);
        var first = budget.Reserve(Plan)!;
        Assert.Null(budget.Preview(Plan, 0));
        Assert.Equal(Plan, budget.Preview(Plan, first.Plan.PixelsPerSecond));

        using var second = budget.Reserve(Plan, first)!;

        Assert.Equal(Plan, second.Plan);
        first.Dispose();
        Assert.Equal(Plan.PixelsPerSecond, budget.Used);
    }

    [Fact]
    public void Reserve_LessAndLessRoom_GivesFewerRungsThenNone()
    {
        var budget = new TranscodingBudget(Plan.PixelsPerSecond * 2 - 1);
        using var first = budget.Reserve(Plan);
        Assert.Equal((3, 0), (first!.Plan.Video.Count, first.LeftOut));
        var second = budget.Reserve(Plan)!;
        Assert.Equal((2, 1), (second.Plan.Video.Count, second.LeftOut));
        Assert.Equal("360p", second.Plan.Video[0].Name);
        // It cannot have its largest rung back before the other one ends.
        Assert.False(second.TryChange(Plan));
        Assert.True(second.TryChange(second.Plan.WithoutMostExpensive()!));
        first.Dispose();
        first.Dispose();
        Assert.True(second.TryChange(Plan));
        Assert.Equal(Plan.PixelsPerSecond, budget.Used);
        second.Dispose();
        Assert.False(second.TryChange(Plan));
        Assert.Equal(0, budget.Used);
        Assert.Null(new TranscodingBudget(0).Reserve(Plan));
    }

    [Fact]
    public void Look_LateForLong_ShedsAndComesBackAfterQuiet()
    {
        var judge = new LoadJudge();
        var now = TimeSpan.Zero;
        Assert.Equal(6, SecondsUntil(LoadVerdict.Shed, lag: 3, speed: 0.8));
        Assert.Equal(6, SecondsUntil(LoadVerdict.Shed, lag: 3, speed: 0.8));
        Assert.Equal(2, judge.Shed);
        // Catching up is not being late, and starting again says nothing.
        Assert.Null(SecondsUntil(LoadVerdict.Shed, lag: 3, speed: 1.5));
        Assert.Null(SecondsUntil(LoadVerdict.Shed, lag: 30, speed: 0.1, TranscoderState.Restarting));
        Assert.Equal(60, SecondsUntil(LoadVerdict.Restore, lag: 0.1, speed: 1));
        // It did not last: the next time it takes twice as long.
        Assert.Equal(6, SecondsUntil(LoadVerdict.Shed, lag: 3, speed: 0.8));
        Assert.Equal(120, SecondsUntil(LoadVerdict.Restore, lag: 0.1, speed: 1));
        Assert.Null(SecondsUntil(LoadVerdict.Restore, lag: 0.1, speed: 1, hasRoom: false));
        Assert.Equal(1, judge.Shed);

        // Seconds of this state until the verdict, or null when it does not come within five minutes.
        int? SecondsUntil(LoadVerdict wanted, double lag, double speed, TranscoderState state = TranscoderState.Running, bool hasRoom = true)
        {
            for (var second = 0; second < 300; second++, now += TimeSpan.FromSeconds(1))
            {
                if (judge.Look(now, new TranscoderStatus(state, null, TimeSpan.FromSeconds(lag), speed, 0, 0, 0, []), hasRoom) == wanted)
                    return second;
            }
            return null;
        }
    }

    [Fact]
    public void Measure_SecondTime_TakesWhatWasKept()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            var first = Calibration.Measure(Tool.Ffmpeg, directory.FullName, TestContext.Current.CancellationToken);
            // Anything that runs these tests makes more than one stamp-sized ladder.
            Assert.True(first > 284 * 160 * 30, $"{first}");
            var path = Path.Combine(directory.FullName, Calibration.FileName);
            Assert.Contains($"{first}", File.ReadAllText(path), StringComparison.Ordinal);
            Assert.Equal(first, Calibration.Measure(Tool.Ffmpeg with { Path = "/nowhere" }, directory.FullName, TestContext.Current.CancellationToken));
            // Another ffmpeg, or a broken file, measures anew; here that cannot be done.
            Assert.Null(Calibration.Measure(Tool.Ffmpeg with { Path = "/nowhere", Version = "7" }, directory.FullName, TestContext.Current.CancellationToken));
            File.WriteAllText(path, "{");
            Assert.Null(Calibration.Measure(Tool.Ffmpeg with { Path = "/nowhere" }, directory.FullName, TestContext.Current.CancellationToken));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void Measure_FfmpegThatHangs_IsGivenUp()
    {
        using var hanging = new Script("exec sleep 300");
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            Assert.Null(Calibration.Measure(Tool.Ffmpeg with { Path = hanging.Path }, directory.FullName, TimeSpan.FromMilliseconds(100), TestContext.Current.CancellationToken));
            Assert.Empty(directory.GetFiles());
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void TryNext_QuickDeaths_BackOffAndGiveUpAndAGoodRunForgives()
    {
        var policy = new RestartPolicy();
        double[] expected = [0, 0.5, 1, 2, 4];
        for (var round = 0; round < 2; round++)
        {
            foreach (var seconds in expected)
            {
                Assert.True(policy.TryNext(TimeSpan.FromSeconds(1), gaveOutput: true, out var delay));
                Assert.Equal(seconds, delay.TotalSeconds);
            }
            if (round == 0)
                Assert.True(policy.TryNext(TimeSpan.FromSeconds(10), gaveOutput: true, out _));
        }
        Assert.False(policy.TryNext(TimeSpan.FromSeconds(10), gaveOutput: false, out _));
    }
}
