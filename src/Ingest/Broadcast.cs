using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Transcoding;

namespace Millrace.Ingest;

/// <summary>
/// One time on air of a channel, over all publish sessions that make it up: finds out the tracks, freezes the low-latency
/// contract, opens the sink, and begins a new period whenever formats, tracks or the publisher's clock changed.
/// </summary>
/// <remarks>
/// Access units come from the session's connection; who is the session, and whether the broadcast has ended, is changed by
/// other threads. A lock keeps them apart: held for one access unit or one change, never while anything waits, and in the
/// steady state taken by one thread only.
/// </remarks>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "End() releases everything; the directory owns it.")]
public sealed class Broadcast
{
    /// <summary>Rendition name of the video that came in.</summary>
    public const string VideoRendition = "source";

    /// <summary>Rendition name of the audio that came in.</summary>
    public const string AudioRendition = "audio";

    /// <summary>
    /// Seconds of audio without a picture after which the broadcast goes on without video: longer than slides stand in a
    /// stream of variable frame rate, whose next key frame can be far away, and as long as a publisher's absence is borne.
    /// </summary>
    private const double VideoLostAfter = 30;

    private readonly Lock gate = new();
    private readonly IngestOptions ingest;
    private readonly PackagingOptions packaging;
    private readonly IBroadcastSinkFactory sinks;
    private readonly MediaBlockPool pool;
    private readonly BroadcastLadder ladder;
    private PublishSession? session;
    private PeriodDiscovery? discovery;
    private IBroadcastSink? sink;
    private BroadcastPackager? packager;
    private VideoFormat? video;
    private AudioFormat? audio;

    // Video that was announced and stopped, or never came, waits for its next picture; when the last one came, in seconds of
    // the session's clock, or NaN when the wait has just begun.
    private VideoFormat? lost;
    private double videoSeen = double.NaN;
    private BroadcastState state = BroadcastState.Discovering;
    private TaskCompletionSource? tail;
    private int sessions;
    private IngestCounters past;
    private RepairCounters pastRepairs;
    private long droppedBeforeStart;

    // From the session's clock to the broadcast's, in the video's timescale and in the audio's.
    private MediaTime shift = new(0, VideoFormat.VideoTimescale);
    private long videoShift;
    private long audioShift;
    private bool clockContinues;
    private long periodStart;

    private long keyTime = long.MinValue;
    private int picturesOfGop;
    private double frameRate;
    private double gopSeconds;
    private KeyFrameWatch keyFrames;
    private VideoRate videoRate = new(0);
    private long keyReceivedAt;
    private double newestVideo;
    private double newestAudio;

    internal Broadcast(
        ChannelName channel, BroadcastId id, DateTimeOffset startedAt, IngestOptions ingest, PackagingOptions packaging,
        IBroadcastSinkFactory sinks, MediaBlockPool pool, Ladders? ladders)
    {
        Channel = channel;
        Id = id;
        StartedAt = startedAt;
        this.ingest = ingest;
        this.packaging = packaging;
        this.sinks = sinks;
        this.pool = pool;
        ladder = new BroadcastLadder(this, ladders);
        keyFrames = NewWatch();
    }

    /// <summary>A broadcast of an earlier run: it waits for its publisher as if that had just gone.</summary>
    internal Broadcast(RecoveredBroadcast recovered, IngestOptions ingest, PackagingOptions packaging, IBroadcastSinkFactory sinks, MediaBlockPool pool, Ladders? ladders)
        : this(recovered.Channel, recovered.Id, recovered.StartedAt, ingest, packaging, sinks, pool, ladders)
    {
        sink = recovered.Sink;
        packager = new BroadcastPackager(recovered, packaging, pool);
        state = BroadcastState.Suspended;
    }

    /// <summary>Whose it is.</summary>
    public ChannelName Channel { get; }

    /// <summary>Its id.</summary>
    public BroadcastId Id { get; }

    /// <summary>When its first publisher came.</summary>
    public DateTimeOffset StartedAt { get; }

    /// <summary>Its health now. Any thread.</summary>
    public BroadcastHealth ReadHealth()
    {
        lock (gate)
        {
            var all = past;
            var repairs = pastRepairs;
            if (session is not null)
            {
                all.Add(session.Counters);
                repairs.Add(session.Repairs);
            }
            all.BeforeRandomAccess += droppedBeforeStart;
            return new BroadcastHealth(
                state, sessions, video?.CodecString, audio?.CodecString, video?.Width ?? 0, video?.Height ?? 0, frameRate, gopSeconds,
                keyReceivedAt == 0 ? null : new DateTimeOffset(keyReceivedAt, TimeSpan.Zero),
                session is null ? null : new DateTimeOffset(session.LastReceivedAt, TimeSpan.Zero), session?.BitsPerSecond ?? 0, session?.RecentDamage ?? 0,
                session?.AudioError ?? 0, video is null || audio is null ? 0 : newestAudio - newestVideo,
                all, repairs, packager?.Counters ?? default, ladder.ReadHealth())
            {
                HasUnusableKeyFrames = keyFrames.HasUnusableKeyFrames,
                RecentMissing = session?.RecentMissing ?? 0,
            };
        }
    }

    /// <summary>The session that publishes now, or null.</summary>
    internal PublishSession? Session
    {
        get
        {
            lock (gate)
                return session;
        }
    }

    /// <summary>Whether anything was handed to a sink.</summary>
    internal bool WasOnAir
    {
        get
        {
            lock (gate)
                return sink is not null;
        }
    }

    /// <summary>A session begins. The one before has been detached.</summary>
    internal void Attach(PublishSession next)
    {
        lock (gate)
        {
            session = next;
            sessions++;
            discovery = new PeriodDiscovery();
            clockContinues = false;
            lost = null;
            videoSeen = double.NaN;
            videoRate = new VideoRate(videoRate.BitsPerSecond);
            keyFrames = NewWatch();
        }
    }

    /// <summary>The session is over: what waits goes out, and the sink learns that nothing comes for a while. False when it was not the current one.</summary>
    internal bool Detach(PublishSession old)
    {
        lock (gate)
        {
            if (session != old)
                return false;
            // What was held for a better beginning is all there will be.
            if (discovery is not null && packager is not { IsOpen: true } && discovery.HasBeginning(packaging.PartDuration))
                StartPeriod();
            past.Add(old.Counters);
            pastRepairs.Add(old.Repairs);
            session = null;
            discovery?.Dispose();
            discovery = null;
            keyTime = long.MinValue;
            if (packager is { IsOpen: true })
            {
                packager.EndPeriod();
                ladder.EndPeriod();
            }
            if (state == BroadcastState.OnAir)
            {
                state = BroadcastState.Suspended;
                sink!.Suspend();
            }
            return true;
        }
    }

    /// <summary>Its publisher is let go, as the node stops; <see cref="Release"/> follows. The open segments are ended.</summary>
    /// <returns>Ends when the encoders of further renditions have brought what was on its way through them.</returns>
    internal Task LeaveAsync()
    {
        lock (gate)
        {
            if (session is not null)
                Detach(session);
            if (packager is not { HasTail: true })
                return Task.CompletedTask;
            tail ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return tail.Task;
        }
    }

    /// <summary>The broadcast is over. False when it was before.</summary>
    internal bool End() => Close(isOver: true);

    /// <summary>Nothing more of the broadcast comes from here; it is not over. False when it was, or was released before.</summary>
    internal bool Release() => Close(isOver: false);

    private bool Close(bool isOver)
    {
        lock (gate)
        {
            if (state == BroadcastState.Ended)
                return false;
            if (session is not null)
                Detach(session);
            state = BroadcastState.Ended;
            ladder.Close();
            packager?.CloseDerived();
            if (isOver)
                sink?.End();
            packager?.Dispose();
            tail?.TrySetResult();
            return true;
        }
    }

    /// <summary>Metadata says which tracks are to come, and how many bits of video.</summary>
    internal void Expect(PublishSession from, StreamMetadata metadata)
    {
        lock (gate)
        {
            if (session != from)
                return;
            videoRate.Declared = (long)(Math.Clamp(metadata.VideoKilobits ?? 0, 0, 1e6) * 1000);
            if (discovery is null)
                return;
            discovery.ExpectVideo = metadata.HasVideo;
            discovery.ExpectAudio = metadata.HasAudio;
        }
    }

    /// <summary>A track's format, known or changed.</summary>
    internal void SetFormat(PublishSession from, TrackFormat format)
    {
        lock (gate)
        {
            if (session != from)
                return;
            if (discovery is null)
            {
                if (format.Equals(format is VideoFormat ? video : audio) && !(format is VideoFormat next && ColorChanged(next, video!)))
                    return;
                discovery = new PeriodDiscovery { Video = video, Audio = audio };
            }
            if (format is VideoFormat newVideo)
            {
                if (!newVideo.Equals(video))
                    videoRate = new VideoRate(0) { Declared = videoRate.Declared };
                lost = null;
                videoSeen = double.NaN;
                if (discovery.Video is not null && !discovery.Video.Equals(newVideo))
                    droppedBeforeStart += discovery.Forget(MediaKind.Video);
                discovery.Video = newVideo;
            }
            else if (format is AudioFormat newAudio)
            {
                if (discovery.Audio is not null && !discovery.Audio.Equals(newAudio))
                    droppedBeforeStart += discovery.Forget(MediaKind.Audio);
                discovery.Audio = newAudio;
            }
        }
    }

    /// <summary>A picture comes: what its headers say of the places where decoding can begin. <see cref="Append"/> follows.</summary>
    internal void NotePicture(PublishSession from, double seconds, bool isRandomAccess, bool isFalseKeyFrame, bool isLeading)
    {
        lock (gate)
        {
            if (session == from)
                keyFrames.Add(seconds, isRandomAccess, isFalseKeyFrame, isLeading);
        }
    }

    /// <summary>Where a period with other renditions can begin. Without true key frames a recovery point has to do: it is not called independent.</summary>
    private bool CanBegin(in AccessUnit unit) => unit.IsRandomAccess || unit.IsRecoveryPoint && keyFrames.HasUnusableKeyFrames;

    // A tenth of leeway: encoders place key frames by their frame count.
    private KeyFrameWatch NewWatch() => new(Math.Max(1, Math.Ceiling(packaging.SegmentDuration.TotalSeconds)) * 1.1);

    /// <summary>Whether the colour that stands beside the configuration differs.</summary>
    internal static bool ColorChanged(VideoFormat a, VideoFormat b) => a.Color != b.Color || !SameHdr(a.Hdr, b.Hdr);

    private static bool SameHdr(HdrMetadata? a, HdrMetadata? b) =>
        (a?.MasteringDisplay ?? default).Span.SequenceEqual((b?.MasteringDisplay ?? default).Span)
        && (a?.ContentLight ?? default).Span.SequenceEqual((b?.ContentLight ?? default).Span);

    /// <summary>
    /// Takes over an access unit on the session's clock. False when the session is no longer the broadcast's; the access
    /// unit is released then.
    /// </summary>
    internal bool Append(PublishSession from, MediaKind kind, in AccessUnit unit)
    {
        lock (gate)
        {
            if (session != from)
            {
                unit.Payload.Release();
                return false;
            }
            Measure(kind, unit);
            if (kind == MediaKind.Video)
                FindVideo();
            else
                LoseVideo();
            if (discovery is null && ladder.IsJudgementDue)
                ladder.Judge(Facts(frameRate));
            // Other renditions need a new period, which begins where players can begin.
            if (discovery is null && (kind == MediaKind.Video ? CanBegin(unit) : video is null) && ladder.WantsPeriod(Facts(frameRate)))
                discovery = new PeriodDiscovery { Video = video, Audio = audio, TakesRecoveryPoint = kind == MediaKind.Video && !unit.IsRandomAccess };
            if (discovery is null)
                Hand(kind, unit);
            else if (packager is { IsOpen: true })
                AppendChanging(kind, unit);
            else
                AppendDiscovering(kind, unit);
            return true;
        }
    }

    /// <summary>A picture came: what was lost is to be expected again, from a random access point on.</summary>
    private void FindVideo()
    {
        videoSeen = newestVideo;
        if (lost is null)
            return;
        discovery ??= new PeriodDiscovery { Audio = audio };
        discovery.Video = lost;
        lost = null;
    }

    /// <summary>
    /// Audio came: when no picture has for too long, the next period has no video. Else a camera that dies leaves gaps for
    /// ever, and one that never gives a picture keeps the audio off the air.
    /// </summary>
    private void LoseVideo()
    {
        if (double.IsNaN(videoSeen))
            videoSeen = newestAudio;
        var expected = discovery is null ? video : discovery.Video;
        if (expected is null || newestAudio - videoSeen < VideoLostAfter)
            return;
        lost = expected;
        discovery ??= new PeriodDiscovery { Audio = audio };
        droppedBeforeStart += discovery.Forget(MediaKind.Video);
        discovery.Video = null;
        if (video is null && packager is { IsOpen: true } && audio!.Equals(discovery.Audio))
        {
            // It was announced in a period of audio alone, which goes on.
            discovery.Dispose();
            discovery = null;
        }
    }

    private void AppendDiscovering(MediaKind kind, in AccessUnit unit)
    {
        droppedBeforeStart += discovery!.Add(kind, unit);
        if (discovery.IsReady(ingest.TrackDiscovery, sink is null ? packaging.PartDuration : TimeSpan.Zero))
            StartPeriod();
    }

    /// <summary>
    /// Formats changed in mid-stream. The open period goes on with what it can carry until the next random access point of
    /// the video, where the new one begins; audio alone begins at once.
    /// </summary>
    private void AppendChanging(MediaKind kind, in AccessUnit unit)
    {
        var next = discovery!;
        var carried = kind == MediaKind.Video ? video is not null && video.Equals(next.Video) : audio is not null && audio.Equals(next.Audio);
        var begins = kind == MediaKind.Video ? unit.IsRandomAccess || next.TakesRecoveryPoint && unit.IsRecoveryPoint : next.Video is null;
        if (begins)
        {
            droppedBeforeStart += next.Add(kind, unit);
            StartPeriod();
        }
        else if (carried)
        {
            Hand(kind, unit);
        }
        else if (kind == MediaKind.Video)
        {
            droppedBeforeStart++;
            unit.Payload.Release();
        }
        else
        {
            droppedBeforeStart += next.Add(kind, unit);
        }
    }

    private void StartPeriod()
    {
        var next = discovery!;
        discovery = null;
        packager?.EndPeriod();
        packager?.CloseDerived();
        var leadIndex = next.Lead();
        var lead = next.Held[leadIndex].Unit;
        video = next.Video;
        audio = next.Audio;
        if (sink is null)
            GoOnAir(next);

        // The session's clock goes on in the broadcast's: strictly behind all media so far, and otherwise as it came. What
        // is shown joins what was shown; decode times only must not run back. A hole as long as B-frames take would stall players.
        var timescale = video is null ? audio!.Timescale : VideoFormat.VideoTimescale;
        var behind = packager!.NextSegment > 0 ? 1 : 0;
        var needed = behind + Math.Max(
            packager.End.In(timescale).Ticks - lead.PresentationTime, packager.DecodeEnd.In(timescale).Ticks - lead.DecodeTime);
        if (!clockContinues || needed > shift.In(timescale).Ticks)
            shift = new MediaTime(needed, timescale);
        clockContinues = true;
        videoShift = shift.In(VideoFormat.VideoTimescale).Ticks;
        audioShift = audio is null ? 0 : shift.In(audio.Timescale).Ticks;
        var own = video is null ? audioShift : videoShift;
        var start = new MediaTime(lead.PresentationTime + own, timescale);
        periodStart = video is null ? long.MinValue : start.Ticks;

        var rungs = ladder.Plan(Facts(next.FramesPerSecond > 0 ? next.FramesPerSecond : frameRate));
        var renditions = new List<PeriodRendition>(2 + rungs.Count);
        var tracks = new int[rungs.Count];
        if (ladder.IsNormalized)
            renditions.Add(rungs[0]);
        else if (video is not null)
            renditions.Add(new PeriodRendition(VideoRendition, video));
        if (audio is not null)
            renditions.Add(new PeriodRendition(AudioRendition, audio));
        for (var i = ladder.IsNormalized ? 1 : 0; i < rungs.Count; i++)
        {
            tracks[i] = renditions.Count;
            renditions.Add(rungs[i]);
        }
        var wallClock = new DateTimeOffset(next.WallClockOf((double)lead.DecodeTime / timescale), TimeSpan.Zero);
        // An encoder here gives its pictures out in the order in which they are shown.
        packager.BeginPeriod(start, ladder.IsNormalized ? start.Ticks : lead.DecodeTime + own, wallClock, renditions);
        ladder.Start(tracks);
        state = BroadcastState.OnAir;

        for (var i = 0; i < next.Held.Count; i++)
        {
            var (kind, unit) = next.Held[i];
            var before = kind == MediaKind.Video || video is null
                ? i < leadIndex
                : unit.PresentationTime + audioShift < start.In(audio!.Timescale).Ticks;
            if (before)
            {
                droppedBeforeStart++;
                unit.Payload.Release();
                continue;
            }
            Hand(kind, unit);
        }
        next.Held.Clear();
    }

    private void GoOnAir(PeriodDiscovery first)
    {
        var audioFrame = audio is null ? 0
            : (double)(first.AudioFrameSamples > 0 ? first.AudioFrameSamples : (uint)audio.SamplesPerFrame) / audio.Timescale;
        var contract = new LowLatencyContract(
            (int)Math.Max(1, Math.Ceiling(packaging.SegmentDuration.TotalSeconds)),
            PartTarget.Derive(packaging.PartDuration, video is null ? [] : first.Pictures, audioFrame));
        sink = sinks.Open(Channel, Id, contract, StartedAt);
        packager = new BroadcastPackager(contract, packaging, pool, sink);
    }

    /// <summary>Hands an access unit to the open period, on the broadcast's clock.</summary>
    private void Hand(MediaKind kind, in AccessUnit unit)
    {
        var own = unit with { DecodeTime = unit.DecodeTime + (kind == MediaKind.Video ? videoShift : audioShift) };
        // Behind a recovery point come pictures that are shown before it and need what was before it: our own decoder has not seen that.
        if (kind == MediaKind.Video && ladder.IsNormalized && own.PresentationTime < periodStart)
        {
            own.Payload.Release();
            return;
        }
        ladder.Feed(kind, own);
        if (kind == MediaKind.Audio)
            packager!.Append(video is null ? 0 : 1, own);
        else if (ladder.IsNormalized)
            own.Payload.Release();
        else
            packager!.Append(0, own);
    }

    private SourceFacts Facts(double framesPerSecond)
    {
        var target = (int)Math.Max(1, Math.Ceiling(packaging.SegmentDuration.TotalSeconds));
        return new SourceFacts(video, audio, framesPerSecond, videoRate.BitsPerSecond, keyFrames.GopSeconds, keyFrames.HasUnusableKeyFrames, target)
        {
            SegmentSeconds = packaging.SegmentDuration.TotalSeconds,
        };
    }

    /// <summary>A rung's encoder has begun, and says what it makes.</summary>
    internal void SetDerivedFormat(PeriodLadder from, int track, TrackFormat format)
    {
        lock (gate)
        {
            if (TakesFrom(from) && !packager!.SetFormat(track, format))
                from.IsUnfit = true;
        }
    }

    /// <summary>Takes over an access unit that was made of the source's; releases it when its period is over.</summary>
    internal void AppendDerived(PeriodLadder from, int track, in AccessUnit unit)
    {
        lock (gate)
        {
            if (TakesFrom(from) && !from.IsUnfit)
                packager!.Append(track, unit);
            else
                unit.Payload.Release();
        }
    }

    /// <summary>What makes the further renditions says how it does.</summary>
    internal void ChangeLadder(PeriodLadder from, TranscoderState to, string? reason)
    {
        lock (gate)
        {
            if (!ladder.IsCurrent(from))
                return;
            ladder.Change(to, reason);
            // The tail is out, or none comes.
            if (to is TranscoderState.Ended or TranscoderState.Failed)
            {
                packager!.CloseDerived();
                tail?.TrySetResult();
            }
        }
    }

    private bool TakesFrom(PeriodLadder from) => ladder.IsCurrent(from) && packager is { } open && (open.IsOpen || open.HasTail);

    private void Measure(MediaKind kind, in AccessUnit unit)
    {
        if (kind == MediaKind.Audio)
        {
            var timescale = discovery?.Audio?.Timescale ?? audio!.Timescale;
            newestAudio = (double)unit.DecodeTime / timescale;
            return;
        }
        newestVideo = (double)unit.DecodeTime / VideoFormat.VideoTimescale;
        videoRate.Add(newestVideo, unit.Payload.Length, unit.IsRandomAccess || unit.IsRecoveryPoint);
        if (unit.IsRandomAccess)
        {
            if (keyTime != long.MinValue && unit.DecodeTime > keyTime)
            {
                gopSeconds = (double)(unit.DecodeTime - keyTime) / VideoFormat.VideoTimescale;
                frameRate = picturesOfGop / gopSeconds;
            }
            keyTime = unit.DecodeTime;
            keyReceivedAt = unit.ReceivedAt;
            picturesOfGop = 0;
        }
        picturesOfGop++;
    }
}
