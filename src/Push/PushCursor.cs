using Millrace.Packaging;

namespace Millrace.Push;

/// <summary>What a frame is to somebody at a position.</summary>
public enum PushStep
{
    /// <summary>It is there already.</summary>
    Known,

    /// <summary>It comes next.</summary>
    Next,

    /// <summary>Something in front of it is missing, or it contradicts what is there.</summary>
    Hole,
}

/// <summary>
/// Follows a broadcast's frames: how far somebody has come, and whether a frame continues that. The origin holds its own;
/// the sender runs one over its queue to see whether an origin can go on from where it is. One owner.
/// </summary>
public sealed class PushCursor
{
    private PushPlace[] places = [];
    private bool hasMedia;

    /// <summary>Nothing yet.</summary>
    public PushCursor() { }

    /// <summary>Where an origin says that it is.</summary>
    public PushCursor(PushPosition position)
    {
        ArgumentNullException.ThrowIfNull(position);
        places = [.. position.Renditions];
        Periods = position.Periods;
        IsSuspended = position.IsSuspended;
        IsEnded = position.IsEnded;
        hasMedia = true;
    }

    /// <summary>Periods begun.</summary>
    public int Periods { get; private set; }

    /// <summary>The publisher is gone and may come back.</summary>
    public bool IsSuspended { get; private set; }

    /// <summary>The broadcast is over.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>What comes next in a rendition of the newest period.</summary>
    public PushPlace this[int rendition] => places[rendition];

    /// <summary>What a frame is from here. A <see cref="PushOpen"/> is not for a cursor to judge.</summary>
    public PushStep Check(PushFrame frame)
    {
        if (IsEnded)
            return PushStep.Known;
        switch (frame)
        {
            case PushPeriod period:
                if (period.Index != Periods)
                    return period.Index < Periods ? PushStep.Known : PushStep.Hole;
                return Periods == 0 || Array.TrueForAll(places, place => place.IsAt(period.Description.FirstSegment)) ? PushStep.Next : PushStep.Hole;
            case PushPart { Description: var part } of:
                if (of.Period != Periods - 1 || part.Rendition >= places.Length)
                    return of.Period < Periods - 1 ? PushStep.Known : PushStep.Hole;
                var place = places[part.Rendition];
                if (part.Segment != place.Segment)
                    return part.Segment < place.Segment ? PushStep.Known : PushStep.Hole;
                return part.Part < place.Part ? PushStep.Known : part.Part == place.Part && place.HasInit ? PushStep.Next : PushStep.Hole;
            case PushInit init:
                if (init.Period != Periods - 1 || init.Rendition >= places.Length)
                    return init.Period < Periods - 1 ? PushStep.Known : PushStep.Hole;
                return places[init.Rendition].HasInit ? PushStep.Known : PushStep.Next;
            case PushBegin begin:
                if (begin.Period != Periods - 1 || begin.Rendition >= places.Length)
                    return begin.Period < Periods - 1 ? PushStep.Known : PushStep.Hole;
                // Told twice it does no harm, so nobody has to remember it.
                place = places[begin.Rendition];
                return begin.Segment < place.Segment || (begin.Segment == place.Segment && place.Part > 0) ? PushStep.Known
                    : begin.Segment == place.Segment ? PushStep.Next : PushStep.Hole;
            case PushSegmentEnd { Description: var end } of:
                if (of.Period != Periods - 1 || end.Rendition >= places.Length)
                    return of.Period < Periods - 1 ? PushStep.Known : PushStep.Hole;
                place = places[end.Rendition];
                if (end.Segment != place.Segment)
                    return end.Segment < place.Segment ? PushStep.Known : PushStep.Hole;
                return end.IsGap == (place.Part == 0) ? PushStep.Next : PushStep.Hole;
            case PushJoin join:
                return Periods > 0 && !hasMedia && (join.Renditions.Count == 0 || join.Renditions.Count == places.Length)
                    && Array.TrueForAll(places, known => known.Segment <= join.Segment) ? PushStep.Next : PushStep.Hole;
            case PushResume resume:
                if (resume.Period != Periods - 1)
                    return resume.Period < Periods - 1 ? PushStep.Known : PushStep.Hole;
                return resume.Reaches(places) ? PushStep.Next : PushStep.Hole;
            case PushSuspend suspend:
                if (suspend.Period != Periods - 1)
                    return suspend.Period < Periods - 1 ? PushStep.Known : PushStep.Hole;
                return IsSuspended ? PushStep.Known : PushStep.Next;
            case PushEnd over:
                return over.Period == Periods - 1 ? PushStep.Next : PushStep.Hole;
            default:
                throw new ArgumentOutOfRangeException(nameof(frame));
        }
    }

    /// <summary>Goes past a frame that <see cref="Check"/> found to be next.</summary>
    public void Advance(PushFrame frame)
    {
        switch (frame)
        {
            case PushPeriod { Description: var period }:
                Periods++;
                IsSuspended = false;
                places = new PushPlace[period.Renditions.Count];
                for (var i = 0; i < places.Length; i++)
                    places[i] = new PushPlace(period.FirstSegment, 0, !period.Renditions[i].IsDerived);
                break;
            case PushInit init:
                places[init.Rendition] = places[init.Rendition] with { HasInit = true };
                break;
            case PushPart { Description: var part }:
                hasMedia = true;
                places[part.Rendition] = new PushPlace(part.Segment, part.Part + 1);
                break;
            case PushSegmentEnd { Description: var end }:
                hasMedia = true;
                places[end.Rendition] = places[end.Rendition] with { Segment = end.Segment + 1, Part = 0 };
                break;
            case PushJoin join:
                for (var i = 0; i < places.Length; i++)
                    places[i] = places[i] with { Segment = join.Segment, Part = 0 };
                break;
            case PushResume resume:
                hasMedia = true;
                IsSuspended = true;
                for (var i = 0; i < places.Length; i++)
                    places[i] = places[i] with { Segment = resume.FirstSegment, Part = 0 };
                break;
            case PushSuspend:
                IsSuspended = true;
                break;
            case PushEnd:
                IsEnded = true;
                IsSuspended = false;
                break;
        }
    }

    /// <summary>Where it is.</summary>
    public PushPosition Read() => new(Periods, IsSuspended, IsEnded, [.. places]);
}
