using Millrace.Rtmp;

namespace Millrace.Ingest;

/// <summary>One data message of a publisher, typed as far as its kind is known.</summary>
/// <param name="Timestamp">The message's RTMP timestamp in milliseconds, unrepaired.</param>
public abstract record StreamData(uint Timestamp)
{
    /// <summary>Types a message by its name.</summary>
    public static StreamData From(scoped in DataMessage message)
    {
        var first = message.Values.Count > 0 ? message.Values[0] : AmfValue.Null;
        return message.Name switch
        {
            "onMetaData" => StreamMetadata.From(message.Timestamp, first),
            "onTextData" => new StreamText(message.Timestamp, TextOf(first, "text") ?? "", TextOf(first, "language"), first),
            "onCuePoint" => new StreamCuePoint(
                message.Timestamp, TextOf(first, "name") ?? "", TextOf(first, "type"), NumberOf(first, "time"), first["parameters"] ?? AmfValue.Null),
            "onCaptionInfo" => new StreamCaptionInfo(message.Timestamp, TextOf(first, "type"), TextOf(first, "data"), first),
            _ => new UnknownStreamData(message.Timestamp, message.Name, message.Values),
        };
    }

    private protected static string? TextOf(AmfValue properties, string name) =>
        properties[name] is { } value && value.TryGetString(out var text) ? text : null;

    private protected static double? NumberOf(AmfValue properties, string name) =>
        properties[name] is { } value && value.TryGetNumber(out var number) && double.IsFinite(number) ? number : null;
}

/// <summary><c>onMetaData</c>: what the encoder says of the stream. Hints, never trusted; the media itself decides.</summary>
/// <param name="Timestamp">RTMP milliseconds.</param>
/// <param name="HasVideo">Whether it names a video codec; null when it names no codec at all.</param>
/// <param name="HasAudio">Whether it names an audio codec; null when it names no codec at all.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="FrameRate">Frames per second.</param>
/// <param name="VideoKilobits">Kilobits per second.</param>
/// <param name="AudioKilobits">Kilobits per second.</param>
/// <param name="Encoder">The encoder's name.</param>
/// <param name="Properties">Everything that was sent.</param>
public sealed record StreamMetadata(
    uint Timestamp, bool? HasVideo, bool? HasAudio, double? Width, double? Height, double? FrameRate,
    double? VideoKilobits, double? AudioKilobits, string? Encoder, AmfValue Properties) : StreamData(Timestamp)
{
    internal static StreamMetadata From(uint timestamp, AmfValue properties)
    {
        var video = properties["videocodecid"];
        var audio = properties["audiocodecid"];
        var says = video is not null || audio is not null;
        return new StreamMetadata(
            timestamp, says ? Names(video) : null, says ? Names(audio) : null,
            NumberOf(properties, "width"), NumberOf(properties, "height"),
            NumberOf(properties, "framerate") ?? NumberOf(properties, "videoframerate"),
            NumberOf(properties, "videodatarate"), NumberOf(properties, "audiodatarate"), TextOf(properties, "encoder"), properties);
    }

    // Some write a codec id of 0 for a track that is not there; no live encoder sends linear PCM, which is audio id 0.
    private static bool Names(AmfValue? codec) =>
        codec is not null && (codec.TryGetString(out var text) ? text.Length > 0 : codec.TryGetNumber(out var number) && number > 0);
}

/// <summary><c>onTextData</c>: text to show with the picture.</summary>
public sealed record StreamText(uint Timestamp, string Text, string? Language, AmfValue Properties) : StreamData(Timestamp);

/// <summary><c>onCuePoint</c>: a named moment.</summary>
/// <param name="Timestamp">RTMP milliseconds.</param>
/// <param name="Name">The cue point's name.</param>
/// <param name="Type">Such as <c>event</c> or <c>navigation</c>.</param>
/// <param name="Seconds">The time it names itself, on the encoder's clock.</param>
/// <param name="Parameters">Whatever comes with it.</param>
public sealed record StreamCuePoint(uint Timestamp, string Name, string? Type, double? Seconds, AmfValue Parameters) : StreamData(Timestamp);

/// <summary><c>onCaptionInfo</c>: captions, often CEA-708 in base 64.</summary>
public sealed record StreamCaptionInfo(uint Timestamp, string? Type, string? Data, AmfValue Properties) : StreamData(Timestamp);

/// <summary>A message of another name.</summary>
public sealed record UnknownStreamData(uint Timestamp, string Name, IReadOnlyList<AmfValue> Values) : StreamData(Timestamp);
