using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Push;

namespace Millrace.Delivery;

/// <summary>
/// The broadcasts that are pushed here, and who may push: one lock orders opening, ending, losing and taking them down.
/// Thread-safe.
/// </summary>
public sealed class PushedBroadcasts : IDisposable
{
    // Pushers hear of a takedown within seconds and stop; the ids are kept for those that were away.
    private const int MaxTakenDown = 10_000;

    /// <summary>
    /// How long after a start pushers are waited for: they try again every 4 s, and bring seconds of media in less than one.
    /// One that is gone for good holds up nobody.
    /// </summary>
    internal static readonly TimeSpan CatchUpPatience = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly Dictionary<string, PushedBroadcast> known = new(StringComparer.Ordinal);
    private readonly Queue<string> takenDownOrder = [];
    private readonly HashSet<string> takenDown = new(StringComparer.Ordinal);
    // Of an earlier run; their pushers have more of them than is here.
    private readonly HashSet<string> behind = new(StringComparer.Ordinal);
    private readonly OriginStore store;
    private readonly PushOptions options;
    private readonly TimeProvider time;
    private readonly ILogger<PushedBroadcasts> logger;
    private readonly ITimer watch;
    private readonly long startedAt;

    /// <param name="store">Where they are kept. Those of an earlier run wait for their pushers.</param>
    /// <param name="options">How many, how much, and how long unheard of.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Who came, and who was lost.</param>
    public PushedBroadcasts(OriginStore store, PushOptions options, TimeProvider time, ILogger<PushedBroadcasts> logger)
    {
        this.store = store;
        this.options = options;
        this.time = time;
        this.logger = logger;
        foreach (var recovered in store.Recovery.TakePushes())
        {
            known.Add(recovered.Id.Value, PushedBroadcast.Recovered(recovered, options.MaxBitrate, time));
            behind.Add(recovered.Id.Value);
        }
        startedAt = time.GetTimestamp();
        watch = time.CreateTimer(_ => Watch(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    /// <summary>Stops watching.</summary>
    public void Dispose() => watch.Dispose();

    /// <summary>
    /// Broadcasts of an earlier run are on air here, and what their pushers kept for this origin is still on its way: whoever
    /// watches them is better off elsewhere. At most 10 s from the start.
    /// </summary>
    public bool IsCatchingUp
    {
        get
        {
            lock (gate)
            {
                behind.RemoveWhere(id => known.TryGetValue(id, out var pushed) && pushed.Broadcast.IsEnded);
                if (behind.Count > 0 && time.GetElapsedTime(startedAt) >= CatchUpPatience)
                {
                    logger.NotCaughtUp(behind.Count, CatchUpPatience.TotalSeconds);
                    behind.Clear();
                }
                return behind.Count > 0;
            }
        }
    }

    /// <inheritdoc cref="OriginStore.FindChannel"/>
    public ChannelName? FindChannel(BroadcastId id) => store.FindChannel(id);

    /// <summary>
    /// Deletes a broadcast that is or was pushed here, and takes none of that id again: nothing of it can be fetched when this
    /// returns. What was deleted, the broadcast first and then its clips; empty when there is none.
    /// </summary>
    public IReadOnlyList<BroadcastId> TakeDown(BroadcastId id)
    {
        IReadOnlyList<BroadcastId> gone;
        PushedBroadcast? pushed;
        lock (gate)
        {
            var isOnAir = known.Remove(id.Value, out pushed) && !pushed.Broadcast.IsEnded;
            if (isOnAir)
                pushed!.Broadcast.End();
            behind.Remove(id.Value);
            if (takenDown.Add(id.Value))
                takenDownOrder.Enqueue(id.Value);
            if (takenDownOrder.Count > MaxTakenDown)
                takenDown.Remove(takenDownOrder.Dequeue());
            gone = store.TakeDown(id);
            if (gone.Count == 0 && isOnAir)
                gone = [id];
        }
        // Its pusher hears of it when it asks why, and has the other origins do the same.
        pushed?.Expel();
        return gone;
    }

    /// <summary>The broadcast of that id, or why it cannot be pushed to: null and None when it is not known.</summary>
    /// <param name="channel">Whose it is.</param>
    /// <param name="id">Its id.</param>
    /// <param name="generation">Which pusher asks.</param>
    internal (PushedBroadcast? Broadcast, PushRefusal Refusal) Find(ChannelName channel, BroadcastId id, ulong generation = ulong.MaxValue)
    {
        lock (gate)
            return FindLocked(channel, id, generation);
    }

    /// <summary>What is pushed here of a channel and on air, for another pusher to take over; null and None when nothing is.</summary>
    internal (PushedBroadcast? Broadcast, PushRefusal Refusal) FindOnAir(ChannelName channel)
    {
        lock (gate)
        {
            if (store.FindNewest(channel.Value) is not { IsEnded: false } newest)
                return (null, PushRefusal.None);
            // One that nothing was told of yet begins as well elsewhere.
            return !known.TryGetValue(newest.Id.Value, out var pushed) ? (null, PushRefusal.AnothersBroadcast)
                : newest.Timeline.Read().Periods.Count == 0 ? (null, PushRefusal.None) : (pushed, PushRefusal.None);
        }
    }

    /// <summary>Its pusher has nothing more of it.</summary>
    internal void CaughtUp(BroadcastId id)
    {
        lock (gate)
            behind.Remove(id.Value);
    }

    /// <summary>Opens a broadcast, or finds the one that is open already.</summary>
    internal (PushedBroadcast? Broadcast, PushRefusal Refusal) Open(ChannelName channel, BroadcastId id, PushOpen open, ulong generation = 0)
    {
        lock (gate)
        {
            // 1. It is here: the same one goes on, unless it is to begin anew.
            var (here, refusal) = FindLocked(channel, id, generation);
            // It ended here because nothing was heard of it for too long; the pusher knows better.
            if (refusal == PushRefusal.Ended && open.IsAnew)
                store.Delete(id);
            else if (refusal != PushRefusal.None)
                return (null, refusal);
            if (here is not null && !open.IsAnew)
                return here.IsSame(open) ? (here, PushRefusal.None) : (null, PushRefusal.OtherContract);
            if (known.Remove(id.Value, out var old))
                store.Remove(old.Broadcast);
            if (store.IsLeaving(id))
                return (null, PushRefusal.Leaving);
            if (known.Values.Count(pushed => !pushed.Broadcast.IsEnded) >= options.MaxBroadcasts)
                return (null, PushRefusal.TooMany);

            // 2. A channel is on air once: the newer broadcast ends the older one, whose ingest node died without saying so.
            if (store.FindNewest(channel.Value) is { IsEnded: false } before)
            {
                if (!known.ContainsKey(before.Id.Value))
                    return (null, PushRefusal.AnothersBroadcast);
                before.End();
            }
            var opened = store.OpenPushed(channel, id, open.Contract, open.StartedAt);
            var pushed = new PushedBroadcast(opened, options.MaxBitrate, time);
            pushed.Admit(generation);
            known.Add(id.Value, pushed);
            logger.PushOpened(channel.Value, id.Value);
            return (pushed, PushRefusal.None);
        }
    }

    private (PushedBroadcast? Broadcast, PushRefusal Refusal) FindLocked(ChannelName channel, BroadcastId id, ulong generation)
    {
        if (takenDown.Contains(id.Value))
            return (null, PushRefusal.TakenDown);
        if (store.FindNewest(channel.Value) is { } newest && string.CompareOrdinal(newest.Id.Value, id.Value) > 0)
            return (null, PushRefusal.Superseded);
        if (known.TryGetValue(id.Value, out var found))
        {
            if (found.Broadcast.Channel != channel)
                return (null, PushRefusal.AnothersBroadcast);
            if (generation < found.Generation)
                return (null, PushRefusal.TakenOver);
            return found.IsLost ? (null, PushRefusal.None) : (found, PushRefusal.None);
        }
        // What has ended in an earlier run stays as it is. An id that is here from somewhere else is not the pusher's.
        if (store.Replays.Find(id.Value) is { } replay)
            return (null, replay.Channel == channel ? PushRefusal.Ended : PushRefusal.AnothersBroadcast);
        return (null, store.Find(id.Value) is null ? PushRefusal.None : PushRefusal.AnothersBroadcast);
    }

    private void Watch()
    {
        lock (gate)
        {
            foreach (var (id, pushed) in known)
            {
                if (store.Find(id) != pushed.Broadcast)
                {
                    known.Remove(id);
                }
                else if (!pushed.Broadcast.IsEnded && pushed.Silence > options.LostAfter)
                {
                    pushed.IsLost = true;
                    pushed.Broadcast.End();
                    logger.PushLost(pushed.Broadcast.Channel.Value, id, options.LostAfter.TotalSeconds);
                }
            }
        }
    }
}

/// <summary>Why a push is not taken.</summary>
internal enum PushRefusal
{
    /// <summary>It is.</summary>
    None,
    /// <summary>The id belongs to another channel, or the channel is on air from this very node.</summary>
    AnothersBroadcast,
    /// <summary>The channel has a newer broadcast.</summary>
    Superseded,
    /// <summary>Another pusher has taken the broadcast over.</summary>
    TakenOver,
    /// <summary>The broadcast is open under other promises.</summary>
    OtherContract,
    /// <summary>Too many broadcasts are pushed here.</summary>
    TooMany,
    /// <summary>An operator took it down.</summary>
    TakenDown,
    /// <summary>It has ended, and is a replay.</summary>
    Ended,
    /// <summary>What was here of it is still being deleted.</summary>
    Leaving,
}
