using Millrace.Core;
using Millrace.Ingest;
using Millrace.Media;

namespace Millrace.Server.Cmaf;

/// <summary>
/// One channel's packager: its tracks come in requests of their own and make one publish session. A lock makes the session's
/// one owner of them.
/// </summary>
internal sealed class CmafPublisher
{
    private readonly Lock gate = new();
    private readonly List<CmafTrack> tracks = [];
    private PublishSession? session;
    private PublishRejection? ended;

    /// <summary>What it publishes to.</summary>
    public Broadcast Broadcast => session!.Broadcast;

    /// <summary>Gets its session; once, before any track joins. It may have lost it already.</summary>
    public void Begin(PublishSession own)
    {
        lock (gate)
        {
            session = own;
            if (ended is not null)
                own.Close();
        }
    }

    /// <summary>A request joins. False when it has ended meanwhile.</summary>
    public bool TryJoin(CmafTrack track)
    {
        lock (gate)
        {
            if (ended is not null)
                return false;
            tracks.Add(track);
            return true;
        }
    }

    /// <summary>A request leaves. True when it was the last one: then the session is closed.</summary>
    public bool Leave(CmafTrack track)
    {
        lock (gate)
        {
            tracks.Remove(track);
            if (tracks.Count > 0)
                return false;
            ended ??= new PublishRejection(PublishRejectionReason.ShuttingDown, "The stream was ended.");
            session!.Close();
            return true;
        }
    }

    /// <summary>
    /// A track's header came. Each kind of media comes once; a later request of the same name takes its place, because the one
    /// before is mostly a connection that its packager has lost already.
    /// </summary>
    public PublishRejection? Announce(CmafTrack track, MediaKind kind)
    {
        lock (gate)
        {
            var replaced = tracks.Find(other => other != track && other.Kind == kind && other.Rejection is null);
            if (replaced is not null && replaced.Name != track.Name)
            {
                return new PublishRejection(PublishRejectionReason.AlreadyLive,
                    $"The channel has {(kind == MediaKind.Video ? "video" : "audio")} already, from the track {replaced.Name}: one of each comes in, further renditions are made here.");
            }
            track.Kind = kind;
            if (replaced is null)
                return null;
            replaced.Rejection = new PublishRejection(PublishRejectionReason.Replaced, "A later request of this track goes on.");
            replaced.Stop.CancelAfter(TimeSpan.Zero);
            return null;
        }
    }

    /// <summary>Takes a tag of a track. The reference passes on.</summary>
    public PublishRejection? Take(CmafTrack track, MediaBuffer tag, uint timestamp, long receivedAt)
    {
        lock (gate)
        {
            if ((ended ?? track.Rejection) is { } over)
            {
                tag.Release();
                return over;
            }
            var rejection = track.Kind == MediaKind.Video ? session!.OnVideo(tag, timestamp, receivedAt) : session!.OnAudio(tag, timestamp, receivedAt);
            if (rejection is not null)
                End(rejection);
            return rejection;
        }
    }

    /// <summary>Why a track's request has to end; null when nothing is known.</summary>
    public PublishRejection? ReasonOf(CmafTrack track)
    {
        lock (gate)
            return track.Rejection ?? ended;
    }

    /// <summary>The channel is somebody else's now, or the node stops. By any thread, which may hold locks: this goes its own way.</summary>
    public void Evict(PublishRejection reason) =>
        ThreadPool.UnsafeQueueUserWorkItem(
            static state =>
            {
                lock (state.Publisher.gate)
                    state.Publisher.End(state.Reason);
            },
            (Publisher: this, Reason: reason), preferLocal: false);

    private void End(PublishRejection reason)
    {
        if (ended is not null)
            return;
        ended = reason;
        session?.Close();
        // Their requests are on threads of their own: what they do about it does not run here.
        foreach (var track in tracks)
            track.Stop.CancelAfter(TimeSpan.Zero);
    }
}
