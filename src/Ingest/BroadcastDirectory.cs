using Millrace.Core;
using Millrace.Packaging;

namespace Millrace.Ingest;

/// <summary>
/// The broadcasts of this node, at most one per channel, and who may publish to them. Thread-safe.
/// </summary>
/// <remarks>
/// One lock orders what happens seldom (publish, close, the end of a grace period). It is taken before a broadcast's own,
/// never after. Events are raised outside of both on the thread that caused them; handlers must not block.
/// </remarks>
public sealed class BroadcastDirectory : IDisposable
{
    private static readonly PublishRejection Stopping = new(PublishRejectionReason.ShuttingDown, "The server is stopping; try again in a moment.");

    private readonly Lock gate = new();
    private readonly Dictionary<ChannelName, Entry> entries = [];
    private readonly Dictionary<ChannelName, Task> preparing = [];
    private readonly CancellationTokenSource stop = new();
    private readonly IngestOptions ingest;
    private readonly PackagingOptions packaging;
    private readonly IBroadcastSinkFactory sinks;
    private readonly MediaBlockPool pool;
    private readonly TimeProvider time;
    private readonly Ladders? ladders;
    private readonly IngestTotals totals = new();
    private bool stopped;

    /// <param name="ingest">How publishers are let in and kept.</param>
    /// <param name="packaging">How broadcasts are cut.</param>
    /// <param name="sinks">Where media goes.</param>
    /// <param name="pool">Memory for media.</param>
    /// <param name="time">Wall clock and timers.</param>
    /// <param name="ladders">What makes further renditions, or null: viewers get the publisher's own.</param>
    public BroadcastDirectory(
        IngestOptions ingest, PackagingOptions packaging, IBroadcastSinkFactory sinks, MediaBlockPool pool, TimeProvider time,
        Ladders? ladders = null)
    {
        this.ingest = ingest;
        this.packaging = packaging;
        this.sinks = sinks;
        this.pool = pool;
        this.time = time;
        this.ladders = ladders;
        foreach (var recovered in sinks.TakeRecovered())
            Adopt(recovered);
    }

    /// <summary>A publisher came to a channel: a new broadcast, or one that goes on.</summary>
    public event Action<Broadcast>? PublisherJoined;

    /// <summary>A broadcast's publisher went; it may come back.</summary>
    public event Action<Broadcast>? PublisherLeft;

    /// <summary>A broadcast is over.</summary>
    public event Action<Broadcast>? Ended;

    /// <summary>A data message came.</summary>
    public event Action<Broadcast, StreamData>? DataReceived;

    /// <summary>The channel's broadcast, or null.</summary>
    public Broadcast? Find(ChannelName channel)
    {
        lock (gate)
            return entries.TryGetValue(channel, out var entry) ? entry.Broadcast : null;
    }

    /// <summary>All broadcasts now.</summary>
    public IReadOnlyList<Broadcast> List()
    {
        lock (gate)
            return [.. entries.Values.Select(e => e.Broadcast)];
    }

    /// <summary>What this node's ingest has done so far, broadcasts that are over included. Never decreases.</summary>
    public IngestTotals Totals => totals;

    /// <summary>What is wrong with a broadcast of that health, measured by this node's options.</summary>
    public IReadOnlyList<HealthProblem> FindProblems(BroadcastHealth health) => HealthProblem.Find(health, ingest, packaging, time.GetUtcNow());

    /// <summary>
    /// Before <see cref="Publish"/>: a broadcast of the channel that another node had, or this one before it was killed, becomes this
    /// node's, so that the publisher goes on with it. Waits for the origins' answer where they are elsewhere; else it ends at once.
    /// </summary>
    public async Task PrepareAsync(ChannelName channel, CancellationToken cancellation)
    {
        TaskCompletionSource? own = null;
        Task? others;
        lock (gate)
        {
            if (stopped || entries.ContainsKey(channel) || ingest.ReconnectGrace == TimeSpan.Zero)
                return;
            if (!preparing.TryGetValue(channel, out others))
                preparing.Add(channel, (own = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task);
        }
        // Two publishers of a channel must not take it from each other: the second one waits for the first.
        if (own is null)
        {
            await others!.WaitAsync(cancellation).ConfigureAwait(false);
            return;
        }
        try
        {
            if (await sinks.TakeOverAsync(channel, stop.Token).ConfigureAwait(false) is { } found)
                Adopt(found);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The node stops, and says so to whoever publishes.
        }
        finally
        {
            lock (gate)
                preparing.Remove(channel);
            own.TrySetResult();
        }
    }

    /// <summary>Lets an admitted publisher onto its channel, or says why not.</summary>
    /// <param name="channel">The channel that <see cref="Admission"/> found.</param>
    /// <param name="onEvicted">
    /// Called once, by any thread, when the session loses its channel without its own doing. The shell then answers and
    /// closes the connection, and calls <see cref="PublishSession.Close"/> on the connection's thread as always.
    /// </param>
    public (PublishSession? Session, PublishRejection? Rejection) Publish(ChannelName channel, Action<PublishRejection> onEvicted)
    {
        PublishSession? evicted = null;
        PublishSession session;
        var now = time.GetUtcNow();
        lock (gate)
        {
            if (stopped)
                return (null, Stopping);
            if (entries.TryGetValue(channel, out var entry) && entry.Broadcast.Session is { } current)
            {
                var silent = now.UtcTicks - current.LastReceivedAt;
                if (ingest.OnDuplicate == DuplicatePolicy.Reject && silent < ingest.DeadAfter.Ticks)
                    return (null, new PublishRejection(PublishRejectionReason.AlreadyLive, "Somebody is publishing to this channel already."));
                entry.Broadcast.Detach(current);
                evicted = current;
            }
            if (entry is null)
            {
                entry = new Entry(new Broadcast(channel, BroadcastId.New(now), now, ingest, packaging, sinks, pool, ladders));
                entries.Add(channel, entry);
                totals.Begin(entry.Broadcast);
            }
            entry.StopTimer();
            session = new PublishSession(this, entry.Broadcast, ingest, pool, now.UtcTicks, onEvicted);
            entry.Broadcast.Attach(session);
        }
        evicted?.Evict(new PublishRejection(PublishRejectionReason.Replaced, "Another publisher has taken this channel over."));
        PublisherJoined?.Invoke(session.Broadcast);
        return (session, null);
    }

    /// <summary>Ends a channel's broadcast at once and closes its publisher. False when there is none.</summary>
    public bool End(ChannelName channel, PublishRejection reason)
    {
        Entry? entry;
        lock (gate)
        {
            if (!entries.Remove(channel, out entry))
                return false;
        }
        Finish(entry, reason);
        return true;
    }

    /// <summary>
    /// No publisher is let in any more, those that are here are told and closed, and every open segment is ended. What comes next of
    /// the broadcasts is <see cref="IngestOptions.OnStop"/>; where they wait, their encoders have <paramref name="patience"/> for what
    /// is on its way through them.
    /// </summary>
    public async Task StopAsync(TimeSpan patience)
    {
        List<Entry> all;
        lock (gate)
        {
            stopped = true;
            all = [.. entries.Values];
        }
        await stop.CancelAsync().ConfigureAwait(false);
        if (Waits)
            await Task.WhenAll(all.Select(Leave)).WaitAsync(patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Dispose();
    }

    /// <summary>As <see cref="StopAsync"/>, without waiting for encoders. A second call does nothing.</summary>
    public void Dispose()
    {
        List<Entry> all;
        lock (gate)
        {
            stopped = true;
            all = [.. entries.Values];
            entries.Clear();
        }
        stop.Cancel();
        foreach (var entry in all)
        {
            if (Waits)
            {
                _ = Leave(entry);
                if (entry.Broadcast.Release())
                    totals.End(entry.Broadcast);
            }
            else
            {
                Finish(entry, Stopping);
            }
        }
    }

    // Without a grace period nobody would go on with them.
    private bool Waits => ingest.OnStop == StopPolicy.Wait && ingest.ReconnectGrace > TimeSpan.Zero;

    /// <summary>Lets a broadcast's publisher go. The task is the tail of its encoders; nobody has to await it.</summary>
    private Task Leave(Entry entry)
    {
        PublishSession? session;
        Task tail;
        lock (gate)
        {
            entry.StopTimer();
            session = entry.Broadcast.Session;
            tail = entry.Broadcast.LeaveAsync();
        }
        session?.Evict(Stopping);
        return tail;
    }

    /// <summary>A session's connection is gone.</summary>
    internal void Close(PublishSession session)
    {
        var broadcast = session.Broadcast;
        var over = false;
        lock (gate)
        {
            if (!broadcast.Detach(session))
                return;
            if (!entries.TryGetValue(broadcast.Channel, out var entry) || entry.Broadcast != broadcast)
                return;
            if (!broadcast.WasOnAir || ingest.ReconnectGrace == TimeSpan.Zero)
            {
                entries.Remove(broadcast.Channel);
                over = broadcast.End();
                totals.End(broadcast);
            }
            else
            {
                entry.StartTimer(time, ingest.ReconnectGrace, Expire);
            }
        }
        PublisherLeft?.Invoke(broadcast);
        if (over)
            Ended?.Invoke(broadcast);
    }

    /// <summary>A broadcast of an earlier run is on air again, and waits for its publisher as long as any other.</summary>
    private void Adopt(RecoveredBroadcast recovered)
    {
        var broadcast = new Broadcast(recovered, ingest, packaging, sinks, pool, ladders);
        totals.Begin(broadcast);
        if (ingest.ReconnectGrace == TimeSpan.Zero)
        {
            broadcast.End();
            totals.End(broadcast);
            return;
        }
        lock (gate)
        {
            var entry = new Entry(broadcast);
            if (!stopped && entries.TryAdd(recovered.Channel, entry))
            {
                entry.StartTimer(time, ingest.ReconnectGrace, Expire);
                return;
            }
        }
        // The node stops.
        if (Waits)
            broadcast.Release();
        else
            broadcast.End();
        totals.End(broadcast);
    }

    internal void Report(Broadcast broadcast, StreamData data) => DataReceived?.Invoke(broadcast, data);

    private void Expire(Entry entry, int generation)
    {
        var broadcast = entry.Broadcast;
        lock (gate)
        {
            // The publisher came back while the timer was on its way.
            if (!entry.IsCurrent(generation) || !entries.TryGetValue(broadcast.Channel, out var current) || current != entry)
                return;
            entries.Remove(broadcast.Channel);
            entry.StopTimer();
            broadcast.End();
            totals.End(broadcast);
        }
        Ended?.Invoke(broadcast);
    }

    private void Finish(Entry entry, PublishRejection reason)
    {
        PublishSession? session;
        lock (gate)
        {
            entry.StopTimer();
            session = entry.Broadcast.Session;
            if (!entry.Broadcast.End())
                return;
            totals.End(entry.Broadcast);
        }
        session?.Evict(reason);
        Ended?.Invoke(entry.Broadcast);
    }

    /// <summary>A broadcast and the timer of its grace period. Used under the directory's lock.</summary>
    private sealed class Entry(Broadcast broadcast)
    {
        private ITimer? timer;
        private int generation;

        public Broadcast Broadcast { get; } = broadcast;

        public bool IsCurrent(int of) => timer is not null && generation == of;

        public void StartTimer(TimeProvider time, TimeSpan after, Action<Entry, int> expire)
        {
            StopTimer();
            var own = ++generation;
            timer = time.CreateTimer(_ => expire(this, own), null, after, Timeout.InfiniteTimeSpan);
        }

        public void StopTimer()
        {
            timer?.Dispose();
            timer = null;
        }
    }
}
