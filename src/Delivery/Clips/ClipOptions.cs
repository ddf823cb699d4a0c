using System.ComponentModel.DataAnnotations;

namespace Millrace.Delivery;

/// <summary>What may be kept of broadcasts for good: section <c>Clips</c>. Clips are made by operators, and no retention removes them.</summary>
public sealed class ClipOptions
{
    /// <summary>Longest clip, 1 s to 12 h. Default 15 min: a scene, not the evening; it is a copy, and is made in one go.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "12:00:00")]
    public TimeSpan MaxDuration { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Most clips of one channel, 0 to 100000; 0 allows none. Default 1000: what one list of the API has.</summary>
    [Range(0, 100_000)]
    public int MaxCount { get; set; } = 1000;
}
