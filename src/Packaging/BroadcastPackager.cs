using System.Buffers;
using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Media;

namespace Millrace.Packaging;

/// <summary>
/// Cuts a broadcast's tracks into CMAF chunks, parts and segments and hands them to the sink. The first track of a period
/// leads: its random access points decide where segments begin. The others follow: they are cut at their first access
/// unit that is presented at or after the leader's cut, so that segment N is the same moment on every rendition.
/// </summary>
/// <remarks>
/// <para>One owner, no lock. Per access unit nothing is allocated; per part the list of its slices and its header in the arena.</para>
/// <para>
/// A follower's access unit is committed once no cut can come at or before it any more: in front of the earliest moment
/// at which the leader's segment may end, or when the leader's clock has passed it. Without word from the leader it waits
/// at most <see cref="PackagingOptions.MaxInterleave"/> of media.
/// </para>
/// <para>
/// Derived renditions (<see cref="DerivedTracks"/>) come behind and are waited for by nobody: what the others hand out is the
/// same, byte by byte and in the same order, whatever they do. Only a derived leader is waited for, by its followers, for
/// <see cref="DerivedTrack.MaxLagSeconds"/> at least.
/// </para>
/// </remarks>
public sealed class BroadcastPackager : IDisposable
{
    private readonly LowLatencyContract contract;
    private readonly PackagingOptions options;
    private readonly MediaArena arena;
    private readonly long firstSegment;
    private readonly IBroadcastSink sink;
    private readonly Followers followers;
    private readonly DerivedTracks derived;
    private readonly CutList cuts = new();
    private PackagedTrack? leader;
    private PackagingCounters counters;

    // The leader, in its own timescale.
    private AccessUnit pending;
    private bool hasPending;
    private long clock;
    private long segmentTicks;
    private long wantedTicks;
    private long hardLimit;
    private long presentationShift;
    private bool segmentIndependent;
    private bool intervalKnown;

    // A derived leader: whether its encoder began, and whether it has to begin anew with a random access point.
    private bool leaderIsDerived;
    private bool leaderHasFormat;
    private bool leaderIsLost;
    private bool isEnding;

    /// <param name="contract">What the broadcast promised; holds for all periods.</param>
    /// <param name="options">How to cut.</param>
    /// <param name="pool">Memory for the boxes.</param>
    /// <param name="sink">Where everything goes.</param>
    /// <param name="firstSegment">Media sequence number of the first segment.</param>
    public BroadcastPackager(
        LowLatencyContract contract, PackagingOptions options, MediaBlockPool pool, IBroadcastSink sink, long firstSegment = 0)
    {
        this.contract = contract;
        this.options = options;
        this.sink = sink;
        followers = new Followers(cuts, contract, CutByFollower);
        derived = new DerivedTracks(cuts, contract, sink);
        arena = new MediaArena(pool);
        NextSegment = firstSegment;
        this.firstSegment = firstSegment;
    }

    /// <summary>Goes on with a broadcast of an earlier run, behind what it left.</summary>
    /// <param name="broadcast">What is known of it, and where everything goes.</param>
    /// <param name="options">How to cut.</param>
    /// <param name="pool">Memory for the boxes.</param>
    public BroadcastPackager(RecoveredBroadcast broadcast, PackagingOptions options, MediaBlockPool pool)
        : this(broadcast.Contract, options, pool, broadcast.Sink, broadcast.NextSegment)
    {
        // Its first segment was long ago.
        firstSegment = -1;
        End = broadcast.End;
        DecodeEnd = broadcast.DecodeEnd;
    }

    /// <summary>What was bent so far.</summary>
    public PackagingCounters Counters
    {
        get
        {
            var all = counters;
            followers.CountInto(ref all);
            derived.CountInto(ref all);
            return all;
        }
    }

    /// <summary>
    /// Media sequence number that the next period begins with. Valid between periods: this and what follows from
    /// <see cref="EndPeriod"/> on, with a derived leader from <see cref="CloseDerived"/> on.
    /// </summary>
    public long NextSegment { get; private set; }

    /// <summary>Presentation time at which all media handed out so far ends. Valid between periods.</summary>
    public MediaTime End { get; private set; } = new(0, VideoFormat.VideoTimescale);

    /// <summary>
    /// Decode time at which the leader's media ends: before <see cref="End"/> by the delay that reordering takes. Valid
    /// between periods.
    /// </summary>
    public MediaTime DecodeEnd { get; private set; } = new(0, VideoFormat.VideoTimescale);

    /// <summary>Whether a period is open for all its tracks.</summary>
    public bool IsOpen => leader is not null && !isEnding;

    /// <summary>Whether derived tracks of a period that has ended are still open: their tail may come until <see cref="CloseDerived"/>.</summary>
    public bool HasTail => isEnding;

    /// <summary>
    /// Begins a period. The first rendition leads; it is the video when there is one. The first access unit of a leading
    /// video must be a random access point.
    /// </summary>
    /// <param name="start">Presentation time of the leader's first access unit, at or after <see cref="End"/>.</param>
    /// <param name="firstDecodeTime">Its decode time, in the leader's timescale; at or after <see cref="DecodeEnd"/>.</param>
    /// <param name="wallClock">UTC at which it arrived.</param>
    /// <param name="renditions">What the period has; at least one. Tracks are named by their index here.</param>
    public void BeginPeriod(MediaTime start, long firstDecodeTime, DateTimeOffset wallClock, IReadOnlyList<PeriodRendition> renditions)
    {
        if (IsOpen)
            throw new InvalidOperationException("The period before is still open.");
        CloseDerived();
        var descriptions = new RenditionDescription[renditions.Count];
        for (var i = 0; i < descriptions.Length; i++)
        {
            var (name, format, isDerived, target) = renditions[i];
            descriptions[i] = new RenditionDescription(name, format, isDerived ? default : InitOf(format), isDerived, target);
        }
        sink.BeginPeriod(new PeriodDescription(NextSegment, start, wallClock, descriptions));

        leaderIsDerived = renditions[0].IsDerived;
        leaderHasFormat = leaderIsLost = false;
        leader = new PackagedTrack(0, renditions[0].Format, contract, arena, sink, NextSegment, firstDecodeTime, leaderIsDerived);
        segmentTicks = MediaTime.From(options.SegmentDuration, leader.Timescale).Ticks;
        leader.PlanParts(firstDecodeTime, segmentTicks);
        // The broadcast's first segment ends with its first GOP: a playlist without a complete segment is no use to most players.
        wantedTicks = NextSegment == firstSegment && leader.Format.Kind == MediaKind.Video
            ? Math.Min(segmentTicks, contract.PartTarget.In(leader.Timescale).Ticks)
            : segmentTicks;
        presentationShift = start.In(leader.Timescale).Ticks - firstDecodeTime;
        clock = firstDecodeTime;
        hasPending = false;
        segmentIndependent = true;
        intervalKnown = leader.Format.Kind == MediaKind.Audio;
        cuts.Begin(NextSegment);
        var longest = 0.0;
        for (var i = 1; i < renditions.Count; i++)
        {
            var format = renditions[i].Format;
            var track = new PackagedTrack(
                i, format, contract, arena, sink, NextSegment, start.In(format.Timescale).Ticks, renditions[i].IsDerived);
            if (renditions[i].IsDerived)
            {
                derived.Add(track, leader.Timescale);
                continue;
            }
            followers.Add(track, leader.Timescale, options, leaderIsDerived);
            longest = Math.Max(longest, (double)track.NominalDuration / track.Timescale);
        }
        // EXTINF rounds to the nearest second; a follower's segment may be longer than the leader's by one of its frames.
        hardLimit = (long)((contract.TargetDuration + 0.49 - longest) * leader.Timescale);
        UpdateSafe();
    }

    /// <summary>
    /// A derived track's encoder has begun: the format that its own bytes tell. Before the first access unit of that track, in
    /// the open period or its tail. Kind and timescale are as predicted.
    /// </summary>
    /// <returns>False when the track already has another format in this period: only a new period can carry it.</returns>
    public bool SetFormat(int track, TrackFormat format)
    {
        var isLeader = track == 0 && leaderIsDerived;
        var own = derived.Find(track);
        if (leader is null || !isLeader && own is null)
            throw new InvalidOperationException($"Track {track} is no derived one of an open period.");
        var packaged = isLeader ? leader : own!.Track;
        if (format.Kind != packaged.Format.Kind || format.Timescale != packaged.Timescale)
            throw new ArgumentException($"The period has no room for {format} on track {track}, where {packaged.Format} was predicted.", nameof(format));
        if (isLeader ? leaderHasFormat : own!.HasFormat)
            return InitOf(format).Span.SequenceEqual(InitOf(packaged.Format).Span);
        packaged.Format = format;
        if (isLeader)
            leaderHasFormat = true;
        else
            own!.HasFormat = true;
        sink.SetInit(track, format, InitOf(format));
        return true;
    }

    /// <summary>
    /// Takes over one access unit of a track of the open period, or of a derived track in its tail. Decode times of a track
    /// rise; what does not is repaired and counted. A track that a period does not have, or a derived one without a format, is
    /// the caller's bug.
    /// </summary>
    public void Append(int track, in AccessUnit unit)
    {
        if (leader is null)
            throw new InvalidOperationException("No period is open.");
        if (derived.Find(track) is { } behind)
        {
            derived.Append(behind, unit);
            ReleaseCuts();
            return;
        }
        if (isEnding && !(track == 0 && leaderIsDerived))
            throw new InvalidOperationException("The period has ended but for its derived tracks.");
        if (track > 0)
        {
            followers.Append(track, unit);
            ReleaseCuts();
            return;
        }
        if (leaderIsDerived && !TakesFromLeader(unit))
        {
            derived.Drop(unit);
            return;
        }
        if (leader.Format.Kind == MediaKind.Audio)
            AppendCounted(unit);
        else
            AppendUncounted(unit);
        UpdateSafe();
        followers.Advance();
        ReleaseCuts();
        derived.Drain();
    }

    /// <summary>
    /// Ends the period: everything that waits is committed and every rendition's last segment ended, all with the same
    /// number. Audio is silent where it ends before the pictures, so that the next period leaves no hole to stall in.
    /// Nothing happens when no period is open.
    /// </summary>
    /// <remarks>
    /// Derived tracks stay open: what their encoder still holds may be appended until <see cref="CloseDerived"/>, which
    /// the next period's begin implies. Behind a derived leader so does everything.
    /// </remarks>
    public void EndPeriod()
    {
        if (!IsOpen)
            return;
        isEnding = true;
        if (!leaderIsDerived)
            EndLeader();
        if (derived.Count == 0 && !leaderIsDerived)
            CloseDerived();
    }

    /// <summary>
    /// Ends the derived tracks of a period that has ended with what came of them, and so the period altogether. Nothing happens when
    /// there are none open.
    /// </summary>
    public void CloseDerived()
    {
        if (!isEnding)
            return;
        if (leaderIsDerived)
            EndLeader();
        derived.Close();
        Abandon();
    }

    private static ReadOnlyMemory<byte> InitOf(TrackFormat format)
    {
        var box = new ArrayBufferWriter<byte>(1024);
        InitSegmentWriter.Write(box, format);
        return box.WrittenMemory;
    }

    /// <summary>
    /// Whether a derived leader goes on with an access unit. What comes for a time that its followers' clock has cut off is too
    /// late, and behind that decoding begins anew.
    /// </summary>
    private bool TakesFromLeader(in AccessUnit unit)
    {
        var track = leader!;
        if (!leaderHasFormat)
            throw new InvalidOperationException("Derived track 0 has no format yet.");
        if (!track.HasSamples && !hasPending && unit.DecodeTime < track.SegmentStart - track.NominalDuration)
            leaderIsLost = true;
        else if (unit.IsRandomAccess)
            leaderIsLost = false;
        return !leaderIsLost;
    }

    /// <summary>Ends the leader and the plain followers, and tells the derived ones where the period ends.</summary>
    private void EndLeader()
    {
        var leader = this.leader!;
        if (hasPending)
            CommitPending(Math.Max(1, leader.NominalDuration), endsSegment: false);
        clock = leader.Expected;
        var shownUntil = Math.Max(leader.Expected + presentationShift, leader.PresentationEnd);
        var next = followers.End(shownUntil, leader.Ended);
        leader.CloseUntil(next, leader.Expected, ref counters);
        followers.CloseUntil(next, shownUntil);

        DecodeEnd = new MediaTime(Math.Max(leader.SegmentStart, leader.Expected), leader.Timescale);
        End = followers.EndOf(new MediaTime(Math.Max(leader.SegmentStart + presentationShift, leader.PresentationEnd), leader.Timescale));
        NextSegment = next;
        derived.End(End, next);
    }

    /// <summary>Gives up what waits, without handing it out, and the arena. The sink is not told.</summary>
    public void Dispose()
    {
        Abandon();
        arena.Dispose();
    }

    private void Abandon()
    {
        if (hasPending)
            pending.Payload.Release();
        hasPending = false;
        leader?.Release();
        leader = null;
        followers.Release();
        derived.Release();
        isEnding = false;
    }

    /// <summary>A leading track whose durations only the next access unit tells: video.</summary>
    private void AppendUncounted(in AccessUnit unit)
    {
        var track = leader!;
        var decodeTime = unit.DecodeTime;
        var earliest = hasPending ? pending.DecodeTime + 1 : track.Expected;
        if (decodeTime < earliest)
        {
            counters.Reordered++;
            decodeTime = earliest;
        }
        if (hasPending && decodeTime - track.SegmentStart > hardLimit)
        {
            // The picture before would outlast its segment: it is shown as long as the segment may last.
            CutStalled(track.SegmentStart + hardLimit);
        }
        if (!hasPending)
        {
            decodeTime = SkipHole(decodeTime, unit.PresentationTime);
            segmentIndependent = unit.IsRandomAccess;
        }
        else
        {
            var interval = decodeTime - pending.DecodeTime;
            LearnInterval(interval);
            var length = decodeTime - track.SegmentStart;
            var due = unit.IsRandomAccess && (length >= wantedTicks - track.NominalDuration / 2 || !segmentIndependent);
            var forced = !due && length + track.NominalDuration > hardLimit;
            // A picture in mid-GOP may be shown before those decoded before it: there the steady delay of the reordering counts.
            if (due || forced)
                AnnounceCut(unit.IsRandomAccess ? unit.PresentationTime : decodeTime + presentationShift, unit.IsRandomAccess);
            CommitPending(interval, endsSegment: due || forced);
            if (due || forced)
                Cut(decodeTime, unit.IsRandomAccess);
        }
        pending = unit with
        {
            DecodeTime = decodeTime,
            CompositionOffset = (int)Math.Clamp(unit.PresentationTime - decodeTime, int.MinValue, int.MaxValue),
        };
        hasPending = true;
        clock = decodeTime;
    }

    /// <summary>A leading track whose frames say how long they are: audio alone.</summary>
    private void AppendCounted(in AccessUnit unit)
    {
        var track = leader!;
        var duration = Math.Max(1, unit.Duration);
        if (unit.DecodeTime < track.Expected - duration / 2)
        {
            counters.LateDropped++;
            unit.Payload.Release();
            return;
        }
        while (unit.DecodeTime - track.Expected > duration / 2 && track.TryGetSilence(out var silence))
        {
            counters.SilentFrames++;
            CommitCounted(unit with { Payload = silence }, track.Expected, duration);
        }
        if (unit.DecodeTime - track.Expected > duration / 2)
        {
            if (track.HasSamples)
                CutStalled(track.Expected);
            SkipHole(unit.DecodeTime, unit.PresentationTime);
            track.Expected = track.SegmentStart;
        }
        CommitCounted(unit, track.Expected, duration);
    }

    private void CommitCounted(in AccessUnit unit, long decodeTime, long duration)
    {
        var track = leader!;
        var length = decodeTime - track.SegmentStart;
        if (track.HasSamples && (length >= segmentTicks - duration / 2 || length + duration > hardLimit))
        {
            AnnounceCut(decodeTime + presentationShift, randomAccess: true);
            Cut(decodeTime, randomAccess: true);
        }
        track.NominalDuration = duration;
        track.Commit(unit, decodeTime, unit.CompositionOffset, duration, ref counters);
        clock = decodeTime;
    }

    private void CommitPending(long duration, bool endsSegment)
    {
        hasPending = false;
        leader!.Commit(pending, pending.DecodeTime, pending.CompositionOffset, duration, ref counters, endsSegment);
    }

    /// <summary>
    /// The next segment of the leader begins there. Before the sink hears of it the derived tracks settle which segments they
    /// leave out, so that with a segment's end all is known.
    /// </summary>
    private void AnnounceCut(long presentationTime, bool randomAccess)
    {
        cuts.Add(presentationTime, randomAccess);
        derived.Settle(leader!.Segment);
    }

    private void Cut(long decodeTime, bool randomAccess)
    {
        leader!.EndSegment(decodeTime, ref counters);
        wantedTicks = segmentTicks;
        leader.PlanParts(decodeTime, segmentTicks);
        segmentIndependent = randomAccess;
        if (!randomAccess)
            counters.DependentSegments++;
    }

    /// <summary>Ends the leader's segment without an access unit for the next one; the last picture stands until then.</summary>
    private void CutStalled(long end)
    {
        var track = leader!;
        if (hasPending)
            end = Math.Max(end, pending.DecodeTime + 1);
        else
            end = Math.Max(end, track.HasSamples ? track.Expected : track.SegmentStart + 1);
        AnnounceCut(end + presentationShift, randomAccess: false);
        if (hasPending)
            CommitPending(end - pending.DecodeTime, endsSegment: true);
        else
            leaderIsLost = leaderIsDerived;
        counters.LeaderStalls++;
        track.EndSegment(end, ref counters);
        wantedTicks = segmentTicks;
        segmentIndependent = false;
        clock = Math.Max(clock, track.SegmentStart);
    }

    private void CutByFollower(long presentationTime)
    {
        CutStalled(presentationTime - presentationShift);
        UpdateSafe();
    }

    /// <summary>
    /// Covers the time from the begin of an empty segment to the first access unit in it: gap segments when it is long,
    /// else the access unit is decoded early and shown at its own time. Returns the decode time to use.
    /// </summary>
    private long SkipHole(long decodeTime, long presentationTime)
    {
        var track = leader!;
        if (track.HasSamples)
            return decodeTime;
        while (decodeTime - track.SegmentStart > segmentTicks)
            CutStalled(track.SegmentStart + segmentTicks);
        if (decodeTime - track.SegmentStart > 3 * track.NominalDuration)
        {
            AnnounceCut(presentationTime, randomAccess: true);
            track.EndSegment(decodeTime, ref counters);
        }
        return track.SegmentStart;
    }

    private void LearnInterval(long interval)
    {
        var track = leader!;
        if (!intervalKnown)
        {
            intervalKnown = true;
            track.NominalDuration = Math.Min(interval, track.Timescale);
            return;
        }
        // A single long frame says little about the next.
        var bounded = Math.Min(interval, track.NominalDuration * 4);
        track.NominalDuration += (bounded - track.NominalDuration) / 8;
    }

    /// <summary>Tells the followers up to where no cut can come any more.</summary>
    private void UpdateSafe()
    {
        var track = leader!;
        // Only a random access point ends a segment before its wanted length, and only one that began without.
        var earliestCut = segmentIndependent ? track.SegmentStart + wantedTicks - track.NominalDuration / 2 - 1 : clock;
        var safe = Math.Max(earliestCut, clock);
        followers.SetSafe(clock, safe, pending.ReceivedAt);
        derived.SetSafe(safe, track.Timescale);
    }

    private void ReleaseCuts()
    {
        cuts.ForgetBefore(derived.OldestSegment(followers.OldestSegment(leader!.Segment)) + 1);
    }
}
