namespace Millrace.Delivery;

/// <summary>What the direct path allows a connection: the same as Kestrel is told, and so from the same options.</summary>
/// <param name="MaxConnections">Connections at a time, those that Kestrel has taken over included.</param>
/// <param name="KeepAlive">How long a connection without a request stays open.</param>
/// <param name="HeaderTimeout">How long a head may take to arrive before Kestrel has to deal with it.</param>
public sealed record DirectLimits(int MaxConnections, TimeSpan KeepAlive, TimeSpan HeaderTimeout)
{
    /// <summary>Readers are looked at so often: long enough for a receiver that opens its window in large steps.</summary>
    internal static readonly TimeSpan SlowWindow = TimeSpan.FromMinutes(2);

    /// <summary>What a reader has to take in that time, or it is cut: 240 B/s, Kestrel's own bound.</summary>
    internal const int SlowBytes = 240 * 120;
}
