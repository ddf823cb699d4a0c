using System.Collections.Concurrent;
using System.Net;

namespace Millrace.Server.Rtmp;

/// <summary>Counts open connections, in all and per address, and refuses the ones over the limits. Thread-safe.</summary>
/// <param name="maxConnections">Most connections at a time.</param>
/// <param name="maxPerAddress">Most connections at a time from one IPv4 address or one IPv6 /64.</param>
internal sealed class ConnectionLimits(int maxConnections, int maxPerAddress)
{
    private readonly ConcurrentDictionary<IPAddress, int> perAddress = new();
    private int open;

    /// <summary>Connections open now.</summary>
    public int Open => Volatile.Read(ref open);

    /// <summary>Takes a place for a connection from <paramref name="address"/>; false when there is none.</summary>
    public bool TryEnter(IPAddress address)
    {
        if (Interlocked.Increment(ref open) > maxConnections)
        {
            Interlocked.Decrement(ref open);
            return false;
        }
        var key = KeyOf(address);
        if (perAddress.AddOrUpdate(key, 1, static (_, count) => count + 1) <= maxPerAddress)
            return true;
        Leave(address);
        return false;
    }

    /// <summary>Gives the place back. Once for each successful <see cref="TryEnter"/>.</summary>
    public void Leave(IPAddress address)
    {
        Interlocked.Decrement(ref open);
        var key = KeyOf(address);
        var left = perAddress.AddOrUpdate(key, 0, static (_, count) => count - 1);
        // Removes the entry only if it is still zero, so that a connection that enters meanwhile keeps its count.
        if (left <= 0)
            ((ICollection<KeyValuePair<IPAddress, int>>)perAddress).Remove(new(key, 0));
    }

    /// <summary>A host owns a whole IPv6 /64, so addresses within one count together.</summary>
    private static IPAddress KeyOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        if (address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6)
            return address;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}
