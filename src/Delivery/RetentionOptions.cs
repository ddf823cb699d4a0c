using System.ComponentModel.DataAnnotations;

namespace Millrace.Delivery;

/// <summary>How long replays stay: section <c>Retention</c>. What is on air, and what is being watched, never goes by it.</summary>
public sealed class RetentionOptions
{
    /// <summary>How long after its end a replay stays, 0 to 10 years; 0 is for ever. Default 14 days: until everyone who missed it had two weekends.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "3650.00:00:00")]
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromDays(14);

    /// <summary>Most bytes of one channel's replays; the oldest go. 0, the default, is no limit: the disk is the node's, and <see cref="NodeBytes"/> bounds it.</summary>
    [Range(0, long.MaxValue)]
    public long MaxBytes { get; set; }

    /// <summary>Most replays of one channel, 0 to 1000000; the oldest go. 0, the default, is no limit.</summary>
    [Range(0, 1_000_000)]
    public int MaxCount { get; set; }

    /// <summary>Most bytes of all replays of this node; the oldest go, whosever they are. 0, the default, is no limit but the disk's.</summary>
    [Range(0, long.MaxValue)]
    public long NodeBytes { get; set; }

    /// <summary>
    /// Bytes of the disk that replays leave free: the oldest go when there is less. 0 to 1 TiB, default 1 GiB: what is on air
    /// then always has room for its window.
    /// </summary>
    [Range(0L, 1L << 40)]
    public long MinFreeBytes { get; set; } = 1L << 30;
}
