namespace Millrace.Delivery.Relay;

/// <summary>One request to one parent, with everything that may end it: its time, the parent's going down, nobody waiting any more.</summary>
internal sealed class UpstreamAttempt : IDisposable
{
    private readonly CancellationTokenSource limit;
    private readonly CancellationTokenRegistration byCaller;
    private readonly CancellationTokenRegistration byParent;
    private readonly CancellationToken whileUp;

    public UpstreamAttempt(Parent parent, TimeSpan within, TimeProvider time, CancellationToken token)
    {
        Parent = parent;
        limit = new CancellationTokenSource(within, time);
        // While it is down its token is cancelled already; then the attempt is the last resort and stands for itself.
        whileUp = parent.IsUp ? parent.WhileUp : CancellationToken.None;
        byParent = whileUp.UnsafeRegister(static state => ((CancellationTokenSource)state!).Cancel(), limit);
        byCaller = token.UnsafeRegister(static state => ((CancellationTokenSource)state!).Cancel(), limit);
    }

    public Parent Parent { get; }

    /// <summary>The answer, its body not yet read.</summary>
    public HttpResponseMessage? Answer { get; set; }

    /// <summary>What the answer is worth; None while there is none.</summary>
    public UpstreamWorth Worth { get; set; }

    /// <summary>Cancelled by whatever ends the attempt.</summary>
    public CancellationToken Token => limit.Token;

    /// <summary>The parent went down meanwhile.</summary>
    public bool IsParentDown => whileUp.IsCancellationRequested;

    /// <summary>Another parent was faster.</summary>
    public bool IsOutrun { get; private set; }

    /// <summary>Ends it, because another parent was faster.</summary>
    public void Outrun()
    {
        IsOutrun = true;
        limit.Cancel();
    }

    /// <summary>The same, but it may still answer within a while.</summary>
    public void OutrunBut(TimeSpan within)
    {
        IsOutrun = true;
        limit.CancelAfter(within);
    }

    /// <summary>Gives it time from now on.</summary>
    public void Extend(TimeSpan within) => limit.CancelAfter(within);

    public void Dispose()
    {
        byCaller.Dispose();
        byParent.Dispose();
        Answer?.Dispose();
        limit.Dispose();
    }
}
