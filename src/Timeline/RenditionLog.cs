using Millrace.Core;
using Millrace.Media;

namespace Millrace.Timeline;

/// <summary>One rendition's growing state. Guarded by the timeline's lock.</summary>
/// <remarks>
/// Segments lie in an array that is only written behind the part that snapshots see; a full array is replaced by a new one
/// that takes over what is still in the window. So a snapshot costs the same for a minute and for twelve hours.
/// </remarks>
internal sealed class RenditionLog
{
    private readonly TimelineContract contract;
    private readonly RateMeter meter;
    private readonly List<ReadOnlyMemory<byte>> inits = [];
    private Segment[] storage = new Segment[16];
    private int first;
    private int end;
    private Part[] parts = new Part[8];
    private int partCount;
    private long partTicks;
    private MediaTime runningStart;
    // Presentation minus decode time of the period's first access unit, which a reordering encoder keeps up.
    private long presentationDelay;
    private SegmentRun? run;
    private NewPart? held;

    public RenditionLog(string name, TimelineContract contract, long nextSegment)
    {
        Name = name;
        this.contract = contract;
        meter = new RateMeter(contract.TargetDuration);
        NextSegment = nextSegment;
        FirstEver = nextSegment;
    }

    public string Name { get; }

    public long Version { get; private set; } = 1;

    public long NextSegment { get; private set; }

    public long FirstEver { get; private set; }

    public long NewestDependent { get; private set; } = -1;

    public long Rewrites { get; private set; }

    public WaitList Waiting { get; } = new();

    public int RunningParts => partCount;

    public long PresentationDelay => presentationDelay;

    public PeriodTrack Track { get; private set; } = null!;

    public TrackFormat Format { get; private set; } = null!;

    /// <summary>Made of another rendition, in the newest period that has it.</summary>
    public bool IsDerived { get; private set; }

    /// <summary>The newest segment that a derived rendition has begun, or -1.</summary>
    public long Begun { get; private set; } = -1;

    public RenditionSnapshot? Cached { get; set; }

    public SegmentList Segments => new(storage, first, end - first);

    public long FirstSegment => end > first ? storage[first].Number : NextSegment;

    public Segment? Last => end > first ? storage[end - 1] : null;

    public void Touch() => Version++;

    public ReadOnlyMemory<byte>? Init(int number) => (uint)number < (uint)inits.Count ? inits[number] : (ReadOnlyMemory<byte>?)null;

    public void BeginPeriod(Period period, NewRendition? announced)
    {
        Version++;
        run = null;
        presentationDelay = 0;
        if (announced is null)
        {
            Track = new PeriodTrack(period, null, Track.Init, hasInit: false, isDerived: false);
            return;
        }
        Format = announced.Format;
        IsDerived = announced.IsDerived;
        meter.BeginPeriod(announced.Format is VideoFormat video ? video.DeclaredFrameRate : 0, announced.TargetBitsPerSecond);
        if (IsDerived)
            Track = new PeriodTrack(period, announced.Format, Track?.Init ?? -1, hasInit: false, isDerived: true);
        else
            UseInit(period, announced.Format, announced.InitSegment);
    }

    /// <summary>A derived rendition's encoder has begun.</summary>
    public void SetInit(TrackFormat format, ReadOnlyMemory<byte> init)
    {
        if (Track is not { IsDerived: true, HasInit: false })
            throw new InvalidOperationException($"Rendition {Name} has its init segment, or gets none.");
        Version++;
        Format = format;
        UseInit(Track.Period, format, init);
    }

    /// <summary>A derived rendition has begun a segment.</summary>
    public void BeginSegment(long segment)
    {
        if (segment != NextSegment || !Track.IsDerived)
            throw new InvalidOperationException($"Rendition {Name} was told to begin segment {segment}; {NextSegment} comes next.");
        Version++;
        Begun = segment;
    }

    private void UseInit(Period period, TrackFormat format, ReadOnlyMemory<byte> bytes)
    {
        // A broadcast may alternate between two formats; their headers keep their numbers.
        var init = inits.FindIndex(known => known.Span.SequenceEqual(bytes.Span));
        if (init < 0)
        {
            init = inits.Count;
            inits.Add(bytes);
        }
        Track = new PeriodTrack(period, format, init, hasInit: true, IsDerived);
    }

    /// <summary>Segments below <paramref name="segment"/> were elsewhere: this log begins there. Only before its first segment.</summary>
    public void JoinAt(long segment, RenditionJoin? join)
    {
        if (end > first || partCount > 0 || held is not null || segment < NextSegment)
            throw new InvalidOperationException($"Rendition {Name} cannot join at segment {segment}: it has media, or is at {NextSegment}.");
        Version++;
        NextSegment = segment;
        if (inits.Count == 0)
            FirstEver = segment;
        if (join is not { } known)
            return;
        presentationDelay = known.PresentationDelay;
        run = known.Run;
    }

    /// <summary>Keeps the last part of a segment until the segment's end is told.</summary>
    public void Hold(in NewPart part)
    {
        AppendHeld();
        held = part;
    }

    private void AppendHeld()
    {
        if (held is not { } part)
            return;
        held = null;
        AppendPart(part);
    }

    public void AppendPart(in NewPart part)
    {
        AppendHeld();
        if (part.Segment != NextSegment || part.Part != partCount)
        {
            throw new InvalidOperationException(
                $"Rendition {Name} was given part {part.Segment}.{part.Part}; {NextSegment}.{partCount} comes next.");
        }
        ArgumentOutOfRangeException.ThrowIfLessThan(part.Duration.Ticks, 1, nameof(part));
        ArgumentOutOfRangeException.ThrowIfLessThan(part.ByteLength, 1, nameof(part));
        if (!Track.HasInit)
            throw new InvalidOperationException($"Rendition {Name} was given a part before its init segment.");
        Version++;
        if (partCount == 0)
        {
            if (Track.IsDerived)
                presentationDelay = part.PresentationDelay;
            else
                FindDelay(part.Segment, part.Start);
            runningStart = Presented(part.Start);
            partTicks = 0;
            BeginRun(runningStart, isGap: false);
        }
        if (partCount == parts.Length)
            Array.Resize(ref parts, partCount * 2);
        var offset = partCount == 0 ? 0 : parts[partCount - 1].Offset + parts[partCount - 1].ByteLength;
        parts[partCount++] = new Part(offset, part.ByteLength, checked((uint)part.Duration.Ticks), part.IsIndependent);
        partTicks += part.Duration.Ticks;
        meter.AddPart(part.SampleCount, part.Duration.Seconds);
    }

    public Segment EndSegment(in NewSegment segment)
    {
        AppendHeld();
        if (segment.Segment != NextSegment || segment.IsGap != (partCount == 0))
        {
            throw new InvalidOperationException(
                $"Rendition {Name} was told the end of segment {segment.Segment} (gap: {segment.IsGap}); {NextSegment} with {partCount} parts runs.");
        }
        ArgumentOutOfRangeException.ThrowIfLessThan(segment.Duration.Ticks, 1, nameof(segment));
        // One origin may have a gap where another has media; what follows begins at the same times at both.
        if (segment.IsGap && !Track.IsDerived)
            FindDelay(segment.Segment, segment.Start);
        return Complete(Presented(segment.Start), segment.Duration.Ticks, segment.IsIndependent, segment.IsGap);
    }

    private Segment Complete(MediaTime start, long durationTicks, bool isIndependent, bool isGap)
    {
        var complete = new Segment(
            NextSegment, Track, BeginRun(start, isGap), start, durationTicks, parts.AsMemory(0, partCount).ToArray(), isIndependent,
            isComplete: true);
        if (isGap)
            meter.AddGap();
        else
            meter.AddSegment(complete.ByteLength, complete.Duration.Seconds);
        // Snapshots may still look at the running segment's parts: the next segment gets an array of its own.
        if (partCount > 0)
            parts = new Part[Math.Max(8, partCount)];
        partCount = 0;
        Add(complete);
        return complete;
    }

    /// <summary>A segment of a time in which this rendition does not exist; it lasts as long as the leader's.</summary>
    public void AppendAbsent(Segment leader)
    {
        var start = leader.Start.In(Format.Timescale);
        var ticks = Math.Max(1, (leader.End.In(Format.Timescale) - start).Ticks);
        meter.AddGap();
        Add(new Segment(
            NextSegment, Track, BeginRun(start, isGap: true), start, ticks, default, isIndependent: false, isComplete: true));
    }

    /// <summary>Ends a running segment that its packager never ended, with what came of it.</summary>
    public bool CloseRunning()
    {
        AppendHeld();
        if (Running() is not { } running)
            return false;
        Complete(running.Start, running.Duration.Ticks, running.IsIndependent, isGap: false);
        return true;
    }

    public void RemoveBefore(long number)
    {
        var before = first;
        while (first < end && storage[first].Number < number)
            first++;
        if (first != before)
            Version++;
    }

    /// <summary>
    /// A complete segment's media is lost: a gap stands in its place. Snapshots share the storage, so what changes gets a new
    /// one; this happens when a disk fails and at no other time. False when it is gone or a gap already.
    /// </summary>
    public bool Lose(long number)
    {
        var index = first + (number - FirstSegment);
        if (index < first || index >= end || storage[index] is not { IsGap: false } lost)
            return false;
        Version++;
        Rewrites++;
        storage = (Segment[])storage.Clone();
        var gap = number > FirstSegment && storage[index - 1] is { IsGap: true } before && before.Track == lost.Track
            ? before.Run : new SegmentRun(number, lost.Run.FirstSegment == number ? lost.Run.Start : lost.Start, IsGap: true);
        storage[index] = new Segment(number, lost.Track, gap, lost.Start, lost.Duration.Ticks, default, isIndependent: false, isComplete: true);
        // What is left of its run behind it is a run of its own.
        SegmentRun? rest = null;
        for (var i = index + 1; i < end && storage[i].Run == lost.Run; i++)
        {
            var segment = storage[i];
            rest ??= new SegmentRun(segment.Number, segment.Start, IsGap: false);
            storage[i] = new Segment(
                segment.Number, segment.Track, rest, segment.Start, segment.Duration.Ticks, segment.Parts, segment.IsIndependent, isComplete: true);
        }
        if (run == lost.Run)
            run = rest ?? (partCount > 0 ? new SegmentRun(NextSegment, runningStart, IsGap: false) : gap);
        else if (rest is null && index + 1 < end && storage[index + 1] is { IsGap: true } after && after.Track == lost.Track)
            JoinGaps(index + 1, gap);
        return true;
    }

    private void JoinGaps(long from, SegmentRun gap)
    {
        var old = storage[from].Run;
        for (var i = from; i < end && storage[i].Run == old; i++)
        {
            var segment = storage[i];
            storage[i] = new Segment(
                segment.Number, segment.Track, gap, segment.Start, segment.Duration.Ticks, default, isIndependent: false, isComplete: true);
        }
        if (run == old)
            run = gap;
    }

    /// <summary>Forgets the parts of the running segment.</summary>
    public void Abandon()
    {
        Version++;
        held = null;
        if (partCount == 0)
            return;
        // Snapshots may still look at them.
        parts = new Part[8];
        partCount = 0;
        if (run!.FirstSegment == NextSegment)
            run = end > first && storage[end - 1] is { IsGap: true } before && before.Track == Track ? before.Run : null;
    }

    public Segment? Running() => partCount == 0
        ? null
        : new Segment(
            NextSegment, Track, run!, runningStart, partTicks, parts.AsMemory(0, partCount), parts[0].IsIndependent,
            isComplete: false);

    public RenditionRates Rates(Segment? running) => meter.Read(running);

    public TimelineContract Contract => contract;

    /// <summary>Index of the oldest period that a segment belongs to; of the newest when there is none.</summary>
    public int OldestPeriod => end > first ? storage[first].Track.Period.Index : Track.Period.Index;

    /// <summary>What it knows, its running segment left out.</summary>
    public RenditionState Save()
    {
        var tracks = new List<PeriodTrack>();
        var runs = new List<SegmentRun>();
        var segments = new List<SegmentState>(end - first);
        for (var i = first; i < end; i++)
        {
            var segment = storage[i];
            if (tracks is not [.., var lastTrack] || lastTrack != segment.Track)
                tracks.Add(segment.Track);
            if (runs is not [.., var lastRun] || !ReferenceEquals(lastRun, segment.Run))
                runs.Add(segment.Run);
            segments.Add(new SegmentState(segment.Number, tracks.Count - 1, runs.Count - 1, segment.Start, segment.Duration.Ticks, segment.Parts, segment.IsIndependent));
        }
        if (tracks is not [.., var track] || track != Track)
            tracks.Add(Track);
        if (run is not null && (runs is not [.., var newest] || !ReferenceEquals(newest, run)))
            runs.Add(run);
        return new RenditionState
        {
            Name = Name,
            Inits = [.. inits],
            Tracks = tracks.ConvertAll(known => new TrackState(known.Period.Index, known.Format, known.Init, known.HasInit, known.IsDerived)),
            Runs = runs,
            Track = tracks.Count - 1,
            Run = run is null ? -1 : runs.Count - 1,
            Format = Format,
            IsDerived = IsDerived,
            Begun = Begun,
            NextSegment = NextSegment,
            FirstEver = FirstEver,
            NewestDependent = NewestDependent,
            Rewrites = Rewrites,
            PresentationDelay = presentationDelay,
            Rates = meter.Save(),
            Segments = segments,
        };
    }

    /// <summary>A log that knows what another one knew. Throws <see cref="ArgumentException"/> when that cannot have been one.</summary>
    public static RenditionLog Restore(RenditionState state, TimelineContract contract, IReadOnlyDictionary<int, Period> periods)
    {
        var log = new RenditionLog(state.Name, contract, state.NextSegment)
        {
            FirstEver = state.FirstEver,
            NewestDependent = state.NewestDependent,
            Rewrites = state.Rewrites,
            Format = state.Format,
            IsDerived = state.IsDerived,
            Begun = state.Begun,
        };
        log.presentationDelay = state.PresentationDelay;
        log.meter.Restore(state.Rates);
        log.inits.AddRange(state.Inits);
        var tracks = new PeriodTrack[state.Tracks.Count];
        for (var i = 0; i < tracks.Length; i++)
        {
            var track = state.Tracks[i];
            if (!periods.TryGetValue(track.Period, out var period) || track.Init < -1 || track.Init >= state.Inits.Count || track.HasInit && (track.Init < 0 || track.Format is null))
                throw new ArgumentException($"A track of {state.Name} has no period or init segment.", nameof(state));
            tracks[i] = new PeriodTrack(period, track.Format, track.Init, track.HasInit, track.IsDerived);
        }
        if ((uint)state.Track >= (uint)tracks.Length || state.Run < -1 || state.Run >= state.Runs.Count)
            throw new ArgumentException($"Rendition {state.Name} has no track, or a run that is none.", nameof(state));
        log.Track = tracks[state.Track];
        log.run = state.Run < 0 ? null : state.Runs[state.Run];
        log.storage = new Segment[Math.Max(16, state.Segments.Count)];
        foreach (var segment in state.Segments)
        {
            if ((uint)segment.Track >= (uint)tracks.Length || (uint)segment.Run >= (uint)state.Runs.Count || segment.DurationTicks < 1
                || segment.Number != state.NextSegment - state.Segments.Count + log.end || state.Runs[segment.Run].IsGap != segment.Parts.IsEmpty)
                throw new ArgumentException($"Segment {segment.Number} of {state.Name} fits nowhere.", nameof(state));
            log.storage[log.end++] = new Segment(
                segment.Number, tracks[segment.Track], state.Runs[segment.Run], segment.Start, segment.DurationTicks, segment.Parts, segment.IsIndependent, isComplete: true);
        }
        return log;
    }

    private void FindDelay(long segment, MediaTime decodeTime)
    {
        if (Track.Format is VideoFormat && segment == Track.Period.FirstSegment)
            presentationDelay = Track.Period.Start.In(decodeTime.Timescale).Ticks - decodeTime.Ticks;
    }

    private MediaTime Presented(MediaTime decodeTime) => decodeTime with { Ticks = decodeTime.Ticks + presentationDelay };

    /// <summary>The run that the next segment belongs to: a new one when it differs from those before.</summary>
    private SegmentRun BeginRun(MediaTime start, bool isGap)
    {
        if (run is null)
            run = new SegmentRun(NextSegment, NextSegment == Track.Period.FirstSegment ? Track.Period.Start : start, isGap);
        else if (run.IsGap != isGap)
            run = new SegmentRun(NextSegment, start, isGap);
        return run;
    }

    private void Add(Segment segment)
    {
        Version++;
        NextSegment++;
        if (inits.Count == 0)
        {
            // A derived rendition that has not begun yet: there is no init segment that a playlist could begin with.
            FirstEver = NextSegment;
            run = null;
            return;
        }
        if (!segment.IsIndependent && !segment.IsGap)
            NewestDependent = segment.Number;
        if (end == storage.Length)
        {
            var live = end - first;
            var grown = new Segment[Math.Max(16, live * 2)];
            storage.AsSpan(first, live).CopyTo(grown);
            storage = grown;
            first = 0;
            end = live;
        }
        storage[end++] = segment;
    }
}
