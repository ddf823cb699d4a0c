using System.Collections.Concurrent;
using Millrace.Dash;
using Millrace.Hls;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>The playlists and manifests of one broadcast, each cached by itself.</summary>
internal sealed class BroadcastPlaylists
{
    private readonly OriginBroadcast broadcast;
    private readonly ConcurrentDictionary<(RenditionMedia Rendition, PlaylistSkip Skip), PlaylistCache<RenditionSnapshot>> media = new();
    private readonly PlaylistCache<BroadcastSnapshot> multivariant;
    private readonly PlaylistCache<BroadcastSnapshot> liveMultivariant;
    private readonly PlaylistCache<BroadcastSnapshot> manifest;
    private readonly PlaylistCache<BroadcastSnapshot> liveManifest;
    private readonly MediaPlaylistOptions options;

    public BroadcastPlaylists(OriginBroadcast broadcast, TimeSpan window)
    {
        this.broadcast = broadcast;
        options = new MediaPlaylistOptions { Window = window };
        var here = new MultivariantPlaylistOptions();
        var fromChannel = new MultivariantPlaylistOptions { BasePath = $"/b/{broadcast.Id.Value}/" };
        multivariant = new(snapshot => MultivariantPlaylist.Write(snapshot, here));
        liveMultivariant = new(snapshot => MultivariantPlaylist.Write(snapshot, fromChannel));
        var manifestHere = new ManifestOptions { Window = window };
        var manifestFromChannel = manifestHere with { BasePath = $"/b/{broadcast.Id.Value}/" };
        manifest = new(snapshot => Dash.Manifest.Write(snapshot, manifestHere));
        liveManifest = new(snapshot => Dash.Manifest.Write(snapshot, manifestFromChannel));
    }

    /// <summary>A rendition's live playlist as it is now; null while there is nothing to list.</summary>
    public EncodedText? Media(RenditionMedia rendition, PlaylistSkip skip) =>
        broadcast.Timeline.Read(rendition.Name) is { HasMedia: true } snapshot
            ? media.GetOrAdd((rendition, skip), Make).Get(snapshot)
            : null;

    /// <summary>The multivariant playlist, for its own path or for <c>/live/{channel}/</c>; null while there is nothing to play.</summary>
    public EncodedText? Multivariant(bool isFromChannel) =>
        broadcast.Timeline.Read() is { HasMedia: true } snapshot ? (isFromChannel ? liveMultivariant : multivariant).Get(snapshot) : null;

    /// <summary>The DASH manifest, for its own path or for <c>/live/{channel}/</c>; null while there is nothing to play.</summary>
    public EncodedText? Manifest(bool isFromChannel) =>
        broadcast.Timeline.Read() is { HasMedia: true } snapshot ? (isFromChannel ? liveManifest : manifest).Get(snapshot) : null;

    private PlaylistCache<RenditionSnapshot> Make((RenditionMedia Rendition, PlaylistSkip Skip) key) =>
        new(snapshot => MediaPlaylist.Write(snapshot, options, key.Skip));
}
