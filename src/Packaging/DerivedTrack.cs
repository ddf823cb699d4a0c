using Millrace.Core;
using Millrace.Media;

namespace Millrace.Packaging;

/// <summary>
/// A derived rendition that follows the leader's cuts from behind. It may lag, stop and come back; nobody waits for it.
/// </summary>
/// <remarks>
/// <para>
/// The rule for lag: when the leader ends a segment that began <see cref="MaxLagSeconds"/> or longer ago and this rendition
/// has nothing of it, it is a gap here. What comes of it later is dropped. A segment that was begun may be completed late.
/// After a gap, pictures go on with the first random access point within a frame of a cut, sound with the first frame
/// behind a cut, or with silence in front of it.
/// </para>
/// <para>All times are in the track's timescale; cuts are presentation times. Numbers of its own never mix with those of other renditions.</para>
/// </remarks>
internal sealed class DerivedTrack
{
    /// <summary>
    /// Two seconds, less the rounding of timestamps and a frame: a segment of two seconds that was not begun until its end is late.
    /// </summary>
    public const double MaxLagSeconds = 1.9;

    /// <summary>Most access units that wait for the leader: eight seconds of pictures at 60 a second.</summary>
    private const int MaxWaiting = 512;

    private readonly CutList cuts;
    private readonly IBroadcastSink sink;
    private readonly uint leaderTimescale;
    private readonly long limit;
    private readonly long maxLag;
    private readonly Queue<AccessUnit> queue = new(64);
    private readonly bool isVideo;
    private long begin;
    private long begun = -1;
    private bool isJoined;
    private long endsAt = long.MaxValue;
    private long endsWith = long.MaxValue;

    public DerivedTrack(PackagedTrack track, CutList cuts, uint leaderTimescale, LowLatencyContract contract, IBroadcastSink sink)
    {
        Track = track;
        this.cuts = cuts;
        this.leaderTimescale = leaderTimescale;
        this.sink = sink;
        begin = track.SegmentStart;
        isVideo = track.Format.Kind == MediaKind.Video;
        // EXTINF rounds to the nearest second.
        limit = (long)((contract.TargetDuration + 0.499) * track.Timescale);
        maxLag = (long)(MaxLagSeconds * track.Timescale);
    }

    public PackagedTrack Track { get; }

    /// <summary>Whether the encoder's own format has replaced the predicted one.</summary>
    public bool HasFormat { get; set; }

    /// <summary>Up to here no cut can come that is not known.</summary>
    public long Safe { get; set; } = long.MinValue;

    private bool IsEnding => endsAt != long.MaxValue;

    /// <summary>Takes over an access unit.</summary>
    public void Append(in AccessUnit unit, ref PackagingCounters counters)
    {
        if (queue.Count == MaxWaiting)
        {
            // The leader does not move: what waits is too old to be shown beside it.
            while (queue.TryDequeue(out var waiting))
                Drop(waiting, ref counters);
            isJoined = false;
        }
        queue.Enqueue(unit);
        Drain(flush: false, ref counters);
    }

    /// <summary>Hands on what waits and can be placed.</summary>
    /// <param name="flush">Nothing more comes that could tell how long the last access unit is shown.</param>
    /// <param name="counters">This broadcast's derived numbers.</param>
    public void Drain(bool flush, ref PackagingCounters counters)
    {
        while (queue.TryPeek(out var unit))
        {
            var frame = Math.Max(1, Track.NominalDuration);
            if (unit.PresentationTime >= endsAt || Track.Segment >= endsWith)
            {
                Drop(queue.Dequeue(), ref counters);
                continue;
            }
            // 1. Which segment it belongs to.
            if (TryGetCut(Track.Segment + 1, out var cut, out var atRandomAccess))
            {
                if (Begins(unit, cut, atRandomAccess, frame) || Outlasts(unit, frame))
                {
                    Advance(unit, cut, frame, ref counters);
                    continue;
                }
            }
            else if (!IsEnding && unit.PresentationTime + frame > Safe)
            {
                return;
            }
            // 2. Whether decoding can go on, or begin, with it.
            if (!isJoined && !TryJoin(unit, frame) || unit.DecodeTime < Track.Expected - (isVideo ? Math.Max(frame, Track.PresentationDelay) : frame / 2))
            {
                Drop(queue.Dequeue(), ref counters);
                continue;
            }
            if (begun != Track.Segment)
            {
                begun = Track.Segment;
                sink.BeginSegment(Track.Index, begun);
            }
            // 3. When, and for how long.
            if (!(isVideo ? TryCommitPicture(unit, flush, ref counters) : TryCommitSound(unit, frame, ref counters)))
                return;
        }
    }

    /// <summary>
    /// The leader ends segments up to the newest cut that is known: those that this rendition has not begun and that began
    /// long enough ago become gaps.
    /// </summary>
    public void Settle(long leaderSegment, ref PackagingCounters counters)
    {
        Drain(flush: false, ref counters);
        if (!TryGetCut(leaderSegment + 1, out var now, out _))
            return;
        while (Track.Segment <= leaderSegment)
        {
            var missing = begun == Track.Segment ? Track.Segment + 1 : Track.Segment;
            var began = begin;
            if (missing > leaderSegment || missing > Track.Segment && !TryGetCut(missing, out began, out _) || now - began < maxLag)
                return;
            if (missing > Track.Segment)
                Drain(flush: true, ref counters);
            // What waited may have begun it, and did not if it waits for a picture to begin with.
            if (Track.Segment < missing)
                Close(began, ref counters);
            if (Track.Segment == missing && begun != missing && TryGetCut(missing + 1, out var next, out _))
                Close(next, ref counters);
        }
    }

    /// <summary>The leader is over: the tail may come until <see cref="Close(ref PackagingCounters)"/>.</summary>
    /// <param name="end">Presentation time at which the period's media end; nothing is shown for longer.</param>
    /// <param name="nextSegment">Number of the next period's first segment.</param>
    /// <param name="counters">This broadcast's derived numbers.</param>
    public void End(long end, long nextSegment, ref PackagingCounters counters)
    {
        endsAt = end;
        endsWith = nextSegment;
        Drain(flush: false, ref counters);
    }

    /// <summary>Ends all segments that are open with what there is.</summary>
    public void Close(ref PackagingCounters counters)
    {
        Drain(flush: true, ref counters);
        while (Track.Segment < endsWith)
        {
            if (TryGetCut(Track.Segment + 1, out var cut, out _))
                Close(cut, ref counters);
            else
                EndSegment(Track.HasSamples ? Track.Expected : endsAt - Track.PresentationDelay, endsAt, ref counters);
        }
        while (queue.TryDequeue(out var late))
            Drop(late, ref counters);
    }

    public void Release()
    {
        while (queue.TryDequeue(out var unit))
            unit.Payload.Release();
        Track.Release();
    }

    /// <summary>Whether an access unit is the first of the segment that begins at a cut.</summary>
    private bool Begins(in AccessUnit unit, long cut, bool atRandomAccess, long frame)
    {
        if (!isVideo)
            return Placed(unit, frame) >= cut;
        // Another frame rate than the leader's rounds to another grid: its key frame may be shown a little before the cut.
        var presented = unit.PresentationTime;
        if (unit.IsRandomAccess)
            return presented > cut - frame * 3 / 4;
        return presented >= (atRandomAccess ? cut : cut - frame / 4);
    }

    /// <summary>
    /// Whether an access unit would make its segment longer than TARGETDURATION. The leader's is not, so this is within a frame
    /// of the cut.
    /// </summary>
    private bool Outlasts(in AccessUnit unit, long frame) =>
        isJoined && Track.HasSamples && Math.Max(unit.DecodeTime, Track.Expected) + (isVideo ? 1 : frame) > Track.SegmentStart + limit;

    /// <summary>Where a frame of sound is laid: behind the one before, unless something is missing in between.</summary>
    private long Placed(in AccessUnit unit, long frame) =>
        isJoined && Math.Abs(unit.DecodeTime - Track.Expected) <= frame / 2 ? Track.Expected : unit.DecodeTime;

    /// <summary>Ends the open segment in front of an access unit that belongs behind the cut.</summary>
    private void Advance(in AccessUnit unit, long cut, long frame, ref PackagingCounters counters)
    {
        var own = cut - Track.PresentationDelay;
        if (isJoined && Track.HasSamples)
        {
            while (!isVideo && Track.Expected < own && unit.DecodeTime - Track.Expected > frame / 2 && Track.TryGetSilence(out var silence))
            {
                counters.SilentFrames++;
                Track.Commit(unit with { Payload = silence }, Track.Expected, 0, frame, ref counters);
            }
            // Without a hole the next begins with this access unit, within a frame of the cut; else at the cut.
            var next = isVideo ? unit.DecodeTime : Math.Max(Track.Expected, Placed(unit, frame));
            if (Math.Abs(next - own) <= frame)
                own = next;
            own = Math.Max(Math.Min(own, Track.SegmentStart + limit), Track.Expected);
        }
        EndSegment(own, cut, ref counters);
    }

    /// <summary>Ends the open segment at a cut, with what came of it.</summary>
    private void Close(long cut, ref PackagingCounters counters)
    {
        isJoined = false;
        EndSegment(cut - Track.PresentationDelay, cut, ref counters);
    }

    private void EndSegment(long own, long cut, ref PackagingCounters counters)
    {
        if (!Track.HasSamples)
        {
            isJoined = false;
            counters.DerivedGaps++;
        }
        Track.EndSegment(own, ref counters);
        Track.PlanParts(cut, cut - begin);
        begin = cut;
    }

    /// <summary>Whether an access unit is one to begin with, after a gap or at the beginning.</summary>
    private bool TryJoin(in AccessUnit unit, long frame)
    {
        // What was lost in mid-segment cannot be made good before the next.
        if (Track.HasSamples)
            return false;
        var distance = unit.PresentationTime - begin;
        if (isVideo ? !unit.IsRandomAccess || Math.Abs(distance) >= frame : distance < -Track.Timescale / 1000)
            return false;
        var delay = isVideo ? Math.Max(0, unit.PresentationTime - unit.DecodeTime) : 0;
        if (delay < frame)
            delay = 0;
        if (delay != Track.PresentationDelay)
        {
            Track.MoveStart(begin - delay);
            Track.PresentationDelay = delay;
        }
        if (!isVideo)
        {
            // Silence is laid so that it ends at the first frame; without silence the segment begins with the frame.
            var ahead = Math.Max(0, unit.DecodeTime - Track.Expected);
            var hasSilence = Track.TryGetSilence(out var silence);
            silence.Release();
            if (!hasSilence && ahead > frame)
                return false;
            Track.MoveStart(Track.Expected + (hasSilence ? ahead % frame : ahead));
        }
        return isJoined = true;
    }

    private bool TryCommitPicture(in AccessUnit unit, bool flush, ref PackagingCounters counters)
    {
        // The first picture of a segment stands from the cut on, whenever it is shown.
        var decodeTime = Track.HasSamples ? Math.Max(unit.DecodeTime, Track.Expected) : Track.Expected;
        if (decodeTime != unit.DecodeTime && Track.HasSamples)
            counters.Reordered++;
        var frame = Math.Max(1, Track.NominalDuration);
        var isCut = TryGetCut(Track.Segment + 1, out var cut, out _);
        long duration;
        if (TryPeekSecond(out var next))
        {
            duration = next.DecodeTime - decodeTime;
            if (Track.HasSamples && duration > 0)
                Track.NominalDuration += (Math.Min(duration, frame + frame / 4) - frame) / 8;
            // What the encoder lost across a cut is missing there, not in front of it.
            if (isCut && next.PresentationTime >= cut + frame)
                duration = Math.Min(duration, cut - Track.PresentationDelay - decodeTime);
        }
        else if (flush && (isCut || IsEnding))
        {
            duration = Math.Min(frame, Track.LongestPart);
        }
        else
        {
            return false;
        }
        duration = Math.Min(duration, Track.SegmentStart + limit - decodeTime);
        if (IsEnding)
            duration = Math.Min(duration, endsAt - unit.PresentationTime);
        queue.Dequeue();
        Track.Commit(
            unit, decodeTime, (int)Math.Clamp(unit.PresentationTime - decodeTime, int.MinValue, int.MaxValue), Math.Max(1, duration), ref counters);
        return true;
    }

    private bool TryCommitSound(in AccessUnit unit, long frame, ref PackagingCounters counters)
    {
        var duration = unit.Duration > 0 ? unit.Duration : frame;
        var decodeTime = Track.Expected;
        var silence = default(MediaBuffer);
        if (unit.DecodeTime - decodeTime > duration / 2 && !Track.TryGetSilence(out silence))
            decodeTime = unit.DecodeTime;
        if (IsEnding)
            duration = Math.Max(1, Math.Min(duration, endsAt - decodeTime));
        if (silence.Length > 0)
        {
            counters.SilentFrames++;
            Track.Commit(unit with { Payload = silence }, decodeTime, 0, duration, ref counters);
            return true;
        }
        queue.Dequeue();
        Track.NominalDuration = duration;
        Track.Commit(unit, decodeTime, 0, duration, ref counters);
        return true;
    }

    private bool TryPeekSecond(out AccessUnit unit)
    {
        unit = default;
        if (queue.Count < 2)
            return false;
        using var waiting = queue.GetEnumerator();
        waiting.MoveNext();
        waiting.MoveNext();
        unit = waiting.Current;
        return true;
    }

    private bool TryGetCut(long segment, out long cut, out bool isRandomAccess)
    {
        var known = cuts.TryGet(segment, out cut, out isRandomAccess);
        cut = known ? new MediaTime(cut, leaderTimescale).In(Track.Timescale).Ticks : 0;
        return known;
    }

    private static void Drop(in AccessUnit unit, ref PackagingCounters counters)
    {
        counters.DerivedDropped++;
        unit.Payload.Release();
    }
}
