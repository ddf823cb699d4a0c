namespace Millrace.Packaging;

/// <summary>
/// Where the leading track began its segments, by media sequence number, until every follower has been cut there.
/// Presentation times in the leader's timescale.
/// </summary>
internal sealed class CutList
{
    private (long Time, bool IsRandomAccess)[] cuts = new (long, bool)[8];
    private long first;
    private int count;

    /// <summary>Begins a period whose first segment, which needs no cut, has this number.</summary>
    public void Begin(long segment)
    {
        first = segment + 1;
        count = 0;
    }

    /// <summary>The next segment begins at <paramref name="presentationTime"/>, with a random access point or in mid-GOP.</summary>
    public void Add(long presentationTime, bool isRandomAccess)
    {
        if (count == cuts.Length)
            Array.Resize(ref cuts, count * 2);
        cuts[count++] = (presentationTime, isRandomAccess);
    }

    /// <summary>Where <paramref name="segment"/> begins; false while that is not known.</summary>
    public bool TryGet(long segment, out long presentationTime) => TryGet(segment, out presentationTime, out _);

    /// <summary>Where <paramref name="segment"/> begins, and whether with a random access point of the leader.</summary>
    public bool TryGet(long segment, out long presentationTime, out bool isRandomAccess)
    {
        var index = segment - first;
        var known = index >= 0 && index < count;
        (presentationTime, isRandomAccess) = known ? cuts[index] : default;
        return known;
    }

    /// <summary>Forgets the cuts in front of <paramref name="segment"/>.</summary>
    public void ForgetBefore(long segment)
    {
        var gone = (int)Math.Clamp(segment - first, 0, count);
        if (gone == 0)
            return;
        cuts.AsSpan(gone, count - gone).CopyTo(cuts);
        count -= gone;
        first += gone;
    }
}
