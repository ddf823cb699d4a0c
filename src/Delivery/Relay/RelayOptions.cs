using System.ComponentModel.DataAnnotations;

namespace Millrace.Delivery.Relay;

/// <summary>Delivery from other nodes (<c>millrace node --roles relay</c>): section <c>Relay</c>.</summary>
public sealed class RelayOptions
{
    /// <summary>
    /// Addresses of the nodes to fetch from, <c>http://host:port</c>; <c>--parent URL</c> on the command line adds one. Default
    /// none: a node that takes streams in serves what it takes in.
    /// </summary>
    public IReadOnlyList<string> Parents { get; set; } = [];

    /// <summary>
    /// This node's name in <c>Cache-Status</c>: a letter, then letters, digits, <c>.</c>, <c>_</c> and <c>-</c>, at most 63.
    /// Default empty: the machine's name.
    /// </summary>
    public string Name { get; set; } = "";

    /// <summary>
    /// Most bytes of bodies held in memory, 16 MiB to 1 TiB. Default 256 MiB: the live windows that players really ask for of
    /// some 60 broadcasts at 6 Mbit/s in three renditions.
    /// </summary>
    [Range(16L << 20, 1L << 40)]
    public long MemoryBytes { get; set; } = 256L << 20;

    /// <summary>
    /// Most bytes of one object, 64 KiB to 1 GiB, and a quarter of <see cref="MemoryBytes"/> at most. Default 64 MiB: a segment
    /// of 10 s at the 50 Mbit/s that ingest takes. What is larger goes to each viewer by a request of its own.
    /// </summary>
    [Range(64L << 10, 1L << 30)]
    public long MaxObjectBytes { get; set; } = 64L << 20;

    /// <summary>
    /// A directory for replays that memory has to drop and that were asked for more than once; emptied at each start. Its own
    /// for each relay. Default empty: there is no disk cache.
    /// </summary>
    public string DiskCache { get; set; } = "";

    /// <summary>Most bytes of bodies in <see cref="DiskCache"/>, 64 MiB to 64 TiB. Default 10 GiB: some four hours of video at 6 Mbit/s.</summary>
    [Range(64L << 20, 64L << 40)]
    public long DiskCacheBytes { get; set; } = 10L << 30;

    /// <summary>Most objects held in memory, and as many on disk, 1000 to 10000000. Default 100000: about 1 KB of bookkeeping each.</summary>
    [Range(1000, 10_000_000)]
    public int MaxObjects { get; set; } = 100_000;

    /// <summary>
    /// Most requests to parents at a time, 16 to 100000; each held one takes a connection. Default 2000: four per rendition of
    /// 500 renditions that somebody watches.
    /// </summary>
    [Range(16, 100_000)]
    public int MaxUpstream { get; set; } = 2000;

    /// <summary>Most viewers' requests that wait for an answer's head at a time, 16 to 1000000. Default 50000: beyond <c>Http:MaxConnections</c>, which counts first.</summary>
    [Range(16, 1_000_000)]
    public int MaxWaiting { get; set; } = 50_000;

    /// <summary>
    /// How long a connection to a parent may take, TLS included, 20 ms to 10 s. Default 0.3 s: a part's duration, and more than a
    /// round trip within a continent.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.020", "00:00:10")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(0.3);

    /// <summary>
    /// How long a parent may think about what it has at hand (no request for the future), 50 ms to 60 s. Default 1 s; a second
    /// parent is asked long before, see <see cref="HedgeAfter"/>.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:01:00")]
    public TimeSpan AnswerTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a request for the future may be held before a playlist has told its target duration, 1 s to 5 min; afterwards
    /// three target durations and two seconds. Default 32 s: that of the longest segments (10 s).
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan HoldLimit { get; set; } = TimeSpan.FromSeconds(32);

    /// <summary>
    /// After so long a second parent is asked for what the first should have at hand, and for the next part when it is so late by what
    /// its playlist says and the parts before it did; 0 (never) to 10 s. Default 0.15 s: half a part, so that the slow parent is not
    /// noticed.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10")]
    public TimeSpan HedgeAfter { get; set; } = TimeSpan.FromSeconds(0.15);

    /// <summary><see cref="HedgeAfter"/>; null when it is never.</summary>
    internal TimeSpan? HedgePatience => HedgeAfter > TimeSpan.Zero ? HedgeAfter : null;

    /// <summary>How often a parent that is in use, or down, is asked for its health, 50 ms to 60 s. Default 0.25 s: two lost answers are noticed within a second.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:01:00")]
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(0.25);

    /// <summary>How long such an answer may take, 20 ms to 60 s. Default 0.3 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.020", "00:01:00")]
    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromSeconds(0.3);

    /// <summary>
    /// A parent that comes back gets its broadcasts back one after the other within this time, 0 to 10 min. Default 10 s: its
    /// cache is empty, and each broadcast asks the tier above once.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan SlowStart { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an error answer (4xx, 5xx) is shared, 0 to 1 s. Default 90 ms: less than the shortest part (0.1 s), whose playlist may have been asked for too early.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:01")]
    public TimeSpan ErrorTtl { get; set; } = TimeSpan.FromMilliseconds(90);

    /// <summary>
    /// How long past its freshness a playlist is served while no parent answers, 0 to 1 h. Default 30 s: what
    /// <c>Ingest:ReconnectGrace</c> gives a publisher. Players play their buffer out and go on when a parent is back.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan StaleLimit { get; set; } = TimeSpan.FromSeconds(30);
}
