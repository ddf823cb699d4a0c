namespace Millrace.Delivery;

/// <summary>A token that is cancelled when for so long nobody touched it, or with another one.</summary>
internal sealed class SilenceLimit : IDisposable
{
    private readonly CancellationTokenSource silence;
    private readonly CancellationTokenSource both;
    private readonly TimeSpan most;

    public SilenceLimit(TimeSpan most, TimeProvider time, CancellationToken other)
    {
        this.most = most;
        silence = new CancellationTokenSource(most, time);
        both = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, other);
    }

    public CancellationToken Token => both.Token;

    /// <summary>Something moved.</summary>
    public void Touch() => silence.CancelAfter(most);

    public void Dispose()
    {
        both.Dispose();
        silence.Dispose();
    }
}
