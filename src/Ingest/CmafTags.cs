using System.Buffers;
using Millrace.Cmaf;
using Millrace.Media;

namespace Millrace.Ingest;

/// <summary>
/// Makes of a CMAF track what a publisher over RTMP sends, so that everything behind it is the same for both: FLV tags
/// (Enhanced RTMP v2), whose presentation times are exact to a nanosecond.
/// </summary>
public static class CmafTags
{
    private const long NanosecondsPerMillisecond = 1_000_000;

    /// <summary>Whether the codec's configuration is the same in both worlds.</summary>
    public static bool CanCarry(TrackFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        return format.Codec is Codec.Avc or Codec.Hevc or Codec.Av1 or Codec.Aac;
    }

    /// <summary>The tag with the track's configuration.</summary>
    public static void WriteHeader(IBufferWriter<byte> output, InitTrack track)
    {
        ArgumentNullException.ThrowIfNull(track);
        if (track.Format.Kind == MediaKind.Video)
            FlvTagWriter.WriteVideo(output, track.Format.Codec, FlvPacketKind.SequenceStart, FlvFrameType.Key, 0, track.Format.Configuration.Span);
        else
            FlvTagWriter.WriteAudio(output, track.Format.Codec, FlvPacketKind.SequenceStart, track.Format.Configuration.Span);
    }

    /// <summary>The tag of a sample. False when it is shown more than two hours before or after it is decoded: no tag says that.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="track">Its track.</param>
    /// <param name="sample">Its description.</param>
    /// <param name="decodeTime">In the track's timescale, 0 to 2⁶¹.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="timestamp">Of the message: milliseconds of its decode time, modulo 2³².</param>
    public static bool TryWrite(
        IBufferWriter<byte> output, InitTrack track, in Sample sample, long decodeTime, ReadOnlySpan<byte> bytes, out uint timestamp)
    {
        ArgumentNullException.ThrowIfNull(track);
        var milliseconds = (Int128)decodeTime * 1000 / track.Timescale;
        timestamp = (uint)(ulong)(milliseconds & uint.MaxValue);
        var shown = ((Int128)decodeTime + sample.CompositionOffset) * 1_000_000_000 / track.Timescale - milliseconds * NanosecondsPerMillisecond;
        var nanoseconds = (int)((shown % NanosecondsPerMillisecond + NanosecondsPerMillisecond) % NanosecondsPerMillisecond);
        var composition = (shown - nanoseconds) / NanosecondsPerMillisecond;
        if (composition < -(1 << 23) || composition >= 1 << 23)
            return false;
        if (track.Format.Kind == MediaKind.Audio)
        {
            FlvTagWriter.WriteAudio(output, track.Format.Codec, FlvPacketKind.CodedFrames, bytes, nanosecondOffset: nanoseconds);
            return true;
        }
        // AV1 has no composition times: what a packager writes there is its own rounding.
        var isShownAsDecoded = track.Format.Codec == Codec.Av1;
        FlvTagWriter.WriteVideo(output, track.Format.Codec, FlvPacketKind.CodedFrames, sample.IsSync ? FlvFrameType.Key : FlvFrameType.Inter,
            isShownAsDecoded ? 0 : (int)composition, bytes, nanosecondOffset: isShownAsDecoded ? 0 : nanoseconds);
        return true;
    }
}
