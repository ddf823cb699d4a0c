namespace Millrace.Timeline;

/// <summary>Measures a rendition's bit rates and frame rate. One owner, no lock.</summary>
internal sealed class RateMeter(int targetDuration)
{
    // Frame rates that encoders are set to: RTMP's millisecond timestamps blur what is measured over a few frames.
    private static readonly double[] CommonFrameRates =
        [10, 12, 15, 20, 24000 / 1001d, 24, 25, 30000 / 1001d, 30, 48, 50, 60000 / 1001d, 60, 90, 100, 120];

    private readonly Queue<(long Bytes, double Seconds)> recent = new();
    private double peak;
    private long totalBytes;
    private double totalSeconds;
    private long samples;
    private double sampleSeconds;
    private double declaredFrameRate;
    private long targetBitsPerSecond;

    /// <summary>A period began: the frame rate is measured anew. The target counts, if not 0, until there is a complete segment.</summary>
    public void BeginPeriod(double declared, long target)
    {
        declaredFrameRate = declared;
        targetBitsPerSecond = target;
        samples = 0;
        sampleSeconds = 0;
        recent.Clear();
    }

    public void AddPart(int count, double seconds)
    {
        samples += count;
        sampleSeconds += seconds;
    }

    /// <summary>
    /// Takes a complete segment. The peak is that of any contiguous run of 0.5 to 1.5 target durations
    /// (draft-pantos-hls-rfc8216bis §4.4.6.2, BANDWIDTH); of these only the runs that end here are new.
    /// </summary>
    public void AddSegment(long bytes, double seconds)
    {
        totalBytes += bytes;
        totalSeconds += seconds;
        recent.Enqueue((bytes, seconds));
        while (recent.Count > 1 && Sum(recent).Seconds - recent.Peek().Seconds > 1.5 * targetDuration)
            recent.Dequeue();
        var run = Sum(recent);
        foreach (var (oldestBytes, oldestSeconds) in recent)
        {
            if (run.Seconds >= 0.5 * targetDuration && run.Seconds <= 1.5 * targetDuration)
                peak = Math.Max(peak, run.Bytes * 8 / run.Seconds);
            run = (run.Bytes - oldestBytes, run.Seconds - oldestSeconds);
        }
    }

    /// <summary>A gap interrupts every run.</summary>
    public void AddGap() => recent.Clear();

    /// <summary>The figures, with the running segment's parts standing in while no segment is complete.</summary>
    public RenditionRates Read(Segment? running)
    {
        var sofar = targetBitsPerSecond > 0 ? targetBitsPerSecond
            : running is { Duration.Ticks: > 0 } ? running.ByteLength * 8 / running.Duration.Seconds : 0;
        var average = totalSeconds > 0 ? totalBytes * 8 / totalSeconds : sofar;
        var highest = peak > 0 ? peak : Math.Max(average, sofar);
        return new RenditionRates((long)Math.Ceiling(highest), (long)Math.Ceiling(average), FrameRate());
    }

    private double FrameRate()
    {
        if (sampleSeconds <= 0)
            return declaredFrameRate;
        var measured = samples / sampleSeconds;
        if (declaredFrameRate > 0 && Math.Abs(measured - declaredFrameRate) < 0.01 * declaredFrameRate)
            return declaredFrameRate;
        var nearest = measured;
        var distance = 0.003 * measured;
        foreach (var common in CommonFrameRates)
        {
            if (Math.Abs(common - measured) >= distance)
                continue;
            distance = Math.Abs(common - measured);
            nearest = common;
        }
        return nearest;
    }

    /// <summary>What it knows.</summary>
    public RateState Save() => new([.. recent], peak, totalBytes, totalSeconds, samples, sampleSeconds, declaredFrameRate, targetBitsPerSecond);

    /// <summary>Knows what another one knew.</summary>
    public void Restore(RateState state)
    {
        recent.Clear();
        foreach (var segment in state.Recent)
            recent.Enqueue(segment);
        (peak, totalBytes, totalSeconds) = (state.Peak, state.TotalBytes, state.TotalSeconds);
        (samples, sampleSeconds) = (state.Samples, state.SampleSeconds);
        (declaredFrameRate, targetBitsPerSecond) = (state.DeclaredFrameRate, state.TargetBitsPerSecond);
    }

    private static (long Bytes, double Seconds) Sum(Queue<(long Bytes, double Seconds)> queue)
    {
        var sum = (Bytes: 0L, Seconds: 0d);
        foreach (var (bytes, seconds) in queue)
            sum = (sum.Bytes + bytes, sum.Seconds + seconds);
        return sum;
    }
}
