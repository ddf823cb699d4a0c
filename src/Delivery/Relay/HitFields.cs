namespace Millrace.Delivery.Relay;

/// <summary>The fields of an object's hits, as long as they say the same.</summary>
/// <param name="Age">Seconds of age.</param>
/// <param name="Left">Seconds of freshness.</param>
/// <param name="Fields">What was written for them.</param>
internal sealed record HitFields(long Age, long Left, RelayFields Fields);
