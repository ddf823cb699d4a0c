using System.Diagnostics.Metrics;

namespace Millrace.Delivery.Relay;

/// <summary>
/// A relay's cache for the direct path. What is kept is answered at once; what is fetched, by this request or another's, is
/// waited for until its head is there, and then sent as it arrives.
/// </summary>
internal sealed class RelayMedia(RelayNode node) : IMediaSource
{
    private readonly RelayNode node = node;
    private readonly RelayDecisions decisions = new(node);

    /// <inheritdoc/>
    public Counter<long> SentBytes => RelayMetrics.Sent;

    /// <inheritdoc/>
    public MediaTurn Begin(in MediaRequest request, out MediaAnswer answer, out IHeldRequest held)
    {
        held = null!;
        answer = default;
        // A page, maybe; and what depends on who asks.
        if (!RelayPath.IsMedia(request.Path) || RelayPath.IsByViewer(request.Path))
            return MediaTurn.Foreign;
        if (!decisions.TryRead(request.Path.ToString(), request, out var key, out answer))
            return MediaTurn.Answered;
        var watched = key.IsBlocking ? node.Directories.Watch(key) : null;
        var item = node.Cache.Enter(key, request.Loop.IsEmpty ? null : request.Loop.ToString(), out var verdict);
        RelayMetrics.Count(verdict);
        if (item is null)
        {
            answer = decisions.Busy("upstream");
        }
        else if (item.IsReady)
        {
            if (item.Head!.IsPassed)
            {
                // Each viewer's own request to a parent, through Kestrel.
                Leave(watched);
                node.Cache.Leave(item);
                return MediaTurn.Foreign;
            }
            answer = Take(request, item, verdict);
        }
        else if (node.AddWaiting(1) > node.Options.MaxWaiting)
        {
            node.AddWaiting(-1);
            node.Cache.Leave(item);
            answer = decisions.Busy("waiting");
        }
        else
        {
            held = new Held(this, item, verdict, watched);
            return MediaTurn.Held;
        }
        Leave(watched);
        return MediaTurn.Answered;
    }

    private void Leave(LivePlaylist? watched)
    {
        if (watched is not null)
            node.Directories.Leave(watched);
    }

    /// <summary>The answer from an object that is ready, or whose short body broke off; the use of it goes to the answer's body.</summary>
    private MediaAnswer Take(in MediaRequest request, RelayObject item, RelayVerdict verdict)
    {
        var body = item.Body!;
        var answer = decisions.Answer(request, item, body, verdict);
        if (answer.Body is not null)
        {
            if (!body.IsComplete)
                return answer with { Body = new ArrivingBody(node.Cache, item, body) };
            if (body.IsSmall)
                answer = answer with { Body = null, Pieces = [body.At(answer.From, answer.To)] };
            else
                body.Share();
        }
        node.Cache.Leave(item);
        return answer;
    }

    private sealed class Held(RelayMedia media, RelayObject item, RelayVerdict verdict, LivePlaylist? watched) : IHeldRequest
    {
        private IWaiter? waiter;

        // The fetch has its own.
        public TimeSpan? Longest => null;

        public bool IsOver => item.IsReady;

        public bool TryWait(IWaiter waiter)
        {
            this.waiter = waiter;
            return item.TryWait(waiter);
        }

        public bool TryAnswer(in MediaRequest request, out MediaAnswer answer)
        {
            End();
            answer = default;
            if (item.Head is { IsPassed: true })
            {
                media.node.Cache.Leave(item);
                return false;
            }
            answer = media.Take(request, item, verdict);
            return true;
        }

        public void Leave()
        {
            End();
            media.node.Cache.Leave(item);
        }

        private void End()
        {
            if (waiter is not null)
                item.StopWaiting(waiter);
            media.node.AddWaiting(-1);
            media.Leave(watched);
        }
    }

    /// <summary>A body that is not whole yet. Who reads it is a user of the object: when the last one leaves, the fetch ends.</summary>
    private sealed class ArrivingBody(RelayCache cache, RelayObject item, RelayBody body) : IMediaBody
    {
        public BodyTurn TryOpenNow(int from, int to, bool prefersFile, out SegmentBytes piece) => body.TryOpenNow(from, to, prefersFile, out piece);

        public ValueTask<SegmentBytes?> OpenAsync(int from, int to) => body.OpenAsync(from, to);

        public bool IsGone => body.IsGone;

        public bool TryWaitBeyond(long position, IWaiter waiter) => body.TryWaitBeyond(position, waiter);

        public void Release() => cache.Leave(item);
    }
}
