using Millrace.Core;

namespace Millrace.Push;

/// <summary>
/// Where a broadcast's newest period ends, so that another pusher can go on behind it. An origin says it of itself when it is
/// asked; a pusher says it of the origin that has most, and the others leave out what they lack of that.
/// </summary>
/// <param name="Period">Index of the period that ends.</param>
/// <param name="FirstSegment">Media sequence number with which the next one begins: no part of it, or of a later one, was ever told.</param>
/// <param name="Renditions">By index in the period.</param>
public sealed record PushResume(int Period, long FirstSegment, IReadOnlyList<RenditionTail> Renditions) : PushFrame
{
    /// <summary>Whether an origin that is there can end the period like that.</summary>
    public bool Reaches(IReadOnlyList<PushPlace> places)
    {
        ArgumentNullException.ThrowIfNull(places);
        if (places.Count != Renditions.Count)
            return false;
        for (var i = 0; i < places.Count; i++)
        {
            if (!Renditions[i].Reaches(places[i], FirstSegment))
                return false;
        }
        return true;
    }
}

/// <summary>Where one rendition ends.</summary>
/// <param name="NextSegment">Media sequence number behind its last segment, with that one that was running counted.</param>
/// <param name="PresentationDelay">Presentation minus decode time, in the track's timescale.</param>
/// <param name="Segments">Its last segments in order, at most <see cref="PushLimits.MaxTailSegments"/>; the last is number <paramref name="NextSegment"/> − 1.</param>
public sealed record RenditionTail(long NextSegment, long PresentationDelay, IReadOnlyList<TailSegment> Segments)
{
    /// <summary>Media sequence number of the first of <see cref="Segments"/>.</summary>
    public long FirstTold => NextSegment - Segments.Count;

    /// <summary>The told segment of that number.</summary>
    public TailSegment this[long segment] => Segments[(int)(segment - FirstTold)];

    /// <summary>Whether an origin that is there lacks only what is told, and has used no number that the next period uses.</summary>
    internal bool Reaches(PushPlace place, long firstSegment) =>
        place.Segment >= FirstTold && place.Segment + (place.Part > 0 ? 1 : 0) <= firstSegment;
}

/// <summary>One of the last segments.</summary>
/// <param name="Start">Decode time of its first sample.</param>
/// <param name="DurationTicks">Its duration in the same timescale, more than 0.</param>
/// <param name="IsIndependent">It begins with a random access point.</param>
/// <param name="Parts">Its parts; 0 for a gap.</param>
public readonly record struct TailSegment(MediaTime Start, long DurationTicks, bool IsIndependent, int Parts)
{
    /// <summary>Where it ends.</summary>
    public MediaTime End => Start with { Ticks = Start.Ticks + DurationTicks };
}
