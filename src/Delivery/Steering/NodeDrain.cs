namespace Millrace.Delivery.Steering;

/// <summary>
/// Whether this node wants no more viewers. It goes on serving; <c>/health/ready</c> says 503 and <see cref="Word"/>, by which
/// load balancers, relays below and those who steer viewers leave it.
/// </summary>
public sealed class NodeDrain
{
    private bool isDraining;

    /// <summary>What <c>/health/ready</c> begins with.</summary>
    public static ReadOnlySpan<byte> Word => "draining"u8;

    /// <summary>It drains.</summary>
    public bool IsDraining
    {
        get => Volatile.Read(ref isDraining);
        set => Volatile.Write(ref isDraining, value);
    }
}
