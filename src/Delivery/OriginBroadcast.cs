using Millrace.Core;
using Millrace.Delivery.Previews;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// One broadcast at the origin: its timeline, its media and the playlists made of them. Written by the broadcast's owner,
/// read by any thread.
/// </summary>
public sealed class OriginBroadcast : IBroadcastSink
{
    private readonly OriginStore store;
    private readonly Spooler spooler;
    private readonly DeliveryOptions options;
    private readonly TimeSpan window;
    private readonly Queue<(long Number, double Seconds)> listed = [];
    private RenditionMedia[] renditions = [];
    private RenditionMedia[] current = [];
    private double listedSeconds;
    private long memoryBytes;
    private int isEnded;
    private int isFreed;

    internal OriginBroadcast(
        OriginStore store, Spooler spooler, DeliveryOptions options, TimeSpan window, string spoolDirectory,
        ChannelName channel, BroadcastId id, LowLatencyContract contract, DateTimeOffset startedAt)
    {
        this.store = store;
        this.spooler = spooler;
        this.options = options;
        this.window = TimeSpan.FromSeconds(Math.Max(window.TotalSeconds, 3 * contract.TargetDuration));
        SpoolDirectory = spoolDirectory;
        Channel = channel;
        Id = id;
        StartedAt = startedAt;
        Timeline = new BroadcastTimeline(new TimelineContract(contract.TargetDuration, contract.PartTarget));
        Playlists = new BroadcastPlaylists(this, this.window);
        Previews = new BroadcastPreviews(spoolDirectory);
    }

    /// <summary>Whose broadcast it is.</summary>
    public ChannelName Channel { get; }

    /// <summary>Its id.</summary>
    public BroadcastId Id { get; }

    /// <summary>When it went on air, UTC.</summary>
    public DateTimeOffset StartedAt { get; }

    /// <summary>The truth about it.</summary>
    public BroadcastTimeline Timeline { get; }

    /// <summary>It is over; it can be fetched for a while still.</summary>
    public bool IsEnded => Volatile.Read(ref isEnded) != 0;

    /// <summary>Bytes of its media in memory.</summary>
    public long MemoryBytes => Volatile.Read(ref memoryBytes);

    internal string SpoolDirectory { get; }

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
    internal double? RewindableFrom
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

    // A segment stays for its own duration and that of the longest playlist that listed it, after it left the playlist
    // (draft-pantos-hls-rfc8216bis §6.2.2); one target duration more covers the running segment.
    private TimeSpan Keep => window + window + TimeSpan.FromSeconds(2 * Timeline.Contract.TargetDuration);

    /// <inheritdoc/>
    public void BeginPeriod(PeriodDescription period)
    {
        var announced = new NewRendition[period.Renditions.Count];
        var media = new RenditionMedia[announced.Length];
        var all = renditions;
        foreach (var known in all)
            known.CloseRunning();
        for (var i = 0; i < announced.Length; i++)
        {
            var rendition = period.Renditions[i];
            announced[i] = new NewRendition(
                rendition.Name, rendition.Format, rendition.InitSegment, rendition.IsDerived, rendition.TargetBitsPerSecond);
            media[i] = Array.Find(all, known => known.Name == rendition.Name) ?? new RenditionMedia(this, rendition.Name, spooler, options);
            if (Array.IndexOf(all, media[i]) < 0)
                all = [.. all, media[i]];
        }
        current = media;
        Volatile.Write(ref renditions, all);
        Timeline.BeginPeriod(new NewPeriod(period.FirstSegment, period.Start, period.WallClock, announced));
    }

    /// <inheritdoc/>
    public void SetInit(int rendition, TrackFormat format, ReadOnlyMemory<byte> init) => Timeline.SetInit(rendition, format, init);

    /// <inheritdoc/>
    public void BeginSegment(int rendition, long segment) => Timeline.BeginSegment(rendition, segment);

    /// <inheritdoc/>
    public void AppendPart(in PartDescription part, MediaChunk chunk)
    {
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
        current[segment.Rendition].Complete(segment, Keep);
        Timeline.EndSegment(new NewSegment(
            segment.Rendition, segment.Segment, segment.Start, segment.Duration, segment.IsIndependent, segment.IsGap));
        if (segment.Rendition == 0)
            Slide(segment);
    }

    /// <inheritdoc/>
    public void Suspend() => Timeline.Suspend();

    /// <inheritdoc/>
    public void End()
    {
        if (Interlocked.Exchange(ref isEnded, 1) != 0)
            return;
        foreach (var rendition in renditions)
            rendition.End();
        Timeline.End();
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

    internal void AddMemory(int bytes)
    {
        Interlocked.Add(ref memoryBytes, bytes);
        DeliveryMetrics.AddMemory(bytes);
    }

    /// <summary>Nothing of it is left afterwards but what readers hold.</summary>
    internal void Free()
    {
        foreach (var rendition in renditions)
            rendition.Free();
        Volatile.Write(ref isFreed, 1);
        spooler.DeleteDirectory(SpoolDirectory);
    }

    /// <summary>For whoever wrote into its directory: when that came too late, what it wrote goes too.</summary>
    internal void DeleteIfFreed()
    {
        if (Volatile.Read(ref isFreed) != 0)
            spooler.DeleteDirectory(SpoolDirectory);
    }

    /// <summary>The leader's segments decide how far back the playlists go.</summary>
    private void Slide(in SegmentDescription ended)
    {
        listed.Enqueue((ended.Segment, ended.Duration.Seconds));
        listedSeconds += ended.Duration.Seconds;
        var first = -1L;
        while (listed.TryPeek(out var oldest) && listedSeconds - oldest.Seconds >= window.TotalSeconds)
        {
            listed.Dequeue();
            listedSeconds -= oldest.Seconds;
            first = oldest.Number + 1;
        }
        if (first >= 0)
            Timeline.RemoveBefore(first);
    }

    /// <summary>The spool does not take what memory cannot hold: the window gets shorter.</summary>
    private void LimitMemory()
    {
        while (MemoryBytes > options.MaxMemoryBytes)
        {
            var victims = false;
            foreach (var rendition in renditions)
            {
                if (rendition.DropOldestInMemory() is not { } number)
                    continue;
                victims = true;
                spooler.CountDropped();
                Timeline.RemoveBefore(number + 1);
            }
            if (!victims)
                return;
        }
    }
}
