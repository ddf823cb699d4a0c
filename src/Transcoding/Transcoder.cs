using System.Globalization;
using Millrace.Core;
using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>
/// Makes a ladder of one broadcast period: owns its ffmpeg child, feeds it, reads what it makes, and starts another one when it
/// ends or hangs. <see cref="Feed"/> never waits for any of it.
/// </summary>
/// <remarks>
/// <para>
/// Threads: the supervisor starts children, reads them and calls the sink; a feeder for each child writes to it and is joined
/// before the next one. A timer looks for hangs. <see cref="Feed"/>, <see cref="Finish"/> and <see cref="Status"/> may be
/// called from any thread.
/// </para>
/// <para>
/// A restarted child is fed from the last key frame that every rung has shown, or one before, and gives out only what comes
/// behind the newest picture that was given out, beginning with an IDR: viewers of a rung see a pause, and no frame twice.
/// A rung that was a frame behind the others misses that frame.
/// </para>
/// <para>
/// ffmpeg gives nothing out before it has seen each of its inputs. So a child that begins while the sound has stopped goes
/// without it, and is replaced at a key frame when the sound is back.
/// </para>
/// </remarks>
public sealed class Transcoder : IDisposable
{
    // Fewer may be on their way through a healthy child: reordering, and the frame that the muxer holds.
    private const int UnitsOfAHang = 20;

    // Sound that is so far behind the pictures has stopped.
    private const double SoundIsGoneAfter = 3;

    // And is back when it has come without a pause for so long.
    private const double SoundIsBackAfter = 2;

    private static readonly TimeSpan ErrorsAreRecent = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan WatchInterval = TimeSpan.FromMilliseconds(250);

    private readonly LadderPlan plan;
    private readonly TranscodingOptions options;
    private readonly Ffmpeg ffmpeg;
    private readonly ITranscoderSink sink;
    private readonly TimeProvider time;
    private readonly MediaBlockPool pool;
    private readonly MediaKind primary;
    private readonly uint primaryTimescale;
    private readonly Thread supervisor;
    private readonly ITimer watch;
    private readonly CancellationTokenSource stopping = new();
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Under the lock: what feeding, reading and watching share.
    private readonly object gate = new();
    private readonly UnitBuffer buffer;
    private FfmpegChild? child;
    private bool isFinishing;
    private bool isDisposed;
    private bool isOver;
    private TranscoderState state = TranscoderState.Starting;
    private string? stateReason;
    private string? killReason;
    private bool isRenewing;
    private IReadOnlyList<string> errorsBefore = [];
    private int errorsSeen;
    private long? erredAt;
    private int restarts;
    private long outputUnits;
    private int fedSinceOutput;
    private long lastOutputAt;
    private long lastFedAt;
    private long? newestFed;
    private double? firstPicture;
    private double? newestPicture;
    private double? newestSound;
    private double soundSince;
    private bool isMute;
    private readonly SpeedMeter speed = new();

    // Of each rung: presentation time of the newest unit given out, and where it ends; in the rung's timescale.
    private readonly long?[] newest;
    private readonly long?[] ends;
    private readonly TrackFormat?[] formats;
    private MediaTime? origin;

    /// <summary>Starts the first child at once.</summary>
    /// <param name="plan">Not empty.</param>
    /// <param name="options">Time-outs and bounds.</param>
    /// <param name="ffmpeg">The program, and the encoders to use.</param>
    /// <param name="pool">Memory for what it makes.</param>
    /// <param name="sink">Where that goes.</param>
    /// <param name="time">The clock.</param>
    public Transcoder(LadderPlan plan, TranscodingOptions options, Ffmpeg ffmpeg, MediaBlockPool pool, ITranscoderSink sink, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(time);
        if (plan.IsEmpty)
            throw new ArgumentException("There is nothing to make.", nameof(plan));
        this.plan = plan;
        this.options = options;
        this.ffmpeg = ffmpeg;
        this.pool = pool;
        this.sink = sink;
        this.time = time;
        primary = plan.Video.Count > 0 ? MediaKind.Video : MediaKind.Audio;
        primaryTimescale = primary == MediaKind.Video ? plan.Source.Video!.Timescale : plan.Source.Audio!.Timescale;
        buffer = new UnitBuffer(primary, primaryTimescale, options.MaxBufferBytes, options.MaxBacklog);
        newest = new long?[plan.RungCount];
        ends = new long?[plan.RungCount];
        formats = new TrackFormat?[plan.RungCount];
        watch = time.CreateTimer(_ => LookAtChild(), null, WatchInterval, WatchInterval);
        supervisor = new Thread(Supervise) { IsBackground = true, Name = "ffmpeg supervisor" };
        supervisor.Start();
    }

    /// <summary>Completes when nothing more will come: finished, failed or disposed. Never faults.</summary>
    public Task Completion => ended.Task;

    /// <summary>How it does now.</summary>
    public TranscoderStatus Status
    {
        get
        {
            lock (gate)
            {
                var lines = child?.LastErrors is { Count: > 0 } own ? own : errorsBefore;
                return new TranscoderStatus(state, stateReason, Lag(), speed.Speed, restarts, buffer.Dropped, outputUnits, lines)
                {
                    HasRecentErrors = erredAt is { } at && time.GetElapsedTime(at) < ErrorsAreRecent,
                };
            }
        }
    }

    /// <summary>
    /// Access units after which a child is replaced at the next key frame: ffmpeg 5.1's demuxer remembers every fragment, some
    /// 170 bytes each. A million are nine hours of 30 frames a second; the viewers see rungs that are a second late once.
    /// </summary>
    internal int UnitsOfAChild { get; init; } = 1_000_000;

    /// <summary>Children that were replaced for that reason, or because sound came back; no faults, and not among the restarts.</summary>
    internal int Renewals { get; private set; }

    /// <summary>The running child's process id; null between two children.</summary>
    public int? ProcessId
    {
        get
        {
            lock (gate)
                return child?.Id;
        }
    }

    /// <summary>
    /// Takes one access unit of the source, on the broadcast's clock; kinds that no rung needs are ignored. The payload stays
    /// the caller's, who may release it at once. Never waits for ffmpeg and never throws for its reasons: what does not fit is
    /// dropped up to a key frame and counted.
    /// </summary>
    public void Feed(MediaKind kind, in AccessUnit unit)
    {
        if (kind == MediaKind.Video ? plan.Video.Count == 0 : plan.Audio is null)
            return;
        lock (gate)
        {
            if (isOver || isFinishing || unit.Payload.Length == 0)
                return;
            if (kind == primary)
            {
                newestFed = Math.Max(newestFed ?? long.MinValue, unit.PresentationTime);
                lastFedAt = time.GetTimestamp();
                fedSinceOutput++;
            }
            NoteTime(kind, unit);
            var shared = unit with { Payload = unit.Payload.Share() };
            if (buffer.TryAdd(kind, shared))
                Monitor.PulseAll(gate);
            else
                shared.Payload.Release();
        }
    }

    private void NoteTime(MediaKind kind, in AccessUnit unit)
    {
        if (kind == MediaKind.Video)
        {
            newestPicture = (double)unit.DecodeTime / VideoFormat.VideoTimescale;
            firstPicture ??= newestPicture;
        }
        else
        {
            var sound = (double)unit.DecodeTime / plan.Source.Audio!.Timescale;
            if (newestSound is not { } before || sound - before > 1)
                soundSince = sound;
            newestSound = sound;
        }
    }

    /// <summary>There are pictures, and no sound has come beside them for a while.</summary>
    private bool IsSoundGone => plan.Video.Count > 0 && plan.Audio is not null && newestPicture - (newestSound ?? firstPicture) > SoundIsGoneAfter;

    private bool IsSoundBack => !IsSoundGone && newestSound - soundSince >= SoundIsBackAfter;

    /// <summary>No more comes: what was fed is still made and given out, then <see cref="Completion"/> completes.</summary>
    public void Finish()
    {
        lock (gate)
        {
            isFinishing = true;
            lastFedAt = time.GetTimestamp();
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>
    /// Kills the child and waits for the threads; the sink is not called afterwards. Not to be called from the sink.
    /// </summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (isDisposed)
                return;
            isDisposed = true;
            isFinishing = true;
            child?.Kill();
            Monitor.PulseAll(gate);
        }
        stopping.Cancel();
        supervisor.Join();
        watch.Dispose();
        stopping.Dispose();
    }

    /// <summary>The supervisor's thread: one child after the other.</summary>
    private void Supervise()
    {
        string? reason;
        try
        {
            reason = RunChildren();
        }
#pragma warning disable CA1031 // The outermost loop: a fault of ours, or of the sink's, ends this ladder and nothing else.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            reason = $"its output could not be taken: {fault.GetType().Name}: {fault.Message}";
        }
        lock (gate)
        {
            isOver = true;
            child = null;
            buffer.Clear();
            Monitor.PulseAll(gate);
        }
        if (!isDisposed)
            SetState(reason is null ? TranscoderState.Ended : TranscoderState.Failed, reason);
        ended.TrySetResult();
    }

    /// <summary>One child after the other. Null when the last one finished what was fed, else why there is no other.</summary>
    private string? RunChildren()
    {
        var policy = new RestartPolicy();
        SetState(TranscoderState.Starting, null);
        while (true)
        {
            var startedAt = time.GetTimestamp();
            var before = outputUnits;
            var reason = RunChild();
            lock (gate)
            {
                // Finished, and all of it came out; or there is no use in another try for a tail that nobody may wait for.
                if (isDisposed || (isFinishing && !buffer.HasNext))
                    return null;
            }
            if (reason is null)
            {
                Renewals++;
                continue;
            }
            var lived = time.GetElapsedTime(startedAt);
            if (!policy.TryNext(lived, outputUnits > before, out var delay))
                return string.Create(CultureInfo.InvariantCulture, $"ffmpeg failed {RestartPolicy.MaxQuickDeaths} times in a row; at last {reason}");
            lock (gate)
                restarts++;
            SetState(TranscoderState.Restarting, $"ffmpeg is started again, because {reason}");
            if (delay > TimeSpan.Zero)
                Wait(delay);
        }
    }

    private void Wait(TimeSpan delay)
    {
        try
        {
            Task.Delay(delay, time, stopping.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // Disposed: the next child ends at once.
        }
    }

    /// <summary>
    /// Runs one child to its end. Null when it ended by itself behind everything that it was fed, because it was finished or is
    /// to be renewed; else why it ended.
    /// </summary>
    private string? RunChild()
    {
        FfmpegChild running;
        LadderPlan made;
        lock (gate)
        {
            isMute = IsSoundGone;
            made = isMute ? plan with { Audio = null } : plan;
        }
        try
        {
            running = FfmpegChild.Start(ffmpeg.Path, FfmpegArguments.Build(made, ffmpeg.Encoders, WhereToGoOn()));
        }
        catch (Exception fault) when (fault is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return $"{ffmpeg.Path} cannot be started: {fault.Message}";
        }
        using (running)
        {
            lock (gate)
            {
                buffer.Rewind();
                child = running;
                killReason = null;
                errorsSeen = 0;
                isRenewing = false;
                lastOutputAt = time.GetTimestamp();
                fedSinceOutput = 0;
                speed.Reset();
                if (isDisposed)
                    running.Kill();
            }
            var feeder = new Thread(() => FeedChild(running, made)) { IsBackground = true, Name = "ffmpeg feeder" };
            feeder.Start();
            var fault = Read(running, made);
            // Whatever is left of it has no reader any more; a feeder that waits for the pipe wakes up by this.
            var finished = fault is null && killReason is null;
            if (!finished)
                running.Kill();
            var end = running.WaitForEnd();
            lock (gate)
            {
                child = null;
                errorsBefore = running.LastErrors is { Count: > 0 } lines ? lines : errorsBefore;
                Monitor.PulseAll(gate);
            }
            feeder.Join();
            lock (gate)
            {
                if (finished && end == "it ended" && ((isFinishing && !buffer.HasNext) || isRenewing))
                    return null;
                var said = (running.Fault ?? (errorsBefore is [.., var last] ? last : null)) is { } line ? $" It said: {line}" : "";
                return (killReason ?? fault ?? end) + "." + said;
            }
        }
    }

    /// <summary>The feeder's thread: what waits goes into the child, until it ends.</summary>
    private void FeedChild(FfmpegChild running, LadderPlan made)
    {
        try
        {
            var input = new ChildInput(running.Input, [.. InputFormats(made)]);
            input.WriteFormats();
            for (var fed = 0; TryTake(running, fed, out var entry); fed++)
            {
                try
                {
                    input.TryWrite(entry.Kind, entry.Unit);
                }
                finally
                {
                    entry.Unit.Payload.Release();
                }
            }
            running.Input.Dispose();
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException)
        {
            // The child ended; the reader sees it as well, and says why.
        }
    }

    private bool TryTake(FfmpegChild running, int fed, out UnitBuffer.Entry entry)
    {
        lock (gate)
        {
            while (true)
            {
                entry = default;
                if (child != running || isDisposed)
                    return false;
                if ((fed >= UnitsOfAChild || isMute && fed > 0 && IsSoundBack) && buffer.IsKeyNext)
                {
                    isRenewing = true;
                    lastFedAt = time.GetTimestamp();
                    return false;
                }
                if (buffer.TryTake(out entry))
                    return true;
                if (isFinishing)
                    return false;
                Monitor.Wait(gate);
            }
        }
    }

    private static IEnumerable<TrackFormat> InputFormats(LadderPlan made)
    {
        if (made.Video.Count > 0)
            yield return made.Source.Video!;
        if (made.Audio is not null)
            yield return made.Source.Audio!;
    }

    /// <summary>Reads a child until its output ends. Null at a clean end, else the fault.</summary>
    private string? Read(FfmpegChild running, LadderPlan made)
    {
        using var arena = new MediaArena(pool);
        var output = new ChildOutput(running.Output, arena, time);
        try
        {
            if (!output.TryReadFormats())
                return output.Fault;
            if (output.Formats.Count != made.RungCount)
                return $"ffmpeg made {output.Formats.Count} tracks instead of {made.RungCount}";
            for (var i = 0; i < output.Formats.Count; i++)
            {
                if (output.Formats[i].Equals(formats[i]))
                    continue;
                formats[i] = output.Formats[i];
                sink.OnFormat(i, output.Formats[i]);
            }
            while (output.TryReadUnit(out var rung, out var unit))
            {
                if (isDisposed || !TryPass(rung, unit))
                    unit.Payload.Release();
            }
            return output.Fault;
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException)
        {
            return "its output could not be read: " + fault.Message;
        }
    }

    /// <summary>Hands a unit to the sink; false when it lies before what the rung has given out.</summary>
    private bool TryPass(int rung, in AccessUnit unit)
    {
        var isVideo = rung < plan.Video.Count;
        bool begins;
        lock (gate)
        {
            lastOutputAt = time.GetTimestamp();
            fedSinceOutput = 0;
            // Half a frame of tolerance for audio, whose frames begin anew after a restart: the encoder's delay of one comes first.
            if (ends[rung] is { } end && unit.DecodeTime < (isVideo ? newest[rung] + 1 : end - unit.Duration / 2))
                return false;
            if (isVideo)
                origin ??= new MediaTime(unit.PresentationTime, VideoFormat.VideoTimescale);
            newest[rung] = unit.PresentationTime;
            ends[rung] = unit.DecodeTime + unit.Duration;
            outputUnits++;
            if (SlowestRung() is { } slowest)
            {
                buffer.Advance(slowest.In(primaryTimescale).Ticks);
                speed.Add(time.GetElapsedTime(0, lastOutputAt), slowest.ToTimeSpan());
            }
            begins = state != TranscoderState.Running;
        }
        if (begins)
            SetState(TranscoderState.Running, null);
        sink.OnUnit(rung, unit);
        return true;
    }

    /// <summary>The newest moment that every video rung (or the audio alone) has given out.</summary>
    private MediaTime? SlowestRung()
    {
        if (primary == MediaKind.Audio)
            return newest[0] is { } audio ? new MediaTime(audio, AudioRung.SampleRate) : null;
        var slowest = long.MaxValue;
        for (var i = 0; i < plan.Video.Count; i++)
        {
            if (newest[i] is not { } time)
                return null;
            slowest = Math.Min(slowest, time);
        }
        return new MediaTime(slowest, VideoFormat.VideoTimescale);
    }

    private ContinueAfter WhereToGoOn()
    {
        lock (gate)
        {
            MediaTime? video = null;
            for (var i = 0; i < plan.Video.Count; i++)
            {
                if (newest[i] is { } shown && (video is null || shown > video.Value.Ticks))
                    video = new MediaTime(shown, VideoFormat.VideoTimescale);
            }
            return new ContinueAfter(video, plan.Audio is not null && ends[^1] is { } end ? new MediaTime(end, AudioRung.SampleRate) : null, origin);
        }
    }

    private TimeSpan Lag()
    {
        if (newestFed is not { } fed || SlowestRung() is not { } slowest)
            return TimeSpan.Zero;
        var lag = (new MediaTime(fed, primaryTimescale) - slowest).ToTimeSpan();
        return lag > TimeSpan.Zero ? lag : TimeSpan.Zero;
    }

    /// <summary>
    /// Every quarter second: errors are dated, and a child that is fed and gives nothing out, or whose encoders say that they fail, is
    /// killed; the supervisor sees it end.
    /// </summary>
    private void LookAtChild()
    {
        lock (gate)
        {
            if (child is { } talking && talking.Errors != errorsSeen)
            {
                errorsSeen = talking.Errors;
                erredAt = time.GetTimestamp();
            }
            if (child is null || killReason is not null)
                return;
            if (child.Fault is not null && !isFinishing)
            {
                killReason = "it printed an error";
                child.Kill();
                return;
            }
            if (time.GetElapsedTime(lastOutputAt) < options.HangTimeout)
                return;
            var flows = fedSinceOutput >= UnitsOfAHang && time.GetElapsedTime(lastFedAt) < options.HangTimeout;
            if (!flows && !isFinishing && !isRenewing)
                return;
            killReason = string.Create(CultureInfo.InvariantCulture, $"it gave nothing out for {options.HangTimeout.TotalSeconds:0.#} s while media came in");
            child.Kill();
        }
    }

    private void SetState(TranscoderState to, string? reason)
    {
        lock (gate)
        {
            state = to;
            stateReason = reason;
        }
        if (!isDisposed)
            sink.OnState(to, reason);
    }
}
