using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Delivery.Previews;

/// <summary>
/// Makes the pictures of every broadcast on air: looks once a second who is due and has a new key frame, and runs one ffmpeg
/// for each, a few at a time. Owns the threads that do it and the children.
/// </summary>
/// <remarks>
/// It reads the origin like a viewer and holds nothing of it: what is slow here makes pictures late, and nothing else. Each
/// broadcast waits at most once in the queue, first come first served, so none starves the others; what falls due meanwhile is
/// skipped and counted.
/// </remarks>
public sealed class PreviewMaker : IHostedService, IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>
    /// A picture takes a tenth of a second of a processor. At low priority on a machine that is full that becomes seconds; when it
    /// becomes this many, nobody misses the picture.
    /// </summary>
    internal static readonly TimeSpan ChildLimit = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    /// <summary>Four pictures of at most 800 × 800; even noise stays below it.</summary>
    private const int MaxOutputBytes = 4 << 20;

    private readonly OriginStore store;
    private readonly PreviewOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly string? program;
    private readonly Lock gate = new();
    private readonly Queue<OriginBroadcast> queue = [];
    private readonly SemaphoreSlim queued = new(0);
    private readonly CancellationTokenSource stopping = new();
    private readonly List<Thread> threads = [];
    private ITimer? timer;

    /// <summary>Over the store; nothing runs before <see cref="StartAsync"/>.</summary>
    public PreviewMaker(OriginStore store, PreviewOptions options, FfmpegProgram ffmpeg, TimeProvider time, ILogger<PreviewMaker> logger)
    {
        ArgumentNullException.ThrowIfNull(ffmpeg);
        this.store = store;
        this.options = options;
        this.time = time;
        this.logger = logger;
        program = ffmpeg.Path;
        PreviewMetrics.Announce();
    }

    /// <summary>A picture has been made or not; raised on the thread that tried.</summary>
    internal event Action<OriginBroadcast>? Tried;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Interval is null)
            return Task.CompletedTask;
        if (program is null)
        {
            logger.PreviewsNeedFfmpeg();
            return Task.CompletedTask;
        }
        for (var i = 0; i < options.Concurrency; i++)
        {
            // Threads of their own: they block on children.
            var thread = new Thread(MakeAll) { Name = $"preview {i}", IsBackground = true };
            threads.Add(thread);
            thread.Start();
        }
        timer = time.CreateTimer(_ => Scan(), null, Look, Look);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    /// <summary>Kills what runs and ends the threads. A second call does nothing.</summary>
    public void Dispose()
    {
        if (stopping.IsCancellationRequested)
            return;
        timer?.Dispose();
        stopping.Cancel();
        foreach (var thread in threads)
            thread.Join(TimeSpan.FromSeconds(2));
    }

    private void Scan()
    {
        lock (gate)
        {
            var now = time.GetTimestamp();
            var backingOff = 0;
            foreach (var broadcast in store.Broadcasts)
            {
                var previews = broadcast.Previews;
                if (broadcast.IsEnded)
                {
                    if (!previews.IsInWork)
                        previews.Finish();
                    continue;
                }
                if (previews.Failures >= BroadcastPreviews.FailuresThatMatter)
                    backingOff++;
                if (now < previews.Due)
                    continue;
                if (previews.IsInWork)
                {
                    PreviewMetrics.CountSkipped();
                    previews.Due = After(options.Interval!.Value);
                }
                else if (KeyFrame.FindNewest(broadcast, previews.LastSegment) is not null)
                {
                    previews.IsInWork = true;
                    previews.Due = After(options.Interval!.Value);
                    queue.Enqueue(broadcast);
                    queued.Release();
                }
            }
            PreviewMetrics.SetBackingOff(backingOff);
        }
    }

    private long After(TimeSpan pause) => time.GetTimestamp() + (long)(pause.TotalSeconds * time.TimestampFrequency);

    private void MakeAll()
    {
        while (true)
        {
            try
            {
                queued.Wait(stopping.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            OriginBroadcast broadcast;
            lock (gate)
                broadcast = queue.Dequeue();
            var failure = Make(broadcast, out var reason);
            if (stopping.IsCancellationRequested)
                return;
            Settle(broadcast, failure, reason);
            Tried?.Invoke(broadcast);
        }
    }

    /// <summary>Books what came of a try: the next one is due after the interval, or later when it fails again and again.</summary>
    private void Settle(OriginBroadcast broadcast, PreviewFailure? failure, string reason)
    {
        var previews = broadcast.Previews;
        if (failure is { } why)
            PreviewMetrics.Count(why);
        lock (gate)
        {
            previews.IsInWork = false;
            // A sheet that the disk does not take is the disk's trouble; its pictures go on.
            if (failure is null or PreviewFailure.Disk)
            {
                if (previews.Failures >= BroadcastPreviews.FailuresThatMatter)
                    logger.PreviewRecovered(broadcast.Channel.Value);
                previews.Failures = 0;
                return;
            }
            previews.LastFailure = failure.Value;
            previews.Failures++;
            if (previews.Failures < BroadcastPreviews.FailuresThatMatter)
                return;
            var pause = options.Interval!.Value * Math.Pow(2, Math.Min(previews.Failures - BroadcastPreviews.FailuresThatMatter + 1, 10));
            previews.Due = After(pause < LongestPause ? pause : LongestPause > options.Interval.Value ? LongestPause : options.Interval.Value);
        }
        if (previews.Failures == BroadcastPreviews.FailuresThatMatter)
            logger.PreviewFailing(broadcast.Channel.Value, reason);
    }

    /// <summary>One picture; null when it is there, or not wanted any more.</summary>
    private PreviewFailure? Make(OriginBroadcast broadcast, out string reason)
    {
        reason = "";
        var previews = broadcast.Previews;
        // 1. The newest key frame: there may be a newer one than when it was queued.
        if (KeyFrame.FindNewest(broadcast, previews.LastSegment) is not { } key)
            return null;
        previews.LastSegment = key.Number;
        if ((long)key.Format.Width * key.Format.Height > PreviewCommand.MaxPixels)
        {
            reason = $"{key.Format.Width} × {key.Format.Height} is too large";
            return PreviewFailure.TooLarge;
        }
        // A window that slid on, or a key frame of absurd size; either way not worth more than waiting for the next.
        if (key.Read() is not { } chunk)
            return null;

        // 2. All pictures of it at once.
        var tile = PictureSize.Fit(key.Shown, SpriteSheets.TileLongest);
        var (tiles, count) = previews.Sprites.Next(tile);
        var began = time.GetTimestamp();
        var result = ChildProgram.Run(
            program!, PreviewCommand.Arguments(key.Format, key.Shown, tiles, count), [key.Init, chunk], MaxOutputBytes, ChildLimit, time, stopping.Token);
        PreviewMetrics.AddWork(time.GetElapsedTime(began));
        reason = result.LastLine.Length > 0 ? result.LastLine : result.End.ToString();
        switch (result.End)
        {
            case ChildEnd.Good:
                break;
            case ChildEnd.Cancelled:
                return null;
            case ChildEnd.TimedOut:
                return PreviewFailure.TimedOut;
            case ChildEnd.NotStarted:
                return PreviewFailure.NotStarted;
            case ChildEnd.TooMuch:
                return PreviewFailure.TooLarge;
            default:
                return Undecodable(previews);
        }
        if (!AviPictures.TryRead(result.Output, PreviewCommand.Pictures, out var pictures))
            return Undecodable(previews);

        // 3. The picture first: the disk may be slow.
        previews.Show(pictures[0], pictures[1], time.GetUtcNow());
        PreviewMetrics.CountMade();
        try
        {
            var end = key.Seconds + options.Interval!.Value.TotalSeconds;
            previews.Sprites.Add(pictures[2], tile, pictures[3], key.Seconds, end, broadcast.Timeline.Read().RewindableFrom ?? key.Seconds);
            return null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            reason = fault.Message;
            return PreviewFailure.Disk;
        }
        finally
        {
            broadcast.DeleteIfFreed();
        }
    }

    /// <summary>It may be the sheet's own tiles that are broken: the next try does without.</summary>
    private static PreviewFailure Undecodable(BroadcastPreviews previews)
    {
        previews.Sprites.Close();
        return PreviewFailure.Undecodable;
    }
}
