using System.Collections.Concurrent;
using System.Security.Cryptography;
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
    // A minute of segments of two seconds: origins keep a broadcast for no longer by default (Origin:LostAfter).
    private const long MaxLeftOut = 30;

    // Renditions end at the same moment to a tick of their timescales; origins agree on when the next period begins.
    private static readonly TimeSpan Rounding = TimeSpan.FromMilliseconds(2);

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
    /// <param name="dataPath"><c>Data:Path</c>, where it is kept of which takedowns an origin that is away has not heard.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where trouble with origins is said.</param>
    public PushSinkFactory(PushOptions options, string dataPath, TimeProvider time, ILogger<PushSinkFactory> logger)
        : this(options, dataPath, time, logger, Sockets())
    {
    }

    internal PushSinkFactory(PushOptions options, string dataPath, TimeProvider time, ILogger<PushSinkFactory> logger, HttpMessageHandler handler)
    {
        this.options = options;
        this.time = time;
        this.logger = logger;
        http = PeerHttp.Over(handler);
        origins = [.. options.Push.Select(Takedowns.AddressOf)];
        Takedowns = new Takedowns(options, options.Push, dataPath, http, time, logger);
        PushMetrics.Announce();
    }

    /// <summary>How long a publisher waits for origins that may have its broadcast: those that live answer in milliseconds.</summary>
    internal TimeSpan TakeOverPatience { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>How the origins are told of a takedown.</summary>
    public Takedowns Takedowns { get; }

    /// <summary>An operator took a broadcast down at one of the origins. Raised on a pool thread, once for each origin.</summary>
    public event Action<ChannelName, BroadcastId>? TakenDown;

    /// <summary>A broadcast goes on from another ingest node: nothing more of it is sent. Raised on a pool thread, once.</summary>
    public event Action<ChannelName, BroadcastId>? TakenOver;

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
    public IBroadcastSink Open(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt) =>
        Begin(channel, broadcast, new PushHistory(contract, startedAt), Nonce());

    /// <inheritdoc/>
    public async Task<RecoveredBroadcast?> TakeOverAsync(ChannelName channel, CancellationToken cancellation)
    {
        // 1. From now on the origins take frames of a channel's broadcast from here alone, and say where it is.
        var nonce = Nonce();
        using var limit = new CancellationTokenSource(TakeOverPatience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        var answers = await Task.WhenAll(origins.Select(origin =>
            new PushClient(http, new Uri(origin, $"push/{channel}"), options.Secret, time, nonce).TakeOverAsync(both.Token))).ConfigureAwait(false);
        cancellation.ThrowIfCancellationRequested();
        if (PushOnAir.Join(answers) is not { } onAir)
            return null;

        // 2. What has been told of it, and where its media end.
        var history = new PushHistory(onAir.Open.Contract, onAir.Open.StartedAt);
        try
        {
            history.Load(onAir.Story);
            return GoOn(channel, onAir, history, answers.Count(answer => answer?.Id == onAir.Id), answers.Contains(null));
        }
        catch (Exception fault) when (fault is InvalidOperationException or ArgumentException or OverflowException)
        {
            // An origin contradicts itself: the channel begins a new broadcast.
            logger.NotGoneOn(channel.Value, onAir.Id.Value, fault.Message);
            return null;
        }
    }

    private RecoveredBroadcast GoOn(ChannelName channel, PushOnAir onAir, PushHistory history, int count, bool isOneSilent)
    {
        var period = ((PushPeriod)onAir.Story.Last(frame => frame is PushPeriod)).Description;
        var tails = onAir.End.Renditions;
        if (tails.Count != period.Renditions.Count)
            throw new ArgumentException("It has other renditions than it says.");
        var (end, decodeEnd) = (period.Start, period.Start);
        for (var i = 0; i < tails.Count; i++)
        {
            if (tails[i].Segments is not [.., var last])
                continue;
            var shown = last.End with { Ticks = last.End.Ticks + tails[i].PresentationDelay };
            end = shown > end ? shown : end;
            decodeEnd = i == 0 ? last.End : decodeEnd;
        }
        var (first, target) = (onAir.End.FirstSegment, onAir.Open.Contract.TargetDuration);
        // One that does not answer may have more than all others: as many segments as there was time for.
        if (isOneSilent)
            first += 1 + Math.Clamp((long)Math.Ceiling((time.GetUtcNow() - history.WallClockAt(end)).TotalSeconds / target), 0, MaxLeftOut);
        // Origins fill the numbers that are left out with gaps of that length.
        var filled = (first - tails[0].NextSegment) * target;
        end = end with { Ticks = end.Ticks + filled * end.Timescale };
        decodeEnd = decodeEnd with { Ticks = decodeEnd.Ticks + filled * decodeEnd.Timescale };
        history.GoOnAt(first, history.WallClockAt(end) + Rounding);
        var sink = Begin(channel, onAir.Id, history, onAir.Generation);
        sink.Resume(onAir.End with { FirstSegment = first });
        logger.GoesOn(channel.Value, onAir.Id.Value, count, first);
        return new RecoveredBroadcast(channel, onAir.Id, onAir.Open.StartedAt, onAir.Open.Contract, first, end, decodeEnd, sink);
    }

    private static SocketsHttpHandler Sockets()
    {
        var handler = PeerHttp.Sockets();
        handler.ConnectTimeout = TimeSpan.FromSeconds(2);
        // Names are looked up anew after it: an origin may have moved.
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(2);
        return handler;
    }

    // The lower half of a generation: two pushers are never the same one. Origins count in the upper half.
    private static ulong Nonce() => BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint)));

    private PushSink Begin(ChannelName channel, BroadcastId broadcast, PushHistory history, ulong generation)
    {
        var queues = new PushQueue[origins.Length];
        var all = new PushSender[origins.Length];
        var tasks = new Task[origins.Length + 1];
        var isTakenOver = 0;
        for (var i = 0; i < queues.Length; i++)
        {
            queues[i] = new PushQueue(history, options, time);
            var client = new PushClient(http, new Uri(origins[i], $"push/{channel}/{broadcast}"), options.Secret, time, generation);
            var sender = all[i] = new PushSender(queues[i], client, options, time, logger, channel.Value, broadcast.Value, origins[i].ToString())
            {
                TakenDown = () => TakenDown?.Invoke(channel, broadcast),
                TakenOver = () =>
                {
                    // Its end, which follows, is for no origin to hear: it would end what goes on there.
                    foreach (var queue in queues)
                        queue.Dispose();
                    if (Interlocked.Exchange(ref isTakenOver, 1) == 0)
                        TakenOver?.Invoke(channel, broadcast);
                },
            };
            Keep(tasks[i] = Task.Run(() => sender.RunAsync(stop.Token)));
        }
        broadcasts[broadcast.Value] = all;
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        tasks[^1] = end.Task;
        Keep(ForgetAsync(KeyValuePair.Create(broadcast.Value, all), Task.WhenAll(tasks)));
        return new PushSink(history, queues, () => end.TrySetResult());
    }

    private async Task ForgetAsync(KeyValuePair<string, PushSender[]> pushed, Task over)
    {
        await over.WaitAsync(stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        broadcasts.TryRemove(pushed);
    }

    /// <summary>
    /// Nothing more comes of any broadcast: waits until every origin has what there is, at most <paramref name="patience"/>. What
    /// has not ended waits there for another pusher.
    /// </summary>
    public Task DrainAsync(TimeSpan patience, CancellationToken cancellation) =>
        Task.WhenAll(broadcasts.SelectMany(pushed => pushed.Value).Select(sender => sender.LeaveAsync(patience, cancellation)));

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
