namespace Millrace.Timeline;

/// <summary>
/// What a timeline must know of a rendition to go on in the middle of a period as the one that saw its beginning does
/// (<see cref="BroadcastTimeline.JoinAt"/>).
/// </summary>
/// <param name="PresentationDelay">
/// Presentation minus decode time of the period's first access unit, in the track's timescale: <see cref="Segment.Start"/>
/// minus the decode time of any of the period's segments.
/// </param>
/// <param name="Run">The run that the first segment belongs to, or null when it begins one.</param>
public readonly record struct RenditionJoin(long PresentationDelay, SegmentRun? Run);
