namespace Millrace.Push;

/// <summary>How one origin takes one broadcast.</summary>
/// <param name="Origin">Its address.</param>
/// <param name="IsFailing">It does not take it at the moment, or refused it.</param>
/// <param name="Reason">Why, when it does not.</param>
/// <param name="QueuedBytes">Media kept for it: not acknowledged, or not on its disk yet.</param>
/// <param name="DroppedSegments">Segments of a rendition that became gaps there, since the broadcast began.</param>
public readonly record struct PushStatus(string Origin, bool IsFailing, string Reason, long QueuedBytes, long DroppedSegments);
