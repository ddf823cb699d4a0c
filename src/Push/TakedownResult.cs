namespace Millrace.Push;

/// <summary>What came of a takedown at the origins elsewhere.</summary>
/// <param name="WasThere">One of them had the broadcast.</param>
/// <param name="NotReached">Addresses of those that were not reached in time.</param>
/// <param name="IsRemembered">Those are told as soon as they are back, also when this node is restarted meanwhile.</param>
public readonly record struct TakedownResult(bool WasThere, IReadOnlyList<string> NotReached, bool IsRemembered);
