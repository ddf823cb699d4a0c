using Millrace.Core;
using Millrace.Media;

namespace Millrace.Packaging;

/// <summary>
/// The renditions of a period that follow its leader step by step, sound beside pictures: what comes of each waits until it is
/// known whether a cut comes first. Derived ones are elsewhere (<see cref="DerivedTracks"/>).
/// </summary>
/// <param name="cuts">Where the leader was cut, in its timescale.</param>
/// <param name="contract">What the broadcast promised.</param>
/// <param name="stall">
/// Nothing comes of the leader while a follower's segment is full: ends the leader's segment at this presentation time, in its
/// timescale, and tells by <see cref="SetSafe"/> what follows.
/// </param>
internal sealed class Followers(CutList cuts, LowLatencyContract contract, Action<long> stall)
{
    private readonly List<Follower> all = [];
    private readonly Dictionary<int, Follower> byIndex = [];
    private uint leaderTimescale;
    private long receivedAt;
    private PackagingCounters counters;

    /// <summary>Puts a track of a new period behind the leader.</summary>
    public void Add(PackagedTrack track, uint leaderTimescale, PackagingOptions options, bool leaderIsDerived)
    {
        this.leaderTimescale = leaderTimescale;
        var follower = new Follower(track, options, leaderIsDerived);
        all.Add(follower);
        byIndex.Add(track.Index, follower);
    }

    /// <summary>Takes over an access unit of one of these.</summary>
    public void Append(int track, in AccessUnit unit)
    {
        var follower = byIndex[track];
        follower.Queue.Enqueue(unit);
        follower.NewestPresentation = Math.Max(follower.NewestPresentation, unit.PresentationTime);
        Drain(follower, flush: false);
    }

    /// <summary>The leader went on: hands out what waited for that, and fills what was left empty for too long.</summary>
    public void Advance()
    {
        foreach (var follower in all)
        {
            Drain(follower, flush: false);
            if (follower.Queue.Count == 0 || !follower.HeadIsNext)
                Fill(follower, follower.Clock - follower.MaxLag);
        }
    }

    /// <summary>Where the leader is, in its timescale.</summary>
    /// <param name="clock">Its newest decode time.</param>
    /// <param name="safe">Up to there no cut can come that is not known.</param>
    /// <param name="receivedAt">When its newest access unit came: <see cref="AccessUnit.ReceivedAt"/>.</param>
    public void SetSafe(long clock, long safe, long receivedAt)
    {
        this.receivedAt = receivedAt;
        foreach (var follower in all)
        {
            follower.Clock = Rescale(clock, leaderTimescale, follower.Track.Timescale);
            follower.Safe = Rescale(safe, leaderTimescale, follower.Track.Timescale);
        }
    }

    /// <summary>The period is over: everything that waits is handed out, and silence up to where the leader is shown to.</summary>
    /// <param name="shownUntil">End of the leader's last picture, in its timescale.</param>
    /// <param name="next">The number that comes next in the leader.</param>
    /// <returns>The number that comes next in all of them.</returns>
    public long End(long shownUntil, long next)
    {
        foreach (var follower in all)
        {
            Drain(follower, flush: true);
            var until = Rescale(shownUntil, leaderTimescale, follower.Track.Timescale);
            if (until - follower.Track.Expected <= follower.MaxLag)
                Fill(follower, until);
            next = Math.Max(next, follower.Track.Ended);
        }
        return next;
    }

    /// <summary>Ends their segments below a number, where the leader ended its own as far as that is known.</summary>
    public void CloseUntil(long next, long shownUntil)
    {
        foreach (var follower in all)
        {
            var track = follower.Track;
            while (track.Segment < next && cuts.TryGet(track.Segment + 1, out var cut))
                track.EndSegment(follower.FromLeader(cut, leaderTimescale), ref counters);
            track.CloseUntil(next, Rescale(shownUntil, leaderTimescale, track.Timescale), ref counters);
        }
    }

    /// <summary>Presentation time at which their media ends, or <paramref name="end"/> when that is later.</summary>
    public MediaTime EndOf(MediaTime end)
    {
        foreach (var follower in all)
        {
            var track = follower.Track;
            var own = new MediaTime(Math.Max(track.SegmentStart, track.PresentationEnd), track.Timescale);
            end = own > end ? own : end;
        }
        return end;
    }

    /// <summary>The oldest segment that one of them has open, or <paramref name="newest"/> when that is older.</summary>
    public long OldestSegment(long newest)
    {
        foreach (var follower in all)
            newest = Math.Min(newest, follower.Track.Segment);
        return newest;
    }

    /// <summary>Gives up what waits, and the tracks.</summary>
    public void Release()
    {
        foreach (var follower in all)
            follower.Release();
        all.Clear();
        byIndex.Clear();
    }

    /// <summary>Adds their numbers, over all periods.</summary>
    public void CountInto(ref PackagingCounters total) => total.Add(counters);

    private void Drain(Follower follower, bool flush)
    {
        var track = follower.Track;
        while (follower.TryPeek(flush, out var unit, out var duration))
        {
            if (unit.DecodeTime < track.Expected - duration / 2)
            {
                DropLate(follower, unit);
                continue;
            }
            var hole = unit.DecodeTime - track.Expected > duration / 2;
            if (!follower.Started)
            {
                // Silence before the first frame is laid so that it ends at it: real frames keep their own time.
                follower.Started = true;
                track.Expected += Math.Max(0, unit.DecodeTime - track.Expected) % duration;
                if (!track.HasSamples)
                    track.SegmentStart = track.Expected;
                hole = unit.DecodeTime > track.Expected;
            }
            var silence = default(MediaBuffer);
            var decodeTime = hole && !track.TryGetSilence(out silence) ? unit.DecodeTime : track.Expected;
            switch (Place(follower, decodeTime, decodeTime + unit.CompositionOffset, duration, flush))
            {
                case Placing.Wait:
                    silence.Release();
                    return;
                case Placing.CutFirst:
                    silence.Release();
                    continue;
                case Placing.Drop:
                    silence.Release();
                    follower.Queue.Dequeue().Payload.Release();
                    counters.LateDropped++;
                    continue;
            }
            if (silence.Length > 0)
            {
                counters.SilentFrames++;
                track.Commit(unit with { Payload = silence, IsRandomAccess = true }, decodeTime, 0, duration, ref counters);
                continue;
            }
            follower.Queue.Dequeue();
            track.NominalDuration = duration;
            track.Commit(unit, decodeTime, (int)(unit.PresentationTime - unit.DecodeTime), duration, ref counters);
        }
    }

    private enum Placing
    {
        /// <summary>It belongs into the open segment.</summary>
        Commit,
        /// <summary>A segment was ended; look again.</summary>
        CutFirst,
        /// <summary>Whether a cut comes before it is not known yet.</summary>
        Wait,
        /// <summary>The period ends before it.</summary>
        Drop,
    }

    private Placing Place(Follower follower, long decodeTime, long presentationTime, long duration, bool flush)
    {
        var track = follower.Track;
        if (cuts.TryGet(track.Segment + 1, out var cut))
        {
            var cutTicks = follower.FromLeader(cut, leaderTimescale);
            // Late cuts come in a row when the leader stalled: each segment keeps a frame, so that none is empty without need.
            if (presentationTime < cutTicks || !track.HasSamples && decodeTime == track.Expected && decodeTime < cutTicks + duration * 2)
                return Placing.Commit;
            var inHole = decodeTime != track.Expected && cuts.TryGet(track.Segment + 2, out var further)
                && presentationTime >= Rescale(further, leaderTimescale, track.Timescale);
            follower.EndSegment(inHole || !track.HasSamples ? cutTicks : decodeTime, cutTicks, ref counters);
            return Placing.CutFirst;
        }
        var tooLong = (decodeTime + duration - track.SegmentStart) > (long)((contract.TargetDuration + 0.49) * track.Timescale);
        if (flush)
            return tooLong ? Placing.Drop : Placing.Commit;
        if (presentationTime <= follower.Safe && !tooLong)
            return Placing.Commit;
        if (follower.NewestPresentation - follower.Clock <= follower.MaxInterleave)
            return Placing.Wait;
        if (!tooLong)
            return Placing.Commit;
        // The leader stalls: the followers' clock cuts.
        stall(Rescale(presentationTime, track.Timescale, leaderTimescale));
        return Placing.CutFirst;
    }

    private void DropLate(Follower follower, in AccessUnit unit)
    {
        counters.LateDropped++;
        follower.Queue.Dequeue();
        unit.Payload.Release();
        // Audio that always comes this late must not be replaced by silence for ever: wait longer for it.
        var lag = follower.Clock - unit.DecodeTime;
        if (lag > 0)
            follower.MaxLag = Math.Min(Math.Max(follower.MaxLag, lag * 3 / 2), 5L * follower.Track.Timescale);
    }

    /// <summary>Lays silence up to a moment, in the follower's timescale; where there is none, ends the segments before it.</summary>
    private void Fill(Follower follower, long until)
    {
        var track = follower.Track;
        while (track.Expected + track.NominalDuration <= until)
        {
            if (cuts.TryGet(track.Segment + 1, out var cut))
            {
                var cutTicks = follower.FromLeader(cut, leaderTimescale);
                if (track.Expected >= cutTicks && track.HasSamples)
                {
                    follower.EndSegment(track.Expected, cutTicks, ref counters);
                            continue;
                }
                if (!track.TryGetSilence(out var frame))
                {
                    if (cutTicks > until)
                        return;
                    follower.EndSegment(cutTicks, cutTicks, ref counters);
                            continue;
                }
                CommitSilence(frame);
                continue;
            }
            if (!track.TryGetSilence(out var silence))
                return;
            CommitSilence(silence);
        }

        void CommitSilence(MediaBuffer frame)
        {
            counters.SilentFrames++;
            follower.Started = true;
            var unit = new AccessUnit(frame, track.Expected, 0, (uint)track.NominalDuration, true, receivedAt);
            track.Commit(unit, track.Expected, 0, track.NominalDuration, ref counters);
        }
    }

    private static long Rescale(long ticks, uint from, uint to) => new MediaTime(ticks, from).In(to).Ticks;
}
