using Millrace.Timeline;

namespace Millrace.Delivery.Downloads;

/// <summary>
/// Which complete segments of a rendition cover a stretch of the broadcast's clock, cut where decoding can begin. Downloads and
/// clips take the same.
/// </summary>
internal static class RecordedRange
{
    // What is asked for has milliseconds: half of one is nobody's intention.
    private const double Near = 0.0005;

    /// <summary>
    /// First and last segment's number: from the random access point at or in front of <paramref name="from"/> to the segment
    /// that reaches <paramref name="to"/>. Null when no media lie there.
    /// </summary>
    /// <param name="rendition">The rendition that leads.</param>
    /// <param name="origin">The broadcast's beginning, in seconds of media time.</param>
    /// <param name="from">Seconds behind it; null is as far back as there is.</param>
    /// <param name="to">Likewise; null is as far as there is.</param>
    public static (long First, long Last)? Find(RenditionSnapshot rendition, double origin, double? from, double? to)
    {
        var segments = rendition.Segments.AsSpan();
        var first = 0;
        while (first < segments.Length && (segments[first].IsGap || segments[first].End.Seconds - origin <= from + Near))
            first++;
        if (first == segments.Length || segments[first].Start.Seconds - origin >= to - Near)
            return null;
        while (first > 0 && !segments[first].IsIndependent && !segments[first - 1].IsGap)
            first--;
        // Nothing in front of it can be decoded: the next one that can.
        while (first < segments.Length && (segments[first].IsGap || !segments[first].IsIndependent))
            first++;
        var last = segments.Length - 1;
        while (last >= first && (segments[last].IsGap || segments[last].Start.Seconds - origin >= to - Near))
            last--;
        return last < first ? null : (segments[first].Number, segments[last].Number);
    }

    /// <summary>The rendition that leads a download or clip, and the sound beside it: null when there is no media of that name.</summary>
    /// <param name="snapshot">The broadcast.</param>
    /// <param name="name">A rendition's name, or null for the source's picture, or its sound when it has no picture.</param>
    public static (RenditionSnapshot Lead, RenditionSnapshot? Sound)? Choose(BroadcastSnapshot snapshot, string? name)
    {
        RenditionSnapshot? lead = null, sound = null;
        foreach (var rendition in snapshot.Renditions)
        {
            if (rendition.Segments.Count == 0)
                continue;
            if (rendition.Format.Kind == Media.MediaKind.Audio)
                sound ??= rendition;
            if (name is null ? rendition.Format.Kind == Media.MediaKind.Video && lead is null : rendition.Name == name)
                lead = rendition;
        }
        lead ??= name is null ? sound : null;
        return lead is null ? null : (lead, lead.Format.Kind == Media.MediaKind.Audio ? null : sound);
    }
}
