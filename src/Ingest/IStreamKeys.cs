using Millrace.Core;

namespace Millrace.Ingest;

/// <summary>Who knows which channel a stream key belongs to: the boundary to the platform role.</summary>
public interface IStreamKeys
{
    /// <summary>
    /// The channel of the key, or null when it is none. The key is text as the publisher sent it, unbounded by any rule but
    /// RTMP's limits; implementations compare in constant time and never log it.
    /// </summary>
    ValueTask<ChannelName?> FindChannelAsync(string streamKey, CancellationToken cancellationToken);
}
