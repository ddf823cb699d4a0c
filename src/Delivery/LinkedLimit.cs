namespace Millrace.Delivery;

/// <summary>A token that is cancelled after a while or with another token. The owner disposes it.</summary>
internal sealed class LinkedLimit : IDisposable
{
    private readonly CancellationTokenSource source;
    private readonly CancellationTokenRegistration registration;

    public LinkedLimit(TimeSpan limit, TimeProvider time, CancellationToken other)
    {
        source = new CancellationTokenSource(limit, time);
        registration = other.UnsafeRegister(static state => ((CancellationTokenSource)state!).Cancel(), source);
    }

    /// <summary>The token.</summary>
    public CancellationToken Token => source.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        registration.Dispose();
        source.Dispose();
    }
}
