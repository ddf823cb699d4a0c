namespace Millrace.Ingest;

/// <summary>Bits per second over a sliding window of wall-clock time, in fifths of it. One owner.</summary>
internal sealed class BitrateMeter
{
    /// <summary>The window: long enough that a key frame or a catch-up after a stall is no excess.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    private const int Slots = 5;
    private readonly long[] bytes = new long[Slots];
    private long slot = -1;
    private long total;

    /// <summary>Bits per second over the whole window, also while less than a window has passed: a first burst is none.</summary>
    public long BitsPerSecond => total * 8 * TimeSpan.TicksPerSecond / Window.Ticks;

    /// <summary>Counts bytes that arrived.</summary>
    public void Add(long count, long receivedAtTicks)
    {
        var now = receivedAtTicks / (Window.Ticks / Slots);
        if (slot < 0 || now - slot >= Slots)
        {
            Array.Clear(bytes);
            total = 0;
            slot = now;
        }
        // A clock that steps back counts into the newest slot.
        while (slot < now)
        {
            slot++;
            total -= bytes[slot % Slots];
            bytes[slot % Slots] = 0;
        }
        bytes[slot % Slots] += count;
        total += count;
    }
}
