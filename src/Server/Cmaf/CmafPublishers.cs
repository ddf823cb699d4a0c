using Millrace.Core;
using Millrace.Ingest;

namespace Millrace.Server.Cmaf;

/// <summary>The packagers that are publishing, one per channel. Thread-safe.</summary>
internal sealed class CmafPublishers(BroadcastDirectory directory) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<ChannelName, CmafPublisher> open = [];
    private readonly CancellationTokenSource stopping = new();
    private PublishRejection? stopped;

    /// <summary>Cancelled when nobody is let in any more.</summary>
    public CancellationToken Stopping => stopping.Token;

    /// <summary>What those who come then are told; null before.</summary>
    public PublishRejection? Stopped
    {
        get
        {
            lock (gate)
                return stopped;
        }
    }

    /// <summary>Lets a track's request onto its channel: beside the other track's, or as the first.</summary>
    public (CmafPublisher? Publisher, PublishRejection? Rejection) Join(ChannelName channel, CmafTrack track)
    {
        lock (gate)
        {
            if (stopped is not null)
                return (null, stopped);
            if (open.TryGetValue(channel, out var known) && known.TryJoin(track))
                return (known, null);
            var publisher = new CmafPublisher();
            var (session, rejection) = directory.Publish(channel, publisher.Evict);
            if (session is null)
                return (null, rejection);
            publisher.Begin(session);
            publisher.TryJoin(track);
            open[channel] = publisher;
            return (publisher, null);
        }
    }

    /// <summary>A track's request is over.</summary>
    public void Leave(ChannelName channel, CmafPublisher publisher, CmafTrack track)
    {
        lock (gate)
        {
            if (publisher.Leave(track) && open.TryGetValue(channel, out var current) && current == publisher)
                open.Remove(channel);
        }
    }

    /// <summary>Ends all of them; nobody is let in afterwards.</summary>
    public void Stop()
    {
        lock (gate)
        {
            stopped = new PublishRejection(PublishRejectionReason.ShuttingDown, "The server is stopping; try again in a moment.");
            foreach (var publisher in open.Values)
                publisher.Evict(stopped);
        }
        // Their requests are on threads of their own: what they do about it does not run here.
        stopping.CancelAfter(TimeSpan.Zero);
    }

    /// <inheritdoc/>
    public void Dispose() => stopping.Dispose();
}
