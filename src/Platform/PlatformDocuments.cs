using System.Text.Json.Serialization;
using Millrace.Delivery.Steering;

namespace Millrace.Platform;

/// <summary><c>GET /api/v1/channels</c>: those on air first, then by name; at most 1000 registered ones.</summary>
internal sealed record ChannelList(IReadOnlyList<ChannelDocument> Channels);

/// <summary>One channel.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Live">It is on air.</param>
/// <param name="Broadcast">The broadcast's id, or null.</param>
/// <param name="StartedAt">When the broadcast began, or null.</param>
/// <param name="Title">What it is called, or null.</param>
/// <param name="Health">What was measured on the broadcast, or null.</param>
/// <param name="PreviewAt">When its newest thumbnail was made (<c>/live/{name}/preview.jpg</c>), or null while it has none.</param>
internal sealed record ChannelDocument(
    string Name, bool Live, string? Broadcast, DateTimeOffset? StartedAt, string? Title, HealthDocument? Health,
    DateTimeOffset? PreviewAt = null);

/// <summary>How a broadcast is doing.</summary>
/// <param name="State">One of <see cref="HealthState"/>.</param>
/// <param name="Video">The video that came in, or null.</param>
/// <param name="Audio">The audio that came in, or null.</param>
/// <param name="Problems">What the streamer or the operator can change, or null where only the state was asked for.</param>
/// <param name="Ingest">What comes in, or null where only the state was asked for.</param>
/// <param name="Transcoding">The further renditions, or null where only the state was asked for.</param>
internal sealed record HealthDocument(
    string State, VideoHealth? Video, AudioHealth? Audio,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ErrorDetail>? Problems = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IngestHealth? Ingest = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] TranscodingHealth? Transcoding = null);

/// <summary>The words for a broadcast's state.</summary>
internal static class HealthState
{
    /// <summary>A publisher is connected; nothing can be watched yet.</summary>
    public const string Starting = "starting";

    /// <summary>On air, and nothing is wrong.</summary>
    public const string Ok = "ok";

    /// <summary>On air, with problems that someone should look at.</summary>
    public const string Attention = "attention";

    /// <summary>On air; the publisher is gone and may come back.</summary>
    public const string WaitingForPublisher = "waiting_for_publisher";
}

/// <summary>The video that came in, measured. Bit rate in bits per second.</summary>
internal sealed record VideoHealth(string Codec, int Width, int Height, double FrameRate, long Bitrate);

/// <summary>The audio that came in, measured. Bit rate in bits per second.</summary>
internal sealed record AudioHealth(string Codec, int SampleRate, int Channels, long Bitrate);

/// <summary><c>DELETE /api/v1/broadcasts/{id}</c> with 202: it is deleted, but for these origins, which are told as soon as they are back.</summary>
internal sealed record TakedownDocument(IReadOnlyList<string> NotReached);

/// <summary><c>GET /api/v1/channels/{name}/broadcasts</c>: newest first.</summary>
internal sealed record BroadcastList(IReadOnlyList<BroadcastDocument> Broadcasts);

/// <summary>One broadcast, on air or over.</summary>
/// <param name="Id">Its id: <c>/b/{id}/main.m3u8</c> plays it.</param>
/// <param name="Channel">Whose it is.</param>
/// <param name="Live">It is on air.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="EndedAt">When it ended, or null.</param>
/// <param name="Duration">Seconds of its media that can be watched, absences of the publisher included.</param>
/// <param name="Bytes">Bytes that it takes on disk; null while it is on air.</param>
/// <param name="Dvr">How far back viewers may go: <c>off</c>, <c>window</c> or <c>full</c>.</param>
/// <param name="RewindableFrom">
/// Where what can be watched begins: seconds from the broadcast's beginning on its media's clock, which <c>sprites.vtt</c> counts
/// as well. Absent where many are listed, and of a replay that nobody is watching.
/// </param>
/// <param name="Periods">The newest 1440 runs of the publisher, for finding a playlist's dates on that clock; absent as well.</param>
/// <param name="Clip">What it is a clip of; absent of a broadcast.</param>
internal sealed record BroadcastDocument(
    string Id, string Channel, bool Live, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, double Duration, long? Bytes, string Dvr,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? RewindableFrom = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<PeriodDocument>? Periods = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ClipDocument? Clip = null);

/// <summary>A run of a publisher: no discontinuity in it.</summary>
/// <param name="Start">Where it begins on the media's clock, seconds from the broadcast's beginning; time off air does not count.</param>
/// <param name="Date">The same moment as a playlist's EXT-X-PROGRAM-DATE-TIME has it.</param>
internal sealed record PeriodDocument(double Start, DateTimeOffset Date);

/// <summary><c>GET /api/v1/channels/{name}/playback</c>.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Live">It is on air.</param>
/// <param name="Broadcast">The broadcast's id, or null.</param>
/// <param name="Region">Where the viewer is taken to be, or null: not known, or no edge is for there.</param>
/// <param name="Places">Where to play it from, best first; never none.</param>
internal sealed record PlaybackDocument(string Channel, bool Live, string? Broadcast, string? Region, IReadOnlyList<PlaybackPlace> Places);

/// <summary><c>GET /api/v1/storage/open</c>, and what of it was taken up.</summary>
internal sealed record OpenRecordingList(IReadOnlyList<OpenRecordingDocument> Recordings);

/// <summary>A recording in the store that another node has not finished.</summary>
/// <param name="Node">The node.</param>
/// <param name="Broadcast">The broadcast's id.</param>
/// <param name="WrittenAt">When something of it was written last.</param>
/// <param name="InUse">That was a moment ago: it is left alone.</param>
internal sealed record OpenRecordingDocument(string Node, string Broadcast, DateTimeOffset WrittenAt, bool InUse);

/// <summary>Every answer that is an error.</summary>
internal sealed record ErrorDocument(ErrorDetail Error);

/// <summary>What went wrong: a word for programs, a sentence for people.</summary>
internal sealed record ErrorDetail(string Code, string Message);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ChannelList))]
[JsonSerializable(typeof(ChannelDocument))]
[JsonSerializable(typeof(BroadcastList))]
[JsonSerializable(typeof(BroadcastDocument))]
[JsonSerializable(typeof(TakedownDocument))]
[JsonSerializable(typeof(ClipRequest))]
[JsonSerializable(typeof(ClipList))]
[JsonSerializable(typeof(ClipDocument))]
[JsonSerializable(typeof(OpenRecordingList))]
[JsonSerializable(typeof(PlaybackDocument))]
[JsonSerializable(typeof(ErrorDocument))]
internal sealed partial class PlatformJson : JsonSerializerContext;
