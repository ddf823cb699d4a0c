using Millrace.Core;
using Millrace.Media;

namespace Millrace.Packaging;

/// <summary>A rendition that is cut where the leader is, with the access units that wait to hear whether a cut comes first.</summary>
internal sealed class Follower
{
    private readonly long segmentTicks;
    private long begin;
    private long cutInLeader = long.MinValue;
    private long cutInOwn;

    public Follower(PackagedTrack track, PackagingOptions options, bool leaderIsDerived)
    {
        Track = track;
        // A derived leader comes behind what it was made of: its cuts are waited for as long as it may lag.
        var patience = leaderIsDerived ? TimeSpan.FromSeconds(Math.Max(2, options.MaxInterleave.TotalSeconds)) : options.MaxInterleave;
        MaxInterleave = MediaTime.From(patience, track.Timescale).Ticks;
        MaxLag = MediaTime.From(options.MaxAudioLag, track.Timescale).Ticks;
        segmentTicks = MediaTime.From(options.SegmentDuration, track.Timescale).Ticks;
        begin = track.SegmentStart;
        track.PlanParts(begin, segmentTicks);
    }

    public PackagedTrack Track { get; }

    /// <summary>What waits, in order.</summary>
    public Queue<AccessUnit> Queue { get; } = new(64);

    /// <summary>The leader's newest decode time, in this track's timescale.</summary>
    public long Clock { get; set; }

    /// <summary>Up to here no cut can come that is not known.</summary>
    public long Safe { get; set; }

    /// <summary>Latest presentation time that arrived.</summary>
    public long NewestPresentation { get; set; } = long.MinValue;

    public long MaxInterleave { get; }

    public long MaxLag { get; set; }

    /// <summary>Whether anything was laid yet.</summary>
    public bool Started { get; set; }

    /// <summary>Whether the oldest waiting access unit is the one expected, so that nothing is missing in front of it.</summary>
    public bool HeadIsNext => Queue.TryPeek(out var head) && head.DecodeTime <= Track.Expected + Track.NominalDuration;

    /// <summary>
    /// The oldest waiting access unit and its duration. One that doesn't say its duration is seen only when the next is
    /// there, or when <paramref name="flush"/> says that none will come.
    /// </summary>
    public bool TryPeek(bool flush, out AccessUnit unit, out long duration)
    {
        duration = 0;
        if (!Queue.TryPeek(out unit))
            return false;
        duration = unit.Duration;
        if (duration == 0)
        {
            if (Queue.Count > 1)
                duration = Math.Max(1, Second().DecodeTime - unit.DecodeTime);
            else if (flush)
                duration = Math.Max(1, Track.NominalDuration);
        }
        return duration > 0;
    }

    /// <summary>A cut of the leader's in this track's timescale; the last one is remembered.</summary>
    public long FromLeader(long ticks, uint timescale)
    {
        if (ticks != cutInLeader)
        {
            cutInLeader = ticks;
            cutInOwn = new MediaTime(ticks, timescale).In(Track.Timescale).Ticks;
        }
        return cutInOwn;
    }

    /// <summary>Ends the open segment at a cut of the leader's; the next begins at <paramref name="nextStart"/> and is probably as long.</summary>
    public void EndSegment(long nextStart, long cut, ref PackagingCounters counters)
    {
        Track.EndSegment(nextStart, ref counters);
        // A broadcast's first segment is shorter than those behind it.
        Track.PlanParts(cut, Math.Max(cut - begin, segmentTicks));
        begin = cut;
    }

    public void Release()
    {
        while (Queue.TryDequeue(out var unit))
            unit.Payload.Release();
        Track.Release();
    }

    private AccessUnit Second()
    {
        using var waiting = Queue.GetEnumerator();
        waiting.MoveNext();
        waiting.MoveNext();
        return waiting.Current;
    }
}
