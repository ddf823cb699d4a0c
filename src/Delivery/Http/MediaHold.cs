using Millrace.Hls;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>What an answer waits for: <see cref="MediaDecisions.After"/> gives the answer when it has come, or does not come.</summary>
/// <param name="Kind">What was asked for.</param>
/// <param name="Broadcast">Of which broadcast.</param>
/// <param name="Rendition">Of which rendition; null for what stands for all of them.</param>
/// <param name="Segment">The segment to wait for.</param>
/// <param name="Part">The part of it, or null.</param>
internal sealed record MediaHold(MediaObject Kind, OriginBroadcast Broadcast, RenditionMedia? Rendition = null, long Segment = 0, int? Part = null)
{
    /// <summary>Whatever ends the wait, the playlist is answered as it is.</summary>
    public bool IsFirstLook { get; init; }

    /// <summary>What the playlist leaves out.</summary>
    public PlaylistSkip Skip { get; init; }

    /// <summary>Asked for under <c>/live/{channel}/</c>.</summary>
    public bool IsFromChannel { get; init; }

    /// <summary>The longest wait: three target durations (draft-pantos-hls-rfc8216bis §6.2.5.2).</summary>
    public TimeSpan Limit => TimeSpan.FromSeconds(3 * Broadcast.Timeline.Contract.TargetDuration);

    /// <summary>Waits on behalf of one request, which is counted. Nothing is thrown when cancelled.</summary>
    public async ValueTask<TimelineWait> WaitCountedAsync(CancellationToken cancellation)
    {
        DeliveryMetrics.AddHeld(1);
        var wait = await WaitAsync(cancellation);
        DeliveryMetrics.AddHeld(-1);
        return wait;
    }

    /// <summary>Waits. Nothing is thrown when cancelled.</summary>
    public async ValueTask<TimelineWait> WaitAsync(CancellationToken cancellation)
    {
        var timeline = Broadcast.Timeline;
        return Kind switch
        {
            MediaObject.MediaPlaylist or MediaObject.DvrPlaylist when IsFirstLook => await WaitForSegmentAsync(timeline, cancellation),
            MediaObject.MediaPlaylist or MediaObject.DvrPlaylist => await timeline.WaitForPlaylistAsync(Rendition!.Name, Segment, Part, cancellation),
            MediaObject.Segment or MediaObject.Part => await timeline.WaitForPartAsync(Rendition!.Name, Segment, Part ?? 0, cancellation),
            MediaObject.Manifest => await WaitForManifestAsync(timeline, cancellation),
            _ => await timeline.WaitForMediaAsync(cancellation),
        };
    }

    // A derived rendition has a part of the first segment soon, or a gap there when that is over.
    private static async ValueTask<TimelineWait> WaitForManifestAsync(BroadcastTimeline timeline, CancellationToken cancellation)
    {
        var wait = await timeline.WaitForMediaAsync(cancellation);
        while (wait == TimelineWait.Available && Dash.Manifest.AwaitedBy(timeline.Read()) is { } awaited)
            wait = await timeline.WaitForPlaylistAsync(awaited.Name, awaited.NextSegment, 0, cancellation);
        return wait;
    }

    // A derived rendition that has not begun passes segments by without listing them: the next one is waited for.
    private async ValueTask<TimelineWait> WaitForSegmentAsync(BroadcastTimeline timeline, CancellationToken cancellation)
    {
        var wait = TimelineWait.Available;
        while (wait == TimelineWait.Available
            && timeline.Read(Rendition!.Name) is { IsEnded: false, IsSuspended: false, Segments.Count: 0 } young)
        {
            wait = await timeline.WaitForPlaylistAsync(Rendition.Name, young.NextSegment, null, cancellation);
        }
        return wait;
    }
}
