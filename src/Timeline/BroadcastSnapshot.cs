namespace Millrace.Timeline;

/// <summary>
/// The whole broadcast at one version: what a multivariant playlist or a manifest says. Immutable and shared like
/// <see cref="RenditionSnapshot"/>.
/// </summary>
public sealed class BroadcastSnapshot
{
    /// <summary>Counts every change.</summary>
    public required long Version { get; init; }

    /// <summary>The broadcast's promises.</summary>
    public required TimelineContract Contract { get; init; }

    /// <summary>All periods of the broadcast, those without segments left included.</summary>
    public required IReadOnlyList<Period> Periods { get; init; }

    /// <summary>All renditions, in the order in which periods first named them.</summary>
    public required IReadOnlyList<RenditionSnapshot> Renditions { get; init; }

    /// <summary>The broadcast is over; nothing changes any more.</summary>
    public required bool IsEnded { get; init; }

    /// <summary>The publisher is gone and may come back.</summary>
    public required bool IsSuspended { get; init; }

    /// <summary>There is a segment or a part to play.</summary>
    public bool HasMedia
    {
        get
        {
            foreach (var rendition in Renditions)
            {
                if (rendition.HasMedia)
                    return true;
            }
            return false;
        }
    }
}
