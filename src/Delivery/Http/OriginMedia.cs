using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Millrace.Delivery;

/// <summary>An origin's media for the paths in front of Kestrel: what <see cref="MediaDecisions"/> decides, but for what is Kestrel's.</summary>
internal sealed class OriginMedia(MediaDecisions decisions) : IMediaSource
{
    private readonly ConcurrentDictionary<MediaHold, SharedHold> waits = new();

    /// <inheritdoc/>
    public Counter<long> SentBytes => DeliveryMetrics.SentBytes;

    /// <inheritdoc/>
    public MediaTurn Begin(in MediaRequest request, out MediaAnswer answer, out IHeldRequest held)
    {
        held = null!;
        answer = default;
        // A name that says nothing to us may say something to others; a sprite sheet's or a download's bytes are read from a disk;
        // and how a viewer is steered depends on who asks.
        if (!MediaPath.TryParse(request.Path, out var path) || path.Object == MediaObject.None || path.IsAside || path.IsSteering)
            return MediaTurn.Foreign;
        // What is not there, or not open, is Kestrel's to say or to open.
        if (decisions.Find(path, out _) is not { } broadcast)
            return MediaTurn.Foreign;
        broadcast.Touch();
        if (MediaDecisions.TryAnswer(request, path, broadcast, out answer, out var hold))
            return IsOurs(answer) ? MediaTurn.Answered : MediaTurn.Foreign;
        held = new Held(SharedHold.Enter(waits, hold), hold);
        return MediaTurn.Held;
    }

    // Of unknown length: Kestrel's.
    private static bool IsOurs(in MediaAnswer answer)
    {
        if (answer.IsRunning)
            return false;
        DeliveryMetrics.CountResponse(answer.Kind, answer.Status);
        return true;
    }

    private sealed class Held(SharedHold shared, MediaHold hold) : IHeldRequest
    {
        private IWaiter? waiter;

        public TimeSpan? Longest => hold.Limit;

        public bool IsOver => shared.IsOver;

        public bool TryWait(IWaiter waiter)
        {
            if (!shared.TryWait(waiter))
                return false;
            this.waiter = waiter;
            DeliveryMetrics.AddHeld(1);
            return true;
        }

        public bool TryAnswer(in MediaRequest request, out MediaAnswer answer)
        {
            var wait = shared.Result;
            Leave();
            answer = MediaDecisions.After(request, hold, wait);
            return IsOurs(answer);
        }

        public void Leave()
        {
            if (waiter is not null)
                DeliveryMetrics.AddHeld(-1);
            shared.Leave(waiter);
        }
    }
}
