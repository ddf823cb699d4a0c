using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Packaging;

namespace Millrace.Push;

/// <summary>
/// The ingest role's end of the way to origins elsewhere: each broadcast gets a queue and a sender for each origin. Owns the
/// senders' tasks.
/// </summary>
public sealed class PushSinkFactory : IBroadcastSinkFactory, IAsyncDisposable
{
    private readonly PushOptions options;
    private readonly TimeProvider time;
    private readonly ILogger<PushSinkFactory> logger;
    private readonly HttpMessageInvoker http;
    private readonly Uri[] origins;
    private readonly CancellationTokenSource stop = new();
    private int isDisposed;
    private readonly ConcurrentDictionary<Task, byte> senders = new();
    private readonly ConcurrentDictionary<string, PushSender[]> broadcasts = new(StringComparer.Ordinal);

    /// <param name="options">The origins and the secret, validated.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where trouble with origins is said.</param>
    public PushSinkFactory(PushOptions options, TimeProvider time, ILogger<PushSinkFactory> logger)
        : this(options, time, logger, new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ActivityHeadersPropagator = null,
            ConnectTimeout = TimeSpan.FromSeconds(2),
            // Names are looked up anew after it: an origin may have moved.
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            MaxResponseHeadersLength = 16,
        })
    {
    }

    internal PushSinkFactory(PushOptions options, TimeProvider time, ILogger<PushSinkFactory> logger, HttpMessageHandler handler)
    {
        this.options = options;
        this.time = time;
        this.logger = logger;
        http = new HttpMessageInvoker(handler);
        origins = [.. options.Push.Select(origin => new Uri(origin.TrimEnd('/') + "/"))];
        PushMetrics.Announce();
    }

    /// <summary>An operator took a broadcast down at one of the origins. Raised on a pool thread, once for each origin.</summary>
    public event Action<ChannelName, BroadcastId>? TakenDown;

    /// <summary>How the origins take a broadcast; empty when it is not pushed. Any thread.</summary>
    public IReadOnlyList<PushStatus> Find(BroadcastId broadcast) =>
        broadcasts.TryGetValue(broadcast.Value, out var all) ? [.. all.Select(sender => sender.Status)] : [];

    /// <summary>The origins that do not take something, how many broadcasts those are, and why the last of them. Any thread.</summary>
    public IReadOnlyList<(string Origin, int Broadcasts, string Reason)> Failing =>
    [
        .. broadcasts.SelectMany(pushed => pushed.Value).Select(sender => sender.Status).Where(status => status.IsFailing)
            .GroupBy(status => status.Origin).Select(group => (group.Key, group.Count(), group.Last().Reason)),
    ];

    /// <inheritdoc/>
    public IBroadcastSink Open(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt)
    {
        var history = new PushHistory(contract, startedAt);
        var queues = new PushQueue[origins.Length];
        var all = new PushSender[origins.Length];
        var tasks = new Task[origins.Length + 1];
        for (var i = 0; i < queues.Length; i++)
        {
            queues[i] = new PushQueue(history, options, time);
            var client = new PushClient(http, new Uri(origins[i], $"push/{channel}/{broadcast}"), options.Secret, time);
            var sender = all[i] = new PushSender(queues[i], client, options, time, logger, channel.Value, broadcast.Value, origins[i].ToString())
            {
                TakenDown = () => TakenDown?.Invoke(channel, broadcast),
            };
            Keep(tasks[i] = Task.Run(() => sender.RunAsync(stop.Token)));
        }
        broadcasts[broadcast.Value] = all;
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        tasks[^1] = end.Task;
        Keep(ForgetAsync(broadcast.Value, Task.WhenAll(tasks)));
        return new PushSink(history, queues, () => end.TrySetResult());
    }

    /// <summary>
    /// Has every origin delete a broadcast and take none of that id again, trying those that are not reached for
    /// <paramref name="patience"/>.
    /// </summary>
    /// <returns>Whether one of them had it, and those that were not reached.</returns>
    public async Task<(bool WasThere, IReadOnlyList<string> NotReached)> TakeDownAsync(BroadcastId broadcast, TimeSpan patience, CancellationToken cancellation)
    {
        var answers = await Task.WhenAll(origins.Select(origin => TakeDownAsync(origin, broadcast, patience, cancellation))).ConfigureAwait(false);
        return (answers.Contains(PushOutcome.Accepted), [.. origins.Where((_, i) => answers[i] is not (PushOutcome.Accepted or PushOutcome.Unknown)).Select(origin => origin.ToString())]);
    }

    private async Task<PushOutcome> TakeDownAsync(Uri origin, BroadcastId broadcast, TimeSpan patience, CancellationToken cancellation)
    {
        var client = new PushClient(http, new Uri(origin, $"push/{broadcast}"), options.Secret, time);
        var began = time.GetTimestamp();
        while (true)
        {
            var answer = await client.DeleteAsync(cancellation).ConfigureAwait(false);
            if (answer.Outcome is PushOutcome.Accepted or PushOutcome.Unknown)
                return answer.Outcome;
            if (time.GetElapsedTime(began) >= patience)
            {
                logger.NotTakenDown(origin.ToString(), broadcast.Value, answer.Reason);
                return answer.Outcome;
            }
            await Task.Delay(TimeSpan.FromSeconds(1), time, cancellation).ConfigureAwait(false);
        }
    }

    private async Task ForgetAsync(string broadcast, Task over)
    {
        await over.WaitAsync(stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        broadcasts.TryRemove(broadcast, out _);
    }

    /// <summary>Waits until every origin has what was ended, at most <paramref name="patience"/>.</summary>
    public async Task DrainAsync(TimeSpan patience, CancellationToken cancellation) =>
        await Task.WhenAll(senders.Keys).WaitAsync(patience, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <summary>Ends every sender. A second call does nothing: the factory is registered under two types, and disposed for each.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
            return;
        await stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(senders.Keys).ConfigureAwait(false);
        http.Dispose();
        stop.Dispose();
    }

    private void Keep(Task sender)
    {
        senders.TryAdd(sender, 0);
        sender.ContinueWith(static (ended, all) => ((ConcurrentDictionary<Task, byte>)all!).TryRemove(ended, out _), senders,
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }
}
