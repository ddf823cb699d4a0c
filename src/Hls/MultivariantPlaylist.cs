using System.Buffers;
using Millrace.Core;
using Millrace.Media;
using Millrace.Timeline;

namespace Millrace.Hls;

/// <summary>
/// Writes the multivariant playlist of a broadcast, draft-pantos-hls-rfc8216bis §4.4.6: every video rendition as a variant
/// with the audio renditions as its group, or the audio alone. A pure function of its arguments.
/// </summary>
public static class MultivariantPlaylist
{
    private const int Version = 6;

    /// <summary>The playlist as bytes that the caller owns.</summary>
    public static byte[] Write(BroadcastSnapshot broadcast, MultivariantPlaylistOptions options)
    {
        var output = new ArrayBufferWriter<byte>(1024);
        Write(broadcast, options, output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Appends the playlist to <paramref name="output"/>. Worth asking for once <see cref="BroadcastSnapshot.HasMedia"/>.</summary>
    public static void Write(BroadcastSnapshot broadcast, MultivariantPlaylistOptions options, IBufferWriter<byte> output)
    {
        var writer = new Utf8Writer(output);
        var video = Offered(broadcast, MediaKind.Video);
        var audio = Offered(broadcast, MediaKind.Audio);
        writer.Write("#EXTM3U\n#EXT-X-VERSION:"u8);
        writer.Write(Version);
        writer.Write("\n"u8);
        // Here it would speak of every segment that is still to come (§4.4.2.1), which nobody knows before the end. The media
        // playlists say it of what they list.
        if (broadcast.IsEnded && video.TrueForAll(IsIndependent) && audio.TrueForAll(IsIndependent))
            writer.Write("#EXT-X-INDEPENDENT-SEGMENTS\n"u8);
        if (video.Count > 0)
        {
            for (var i = 0; i < audio.Count; i++)
                WriteAudio(ref writer, audio[i], isDefault: i == 0, options);
        }
        foreach (var rendition in video)
            WriteVariant(ref writer, rendition, audio, options);
        if (video.Count == 0)
        {
            foreach (var rendition in audio)
                WriteVariant(ref writer, rendition, [], options);
        }
        writer.Flush();
    }

    /// <summary>
    /// What can be played: of a live broadcast the newest period's renditions, for a group of which there is nothing now
    /// would only stall whoever joins; of a finished one all that ever were.
    /// </summary>
    private static List<RenditionSnapshot> Offered(BroadcastSnapshot broadcast, MediaKind kind)
    {
        var offered = new List<RenditionSnapshot>();
        foreach (var rendition in broadcast.Renditions)
        {
            if (rendition.Format.Kind == kind && (broadcast.IsEnded ? rendition.HasMedia : rendition.Track.Format is not null))
                offered.Add(rendition);
        }
        return offered;
    }

    private static bool IsIndependent(RenditionSnapshot rendition)
    {
        foreach (var segment in rendition.Segments.AsSpan())
        {
            if (!segment.IsIndependent && !segment.IsGap)
                return false;
        }
        return rendition.Running?.IsIndependent ?? true;
    }

    private static void WriteAudio(
        ref Utf8Writer writer, RenditionSnapshot rendition, bool isDefault, MultivariantPlaylistOptions options)
    {
        writer.Write("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\""u8);
        writer.Write(rendition.Name);
        writer.Write(isDefault ? "\",DEFAULT=YES,AUTOSELECT=YES"u8 : "\",DEFAULT=NO,AUTOSELECT=YES"u8);
        writer.Write(",CHANNELS=\""u8);
        writer.Write(((AudioFormat)rendition.Format).Channels);
        writer.Write("\",URI=\""u8);
        WriteUri(ref writer, rendition, options);
        writer.Write("\"\n"u8);
    }

    private static void WriteVariant(
        ref Utf8Writer writer, RenditionSnapshot rendition, List<RenditionSnapshot> audio, MultivariantPlaylistOptions options)
    {
        // The variant's rates are those of the renditions that play together: itself and the most demanding of the group.
        long peak = 0, average = 0;
        foreach (var companion in audio)
        {
            peak = Math.Max(peak, companion.Rates.PeakBitsPerSecond);
            average = Math.Max(average, companion.Rates.AverageBitsPerSecond);
        }
        writer.Write("#EXT-X-STREAM-INF:BANDWIDTH="u8);
        writer.Write(Math.Max(1, peak + rendition.Rates.PeakBitsPerSecond));
        writer.Write(",AVERAGE-BANDWIDTH="u8);
        writer.Write(Math.Max(1, average + rendition.Rates.AverageBitsPerSecond));
        writer.Write(",CODECS=\""u8);
        writer.Write(rendition.Format.CodecString);
        for (var i = 0; i < audio.Count; i++)
        {
            if (audio.FindIndex(other => other.Format.CodecString == audio[i].Format.CodecString) < i)
                continue;
            writer.Write(","u8);
            writer.Write(audio[i].Format.CodecString);
        }
        writer.Write("\""u8);
        if (rendition.Format is VideoFormat format)
        {
            var (horizontal, vertical) = format.SampleAspectRatio;
            writer.Write(",RESOLUTION="u8);
            writer.Write(((long)format.Width * horizontal + vertical / 2) / vertical);
            writer.Write("x"u8);
            writer.Write(format.Height);
            if (rendition.Rates.FramesPerSecond > 0)
                WriteFrameRate(ref writer, rendition.Rates.FramesPerSecond);
            writer.Write(",VIDEO-RANGE="u8);
            writer.Write(format.Color?.VideoRange ?? "SDR");
        }
        if (audio.Count > 0)
            writer.Write(",AUDIO=\"audio\""u8);
        writer.Write("\n"u8);
        WriteUri(ref writer, rendition, options);
        writer.Write("\n"u8);
    }

    // Three decimals, always (§4.4.6.2, FRAME-RATE): 30.000, 29.970.
    private static void WriteFrameRate(ref Utf8Writer writer, double framesPerSecond)
    {
        var thousandths = (long)Math.Round(framesPerSecond * 1000);
        writer.Write(",FRAME-RATE="u8);
        writer.Write(thousandths / 1000);
        writer.Write(thousandths % 1000 < 10 ? ".00"u8 : thousandths % 1000 < 100 ? ".0"u8 : "."u8);
        writer.Write(thousandths % 1000);
    }

    private static void WriteUri(ref Utf8Writer writer, RenditionSnapshot rendition, MultivariantPlaylistOptions options)
    {
        writer.Write(options.BasePath);
        writer.Write(rendition.Name);
        writer.Write("/"u8);
        writer.Write(options.FileName);
    }
}
