using Millrace.Core;
using Millrace.Media;

namespace Millrace.Packaging;

/// <summary>
/// The derived renditions of a period that follow its leader from behind, each at its own pace (<see cref="DerivedTrack"/>). Their
/// numbers are kept apart from those of the renditions that others wait for. A derived leader is not among them.
/// </summary>
internal sealed class DerivedTracks(CutList cuts, LowLatencyContract contract, IBroadcastSink sink)
{
    private readonly List<DerivedTrack> tracks = [];
    private readonly Dictionary<int, DerivedTrack> byIndex = [];
    private PackagingCounters counters;

    /// <summary>How many the period has.</summary>
    public int Count => tracks.Count;

    /// <summary>Puts a track of a new period behind the leader.</summary>
    public void Add(PackagedTrack track, uint leaderTimescale)
    {
        var derived = new DerivedTrack(track, cuts, leaderTimescale, contract, sink);
        tracks.Add(derived);
        byIndex.Add(track.Index, derived);
    }

    /// <summary>The track of that index in the period, or null when it is none of these.</summary>
    public DerivedTrack? Find(int index) => byIndex.GetValueOrDefault(index);

    /// <summary>Takes over an access unit of one of these.</summary>
    public void Append(DerivedTrack track, in AccessUnit unit)
    {
        if (!track.HasFormat)
            throw new InvalidOperationException($"Derived track {track.Track.Index} has no format yet.");
        track.Append(unit, ref counters);
    }

    /// <summary>Releases an access unit of a derived leader that came too late.</summary>
    public void Drop(in AccessUnit unit)
    {
        counters.DerivedDropped++;
        unit.Payload.Release();
    }

    /// <summary>Hands on what waits and can be placed now.</summary>
    public void Drain()
    {
        foreach (var track in tracks)
            track.Drain(flush: false, ref counters);
    }

    /// <summary>The leader is about to end a segment: which of them leave it out is settled before the sink hears of that.</summary>
    public void Settle(long leaderSegment)
    {
        foreach (var track in tracks)
            track.Settle(leaderSegment, ref counters);
    }

    /// <summary>Up to that time, in the leader's timescale, no cut can come that is not known.</summary>
    public void SetSafe(long time, uint timescale)
    {
        foreach (var track in tracks)
            track.Safe = new MediaTime(time, timescale).In(track.Track.Timescale).Ticks;
    }

    /// <summary>The leader is over: the tails may come until <see cref="Close"/>.</summary>
    public void End(MediaTime end, long nextSegment)
    {
        foreach (var track in tracks)
            track.End(end.In(track.Track.Timescale).Ticks, nextSegment, ref counters);
    }

    /// <summary>Ends all segments with what came of them.</summary>
    public void Close()
    {
        foreach (var track in tracks)
            track.Close(ref counters);
    }

    /// <summary>Gives up what waits, and the tracks.</summary>
    public void Release()
    {
        foreach (var track in tracks)
            track.Release();
        tracks.Clear();
        byIndex.Clear();
    }

    /// <summary>The oldest segment that one of them has open, or <paramref name="newest"/> when that is older.</summary>
    public long OldestSegment(long newest)
    {
        foreach (var track in tracks)
            newest = Math.Min(newest, track.Track.Segment);
        return newest;
    }

    /// <summary>Adds their numbers, over all periods.</summary>
    public void CountInto(ref PackagingCounters all)
    {
        all.DerivedDropped += counters.DerivedDropped;
        all.DerivedGaps += counters.DerivedGaps;
    }
}
