namespace Millrace.Delivery.Relay;

/// <summary>
/// Which groups a parent kept waiting while another one had what they asked for: for a while they ask it after the others. Its
/// health is another matter, and so are its other groups. Guarded by its parent.
/// </summary>
internal sealed class DoubtedGroups(TimeProvider time)
{
    /// <summary>Most groups at a time: a parent that fails so many is down by its probes long before.</summary>
    public const int MaxGroups = 1024;

    /// <summary>How long; afterwards the group goes back as a whole, and leaves again after one late answer.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromSeconds(10);

    private readonly Dictionary<ulong, long> since = [];

    public void Add(ulong group)
    {
        if (since.Count >= MaxGroups)
        {
            foreach (var (other, _) in since)
            {
                if (!Contains(other))
                    since.Remove(other);
            }
        }
        if (since.Count < MaxGroups || since.ContainsKey(group))
            since[group] = time.GetTimestamp();
    }

    public void Remove(ulong group) => since.Remove(group);

    public bool Contains(ulong group) => since.TryGetValue(group, out var at) && time.GetElapsedTime(at) < Lasts;
}
