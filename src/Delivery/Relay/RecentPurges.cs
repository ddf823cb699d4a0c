namespace Millrace.Delivery.Relay;

/// <summary>
/// When what was purged. A parent that has not heard of it yet still has copies, which would come back from it: by its
/// <c>Age</c> (RFC 9111 §5.1) such a copy is known. Thread-safe.
/// </summary>
/// <remarks>In memory, the last 1024 prefixes: as many purges as a node hands on (<see cref="PurgeLog"/>).</remarks>
internal sealed class RecentPurges(TimeProvider time)
{
    private const int MaxKept = 1024;

    private readonly Dictionary<string, long> began = [];
    private readonly List<string> order = [];
    private readonly Lock gate = new();

    /// <summary>A purge that began that long ago; an earlier one of the same prefix is forgotten.</summary>
    public void Add(string prefix, TimeSpan ago)
    {
        var at = time.GetTimestamp() - (long)(ago.TotalSeconds * time.TimestampFrequency);
        lock (gate)
        {
            if (began.TryGetValue(prefix, out var known))
            {
                if (known >= at)
                    return;
                order.Remove(prefix);
            }
            began[prefix] = at;
            order.Add(prefix);
            if (order.Count > MaxKept)
            {
                began.Remove(order[0]);
                order.RemoveAt(0);
            }
        }
    }

    /// <summary>How long ago the path was purged, the last time; null when it was not.</summary>
    public TimeSpan? SinceOf(ReadOnlySpan<char> path)
    {
        long? newest = null;
        lock (gate)
        {
            if (began.Count == 0)
                return null;
            var prefixes = began.GetAlternateLookup<ReadOnlySpan<char>>();
            for (var i = 1; i < path.Length; i++)
            {
                if (path[i] == '/' && prefixes.TryGetValue(path[..(i + 1)], out var at) && !(newest > at))
                    newest = at;
            }
        }
        return newest is { } last ? time.GetElapsedTime(last) : null;
    }
}
