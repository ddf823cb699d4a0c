namespace Millrace.Ingest;

/// <summary>
/// Holds media time against the wall clock and against bytes. Timestamps are the publisher's word: one that lets them
/// race makes us fill hours of holes from a few bytes, one that lets them stand makes a segment without end. One owner.
/// </summary>
internal sealed class MediaPace
{
    /// <summary>
    /// How far media may run ahead of the wall clock. 10 min: a file pushed without pacing passes if it is a short one,
    /// and filling so much takes some tens of milliseconds.
    /// </summary>
    public const long MaxLeadMilliseconds = 600_000;

    private readonly BitrateMeter bitrate = new();
    private bool started;
    private long first;
    private long newest;
    private long receivedAt;
    private long lead;

    /// <summary>Whether media runs further ahead than <see cref="MaxLeadMilliseconds"/>.</summary>
    public bool IsAhead => lead > MaxLeadMilliseconds * TimeSpan.TicksPerMillisecond;

    /// <summary>Bits per second of media time, over <see cref="BitrateMeter.Window"/> of it.</summary>
    public long BitsPerSecond => bitrate.BitsPerSecond;

    /// <summary>Counts an access unit.</summary>
    /// <param name="milliseconds">Its decode time on the session's clock.</param>
    /// <param name="bytes">Bytes that came with it and since the one before.</param>
    /// <param name="receivedAtTicks">When it came, in UTC ticks; a clock that steps back stands still here.</param>
    public void Add(long milliseconds, long bytes, long receivedAtTicks)
    {
        if (!started)
        {
            started = true;
            first = newest = milliseconds;
            receivedAt = receivedAtTicks;
        }
        var gained = Math.Max(0, milliseconds - newest);
        newest += gained;
        lead = Math.Max(0, lead + gained * TimeSpan.TicksPerMillisecond - Math.Max(0, receivedAtTicks - receivedAt));
        receivedAt = receivedAtTicks;
        bitrate.Add(bytes, (newest - first) * TimeSpan.TicksPerMillisecond);
    }
}
