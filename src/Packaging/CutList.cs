namespace Millrace.Packaging;

/// <summary>
/// Where the leading track began its segments, by media sequence number, until every follower has been cut there.
/// Presentation times in the leader's timescale.
/// </summary>
internal sealed class CutList
{
    private long[] times = new long[8];
    private long first;
    private int count;

    /// <summary>Begins a period whose first segment, which needs no cut, has this number.</summary>
    public void Begin(long segment)
    {
        first = segment + 1;
        count = 0;
    }

    /// <summary>The next segment begins at <paramref name="presentationTime"/>.</summary>
    public void Add(long presentationTime)
    {
        if (count == times.Length)
            Array.Resize(ref times, count * 2);
        times[count++] = presentationTime;
    }

    /// <summary>Where <paramref name="segment"/> begins; false while that is not known.</summary>
    public bool TryGet(long segment, out long presentationTime)
    {
        var index = segment - first;
        var known = index >= 0 && index < count;
        presentationTime = known ? times[index] : 0;
        return known;
    }

    /// <summary>Forgets the cuts in front of <paramref name="segment"/>.</summary>
    public void ForgetBefore(long segment)
    {
        var gone = (int)Math.Clamp(segment - first, 0, count);
        if (gone == 0)
            return;
        times.AsSpan(gone, count - gone).CopyTo(times);
        count -= gone;
        first += gone;
    }
}
