namespace Millrace.Packaging;

/// <summary>What packaging had to bend, drop or fill, since the broadcast began. A copy of the owner's numbers.</summary>
public struct PackagingCounters
{
    /// <summary>Parts handed out.</summary>
    public long Parts { get; internal set; }

    /// <summary>Segments ended, gaps included.</summary>
    public long Segments { get; internal set; }

    /// <summary>Segments without media (EXT-X-GAP).</summary>
    public long GapSegments { get; internal set; }

    /// <summary>Segments cut where no random access point was, because the GOP outlasts the target duration.</summary>
    public long DependentSegments { get; internal set; }

    /// <summary>Parts of one frame that by itself is longer than PART-TARGET.</summary>
    public long OversizedParts { get; internal set; }

    /// <summary>Parts inside a segment that are shorter than 85 % of PART-TARGET: the frame rate changed under the contract.</summary>
    public long ShortParts { get; internal set; }

    /// <summary>Audio frames of silence put into holes.</summary>
    public long SilentFrames { get; internal set; }

    /// <summary>Access units that came after their time had been filled, or behind the end of their period, and were dropped.</summary>
    public long LateDropped { get; internal set; }

    /// <summary>Times that the leading track stalled and was cut by its followers' clock.</summary>
    public long LeaderStalls { get; internal set; }

    /// <summary>Access units whose decode time did not rise and was moved.</summary>
    public long Reordered { get; internal set; }

    /// <summary>Access units of derived renditions that came for a segment which had become a gap, or without a picture to begin with. Not in the numbers above, as nothing of derived renditions is.</summary>
    public long DerivedDropped { get; internal set; }

    /// <summary>Segments that derived renditions left out.</summary>
    public long DerivedGaps { get; internal set; }

    /// <summary>Adds another broadcast's.</summary>
    public void Add(in PackagingCounters other)
    {
        Parts += other.Parts;
        Segments += other.Segments;
        GapSegments += other.GapSegments;
        DependentSegments += other.DependentSegments;
        OversizedParts += other.OversizedParts;
        ShortParts += other.ShortParts;
        SilentFrames += other.SilentFrames;
        LateDropped += other.LateDropped;
        LeaderStalls += other.LeaderStalls;
        Reordered += other.Reordered;
        DerivedDropped += other.DerivedDropped;
        DerivedGaps += other.DerivedGaps;
    }
}
