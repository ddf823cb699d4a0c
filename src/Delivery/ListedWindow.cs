namespace Millrace.Delivery;

/// <summary>
/// The leader's segments that playlists list, which decide how far back they go: says when those that are further back than the
/// window leave. Used by the broadcast's owner.
/// </summary>
internal sealed class ListedWindow
{
    private readonly Queue<(long Number, double Seconds)> segments = [];
    private readonly TimeSpan length;
    private readonly int step;
    private double seconds;

    /// <param name="length">How far back playlists go.</param>
    /// <param name="step">It slides to multiples of that many segments.</param>
    public ListedWindow(TimeSpan length, int step)
    {
        this.length = length;
        this.step = step;
    }

    /// <summary>A segment of the leader has ended.</summary>
    public void Add(long number, double duration)
    {
        segments.Enqueue((number, duration));
        seconds += duration;
    }

    /// <summary>Number of the first segment that stays, when others leave now: at least the window's length stays. Null when none leaves.</summary>
    public long? Slide()
    {
        var first = -1L;
        var left = seconds;
        foreach (var oldest in segments)
        {
            if (left - oldest.Seconds < length.TotalSeconds)
                break;
            left -= oldest.Seconds;
            first = oldest.Number + 1;
        }
        first -= first % step;
        if (!segments.TryPeek(out var listed) || first <= listed.Number)
            return null;
        RemoveBefore(first);
        return first;
    }

    /// <summary>Segments leave.</summary>
    public void RemoveBefore(long number)
    {
        while (segments.TryPeek(out var oldest) && oldest.Number < number)
        {
            segments.Dequeue();
            seconds -= oldest.Seconds;
        }
    }

    /// <summary>Becomes what it was at a checkpoint of an earlier run.</summary>
    public void Restore(OriginState origin)
    {
        foreach (var segment in origin.Listed)
            segments.Enqueue(segment);
        seconds = origin.ListedSeconds;
    }
}
