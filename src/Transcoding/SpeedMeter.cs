namespace Millrace.Transcoding;

/// <summary>Media time per wall-clock time over a sliding window. Pure; the caller gives the times. No lock.</summary>
internal sealed class SpeedMeter
{
    // One sample a half second, twenty of them: about ten seconds.
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(0.5);
    private const int Samples = 20;

    private readonly Queue<(TimeSpan At, TimeSpan Media)> samples = new(Samples);
    private (TimeSpan At, TimeSpan Media) last;

    /// <summary>0 until a second was seen.</summary>
    public double Speed { get; private set; }

    /// <summary>Notes that everything up to <paramref name="media"/> is out.</summary>
    public void Add(TimeSpan at, TimeSpan media)
    {
        if (samples.Count > 0 && at - last.At < Step)
            return;
        last = (at, media);
        if (samples.Count == Samples)
            samples.Dequeue();
        samples.Enqueue(last);
        var first = samples.Peek();
        if (at - first.At >= 2 * Step)
            Speed = (media - first.Media) / (at - first.At);
    }

    /// <summary>Begins anew: a restart is a pause, not slowness.</summary>
    public void Reset() => samples.Clear();
}
