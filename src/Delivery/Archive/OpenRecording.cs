using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>A recording in the store that another node began and has not finished.</summary>
/// <param name="Node">The node: its <c>Storage:S3:Node</c>.</param>
/// <param name="Broadcast">The broadcast.</param>
/// <param name="WrittenAt">When something of it was written last, by the store's clock.</param>
/// <param name="IsInUse">That was a moment ago: the node lives, as far as anybody can tell from the store.</param>
public sealed record OpenRecording(string Node, BroadcastId Broadcast, DateTimeOffset WrittenAt, bool IsInUse);

/// <summary>Recordings in the store, and what went wrong.</summary>
/// <param name="Recordings">Those that were found, or taken up.</param>
/// <param name="Fault">Why there may be more; null when that is all.</param>
public sealed record OpenRecordings(IReadOnlyList<OpenRecording> Recordings, string? Fault);
