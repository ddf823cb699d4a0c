using System.Collections.Concurrent;
using Millrace.Dash;
using Millrace.Delivery.Steering;
using Millrace.Hls;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>The playlists and manifests of one broadcast, each cached by itself.</summary>
internal sealed class BroadcastPlaylists
{
    private static readonly MediaPlaylistOptions Dvr = MediaPlaylistOptions.Dvr;

    private readonly OriginBroadcast broadcast;
    private readonly ConcurrentDictionary<(RenditionMedia Rendition, bool IsDvr, PlaylistSkip Skip), PlaylistCache<RenditionSnapshot>> media = new();
    private readonly ConcurrentDictionary<RenditionMedia, PreparedPlaylist> prepared = new();
    private readonly PlaylistCache<BroadcastSnapshot>[] multivariant;
    private readonly PlaylistCache<BroadcastSnapshot>[] manifest;
    private readonly MediaPlaylistOptions live;
    private readonly EdgeSet edges;

    /// <param name="broadcast">Whose they are.</param>
    /// <param name="liveWindow">How far back live playlists go.</param>
    /// <param name="window">How far back manifests go, unless to the beginning.</param>
    /// <param name="edges">Which nodes viewers play from.</param>
    public BroadcastPlaylists(OriginBroadcast broadcast, TimeSpan liveWindow, TimeSpan window, EdgeSet edges)
    {
        this.edges = edges;
        this.broadcast = broadcast;
        live = new MediaPlaylistOptions { Window = liveWindow };
        var fromChannel = $"/b/{broadcast.Id.Value}/";
        multivariant = [Multivariant("", live), Multivariant(fromChannel, live), Multivariant("", Dvr), Multivariant(fromChannel, Dvr)];
        var depth = broadcast.Mode == DvrMode.Full ? (TimeSpan?)null : window;
        manifest = [Manifest("", depth), Manifest(fromChannel, depth)];
    }

    /// <summary>What can be rewound is announced under <c>dvr.m3u8</c>.</summary>
    public bool HasDvr => broadcast.Mode != DvrMode.Off;

    /// <summary>A rendition's playlist as it is now; null while there is nothing to list.</summary>
    public EncodedText? Media(RenditionMedia rendition, bool isDvr, PlaylistSkip skip)
    {
        if (broadcast.Timeline.Read(rendition.Name) is not { HasMedia: true } snapshot)
            return null;
        return isDvr && skip == PlaylistSkip.None
            ? prepared.GetOrAdd(rendition, static _ => new PreparedPlaylist(Dvr)).Get(snapshot)
            : media.GetOrAdd((rendition, isDvr, skip), Make).Get(snapshot);
    }

    /// <summary>
    /// The multivariant playlist, for its own path or for <c>/live/{channel}/</c>; null while there is nothing to play. Of the
    /// live window while that moves, and where there is more of the whole once it is over.
    /// </summary>
    public EncodedText? Multivariant(bool isFromChannel, bool isDvr) =>
        broadcast.Timeline.Read() is { HasMedia: true } snapshot
            ? multivariant[(isFromChannel ? 1 : 0) + (isDvr || (HasDvr && snapshot.IsEnded) ? 2 : 0)].Get(snapshot) : null;

    /// <summary>The DASH manifest, for its own path or for <c>/live/{channel}/</c>; null while there is nothing to play.</summary>
    /// <param name="isFromChannel">For <c>/live/{channel}/</c>.</param>
    /// <param name="isWhole">Null also while a rendition may be about to bring the broadcast's first segment (<see cref="Dash.Manifest.AwaitedBy"/>).</param>
    public EncodedText? Manifest(bool isFromChannel, bool isWhole) =>
        broadcast.Timeline.Read() is { HasMedia: true } snapshot && !(isWhole && Dash.Manifest.AwaitedBy(snapshot) is not null)
            ? manifest[isFromChannel ? 1 : 0].Get(snapshot) : null;

    private PlaylistCache<RenditionSnapshot> Make((RenditionMedia Rendition, bool IsDvr, PlaylistSkip Skip) key) =>
        new(snapshot => MediaPlaylist.Write(snapshot, key.IsDvr ? Dvr : live, key.Skip));

    private PlaylistCache<BroadcastSnapshot> Multivariant(string basePath, MediaPlaylistOptions of)
    {
        var options = new MultivariantPlaylistOptions
        {
            BasePath = basePath,
            FileName = of.FileName,
            // Beside the playlists, so that it is asked for at the edge that they came from.
            SteeringUrl = edges.IsEmpty ? null : basePath + (of == Dvr ? SteeringNames.Dvr : SteeringNames.Hls),
        };
        return new PlaylistCache<BroadcastSnapshot>(snapshot => MultivariantPlaylist.Write(snapshot, options));
    }

    private PlaylistCache<BroadcastSnapshot> Manifest(string basePath, TimeSpan? depth)
    {
        var directory = $"/b/{broadcast.Id.Value}/";
        var manifestPath = basePath.Length == 0 ? $"{directory}manifest.mpd" : $"/live/{broadcast.Channel.Value}/manifest.mpd";
        var options = new ManifestOptions
        {
            Window = depth,
            BasePath = basePath,
            Steering = edges.IsEmpty ? null : new ManifestSteering($"{edges.Url}{directory}{SteeringNames.Dash}", PlaybackQuery.OwnPathway,
                [.. edges.All.Select(edge => new ManifestLocation(edge.Name, edge.UrlOf(directory), edge.UrlOf(manifestPath)))]),
        };
        return new PlaylistCache<BroadcastSnapshot>(snapshot => Dash.Manifest.Write(snapshot, options), HasDvr ? HasSameSegments : null);
    }

    /// <summary>
    /// A part more of a running segment, whose length is predicted, says nothing new that is worth writing hours of segments
    /// again: a long manifest changes with segments.
    /// </summary>
    private static bool HasSameSegments(BroadcastSnapshot one, BroadcastSnapshot other)
    {
        if (one.Renditions.Count != other.Renditions.Count || one.ReadyPeriods != other.ReadyPeriods || one.PeriodCount != other.PeriodCount
            || one.IsEnded != other.IsEnded)
        {
            return false;
        }
        for (var i = 0; i < one.Renditions.Count; i++)
        {
            var (a, b) = (one.Renditions[i], other.Renditions[i]);
            if (a.NextSegment != b.NextSegment || a.Running is null != b.Running is null || a.FirstSegment != b.FirstSegment || a.Rewrites != b.Rewrites)
                return false;
        }
        return true;
    }
}
