using Millrace.Delivery;

namespace Millrace.Platform;

/// <summary><c>POST /api/v1/broadcasts/{id}/clips</c>.</summary>
/// <param name="Name">What the clip is called.</param>
/// <param name="From">Where it begins: seconds from the broadcast's beginning on its media's clock.</param>
/// <param name="To">Where it ends.</param>
internal sealed record ClipRequest(string? Name, double From, double To);

/// <summary><c>GET /api/v1/channels/{name}/clips</c>: newest first.</summary>
internal sealed record ClipList(IReadOnlyList<ClipDocument> Clips);

/// <summary>One clip. It is played like a broadcast: <c>/b/{id}</c>, <c>/b/{id}/main.m3u8</c>, <c>/b/{id}/download.mp4</c>.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Channel">Whose it is.</param>
/// <param name="Broadcast">What it is a clip of; that may be gone.</param>
/// <param name="From">Where on that broadcast's clock it really begins, in seconds.</param>
/// <param name="To">Where it ends.</param>
/// <param name="Duration">Seconds of its media.</param>
/// <param name="Bytes">Bytes that it takes on disk.</param>
/// <param name="CreatedAt">When it was made.</param>
internal sealed record ClipDocument(
    string Id, string Name, string Channel, string Broadcast, double From, double To, double Duration, long Bytes, DateTimeOffset CreatedAt)
{
    /// <summary>Describes one.</summary>
    public static ClipDocument Of(Replay replay)
    {
        var clip = replay.Clip!;
        return new ClipDocument(
            replay.Id.Value, clip.Name, replay.Channel.Value, clip.Of.Value, Math.Round(clip.From.TotalSeconds, 3), Math.Round(clip.To.TotalSeconds, 3),
            Math.Round(replay.Duration.TotalSeconds, 3), replay.Bytes, clip.CreatedAt);
    }
}
