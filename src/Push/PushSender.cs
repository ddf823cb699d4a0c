using Microsoft.Extensions.Logging;

namespace Millrace.Push;

/// <summary>
/// Brings one broadcast to one origin: asks where the origin is, sends from there on, tells it the broadcast from its beginning
/// when it does not know it, and tries again when it fails. One task from the broadcast's opening to its acknowledged end.
/// </summary>
internal sealed class PushSender
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(3);

    /// <summary>How often an origin hears of a broadcast that brings nothing: well below its <see cref="PushOptions.LostAfter"/>.</summary>
    internal static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(4);

    private readonly PushQueue queue;
    private readonly PushClient client;
    private readonly PushOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly string channel;
    private readonly string broadcast;
    private readonly string origin;
    private readonly TaskCompletionSource over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? fault;

    public PushSender(
        PushQueue queue, PushClient client, PushOptions options, TimeProvider time, ILogger logger, string channel, string broadcast, string origin)
    {
        this.queue = queue;
        this.client = client;
        this.options = options;
        this.time = time;
        this.logger = logger;
        this.channel = channel;
        this.broadcast = broadcast;
        this.origin = origin;
    }

    /// <summary>How it goes. Any thread.</summary>
    public PushStatus Status => new(origin, fault is not null, fault ?? "", queue.Bytes, queue.DroppedSegments);

    /// <summary>The origin took the broadcast down; called on the sender's task, which ends then.</summary>
    public Action? TakenDown { get; init; }

    /// <summary>Another pusher goes on with the broadcast; called on the sender's task, which ends then.</summary>
    public Action? TakenOver { get; init; }

    /// <summary>Nothing more comes: waits until the origin has what there is, at most <paramref name="patience"/>. The sender ends then.</summary>
    public async Task LeaveAsync(TimeSpan patience, CancellationToken cancellation)
    {
        queue.Leave();
        await over.Task.WaitAsync(patience, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!over.Task.IsCompleted)
            logger.NotBroughtOver(origin, channel, broadcast);
    }

    /// <summary>
    /// Ends when the origin has the broadcast's end, or all that there is when this node leaves, refused it for good, or did not take
    /// the end for too long; or cancelled.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            logger.Pushing(channel, broadcast, origin);
            while (!await TryPushAsync(cancellation).ConfigureAwait(false))
                await Task.Delay(LongestPause, time, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The node stops.
        }
        finally
        {
            queue.Dispose();
            over.TrySetResult();
        }
    }

    /// <summary>Pushes to the end. False after a fault of ours: an origin that is told nothing any more would serve an end that is none.</summary>
    private async Task<bool> TryPushAsync(CancellationToken cancellation)
    {
        try
        {
            await PushAsync(cancellation).ConfigureAwait(false);
            return true;
        }
        catch (Exception ours) when (!cancellation.IsCancellationRequested)
        {
            fault = "a fault of ours; the log has it";
            logger.PushFault(ours, channel, broadcast, origin);
            return false;
        }
    }

    private async Task PushAsync(CancellationToken cancellation)
    {
        var pause = TimeSpan.Zero;
        var isInStep = false;
        // What the origin has was asked for, and nothing was sent since: one that was away waits to hear that nothing is missing.
        var isMute = false;
        var isFailing = false;
        long? endedAt = null;
        while (!queue.IsClosed)
        {
            // 1. Something to send, or a heartbeat.
            if (pause > TimeSpan.Zero)
                await Task.Delay(pause * (0.75 + Random.Shared.NextDouble() / 2), time, cancellation).ConfigureAwait(false);
            var arrival = queue.ArrivalAsync();
            if (isInStep && !isMute)
                await arrival.WaitAsync(Heartbeat, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellation.ThrowIfCancellationRequested();

            // 2. Where the origin is, and whether the queue goes on from there.
            var isSending = isInStep && (isMute || arrival.IsCompleted);
            var answer = isSending
                ? await client.SendAsync(queue, cancellation).ConfigureAwait(false)
                : await client.AskAsync(cancellation).ConfigureAwait(false);
            isMute = !isSending;
            switch (answer.Outcome)
            {
                // It heard nothing of the broadcast for too long.
                case PushOutcome.Accepted when answer.Position!.IsEnded && !queue.HasEnd:
                    isInStep = await StartAsync(isAnew: true, cancellation).ConfigureAwait(false);
                    break;
                case PushOutcome.Accepted when isSending:
                    queue.Acknowledge(answer.Position!);
                    break;
                case PushOutcome.Accepted or PushOutcome.Hole:
                    isInStep = queue.TryResume(answer.Position!) || await StartAsync(isAnew: true, cancellation).ConfigureAwait(false);
                    break;
                case PushOutcome.Unknown:
                    isInStep = await StartAsync(isAnew: false, cancellation).ConfigureAwait(false);
                    break;
                case PushOutcome.Misread:
                    isInStep = await StartAsync(isAnew: true, cancellation).ConfigureAwait(false);
                    break;
                case PushOutcome.TakenDown:
                    fault = answer.Reason;
                    logger.OriginRefused(origin, channel, broadcast, answer.Reason);
                    TakenDown?.Invoke();
                    return;
                case PushOutcome.TakenOver:
                    fault = answer.Reason;
                    logger.TakenOver(origin, channel, broadcast);
                    TakenOver?.Invoke();
                    return;
                case PushOutcome.Refused:
                    fault = answer.Reason;
                    logger.OriginRefused(origin, channel, broadcast, answer.Reason);
                    return;
                default:
                    isInStep = false;
                    break;
            }

            // 3. How long to wait, and what to say.
            var isWell = answer.Outcome is PushOutcome.Accepted or PushOutcome.Unknown or PushOutcome.Hole;
            if (isWell && isFailing)
                logger.OriginBack(origin, channel, broadcast);
            else if (!isWell && !isFailing)
                logger.OriginFailing(origin, channel, broadcast, answer.Reason);
            isFailing = !isWell;
            fault = isWell ? null : answer.Reason;
            pause = isWell ? TimeSpan.Zero : pause == TimeSpan.Zero ? FirstPause : pause * 2 > LongestPause ? LongestPause : pause * 2;
            if (queue.HasEnd && !isWell)
            {
                endedAt ??= time.GetTimestamp();
                if (time.GetElapsedTime(endedAt.Value) > options.LostAfter)
                    return;
            }
        }
    }

    /// <summary>Begins at what is whole in the queue, and waits until something is. False when nothing will be.</summary>
    private async Task<bool> StartAsync(bool isAnew, CancellationToken cancellation)
    {
        PushMetrics.Starts.Add(1);
        while (true)
        {
            var next = queue.NextArrivalAsync();
            if (queue.TryStart(isAnew))
                return true;
            if (queue.HasAll)
            {
                queue.Dispose();
                return false;
            }
            await next.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }
}
