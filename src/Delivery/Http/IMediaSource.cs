using System.Diagnostics.Metrics;

namespace Millrace.Delivery;

/// <summary>What becomes of a request.</summary>
internal enum MediaTurn
{
    /// <summary>Kestrel's.</summary>
    Foreign,

    /// <summary>Here is the answer.</summary>
    Answered,

    /// <summary>It waits.</summary>
    Held,
}

/// <summary>
/// What the paths in front of Kestrel, plain and with TLS, ask of the role behind them: to find, to answer or to hold. An origin's store (<see cref="OriginMedia"/>)
/// or a relay's cache (<see cref="Relay.RelayMedia"/>). No call waits for anything.
/// </summary>
internal interface IMediaSource
{
    /// <summary>Bytes of bodies that were sent.</summary>
    Counter<long> SentBytes { get; }

    /// <summary>Begins a request. Whoever gets an answer releases its body; whoever gets a hold ends it.</summary>
    MediaTurn Begin(in MediaRequest request, out MediaAnswer answer, out IHeldRequest held);
}

/// <summary>A request that waits. Ended once: with <see cref="TryAnswer"/>, or with <see cref="Leave"/> when the client has left.</summary>
internal interface IHeldRequest
{
    /// <summary>The longest wait, which the caller sees to; null when somebody else does.</summary>
    TimeSpan? Longest { get; }

    /// <summary>There is an answer.</summary>
    bool IsOver { get; }

    /// <summary>Has somebody woken when there is an answer, at most once; false when there is one. Called once.</summary>
    bool TryWait(IWaiter waiter);

    /// <summary>The answer after the wait, or after too long a wait, of the same request; false leaves the request to Kestrel.</summary>
    bool TryAnswer(in MediaRequest request, out MediaAnswer answer);

    /// <summary>Nobody is there any more for whom to wait.</summary>
    void Leave();
}
