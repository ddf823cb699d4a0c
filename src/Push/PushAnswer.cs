namespace Millrace.Push;

/// <summary>How a request to an origin went.</summary>
internal enum PushOutcome
{
    /// <summary>The origin said where it is.</summary>
    Accepted,

    /// <summary>It does not know the broadcast.</summary>
    Unknown,

    /// <summary>It lacks something in front of what was sent.</summary>
    Hole,

    /// <summary>It could not read what was sent: it is told anew.</summary>
    Misread,

    /// <summary>It will not take this broadcast: the channel has a newer one, or it is another's.</summary>
    Refused,

    /// <summary>Another pusher goes on with it there.</summary>
    TakenOver,

    /// <summary>An operator took the broadcast down there.</summary>
    TakenDown,

    /// <summary>It was not reached, is busy, or does not accept the secret: later, maybe.</summary>
    Failed,
}

/// <summary>An origin's answer.</summary>
/// <param name="Outcome">How it went.</param>
/// <param name="Position">Where the origin is; with Accepted and Hole.</param>
/// <param name="Reason">For the log; empty with Accepted.</param>
internal readonly record struct PushAnswer(PushOutcome Outcome, PushPosition? Position, string Reason);
