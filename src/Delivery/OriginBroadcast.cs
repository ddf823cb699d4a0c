using Millrace.Core;
using Millrace.Delivery.Previews;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Push;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// One broadcast at the origin: its timeline, its media, its journal and the playlists made of them. Written by the
/// broadcast's owner, read by any thread.
/// </summary>
public sealed class OriginBroadcast : IBroadcastSink
{
    /// <summary>
    /// A rewindable window slides by so many segments at a time: a long playlist then changes at its front seldom, and is
    /// prepared in pieces of that size.
    /// </summary>
    internal const int SlideSegments = 32;

    private readonly OriginStore store;
    private readonly Spooler spooler;
    private readonly DeliveryOptions options;
    private readonly TimeSpan window;
    private readonly Queue<(long Number, double Seconds)> listed = [];
    private readonly TimeProvider time;
    private RenditionMedia[] renditions = [];
    private RenditionMedia[] current = [];
    private NewRendition[] announced = [];
    private double listedSeconds;
    private long newestBegun = -1;
    private long memoryBytes;
    private long watchedAt;
    private int isEnded;
    private int isFreed;
    private bool isRecovered;

    internal OriginBroadcast(OriginStore store, in OriginSettings settings, JournalRecord.Opened opened)
    {
        this.store = store;
        spooler = store.Spooler;
        options = settings.Delivery;
        time = settings.Time;
        Opened = opened;
        Mode = opened.Mode;
        var target = opened.Contract.TargetDuration;
        LiveWindow = TimeSpan.FromSeconds(Math.Max(settings.Window.TotalSeconds, 3 * target));
        window = Mode == DvrMode.Window && settings.Dvr.Window > LiveWindow ? settings.Dvr.Window : LiveWindow;
        FileDuration = Mode switch
        {
            DvrMode.Off => options.SpoolFileDuration,
            DvrMode.Window => TimeSpan.FromSeconds(Math.Max(options.SpoolFileDuration.TotalSeconds, settings.Dvr.Window.TotalSeconds / 16)),
            _ => options.RecordingFileDuration,
        };
        Directory = Path.Combine(settings.Directory, opened.Id.Value);
        if (Mode != DvrMode.Off && store.Archive is { } archive && !archive.IsDoomed(opened.Id.Value))
        {
            FileDuration = TimeSpan.FromSeconds(Math.Min(FileDuration.TotalSeconds, store.Storage.S3.ObjectDuration.TotalSeconds));
            Archive = archive.Of(Directory);
        }
        Timeline = new BroadcastTimeline(new TimelineContract(target, opened.Contract.PartTarget));
        Story = opened.IsPushed ? new PushedStory() : null;
        Journal = new Journal(spooler, Directory);
        if (Archive is not null)
            Archive.JournalGood = () => Journal.Good;
        Playlists = new BroadcastPlaylists(this, LiveWindow, window, settings.Edges);
        Previews = new BroadcastPreviews(Directory);
        watchedAt = time.GetTimestamp();
    }

    /// <summary>Whose broadcast it is.</summary>
    public ChannelName Channel => Opened.Channel;

    /// <summary>Its id.</summary>
    public BroadcastId Id => Opened.Id;

    /// <summary>When it went on air, UTC.</summary>
    public DateTimeOffset StartedAt => Opened.StartedAt;

    /// <summary>How far back viewers may go.</summary>
    public DvrMode Mode { get; }

    /// <summary>An ingest node elsewhere brings it.</summary>
    public bool IsPushed => Opened.IsPushed;

    /// <summary>The truth about it.</summary>
    public BroadcastTimeline Timeline { get; }

    /// <summary>It is over.</summary>
    public bool IsEnded => Volatile.Read(ref isEnded) != 0;

    /// <summary>Bytes of its media in memory.</summary>
    public long MemoryBytes => Volatile.Read(ref memoryBytes);

    /// <summary>How long its media are, from the beginning of the first segment to the end of the newest; absences count.</summary>
    public TimeSpan Duration
    {
        get
        {
            DateTimeOffset? first = null, last = null;
            foreach (var rendition in Timeline.Read().Renditions)
            {
                if (rendition.LastSegment is not { } newest)
                    continue;
                var oldest = rendition.Segments.Count > 0 ? rendition.Segments[0] : newest;
                first = first is null || oldest.WallClock < first ? oldest.WallClock : first;
                var end = newest.Track.Period.WallClockAt(newest.End);
                last = last is null || end > last ? end : last;
            }
            return last - first ?? TimeSpan.Zero;
        }
    }

    internal JournalRecord.Opened Opened { get; }

    /// <summary>Of a pushed broadcast, what has been told of it; else null.</summary>
    internal PushedStory? Story { get; }

    /// <summary>Where its files are.</summary>
    internal string Directory { get; }

    internal TimeSpan FileDuration { get; }

    /// <summary>Where its recording goes beside the disk; null is nowhere.</summary>
    internal BroadcastArchive? Archive { get; }

    /// <summary>Its last files are full too: they and the end of its journal are on their way into the archive.</summary>
    internal bool IsFinished { get; private set; }

    internal Journal Journal { get; }

    internal BroadcastPlaylists Playlists { get; }

    internal BroadcastPreviews Previews { get; }

    /// <summary>When the newest thumbnail was made, UTC; null while there is none.</summary>
    public DateTimeOffset? PreviewAt => Previews.MadeAt;

    /// <summary>Why thumbnails fail again and again, as a sentence for the streamer or the operator; null when they do not.</summary>
    public string? PreviewProblem => Previews.Problem;

    /// <summary>
    /// How far back it can be rewound now: seconds from the beginning of its first period to that of the oldest segment in the
    /// timeline; null before the first.
    /// </summary>
    public double? RewindableFrom
    {
        get
        {
            var snapshot = Timeline.Read();
            double? oldest = null;
            foreach (var rendition in snapshot.Renditions)
            {
                if (rendition.Segments.Count > 0)
                    oldest = Math.Min(oldest ?? double.MaxValue, rendition.Segments[0].Start.Seconds - snapshot.Periods[0].Start.Seconds);
            }
            return oldest;
        }
    }

    internal TimeSpan LiveWindow { get; }

    internal IReadOnlyList<RenditionMedia> Renditions => Volatile.Read(ref renditions);

    /// <summary>
    /// How long media stay; null is for ever. A segment stays for its own duration and that of the longest playlist that listed
    /// it, after it left the playlist (draft-pantos-hls-rfc8216bis §6.2.2); one target duration more covers the running segment.
    /// </summary>
    internal TimeSpan? Keep => Mode == DvrMode.Full ? null : window + window + TimeSpan.FromSeconds((2 + Slack) * Timeline.Contract.TargetDuration);

    private int Slack => Mode == DvrMode.Window ? SlideSegments : 0;

    /// <inheritdoc/>
    public void BeginPeriod(PeriodDescription period)
    {
        var renditions = new NewRendition[period.Renditions.Count];
        for (var i = 0; i < renditions.Length; i++)
        {
            var rendition = period.Renditions[i];
            renditions[i] = new NewRendition(
                rendition.Name, rendition.Format, rendition.InitSegment, rendition.IsDerived, rendition.TargetBitsPerSecond);
        }
        CloseRunning();
        FillUpTo(period);
        var began = new NewPeriod(period.FirstSegment, period.Start, period.WallClock, renditions);
        Begin(began);
        Journal.Add(new JournalRecord.PeriodBegan(began));
    }

    /// <summary>
    /// The newest period goes on at a later segment: this origin came late. Before any media; see <see cref="BroadcastTimeline.JoinAt"/>.
    /// </summary>
    public void JoinAt(long segment, RenditionJoin[] joins)
    {
        Timeline.JoinAt(segment, joins);
        Journal.Add(new JournalRecord.Joined(segment, joins));
    }

    /// <inheritdoc/>
    public void SetInit(int rendition, TrackFormat format, ReadOnlyMemory<byte> init)
    {
        TellInit(rendition, format, init);
        Journal.Add(new JournalRecord.InitSet(rendition, format, init));
    }

    /// <inheritdoc/>
    public void BeginSegment(int rendition, long segment) => Timeline.BeginSegment(rendition, segment);

    /// <inheritdoc/>
    public void AppendPart(in PartDescription part, MediaChunk chunk)
    {
        if (part.Segment > newestBegun)
        {
            newestBegun = part.Segment;
            Journal.Add(new JournalRecord.SegmentBegan(part.Segment));
        }
        // The media first: whoever the timeline wakes finds them.
        var length = chunk.Length;
        current[part.Rendition].Append(part, chunk);
        Timeline.AppendPart(new NewPart(
            part.Rendition, part.Segment, part.Part, part.Start, part.Duration, part.IsIndependent, length, part.SampleCount,
            part.EndsSegment, part.PresentationDelay));
        LimitMemory();
    }

    /// <inheritdoc/>
    public void EndSegment(in SegmentDescription segment)
    {
        var media = current[segment.Rendition];
        var complete = media.Complete(segment);
        var ended = new NewSegment(segment.Rendition, segment.Segment, segment.Start, segment.Duration, segment.IsIndependent, segment.IsGap);
        Timeline.EndSegment(ended);
        Record(ended, complete);
        media.Settle(Keep);
        if (segment.Rendition == 0)
            Slide(segment.Segment, segment.Duration.Seconds);
    }

    /// <inheritdoc/>
    public void Suspend()
    {
        Timeline.Suspend();
        Journal.Add(new JournalRecord.Suspended());
    }

    /// <summary>Adds a date range to every rendition's playlist, or changes it (<see cref="BroadcastTimeline.AddDateRange"/>). The owner only.</summary>
    public void AddDateRange(DateRange range)
    {
        Timeline.AddDateRange(range);
        Journal.Add(new JournalRecord.DateRangeAdded(range));
    }

    /// <inheritdoc/>
    public void End()
    {
        if (Interlocked.Exchange(ref isEnded, 1) != 0)
            return;
        CloseRunning();
        foreach (var rendition in renditions)
            rendition.Finish();
        Timeline.End();
        Journal.Add(new JournalRecord.Ended(time.GetUtcNow(), Duration));
        Touch();
        store.Ended(this);
    }

    /// <summary>The init segment of that number, or null.</summary>
    internal ReadOnlyMemory<byte>? Init(string rendition, int number) => Timeline.ReadInit(rendition, number);

    internal RenditionMedia? Find(ReadOnlySpan<char> rendition)
    {
        foreach (var known in Volatile.Read(ref renditions))
        {
            if (rendition.SequenceEqual(known.Name))
                return known;
        }
        return null;
    }

    /// <summary>Somebody asked for something of it.</summary>
    internal void Touch() => Volatile.Write(ref watchedAt, time.GetTimestamp());

    /// <summary>How long ago somebody asked for something of it.</summary>
    internal TimeSpan Unwatched => time.GetElapsedTime(Volatile.Read(ref watchedAt));

    internal void AddMemory(int bytes)
    {
        Interlocked.Add(ref memoryBytes, bytes);
        DeliveryMetrics.AddMemory(bytes);
    }

    /// <summary>Offers the disk what it refused before.</summary>
    internal void Retry()
    {
        foreach (var rendition in Volatile.Read(ref renditions))
            rendition.Settle(null);
        Journal.Pump();
    }

    /// <summary>Everything of it is on disk, and it is over: it can leave memory and be opened again.</summary>
    internal bool IsStored => IsEnded && Journal is { IsCaughtUp: true, IsBroken: false, IsInCheckpoint: false } && MemoryBytes == 0;

    /// <summary>Nothing of it is left in memory afterwards but what readers hold. Its files stay.</summary>
    internal void Close()
    {
        // What could not be written of a broadcast that goes on later is not a gap for ever: whoever has it may bring it again.
        if (!IsEnded)
            Journal.Close();
        foreach (var rendition in Volatile.Read(ref renditions))
            rendition.Close();
        Journal.Close();
        spooler.Run(Journal.CloseFile);
    }

    /// <summary>It is deleted, and not only closed.</summary>
    internal bool IsFreed => Volatile.Read(ref isFreed) != 0;

    /// <summary>Nothing of it is left afterwards but what readers hold.</summary>
    internal void Free()
    {
        Volatile.Write(ref isFreed, 1);
        foreach (var rendition in Volatile.Read(ref renditions))
            rendition.RemoveBefore(long.MaxValue);
        Close();
        spooler.DeleteDirectory(Directory);
    }

    /// <summary>For whoever wrote into its directory: when that came too late, what it wrote goes too.</summary>
    internal void DeleteIfFreed()
    {
        // Opened anew meanwhile the directory is the new one's; the file goes with that.
        if (IsFreed && store.Find(Id.Value) is null)
            spooler.DeleteDirectory(Directory);
    }

    /// <summary>
    /// Gives the oldest media file's worth of what can be rewound to back to the disk, but not the live window. False when there
    /// is nothing to give. Any thread.
    /// </summary>
    internal bool Shrink()
    {
        if (Mode == DvrMode.Off || IsEnded || Timeline.Read().Renditions is not [{ Segments: { Count: > 0 } segments } leader, ..])
            return false;
        if (Find(leader.Name)?.OldestFileEnd() is not { } before || before > leader.FirstWithin(LiveWindow) || before <= segments[0].Number)
            return false;
        Remove(before);
        foreach (var rendition in Volatile.Read(ref renditions))
            rendition.RemoveBefore(before);
        return true;
    }

    /// <summary>It is over and on disk: the archive gets what it does not have yet. The store's timer only.</summary>
    internal void Finish(Replay replay)
    {
        IsFinished = true;
        foreach (var rendition in Volatile.Read(ref renditions))
            spooler.Close(rendition.Spool);
        // Behind the closing.
        spooler.Run(() => Archive!.Finish(replay));
    }

    /// <summary>
    /// Media files of it that only this node's disk has are given up, the oldest of each rendition, but not the live window: a
    /// hole for whoever goes back so far. False when there is nothing to give. Any thread.
    /// </summary>
    internal bool LoseOldestLocal()
    {
        if (Archive is null || IsEnded)
            return false;
        var lost = false;
        foreach (var rendition in Timeline.Read().Renditions)
        {
            if (Find(rendition.Name) is not { } media)
                continue;
            var live = rendition.FirstWithin(LiveWindow);
            foreach (var segment in rendition.Segments)
            {
                if (segment.Number >= live || segment.IsGap || !media.TryFind(segment.Number, out var stored, out _, out _) || stored.File is not { } file)
                    continue;
                if (Archive.TryGet(SpoolFile.NameOf(rendition.Name, file.Number), out _))
                    continue;
                var numbers = media.SegmentsIn(file.Number);
                // It is written still, or players at the live edge read it.
                if (numbers[^1] >= live)
                    break;
                foreach (var number in numbers)
                {
                    Timeline.Lose(rendition.Name, number);
                    media.Forget(number);
                    Journal.Add(new JournalRecord.Lost(rendition.Name, number));
                }
                lost = true;
                break;
            }
        }
        return lost;
    }

    /// <summary>A period begins, in the timeline and in the media.</summary>
    internal void Begin(NewPeriod period)
    {
        var media = new RenditionMedia[period.Renditions.Count];
        var all = renditions;
        for (var i = 0; i < media.Length; i++)
        {
            var name = period.Renditions[i].Name;
            media[i] = Array.Find(all, known => known.Name == name) ?? new RenditionMedia(this, name, spooler, options);
            if (Array.IndexOf(all, media[i]) < 0)
                all = [.. all, media[i]];
        }
        current = media;
        announced = [.. period.Renditions];
        Volatile.Write(ref renditions, all);
        Timeline.BeginPeriod(period);
        Story?.Add(period, Timeline.Read().Periods[^1].WallClock);
    }

    /// <summary>A derived rendition's encoder begins, in the timeline.</summary>
    internal void TellInit(int rendition, TrackFormat format, ReadOnlyMemory<byte> init)
    {
        Timeline.SetInit(rendition, format, init);
        Story?.Add(new PushInit(Story.Period, rendition, format, init), Timeline.Read(current[rendition].Name)!.NextSegment);
    }

    /// <summary>Where the open period ends here, for a pusher that goes on behind it. The owner only.</summary>
    /// <param name="places">What comes next in each rendition.</param>
    internal PushResume ReadEnd(IReadOnlyList<PushPlace> places)
    {
        var first = newestBegun + 1;
        foreach (var rendition in Timeline.Read().Renditions)
            first = Math.Max(first, rendition.NextSegment);
        var tails = new RenditionTail[current.Length];
        for (var i = 0; i < tails.Length; i++)
        {
            var known = Timeline.Read(current[i].Name)!;
            var delay = known.PresentationDelay;
            var told = new List<TailSegment>(PushLimits.MaxTailSegments);
            foreach (var segment in known.Segments.AsSpan()[^Math.Min(known.Segments.Count, PushLimits.MaxTailSegments - 1)..])
            {
                if (segment.Track == known.Track)
                    told.Add(new TailSegment(segment.Start with { Ticks = segment.Start.Ticks - delay }, segment.Duration.Ticks, segment.IsIndependent, segment.Parts.Length));
            }
            var next = known.NextSegment;
            if (places[i].Part > 0 && current[i].Running() is var (start, end, isIndependent))
            {
                told.Add(new TailSegment(start, (end - start).Ticks, isIndependent, places[i].Part));
                next++;
            }
            tails[i] = new RenditionTail(next, delay, told);
            first = Math.Max(first, next);
        }
        return new PushResume(Timeline.Read().PeriodCount - 1, first, tails);
    }

    /// <summary>
    /// Another pusher goes on: the open period ends as at the origin that has most of it. What this one has as well is complete, what
    /// it lacks is a gap, and so is a segment of which it lacks the end: nowhere does its name mean other bytes. A period follows, or the end.
    /// </summary>
    internal void Resume(PushResume at, IReadOnlyList<PushPlace> places)
    {
        for (var i = 0; i < current.Length; i++)
        {
            var tail = at.Renditions[i];
            var place = places[i];
            LoseOthers(current[i], tail);
            if (place.Segment >= tail.NextSegment && place.Part > 0)
            {
                Timeline.Abandon(i);
                current[i].Abandon();
            }
            for (var number = place.Segment; number < tail.NextSegment; number++)
            {
                var segment = tail[number];
                var isWhole = number == place.Segment && place.Part > 0 && place.Part == segment.Parts;
                if (!isWhole)
                {
                    Timeline.Abandon(i);
                    current[i].Abandon();
                }
                EndSegment(new SegmentDescription(
                    i, number, segment.Start, segment.Start with { Ticks = segment.DurationTicks }, isWhole && segment.IsIndependent, !isWhole));
            }
        }
        isRecovered = true;
        Suspend();
    }

    /// <summary>Of the last segments, those that this origin has otherwise than the one that has most, or alone, are gaps.</summary>
    private void LoseOthers(RenditionMedia media, RenditionTail tail)
    {
        foreach (var segment in Timeline.Read(media.Name)!.Segments.AsSpan().ToArray())
        {
            if (segment.Number < tail.FirstTold || segment.IsGap)
                continue;
            if (segment.Number < tail.NextSegment && tail[segment.Number] is var told && told.Parts == segment.Parts.Length && told.DurationTicks == segment.Duration.Ticks)
                continue;
            Timeline.Lose(media.Name, segment.Number);
            media.Forget(segment.Number);
            Journal.Add(new JournalRecord.Lost(media.Name, segment.Number));
        }
    }

    /// <summary>The open period's rendition of that index, or null. The owner only.</summary>
    internal RenditionMedia? Current(int index) => index < current.Length ? current[index] : null;

    /// <summary>The open period's renditions by index, as the timeline has them. The owner only.</summary>
    internal IReadOnlyList<RenditionSnapshot> CurrentRenditions => [.. current.Select(media => Timeline.Read(media.Name)!)];

    /// <summary>Tells the timeline of a segment that an earlier run recorded.</summary>
    internal void Tell(JournalRecord.SegmentEnded record) => JournalState.Tell(Timeline, announced, record);

    /// <summary>Becomes what it was at a checkpoint of an earlier run; its media come behind that. Before anything else, by the owner.</summary>
    internal void Restore(TimelineState state, NewRendition[] open, OriginState origin)
    {
        Timeline.Restore(state);
        Story?.Forget(Timeline.Read().PeriodCount);
        var all = new RenditionMedia[state.Renditions.Count];
        for (var i = 0; i < all.Length; i++)
        {
            all[i] = new RenditionMedia(this, state.Renditions[i].Name, spooler, options);
            if (origin.Media[i].End is { } end)
                all[i].RestoreEnd(end);
            all[i].Spool.Skip(origin.Media[i].Files - 1);
        }
        current = [.. state.Current.Select(index => all[index])];
        announced = open;
        Volatile.Write(ref renditions, all);
        newestBegun = origin.NewestBegun;
        foreach (var segment in origin.Listed)
            listed.Enqueue(segment);
        listedSeconds = origin.ListedSeconds;
    }

    /// <summary>An earlier run made this segment's number known. The owner only.</summary>
    internal void RestoreBegun(long number) => newestBegun = Math.Max(newestBegun, number);

    /// <summary>An earlier run ended a segment of the leader. The owner only.</summary>
    internal void RestoreListed(long number, double seconds)
    {
        listed.Enqueue((number, seconds));
        listedSeconds += seconds;
    }

    /// <summary>An earlier run let the window slide. The owner only.</summary>
    internal void RestoreRemoved(long before)
    {
        Unlist(before);
        Timeline.RemoveBefore(before);
    }

    /// <summary>An earlier run ended it.</summary>
    internal void RestoreEnded()
    {
        Timeline.End();
        Volatile.Write(ref isEnded, 1);
        foreach (var rendition in renditions)
            rendition.Finish();
    }

    /// <summary>What a packager has to know to go on with a broadcast of an earlier run.</summary>
    internal RecoveredBroadcast Recovered()
    {
        isRecovered = true;
        var next = newestBegun + 1;
        foreach (var rendition in Timeline.Read().Renditions)
            next = Math.Max(next, rendition.NextSegment);
        var period = Timeline.Read().Periods[^1];
        var leader = current[0];
        var decodeEnd = leader.End ?? period.Start;
        var end = period.Start;
        foreach (var rendition in Timeline.Read().Renditions)
        {
            if (rendition.LastSegment?.End is { } last && last > end)
                end = last;
        }
        var filled = (next - Timeline.Read(leader.Name)!.NextSegment) * Timeline.Contract.TargetDuration;
        return new RecoveredBroadcast(
            Channel, Id, StartedAt, Opened.Contract, next, end with { Ticks = end.Ticks + filled * end.Timescale },
            decodeEnd with { Ticks = decodeEnd.Ticks + filled * decodeEnd.Timescale }, this);
    }

    private void Record(in NewSegment ended, (StoredSegment Segment, RecordedPart[] Parts)? complete)
    {
        if (complete is not var (stored, parts))
            Journal.Add(new JournalRecord.SegmentEnded(ended, [], default));
        else
            stored.Rendition.SetEntry(stored, Journal.AddSegment(new JournalRecord.SegmentEnded(ended, parts, default, stored.PresentationDelay)));
    }

    /// <summary>What nobody ended is ended with what came of it; the timeline does the same.</summary>
    private void CloseRunning()
    {
        for (var i = 0; i < current.Length; i++)
        {
            if (current[i].CloseRunning() is not { } closed)
                continue;
            long ticks = 0;
            foreach (var part in closed.Parts)
                ticks += part.DurationTicks;
            var start = closed.Segment.Start;
            Record(new NewSegment(i, closed.Segment.Number, start, start with { Ticks = ticks }, closed.Parts[0].IsIndependent, false), closed);
        }
    }

    /// <summary>
    /// Numbers that an earlier run used and did not get to write down are gaps: a name that a viewer or a cache may know never
    /// means other bytes. They are as long as segments are, and shorter where they would reach into the period that follows: this
    /// origin has more of the one before than those that its pusher asked, and they agree on when the next one begins.
    /// </summary>
    private void FillUpTo(PeriodDescription period)
    {
        if (!isRecovered)
            return;
        isRecovered = false;
        var leader = Timeline.Read(current[0].Name)!;
        var count = period.FirstSegment - leader.NextSegment;
        if (count <= 0)
            return;
        var timescale = announced[0].Format.Timescale;
        var start = current[0].End ?? Timeline.Read().Periods[^1].Start.In(timescale);
        var room = count * Timeline.Contract.TargetDuration * (double)timescale;
        foreach (var rendition in Timeline.Read().Renditions)
        {
            if (rendition.LastSegment is not { } last)
                continue;
            room = Math.Min(room, (period.Start.Seconds - last.End.Seconds) * timescale);
            room = Math.Min(room, (period.WallClock - last.Track.Period.WallClockAt(last.End)).TotalSeconds * timescale);
        }
        var duration = new MediaTime(Math.Max(timescale / 1000, (long)(room / count)), timescale);
        for (var number = leader.NextSegment; number < period.FirstSegment; number++)
        {
            EndSegment(new SegmentDescription(0, number, start, duration, false, true));
            start += duration;
        }
    }

    /// <summary>The leader's segments decide how far back the playlists go.</summary>
    private void Slide(long number, double seconds)
    {
        if (Mode == DvrMode.Full)
            return;
        listed.Enqueue((number, seconds));
        listedSeconds += seconds;
        var first = -1L;
        var left = listedSeconds;
        foreach (var oldest in listed)
        {
            if (left - oldest.Seconds < window.TotalSeconds)
                break;
            left -= oldest.Seconds;
            first = oldest.Number + 1;
        }
        if (Mode == DvrMode.Window)
            first -= first % SlideSegments;
        if (first <= listed.Peek().Number)
            return;
        Unlist(first);
        Remove(first);
    }

    private void Unlist(long before)
    {
        while (listed.TryPeek(out var oldest) && oldest.Number < before)
        {
            listed.Dequeue();
            listedSeconds -= oldest.Seconds;
        }
    }

    private void Remove(long before)
    {
        Timeline.RemoveBefore(before);
        Journal.Add(new JournalRecord.Removed(before));
        // Of a broadcast that stays whole nothing can be left out.
        if (Keep is { } keep && Journal.TryBeginCheckpoint())
            spooler.Run(() => store.Checkpoint(this, keep));
    }

    /// <summary>
    /// The disk does not take what memory cannot hold. Without rewinding the window gets shorter; with it the segments are
    /// gaps, for what is on disk in front of them can still be watched.
    /// </summary>
    private void LimitMemory()
    {
        if (MemoryBytes <= options.MaxMemoryBytes)
            return;
        foreach (var rendition in renditions)
            rendition.ForgetWritten();
        while (MemoryBytes > options.MaxMemoryBytes)
        {
            var victims = false;
            foreach (var rendition in renditions)
            {
                if (rendition.DropOldestInMemory() is not { } number)
                    continue;
                victims = true;
                spooler.CountDropped();
                if (Mode == DvrMode.Off)
                    Remove(number + 1);
                else
                    Timeline.Lose(rendition.Name, number);
            }
            if (!victims)
                return;
        }
    }
}
