using Millrace.Core;

namespace Millrace.Packaging;

/// <summary>
/// Chooses PART-TARGET for a broadcast: the length nearest to the wanted one that whole frames of every track fill to
/// at least 85 % (draft-pantos-hls-rfc8216bis §4.4.3.7), in whole milliseconds. With pictures and sound it has room for sound that
/// is split where pictures are, up to a frame of it later.
/// </summary>
public static class PartTarget
{
    /// <summary>The share of PART-TARGET that a part must fill unless it is the last of its segment.</summary>
    public const double MinFill = 0.85;

    private static readonly double[] StandardRates =
        [24000 / 1001.0, 24, 25, 30000 / 1001.0, 30, 48, 50, 60000 / 1001.0, 60, 5, 6, 7.5, 8, 10, 12, 12.5, 15, 20, 72, 75, 90, 100, 120];

    /// <summary>Derives the target.</summary>
    /// <param name="wanted">The configured part duration.</param>
    /// <param name="videoTimestamps">
    /// Decode times of the first pictures in milliseconds, rising; at least two to count. Empty for audio alone.
    /// </param>
    /// <param name="audioFrameSeconds">Length of one audio frame in seconds, or 0 without audio.</param>
    public static MediaTime Derive(TimeSpan wanted, ReadOnlySpan<double> videoTimestamps, double audioFrameSeconds)
    {
        var wantedMs = wanted.TotalMilliseconds;
        var videoMs = videoTimestamps.Length >= 2 ? FrameInterval(videoTimestamps) : 0;
        var audioMs = audioFrameSeconds * 1000;
        var leadMs = videoMs > 0 ? videoMs : audioMs;
        if (leadMs <= 0)
            return new MediaTime((long)Math.Ceiling(wantedMs), 1000);

        var frames = Math.Max(1, (int)Math.Round(wantedMs / leadMs));
        var length = frames * leadMs;
        // Encoders' timestamps are whole milliseconds: so many frames may measure one more than they last.
        if (videoMs > 0)
            length = Math.Max(length, Math.Min(LongestRun(videoTimestamps, frames), length * 1.1));
        // Room for PackagedTrack.PlanParts, which divides sound evenly.
        if (videoMs > 0 && audioMs > 0)
            length = Math.Max(length, Math.Ceiling(frames * videoMs / audioMs - 1e-6) * audioMs);
        var target = (long)Math.Ceiling(length - 1e-6);
        for (var candidate = target; candidate <= target * 2; candidate++)
        {
            if (Fills(candidate, leadMs) && (videoMs <= 0 || audioMs <= 0 || Fills(candidate, audioMs)))
                return new MediaTime(candidate, 1000);
        }
        return new MediaTime(target, 1000);
    }

    /// <summary>
    /// Milliseconds between pictures: the median of what was measured, or the standard rate that the measurement means.
    /// </summary>
    public static double FrameInterval(ReadOnlySpan<double> timestamps)
    {
        var count = timestamps.Length - 1;
        Span<double> intervals = count <= 256 ? stackalloc double[count] : new double[count];
        for (var i = 0; i < count; i++)
            intervals[i] = timestamps[i + 1] - timestamps[i];
        intervals.Sort();
        var median = intervals[count / 2];
        var mean = (timestamps[^1] - timestamps[0]) / count;
        // The mean is the finer measure as long as no hole distorts it.
        var measured = Math.Abs(mean - median) <= 1 ? mean : median;
        var error = Math.Max(0.02, 1.1 / count);
        var best = measured;
        var bestDistance = error;
        foreach (var rate in StandardRates)
        {
            var distance = Math.Abs(1000 / rate - measured);
            if (distance < bestDistance - 1e-9)
                (best, bestDistance) = (1000 / rate, distance);
        }
        return Math.Max(best, 1);
    }

    private static double LongestRun(ReadOnlySpan<double> timestamps, int frames)
    {
        var longest = 0.0;
        for (var i = frames; i < timestamps.Length; i++)
            longest = Math.Max(longest, timestamps[i] - timestamps[i - frames]);
        return longest;
    }

    private static bool Fills(double target, double frame) =>
        Math.Max(1, Math.Floor(target / frame + 1e-6)) * frame >= MinFill * target;
}
