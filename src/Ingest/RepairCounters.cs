namespace Millrace.Ingest;

/// <summary>What <see cref="TimestampRepair"/> had to do, by kind. A copy of the owner's numbers.</summary>
public struct RepairCounters
{
    /// <summary>Passages of a track's timestamp through 2^32 ms.</summary>
    public long Wraps { get; internal set; }

    /// <summary>Steps forward too long to be a hole: the track was laid on without one.</summary>
    public long ForwardJumps { get; internal set; }

    /// <summary>Steps back too long to be jitter: the track was laid on.</summary>
    public long BackwardJumps { get; internal set; }

    /// <summary>Tracks that began on another clock than the first one.</summary>
    public long ForeignStarts { get; internal set; }

    /// <summary>Pictures whose decode time did not rise and was moved; they are shown when they were meant to be.</summary>
    public long Reordered { get; internal set; }

    /// <summary>Holes in audio of at least a frame.</summary>
    public long AudioHoles { get; internal set; }

    /// <summary>Audio frames left out because the audio ran ahead of its own clock.</summary>
    public long AudioDropped { get; internal set; }

    /// <summary>Audio frames made a sample longer or shorter to steer the audio to the clock.</summary>
    public long AudioSteered { get; internal set; }

    internal void Add(in RepairCounters other)
    {
        Wraps += other.Wraps;
        ForwardJumps += other.ForwardJumps;
        BackwardJumps += other.BackwardJumps;
        ForeignStarts += other.ForeignStarts;
        Reordered += other.Reordered;
        AudioHoles += other.AudioHoles;
        AudioDropped += other.AudioDropped;
        AudioSteered += other.AudioSteered;
    }
}
