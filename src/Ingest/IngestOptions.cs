using System.ComponentModel.DataAnnotations;

namespace Millrace.Ingest;

/// <summary>Who may publish.</summary>
public enum AdmissionMode
{
    /// <summary>The stream key is one that was made for a channel.</summary>
    Keys,
    /// <summary>The stream key is the channel's name, and the channel need not exist: for trusted networks and tests.</summary>
    Open,
}

/// <summary>What happens when a second publisher comes to a live channel.</summary>
public enum DuplicatePolicy
{
    /// <summary>The new one takes the channel over; the old one is told and closed.</summary>
    Replace,
    /// <summary>The new one is refused, unless the old one is dead.</summary>
    Reject,
}

/// <summary>What becomes of what is on air when the node is stopped.</summary>
public enum StopPolicy
{
    /// <summary>It waits for its publisher as after a kill.</summary>
    Wait,
    /// <summary>It ends: viewers are told, and it is a replay at once.</summary>
    End,
}

/// <summary>How publishers are let in and kept (configuration section <c>Ingest</c>).</summary>
public sealed class IngestOptions
{
    /// <summary>
    /// Who may publish: <c>keys</c> or <c>open</c>. Default <c>keys</c>: a server on the internet must not take streams
    /// from anyone.
    /// </summary>
    public AdmissionMode Admission { get; set; } = AdmissionMode.Keys;

    /// <summary>
    /// How long a broadcast waits for its publisher to come back before it ends. 0 to 1 h, default 30 s: an encoder's own
    /// reconnect takes 2 to 25 s, and viewers should not look at a dead stream for longer.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan ReconnectGrace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// What a second publisher on a live channel does: <c>replace</c> or <c>reject</c>. Default <c>replace</c>: mostly it is
    /// the same streamer, whose first connection died without our noticing.
    /// </summary>
    public DuplicatePolicy OnDuplicate { get; set; } = DuplicatePolicy.Replace;

    /// <summary>
    /// With <c>reject</c>: how long a publisher may be silent before another one may take its channel. 1 s to 5 min,
    /// default 5 s: no live encoder pauses that long.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan DeadAfter { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// What a stop (SIGTERM, Ctrl+C) does to broadcasts: <c>wait</c> or <c>end</c>. Default <c>wait</c>: a node is mostly stopped to be
    /// started again, and a publisher who comes back, here or to another node, goes on with the same broadcast. <c>end</c> is for a
    /// node that does not come back. With <see cref="ReconnectGrace"/> 0 they always end.
    /// </summary>
    public StopPolicy OnStop { get; set; } = StopPolicy.Wait;

    /// <summary>
    /// Most bits per second of one publisher, averaged over 5 s, everything counted. 100 kbit/s to 2 Gbit/s, default
    /// 50 Mbit/s: twice what platforms recommend for 4K, and a bound for what one publisher can cost.
    /// </summary>
    [Range(100_000L, 2_000_000_000L)]
    public long MaxBitrate { get; set; } = 50_000_000;

    /// <summary>
    /// How much media may pass until a broadcast goes on air without a track that did not show up. 0.2 to 5 s, default 1 s:
    /// encoders send all configurations first, and what comes later is added behind a discontinuity.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.2", "00:00:05")]
    public TimeSpan TrackDiscovery { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long the answer to a wrong stream key is held back. 0 to 30 s, default 2 s: nothing to a person, and it makes
    /// guessing slow without locking anybody out.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:30")]
    public TimeSpan WrongKeyDelay { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Most damaged access units within 10 s before the publisher is closed. 1 to 10000, default 100: TCP does not damage
    /// data, so an encoder that sends so many is broken; a few happen when one is started or reconfigured.
    /// </summary>
    [Range(1, 10_000)]
    public int MaxDamagedUnits { get; set; } = 100;

    /// <summary>
    /// Pixels of a picture up to which further renditions are made of it. 65536 to 2^28, default 8847360 (4096×2160): decoding
    /// takes memory and time by the pixel, before anything is known of the stream. A larger one is shown as it came.
    /// </summary>
    [Range(65_536, 268_435_456)]
    public int MaxPixels { get; set; } = 4096 * 2160;
}
