using Millrace.Media;

namespace Millrace.Timeline;

/// <summary>
/// The one append-only truth about a broadcast: periods, renditions, init segments, segments, parts, gaps, date ranges and
/// the end. Everything that a player is told is a pure function of a snapshot of it.
/// </summary>
/// <remarks>
/// Events come from the broadcast's one owner, in order; reads and waits from any thread. Each event holds the lock for a
/// few writes; waiters are released after it, on pool threads. Snapshots are built by the first reader after a change and
/// shared by all others, so that a broadcast without viewers costs nothing here.
/// </remarks>
public sealed class BroadcastTimeline
{
    // A rendition is asked for by a name that comes from outside: the dictionary never grows but by BeginPeriod.
    private readonly Dictionary<string, RenditionLog> byName = new(StringComparer.Ordinal);
    private readonly List<RenditionLog> renditions = [];
    private readonly Lock gate = new();
    private readonly DateRangeList dateRanges = new();
    private RenditionLog[] current = [];
    private Period[] periods = [];
    private BroadcastSnapshot? cached;
    private WaitList.Signal? firstMedia;
    private long version;
    private bool ended;
    private bool suspended;

    /// <summary>Opens the timeline of a broadcast that makes these promises.</summary>
    public BroadcastTimeline(TimelineContract contract)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(contract.TargetDuration, 1, nameof(contract));
        ArgumentOutOfRangeException.ThrowIfLessThan(contract.PartTarget.Ticks, 1, nameof(contract));
        Contract = contract;
    }

    /// <summary>The broadcast's promises.</summary>
    public TimelineContract Contract { get; }

    /// <summary>Counts every change; for caches that hold something made of <see cref="Read()"/>.</summary>
    public long Version => Volatile.Read(ref version);

    /// <summary>
    /// A period begins. Renditions of earlier periods that it does not have get gaps of the leader's durations, so that
    /// sequence numbers mean the same moment everywhere. A segment that nobody ended is ended with what came of it.
    /// </summary>
    public void BeginPeriod(NewPeriod period)
    {
        ArgumentOutOfRangeException.ThrowIfZero(period.Renditions.Count, nameof(period));
        WaitList.Signal? due = null;
        lock (gate)
        {
            ThrowIfEnded();
            CloseRunning(ref due);
            CheckFirstSegment(period.FirstSegment);
            FillUpTo(period.FirstSegment, ref due);
            var began = new Period(periods is [.., var before] ? before.Index + 1 : 0, period, PresentedFrom(period));
            var logs = new RenditionLog[period.Renditions.Count];
            for (var i = 0; i < logs.Length; i++)
            {
                var announced = period.Renditions[i];
                if (!byName.TryGetValue(announced.Name, out var log))
                {
                    log = new RenditionLog(announced.Name, Contract, period.FirstSegment);
                    byName.Add(announced.Name, log);
                    renditions.Add(log);
                }
                else if (Array.IndexOf(logs, log) >= 0)
                {
                    throw new ArgumentException($"The period names rendition {announced.Name} twice.", nameof(period));
                }
                log.BeginPeriod(began, announced);
                logs[i] = log;
            }
            foreach (var log in renditions)
            {
                if (Array.IndexOf(logs, log) < 0)
                    log.BeginPeriod(began, null);
            }
            current = logs;
            periods = [.. periods, began];
            suspended = false;
            version++;
            TakeFirstMedia(ref due);
        }
        WaitList.Signal.Fire(due);
    }

    /// <summary>
    /// This timeline begins late: the broadcast's segments below <paramref name="segment"/> were told elsewhere. Numbers,
    /// discontinuities, init segments and DASH periods go on as they are there. After a period, before its first segment.
    /// </summary>
    /// <param name="segment">The first segment that comes, in every rendition.</param>
    /// <param name="renditions">By index in the period; empty when a further period follows and none of this one's segments comes.</param>
    public void JoinAt(long segment, ReadOnlySpan<RenditionJoin> renditions)
    {
        lock (gate)
        {
            ThrowIfEnded();
            if (renditions.Length != 0 && renditions.Length != current.Length)
                throw new ArgumentException($"The period has {current.Length} renditions, not {renditions.Length}.", nameof(renditions));
            foreach (var log in this.renditions)
            {
                var index = Array.IndexOf(current, log);
                log.JoinAt(segment, index >= 0 && renditions.Length > 0 ? renditions[index] : null);
            }
            version++;
        }
    }

    /// <summary>
    /// A derived rendition's encoder has begun: its format and init segment, once in a period and before its first part.
    /// The number is given here, an earlier one for the same bytes: nothing names an init segment that does not exist.
    /// </summary>
    public void SetInit(int rendition, TrackFormat format, ReadOnlyMemory<byte> init)
    {
        lock (gate)
        {
            ThrowIfEnded();
            current[rendition].SetInit(format, init);
            version++;
        }
    }

    /// <summary>A derived rendition has begun a segment, which so is no gap.</summary>
    public void BeginSegment(int rendition, long segment)
    {
        lock (gate)
        {
            ThrowIfEnded();
            current[rendition].BeginSegment(segment);
            version++;
        }
    }

    /// <summary>A part can be fetched from now on.</summary>
    public void AppendPart(in NewPart part)
    {
        WaitList.Signal? due = null;
        lock (gate)
        {
            ThrowIfEnded();
            var log = current[part.Rendition];
            if (part.EndsSegment)
            {
                log.Hold(part);
                return;
            }
            log.AppendPart(part);
            log.Waiting.TakeUpTo(part.Segment, part.Part, ref due);
            version++;
            TakeFirstMedia(ref due);
        }
        WaitList.Signal.Fire(due);
    }

    /// <summary>A segment is complete, or is known to be a gap.</summary>
    public void EndSegment(in NewSegment segment)
    {
        WaitList.Signal? due = null;
        lock (gate)
        {
            ThrowIfEnded();
            var log = current[segment.Rendition];
            var complete = log.EndSegment(segment);
            log.Waiting.TakeUpTo(segment.Segment, WaitList.WholeSegment, ref due);
            if (segment.Rendition == 0)
                FillAbsent(complete, ref due);
            version++;
            TakeFirstMedia(ref due);
        }
        WaitList.Signal.Fire(due);
    }

    /// <summary>
    /// The parts of a running segment that cannot be completed here are given up: what follows is its end, as a gap. Whoever has
    /// one of them keeps it; nobody else gets a segment of it that is not the same elsewhere.
    /// </summary>
    public void Abandon(int rendition)
    {
        lock (gate)
        {
            ThrowIfEnded();
            current[rendition].Abandon();
            version++;
        }
    }

    /// <summary>The publisher is gone and may come back. Playlists stay as they are; nobody is released.</summary>
    public void Suspend()
    {
        lock (gate)
        {
            ThrowIfEnded();
            suspended = true;
            Touch();
        }
    }

    /// <summary>The publisher is there and has been: it was this timeline that was away. Nothing happens when it is not suspended.</summary>
    public void Continue()
    {
        lock (gate)
        {
            ThrowIfEnded();
            if (!suspended)
                return;
            suspended = false;
            Touch();
        }
    }

    /// <summary>The broadcast is over; every waiter is released. A second call does nothing.</summary>
    public void End()
    {
        WaitList.Signal? due = null;
        lock (gate)
        {
            if (ended)
                return;
            CloseRunning(ref due);
            ended = true;
            suspended = false;
            foreach (var log in renditions)
                log.Waiting.TakeUpTo(long.MaxValue, WaitList.WholeSegment, ref due);
            Touch();
            TakeFirstMedia(ref due);
        }
        WaitList.Signal.Fire(due);
    }

    /// <summary>
    /// The window slides: segments below <paramref name="segment"/> leave the timeline, and with them date ranges that ended
    /// before it. Numbers never move. The media itself is the caller's, and stays servable for a while
    /// (draft-pantos-hls-rfc8216bis §6.2.2).
    /// </summary>
    public void RemoveBefore(long segment)
    {
        lock (gate)
        {
            foreach (var log in renditions)
                log.RemoveBefore(segment);
            version++;
            ForgetPeriods();
            if (current is [var leader, ..] && leader.Segments is { Count: > 0 } left && dateRanges.RemoveBefore(left[0], leader.NextSegment))
                Touch();
        }
    }

    /// <summary>
    /// The media of a complete segment is lost, though the segment is still listed: it becomes a gap. Nothing happens when it is
    /// no longer in the timeline.
    /// </summary>
    public void Lose(string rendition, long segment)
    {
        lock (gate)
        {
            if (byName.TryGetValue(rendition, out var log) && log.Lose(segment))
                version++;
        }
    }

    /// <summary>
    /// Adds a date range, or replaces the one with its id. It stands in every rendition's playlist. Throws when
    /// <see cref="DateRange.Fault"/> finds one, and when it changes the start of an existing one (§4.4.5.1 forbids it).
    /// </summary>
    public void AddDateRange(DateRange range)
    {
        if (range.Fault() is { } fault)
            throw new ArgumentException(fault, nameof(range));
        lock (gate)
        {
            ThrowIfEnded();
            dateRanges.Add(range, current.Length > 0 ? current[0].NextSegment : 0);
            Touch();
        }
    }

    /// <summary>The init segment of that number (<c>{number}-init.mp4</c>), or null.</summary>
    public ReadOnlyMemory<byte>? ReadInit(string rendition, int number)
    {
        lock (gate)
            return byName.TryGetValue(rendition, out var log) ? log.Init(number) : (ReadOnlyMemory<byte>?)null;
    }

    /// <summary>One rendition now, or null when no period has named it yet.</summary>
    public RenditionSnapshot? Read(string rendition)
    {
        lock (gate)
            return byName.TryGetValue(rendition, out var log) ? Snapshot(log) : null;
    }

    /// <summary>The whole broadcast now.</summary>
    public BroadcastSnapshot Read()
    {
        lock (gate)
            return Snapshot();
    }

    /// <summary>
    /// Waits until the playlist of <paramref name="rendition"/> holds that segment, or with <paramref name="part"/> that part of
    /// it, or anything later (blocking reload, draft-pantos-hls-rfc8216bis §6.2.5.2). A part beyond the end of its segment
    /// means the first part of the next one.
    /// </summary>
    /// <param name="rendition">Its name.</param>
    /// <param name="segment">_HLS_msn.</param>
    /// <param name="part">_HLS_part, or null for the whole segment.</param>
    /// <param name="cancellation">The caller's time-out and its client's leaving.</param>
    /// <returns>Never Absent; nothing is thrown when cancelled. Runs on a pool thread when it had to wait.</returns>
    public ValueTask<TimelineWait> WaitForPlaylistAsync(
        string rendition, long segment, int? part, CancellationToken cancellation) =>
        WaitAsync(new WaitTarget(rendition, segment, part ?? WaitList.WholeSegment, IsPlaylist: true), cancellation);

    /// <summary>Waits until a part can be fetched: the answer to a hinted part's request.</summary>
    /// <returns>Absent when its segment ended without it. Nothing is thrown when cancelled.</returns>
    public ValueTask<TimelineWait> WaitForPartAsync(string rendition, long segment, int part, CancellationToken cancellation) =>
        WaitAsync(new WaitTarget(rendition, segment, part, IsPlaylist: false), cancellation);

    /// <summary>Waits until a segment is complete.</summary>
    /// <returns>Absent when it is a gap. Nothing is thrown when cancelled.</returns>
    public ValueTask<TimelineWait> WaitForSegmentAsync(string rendition, long segment, CancellationToken cancellation) =>
        WaitAsync(new WaitTarget(rendition, segment, WaitList.WholeSegment, IsPlaylist: false), cancellation);

    /// <summary>
    /// Waits until there is something to play (<see cref="BroadcastSnapshot.HasMedia"/>): between going on air and the first
    /// part lies a part's duration, in which whoever was told of the broadcast looks for its playlist.
    /// </summary>
    /// <returns>Available, Ended without any media, or Cancelled; nothing is thrown.</returns>
    public async ValueTask<TimelineWait> WaitForMediaAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Task signal;
            lock (gate)
            {
                if (Snapshot().HasMedia)
                    return TimelineWait.Available;
                if (ended)
                    return TimelineWait.Ended;
                signal = (firstMedia ??= new WaitList.Signal(0, 0)).Task;
            }
            await signal.WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!signal.IsCompleted)
                return TimelineWait.Cancelled;
        }
    }

    private ValueTask<TimelineWait> WaitAsync(WaitTarget target, CancellationToken cancellation)
    {
        var signal = Evaluate(target, out var result);
        return signal is null ? new ValueTask<TimelineWait>(result) : WaitForAsync(signal, target, cancellation);
    }

    private async ValueTask<TimelineWait> WaitForAsync(Task? signal, WaitTarget target, CancellationToken cancellation)
    {
        var result = TimelineWait.Cancelled;
        while (signal is not null)
        {
            await signal.WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!signal.IsCompleted)
                return TimelineWait.Cancelled;
            signal = Evaluate(target, out result);
        }
        return result;
    }

    /// <summary>The target's state now: null and a result, or the signal that fires when it may have changed.</summary>
    private Task? Evaluate(WaitTarget target, out TimelineWait result)
    {
        lock (gate)
        {
            if (!byName.TryGetValue(target.Rendition, out var log))
            {
                result = ended ? TimelineWait.Ended : TimelineWait.NoSuchRendition;
                return null;
            }
            result = target.Evaluate(log, ended, out var segment, out var part);
            return result == TimelineWait.Cancelled ? log.Waiting.For(segment, part) : null;
        }
    }

    /// <summary>Releases who waits for the first media, once there are any or none will come.</summary>
    private void TakeFirstMedia(ref WaitList.Signal? due)
    {
        if (firstMedia is not { } signal || !(ended || Snapshot().HasMedia))
            return;
        firstMedia = null;
        signal.Next = due;
        due = signal;
    }

    private BroadcastSnapshot Snapshot()
    {
        if (cached is { } known && known.Version == version)
            return known;
        return cached = new BroadcastSnapshot
        {
            Version = version,
            Contract = Contract,
            Periods = periods,
            Renditions = renditions.ConvertAll(Snapshot),
            IsEnded = ended,
            IsSuspended = suspended,
        };
    }

    private RenditionSnapshot Snapshot(RenditionLog log)
    {
        if (log.Cached is { } known && known.Version == log.Version)
            return known;
        var running = log.Running();
        return log.Cached = new RenditionSnapshot
        {
            Version = log.Version,
            Name = log.Name,
            Contract = Contract,
            Track = log.Track,
            Format = log.Format,
            IsDerived = log.IsDerived,
            Begun = log.Begun,
            Segments = log.Segments,
            Running = running,
            NextSegment = log.NextSegment,
            PresentationDelay = log.PresentationDelay,
            FirstEver = log.FirstEver,
            NewestDependent = log.NewestDependent,
            Rewrites = log.Rewrites,
            IsEnded = ended,
            IsSuspended = suspended,
            DateRanges = dateRanges.Placed,
            RemovedDateRanges = dateRanges.Removed,
            Reports = Reports(log),
            Rates = log.Rates(running),
        };
    }

    private RenditionReport[] Reports(RenditionLog of)
    {
        var reports = new RenditionReport[renditions.Count - 1];
        var count = 0;
        foreach (var log in renditions)
        {
            // A rendition that has not begun yet has no playlist to report on.
            if (log == of || log.Last is null && log.RunningParts == 0)
                continue;
            reports[count++] = log.RunningParts > 0
                ? new RenditionReport(log.Name, log.NextSegment, log.RunningParts - 1)
                : new RenditionReport(log.Name, log.NextSegment - 1, Math.Max(0, (log.Last?.Parts.Length ?? 0) - 1));
        }
        return count == reports.Length ? reports : reports[..count];
    }

    private void Touch()
    {
        version++;
        foreach (var log in renditions)
            log.Touch();
    }

    private void CloseRunning(ref WaitList.Signal? due)
    {
        foreach (var log in renditions)
        {
            if (log.CloseRunning())
                log.Waiting.TakeUpTo(log.NextSegment - 1, WaitList.WholeSegment, ref due);
        }
    }

    /// <summary>The leader ended a segment: renditions that the period does not have get a gap in its place.</summary>
    private void FillAbsent(Segment leader, ref WaitList.Signal? due)
    {
        foreach (var log in renditions)
        {
            if (log.Track.Format is not null || log.NextSegment != leader.Number)
                continue;
            log.AppendAbsent(leader);
            log.Waiting.TakeUpTo(leader.Number, WaitList.WholeSegment, ref due);
        }
    }

    /// <summary>Brings renditions that stayed behind up to a number, with gaps as long as what another has there.</summary>
    private void FillUpTo(long next, ref WaitList.Signal? due)
    {
        foreach (var log in renditions)
        {
            while (log.NextSegment < next && Longest(log.NextSegment) is { } model)
            {
                log.AppendAbsent(model);
                log.Waiting.TakeUpTo(model.Number, WaitList.WholeSegment, ref due);
            }
        }
    }

    private Segment? Longest(long number)
    {
        foreach (var log in renditions)
        {
            var index = number - log.FirstSegment;
            if (index >= 0 && index < log.Segments.Count)
                return log.Segments[(int)index];
        }
        return null;
    }

    private void CheckFirstSegment(long number)
    {
        var next = current.Length > 0 ? current[0].NextSegment : number;
        foreach (var log in renditions)
            next = Math.Max(next, log.NextSegment);
        if (next != number)
            throw new InvalidOperationException($"A period begins with segment {number}; {next} comes next.");
    }

    private DateTimeOffset PresentedFrom(NewPeriod period)
    {
        var from = period.WallClock;
        foreach (var log in renditions)
        {
            if (log.Last is { } last && last.Track.Period.WallClockAt(last.End) is var end && end > from)
                from = end;
        }
        return from;
    }

    /// <summary>
    /// What it is now, its running segments left out. Nothing that comes later changes it.
    /// </summary>
    public TimelineState Save()
    {
        lock (gate)
        {
            return new TimelineState(
                [.. periods.Select(period => new PeriodState(period.Index, period.FirstSegment, period.Start, period.WallClock, period.Leader))],
                renditions.ConvertAll(log => log.Save()), [.. current.Select(log => renditions.IndexOf(log))], dateRanges.Placed, dateRanges.Removed, suspended);
        }
    }

    /// <summary>
    /// Becomes what another timeline was, of the same contract. Before anything else; throws <see cref="ArgumentException"/> when
    /// the state cannot have been a timeline's, and is of no use then.
    /// </summary>
    public void Restore(TimelineState state)
    {
        lock (gate)
        {
            ThrowIfEnded();
            if (periods.Length > 0)
                throw new InvalidOperationException("The timeline has begun already.");
            if (state.Periods.Count == 0 || state.Current.Count == 0)
                throw new ArgumentException("The state has no period.", nameof(state));
            var known = new Dictionary<int, Period>();
            foreach (var period in state.Periods)
            {
                // The first, and then without holes.
                if (period.Index < 0 || known.Count == 0 && period.Index != 0 || known.Count > 1 && !known.ContainsKey(period.Index - 1) || !known.TryAdd(period.Index, new Period(period)))
                    throw new ArgumentException("The state's periods are in no order.", nameof(state));
            }
            foreach (var rendition in state.Renditions)
            {
                var log = RenditionLog.Restore(rendition, Contract, known);
                if (!byName.TryAdd(log.Name, log))
                    throw new ArgumentException($"The state has rendition {log.Name} twice.", nameof(state));
                renditions.Add(log);
            }
            foreach (var index in state.Current)
            {
                if ((uint)index >= (uint)renditions.Count || Array.IndexOf(current, renditions[index]) >= 0)
                    throw new ArgumentException("The state's open period has a rendition that is none.", nameof(state));
                current = [.. current, renditions[index]];
            }
            periods = [.. state.Periods.Select(period => known[period.Index])];
            dateRanges.Restore(state.DateRanges, state.RemovedDateRanges);
            suspended = state.IsSuspended;
            version++;
        }
    }

    /// <summary>Periods that no segment belongs to any more leave; the first stays, where the broadcast's clock begins.</summary>
    private void ForgetPeriods()
    {
        var oldest = int.MaxValue;
        foreach (var log in renditions)
            oldest = Math.Min(oldest, log.OldestPeriod);
        if (periods.Length > 2 && periods[1].Index < oldest)
            periods = [periods[0], .. periods.Skip(1).Where(period => period.Index >= oldest)];
    }

    private void ThrowIfEnded()
    {
        if (ended)
            throw new InvalidOperationException("The broadcast has ended.");
    }
}
