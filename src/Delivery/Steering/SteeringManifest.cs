using System.Buffers;
using System.Text.Json;
using Millrace.Timeline;

namespace Millrace.Delivery.Steering;

/// <summary>
/// Writes steering manifests: draft-pantos-hls-rfc8216bis §7.1, whose form ETSI TS 103 998 took over for DASH. HLS pathways
/// are clones (§7.2) with an address for each rendition, because a replaced host alone keeps scheme and port; a DASH manifest
/// lists the edges itself.
/// </summary>
internal static class SteeringManifest
{
    /// <summary>The manifest as bytes that the caller owns.</summary>
    /// <param name="offered">Edges, best first.</param>
    /// <param name="own">The edge that the playlist's own pathway stands for; null: not known, and the last choice.</param>
    /// <param name="ttl">How long it holds.</param>
    /// <param name="reload">Where it is asked for again.</param>
    /// <param name="broadcast">Its renditions are cloned; null for DASH.</param>
    /// <param name="directory">Path of the broadcast, with slashes at both ends.</param>
    /// <param name="fileName">The renditions' playlists.</param>
    public static byte[] Write(
        IReadOnlyList<Edge> offered, Edge? own, TimeSpan ttl, string reload, BroadcastSnapshot? broadcast, string directory, string fileName)
    {
        var output = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteNumber("VERSION"u8, 1);
            json.WriteNumber("TTL"u8, Math.Max(1, (int)ttl.TotalSeconds));
            json.WriteString("RELOAD-URI"u8, reload);
            json.WriteStartArray("PATHWAY-PRIORITY"u8);
            foreach (var edge in offered)
                json.WriteStringValue(edge == own && broadcast is not null ? PlaybackQuery.OwnPathway : edge.Name);
            if (own is null || broadcast is null)
                json.WriteStringValue(PlaybackQuery.OwnPathway);
            json.WriteEndArray();
            if (broadcast is not null)
                WriteClones(json, offered, own, broadcast, directory, fileName);
            json.WriteEndObject();
        }
        return output.WrittenSpan.ToArray();
    }

    private static void WriteClones(
        Utf8JsonWriter json, IReadOnlyList<Edge> offered, Edge? own, BroadcastSnapshot broadcast, string directory, string fileName)
    {
        json.WriteStartArray("PATHWAY-CLONES"u8);
        foreach (var edge in offered)
        {
            if (edge == own)
                continue;
            json.WriteStartObject();
            json.WriteString("BASE-ID"u8, PlaybackQuery.OwnPathway);
            json.WriteString("ID"u8, edge.Name);
            json.WriteStartObject("URI-REPLACEMENT"u8);
            // The sound alone is a variant as well, beside a ladder.
            foreach (var map in (ReadOnlySpan<string>)["PER-VARIANT-URIS", "PER-RENDITION-URIS"])
            {
                json.WriteStartObject(map);
                foreach (var rendition in broadcast.Renditions)
                    json.WriteString(rendition.Name, edge.UrlOf($"{directory}{rendition.Name}/{fileName}"));
                json.WriteEndObject();
            }
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
