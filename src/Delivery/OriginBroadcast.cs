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
    private readonly TimeSpan window;
    private readonly ListedWindow listed;
    private readonly RenditionSet renditions;
    private readonly TimeProvider time;
    private long newestBegun = -1;
    private long memoryBytes;
    private long watchedAt;
    private int isEnded;
    private int isFreed;

    internal OriginBroadcast(OriginStore store, in OriginSettings settings, JournalRecord.Opened opened)
    {
        this.store = store;
        spooler = store.Spooler;
        var options = settings.Delivery;
        time = settings.Time;
        Opened = opened;
        Mode = opened.Mode;
        var target = opened.Contract.TargetDuration;
        LiveWindow = TimeSpan.FromSeconds(Math.Max(settings.Window.TotalSeconds, 3 * target));
        window = Mode == DvrMode.Window && settings.Dvr.Window > LiveWindow ? settings.Dvr.Window : LiveWindow;
        listed = new ListedWindow(window, Mode == DvrMode.Window ? SlideSegments : 1);
        renditions = new RenditionSet(this, spooler, options);
        LostNumbers = new LostNumbers(this, renditions);
        Room = new BroadcastRoom(this, spooler, options);
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
    public TimeSpan Duration => Timeline.Read().Duration;

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

    internal BroadcastRoom Room { get; }

    internal LostNumbers LostNumbers { get; }

    internal TimeSpan LiveWindow { get; }

    internal IReadOnlyList<RenditionMedia> Renditions => renditions.All;

    /// <summary>
    /// How long media stay; null is for ever. A segment stays for its own duration and that of the longest playlist that listed
    /// it, after it left the playlist (draft-pantos-hls-rfc8216bis §6.2.2); one target duration more covers the running segment.
    /// </summary>
    internal TimeSpan? Keep => Mode == DvrMode.Full ? null : window + window + TimeSpan.FromSeconds((2 + Slack) * Timeline.Contract.TargetDuration);

    private int Slack => Mode == DvrMode.Window ? SlideSegments : 0;

    /// <inheritdoc/>
    public void BeginPeriod(PeriodDescription period)
    {
        var announced = new NewRendition[period.Renditions.Count];
        for (var i = 0; i < announced.Length; i++)
        {
            var rendition = period.Renditions[i];
            announced[i] = new NewRendition(
                rendition.Name, rendition.Format, rendition.InitSegment, rendition.IsDerived, rendition.TargetBitsPerSecond);
        }
        CloseRunning();
        LostNumbers.FillUpTo(period);
        var began = new NewPeriod(period.FirstSegment, period.Start, period.WallClock, announced);
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
        renditions.Current[part.Rendition].Append(part, chunk);
        Timeline.AppendPart(new NewPart(
            part.Rendition, part.Segment, part.Part, part.Start, part.Duration, part.IsIndependent, length, part.SampleCount,
            part.EndsSegment, part.PresentationDelay));
        Room.LimitMemory();
    }

    /// <inheritdoc/>
    public void EndSegment(in SegmentDescription segment)
    {
        var media = renditions.Current[segment.Rendition];
        var complete = media.Complete(segment);
        var ended = new NewSegment(segment.Rendition, segment.Segment, segment.Start, segment.Duration, segment.IsIndependent, segment.IsGap);
        Timeline.EndSegment(ended);
        Record(ended, complete);
        media.Settle(Keep);
        if (segment.Rendition != 0 || Mode == DvrMode.Full)
            return;
        listed.Add(segment.Segment, segment.Duration.Seconds);
        if (listed.Slide() is { } first)
            Remove(first);
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
        foreach (var rendition in renditions.All)
            rendition.Finish();
        Timeline.End();
        Journal.Add(new JournalRecord.Ended(time.GetUtcNow(), Duration));
        Touch();
        store.Ended(this);
    }

    /// <summary>The init segment of that number, or null.</summary>
    internal ReadOnlyMemory<byte>? Init(string rendition, int number) => Timeline.ReadInit(rendition, number);

    internal RenditionMedia? Find(ReadOnlySpan<char> rendition) => renditions.Find(rendition);

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
        foreach (var rendition in renditions.All)
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
        foreach (var rendition in renditions.All)
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
        foreach (var rendition in renditions.All)
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

    /// <summary>It is over and on disk: the archive gets what it does not have yet. The store's timer only.</summary>
    internal void Finish(Replay replay)
    {
        IsFinished = true;
        foreach (var rendition in renditions.All)
            spooler.Close(rendition.Spool);
        // Behind the closing.
        spooler.Run(() => Archive!.Finish(replay));
    }

    /// <summary>A period begins, in the timeline and in the media.</summary>
    internal void Begin(NewPeriod period)
    {
        renditions.Begin(period);
        Timeline.BeginPeriod(period);
        Story?.Add(period, Timeline.Read().Periods[^1].WallClock);
    }

    /// <summary>A derived rendition's encoder begins, in the timeline.</summary>
    internal void TellInit(int rendition, TrackFormat format, ReadOnlyMemory<byte> init)
    {
        Timeline.SetInit(rendition, format, init);
        Story?.Add(new PushInit(Story.Period, rendition, format, init), Timeline.Read(renditions.Current[rendition].Name)!.NextSegment);
    }

    /// <summary>The number behind all that are known of it, a running segment's included. The owner only.</summary>
    internal long NextNumber
    {
        get
        {
            var next = newestBegun + 1;
            foreach (var rendition in Timeline.Read().Renditions)
                next = Math.Max(next, rendition.NextSegment);
            return next;
        }
    }

    /// <summary>A segment is a gap from now on, whatever is here of it.</summary>
    internal void Lose(RenditionMedia media, long number)
    {
        Timeline.Lose(media.Name, number);
        media.Forget(number);
        Journal.Add(new JournalRecord.Lost(media.Name, number));
    }

    /// <summary>The open period's rendition of that index, or null. The owner only.</summary>
    internal RenditionMedia? Current(int index) => index < renditions.Current.Length ? renditions.Current[index] : null;

    /// <summary>The open period's renditions by index, as the timeline has them. The owner only.</summary>
    internal IReadOnlyList<RenditionSnapshot> CurrentRenditions => [.. renditions.Current.Select(media => Timeline.Read(media.Name)!)];

    /// <summary>Becomes what it was at a checkpoint of an earlier run; its media come behind that. Before anything else, by the owner.</summary>
    internal void Restore(TimelineState state, NewRendition[] open, OriginState origin)
    {
        Timeline.Restore(state);
        Story?.Forget(Timeline.Read().PeriodCount);
        renditions.Restore(state, open, origin);
        newestBegun = origin.NewestBegun;
        listed.Restore(origin);
    }

    /// <summary>An earlier run made this segment's number known. The owner only.</summary>
    internal void RestoreBegun(long number) => newestBegun = Math.Max(newestBegun, number);

    /// <summary>An earlier run ended a segment of the open period's rendition that has these media. The owner only.</summary>
    internal void Restore(RenditionMedia media, JournalRecord.SegmentEnded record)
    {
        var segment = record.Segment;
        JournalState.Tell(Timeline, renditions.Announced, record);
        RestoreBegun(segment.Segment);
        media.RestoreEnd(segment.Start + segment.Duration);
        if (segment.Rendition == 0)
            listed.Add(segment.Segment, segment.Duration.Seconds);
    }

    /// <summary>An earlier run let the window slide. The owner only.</summary>
    internal void RestoreRemoved(long before)
    {
        listed.RemoveBefore(before);
        Timeline.RemoveBefore(before);
    }

    /// <summary>An earlier run ended it.</summary>
    internal void RestoreEnded()
    {
        Timeline.End();
        Volatile.Write(ref isEnded, 1);
        foreach (var rendition in renditions.All)
            rendition.Finish();
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
        for (var i = 0; i < renditions.Current.Length; i++)
        {
            if (renditions.Current[i].CloseRunning() is not { } closed)
                continue;
            long ticks = 0;
            foreach (var part in closed.Parts)
                ticks += part.DurationTicks;
            var start = closed.Segment.Start;
            Record(new NewSegment(i, closed.Segment.Number, start, start with { Ticks = ticks }, closed.Parts[0].IsIndependent, false), closed);
        }
    }

    /// <summary>Segments leave the playlists; those who still read them finish.</summary>
    internal void Remove(long before)
    {
        Timeline.RemoveBefore(before);
        Journal.Add(new JournalRecord.Removed(before));
        // Of a broadcast that stays whole nothing can be left out.
        if (Keep is { } keep && Journal.TryBeginCheckpoint())
            spooler.Run(() => store.Checkpoint(this, keep));
    }
}
