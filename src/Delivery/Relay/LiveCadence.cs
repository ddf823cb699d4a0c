namespace Millrace.Delivery.Relay;

/// <summary>
/// When the next version of a playlist is due, by when the last one came and how late the ones before it were. Guarded by its
/// playlist.
/// </summary>
/// <remarks>
/// Lateness is what the worst of the last versions had, forgotten by a tenth with each that is better: a publisher whose parts
/// come unevenly is waited for longer, up to one part more.
/// </remarks>
internal sealed class LiveCadence(TimeProvider time)
{
    private const double Kept = 0.9;

    private long last = -1;
    private TimeSpan late;

    /// <summary>A version came that is newer than the last one, <paramref name="from"/>.</summary>
    public void Advance(PlaylistTail? from, PlaylistTail to)
    {
        if (from is not null && StepOf(from, to) is { } step)
        {
            var over = time.GetElapsedTime(last) - step;
            late *= Kept;
            if (over > late)
                late = over < to.PartTarget ? over : to.PartTarget;
        }
        last = time.GetTimestamp();
    }

    /// <summary>How long from now a version is in time that comes so long after the last one; zero when it is late.</summary>
    public TimeSpan DueIn(TimeSpan step)
    {
        var left = step + late - time.GetElapsedTime(last);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    // How long the parts between two versions last at most; null when the versions do not tell how many that are.
    private static TimeSpan? StepOf(PlaylistTail from, PlaylistTail to) =>
        to.NextSegment == from.NextSegment ? (to.NextPart - from.NextPart) * to.PartTarget
        : to.NextSegment == from.NextSegment + 1 && to.NextPart == 0 ? to.PartTarget
        : null;
}
