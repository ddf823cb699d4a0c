namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>How far sound and picture are apart in what was delivered, measured on a source that flashes and beeps every second.</summary>
internal static class Sync
{
    /// <summary>The issue's bound: nobody notices less.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(40);

    /// <summary>
    /// Fails unless each flash has its beep within <see cref="Limit"/>, and there are at least <paramref name="atLeast"/> of
    /// them. Returns the largest distance in milliseconds.
    /// </summary>
    public static async Task<double> AssertAsync(string videoFile, string audioFile, int atLeast)
    {
        var flashes = await Ffmpeg.FlashesAsync(videoFile);
        var beeps = await Ffmpeg.BeepsAsync(audioFile);
        var story = $"flashes at {string.Join(' ', flashes.Select(time => time.ToString("0.000")))}; beeps at {string.Join(' ', beeps.Select(time => time.ToString("0.000")))}";
        Assert.True(beeps.Count > 0, story);

        // At the ends one track may have what the other has not.
        var compared = flashes.Where(time => time > beeps[0] - 0.5 && time < beeps[^1] + 0.5).ToList();
        Assert.True(compared.Count >= atLeast, $"Only {compared.Count} flashes to compare: {story}");
        var worst = compared.Max(flash => beeps.Min(beep => Math.Abs(beep - flash))) * 1000;
        Assert.True(worst <= Limit.TotalMilliseconds, $"Sound and picture are {worst:0} ms apart: {story}");
        return worst;
    }
}
