using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Packaging;

namespace Millrace.Delivery;

/// <summary>
/// Keeps broadcasts: those on air, and for <see cref="DeliveryOptions.KeepEnded"/> those that have ended. Thread-safe.
/// </summary>
public sealed class OriginStore : IBroadcastSinkFactory, IDisposable
{
    // Ended broadcasts go early when there are more: a publisher that comes and goes all the time does not fill the disk.
    private const int MaxEnded = 200;

    private readonly ConcurrentDictionary<string, OriginBroadcast> broadcasts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, OriginBroadcast> newest = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, OriginBroadcast>.AlternateLookup<ReadOnlySpan<char>> byId;
    private readonly ConcurrentDictionary<string, OriginBroadcast>.AlternateLookup<ReadOnlySpan<char>> byChannel;
    private readonly Queue<(OriginBroadcast Broadcast, long At)> ended = [];
    private readonly DeliveryOptions options;
    private readonly TimeSpan window;
    private readonly string spoolDirectory;
    private readonly TimeProvider time;
    private readonly ITimer reaper;
    private readonly Spooler spooler;

    /// <param name="options">What is kept, and for how long.</param>
    /// <param name="window">How far back live playlists go: <c>Packaging:Window</c>.</param>
    /// <param name="dataPath"><c>Data:Path</c>; the spool is its directory <c>live</c>, emptied now of what a crash left.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where trouble with the disk is said.</param>
    public OriginStore(DeliveryOptions options, TimeSpan window, string dataPath, TimeProvider time, ILogger<OriginStore> logger)
    {
        this.options = options;
        this.window = window;
        this.time = time;
        DeliveryMetrics.Announce();
        spoolDirectory = Path.Combine(Path.GetFullPath(dataPath), "live");
        byId = broadcasts.GetAlternateLookup<ReadOnlySpan<char>>();
        byChannel = newest.GetAlternateLookup<ReadOnlySpan<char>>();
        spooler = new Spooler(options, time, logger);
        Sweep(logger);
        reaper = time.CreateTimer(_ => Reap(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    /// <summary>All broadcasts that can be fetched.</summary>
    public IEnumerable<OriginBroadcast> Broadcasts => broadcasts.Select(entry => entry.Value);

    /// <summary>The spool cannot be written at the moment: streams are live, but their windows get shorter.</summary>
    public bool IsSpoolFailing => spooler.IsFailing;

    internal Spooler Spooler => spooler;

    /// <inheritdoc/>
    public IBroadcastSink Open(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt)
    {
        var opened = new OriginBroadcast(
            this, spooler, options, window, Path.Combine(spoolDirectory, broadcast.Value), channel, broadcast, contract, startedAt);
        if (!broadcasts.TryAdd(broadcast.Value, opened))
            throw new InvalidOperationException($"Broadcast {broadcast} is open already.");
        DeliveryMetrics.AddBroadcasts(1);
        newest[channel.Value] = opened;
        return opened;
    }

    /// <summary>The broadcast of that id, or null.</summary>
    public OriginBroadcast? Find(ReadOnlySpan<char> id) => byId.TryGetValue(id, out var found) ? found : null;

    /// <summary>The newest broadcast of a channel, on air or just ended; null when there is none.</summary>
    public OriginBroadcast? FindNewest(ReadOnlySpan<char> channel) => byChannel.TryGetValue(channel, out var found) ? found : null;

    /// <summary>Ends every broadcast that is still on air: whoever waits for its future gets the end instead.</summary>
    public void EndAll()
    {
        foreach (var broadcast in Broadcasts)
            broadcast.End();
    }

    /// <summary>Frees everything and waits a moment for the disk.</summary>
    public void Dispose()
    {
        reaper.Dispose();
        EndAll();
        foreach (var broadcast in Broadcasts)
            Free(broadcast);
        spooler.Dispose();
    }

    internal void Ended(OriginBroadcast broadcast)
    {
        lock (ended)
            ended.Enqueue((broadcast, time.GetTimestamp()));
    }

    private void Reap()
    {
        while (true)
        {
            OriginBroadcast? due = null;
            lock (ended)
            {
                if (ended.TryPeek(out var oldest) && (ended.Count > MaxEnded || time.GetElapsedTime(oldest.At) >= options.KeepEnded))
                    due = ended.Dequeue().Broadcast;
            }
            if (due is null)
                return;
            Free(due);
        }
    }

    private void Free(OriginBroadcast broadcast)
    {
        if (!broadcasts.TryRemove(broadcast.Id.Value, out _))
            return;
        newest.TryRemove(KeyValuePair.Create(broadcast.Channel.Value, broadcast));
        broadcast.Free();
        DeliveryMetrics.AddBroadcasts(-1);
    }

    private void Sweep(ILogger logger)
    {
        if (!Directory.Exists(spoolDirectory))
            return;
        var count = 0;
        foreach (var directory in Directory.EnumerateDirectories(spoolDirectory))
        {
            // Only what we could have made.
            if (!BroadcastId.TryParse(Path.GetFileName(directory), out _))
                continue;
            spooler.DeleteDirectory(directory);
            count++;
        }
        if (count > 0)
            logger.SpoolSwept(count);
    }
}
