using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Delivery.Relay;

/// <summary>A relay put together: cache, parents, followers. One per process; started and disposed by its owner.</summary>
public sealed class RelayNode : IAsyncDisposable
{
    /// <summary>
    /// How <c>/health/ready</c> begins, with 200, on a relay that is <see cref="IsCutOff"/>: balancers leave it its viewers, for whom it
    /// has what it keeps, and relays below go to another parent if they have one.
    /// </summary>
    public const string CutOffHealth = "ok\nno parent answers\n";

    /// <summary>The header of <c>/health/ready</c> in which relays below find who stands above them (<see cref="Above"/>).</summary>
    public const string AboveHeader = "Millrace-Above";

    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(5);

    private readonly HttpMessageInvoker http;
    private readonly ParentProbe probe;
    private readonly ILogger logger;
    private readonly CancellationTokenSource stop = new();
    private readonly RecentPurges purges;
    private readonly Upstream upstream;
    private readonly RelayDisk? disk;
    private Task sweeping = Task.CompletedTask;
    private int waiting;

    /// <summary>With connections of its own to the parents.</summary>
    public RelayNode(RelayOptions options, TimeProvider time, ILogger<RelayNode> logger)
        : this(options, time, logger, Sockets(options))
    {
    }

    /// <summary>Over another handler: a scripted parent in tests.</summary>
    internal RelayNode(RelayOptions options, TimeProvider time, ILogger logger, HttpMessageHandler handler)
    {
        this.logger = logger;
        Options = options;
        Time = time;
        http = PeerHttp.Over(handler);
        Memory = new RelayMemory(options.MemoryBytes / 4);
        Directories = new LiveDirectories(time);
        disk = options.DiskCache.Length == 0 ? null : new RelayDisk(options, time, logger);
        Cache = new RelayCache(options, Memory, time) { IsLive = Directories.IsLive, Disk = disk };
        Parents = new ParentSet(options, time, logger);
        purges = new RecentPurges(time);
        upstream = new Upstream(Parents, new UpstreamJudge(purges), http, options, time);
        Viewers = new ReplayViewers(upstream, Loops, options, time);
        Passage = new RelayPassage(upstream, Loops, options);
        Cache.Fetch = new RelayFetcher(Cache, upstream, Directories, Viewers, Memory, disk, Loops, options, time, logger).RunAsync;
        Directories.Follow = new LiveFollower(Cache, time).RunAsync;
        Status = new CacheStatus(options.Name);
        probe = new ParentProbe(Parents, http, options, time, Loops);
    }

    /// <summary>None of the parents answers, or has itself a parent that does.</summary>
    public bool IsCutOff => Parents.All.All(parent => parent.IsFailing);

    /// <summary>This node and those above it, so that one of them that has it for a parent notices.</summary>
    public string Above => Loops.Above(Parents.All);

    /// <summary>How parents are asked; disposed with the node.</summary>
    internal HttpMessageInvoker Http => http;

    internal RelayOptions Options { get; }

    internal TimeProvider Time { get; }

    internal RelayMemory Memory { get; }

    internal RelayCache Cache { get; }

    internal RelayDisk? Disk => disk;

    internal RelayPassage Passage { get; }

    internal LiveDirectories Directories { get; }

    internal ReplayViewers Viewers { get; }

    internal ParentSet Parents { get; }

    internal LoopGuard Loops { get; } = new();

    internal CacheStatus Status { get; }

    /// <summary>Counts requests that wait for an answer's head; how many there are now.</summary>
    internal int AddWaiting(int count)
    {
        RelayMetrics.AddWaiting(count);
        return Interlocked.Add(ref waiting, count);
    }

    /// <summary>Begins to look after the parents.</summary>
    public void Start()
    {
        probe.Start();
        sweeping = SweepAsync();
    }

    /// <summary>Drops everything whose path begins so, and takes none of it from a parent that kept it since before; how many objects that were.</summary>
    /// <param name="prefix">What.</param>
    /// <param name="ago">How long ago the purge was begun.</param>
    public int Purge(string prefix, TimeSpan ago = default)
    {
        // First: nobody who asks once the copy here is gone brings it back.
        purges.Add(prefix, ago);
        var count = Cache.Purge(prefix);
        RelayMetrics.Purges.Add(1);
        logger.Purged(prefix, count);
        return count;
    }

    /// <summary>Answers everyone who waits for an answer to begin and asks parents for nothing more; what is under way goes on.</summary>
    public async Task DrainAsync()
    {
        Cache.EndWaits();
        await Directories.StopAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await DrainAsync();
        await Cache.StopAsync();
        await Viewers.StopAsync();
        await upstream.StopAsync();
        await stop.CancelAsync();
        await sweeping;
        await probe.DisposeAsync();
        if (disk is not null)
            await disk.DisposeAsync();
        http.Dispose();
        stop.Dispose();
        Memory.Dispose();
    }

    private async Task SweepAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            await Task.Delay(SweepInterval, Time, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Cache.Sweep();
            Directories.Sweep();
            Viewers.Sweep();
        }
    }

    private static SocketsHttpHandler Sockets(RelayOptions options)
    {
        var handler = PeerHttp.Sockets();
        handler.ConnectTimeout = options.ConnectTimeout;
        // Below the parents' Http:KeepAlive (75 s), so that it is this side that closes.
        handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(50);
        // Names are looked up again.
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(10);
        return handler;
    }
}
