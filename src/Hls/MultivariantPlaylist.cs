using System.Buffers;
using Millrace.Core;
using Millrace.Media;
using Millrace.Timeline;

namespace Millrace.Hls;

/// <summary>
/// Writes the multivariant playlist of a broadcast, draft-pantos-hls-rfc8216bis §4.4.6: every video rendition as a variant
/// with the audio renditions as its groups, or the audio alone; beside a ladder of derived renditions also the sound alone. A pure function of its arguments.
/// </summary>
public static class MultivariantPlaylist
{
    private const int Version = 6;

    // What a player may start with that knows nothing of its network.
    private const long StartBitsPerSecond = 2_000_000;

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
        if (options.SteeringUrl is { } steering)
        {
            writer.Write("#EXT-X-CONTENT-STEERING:SERVER-URI=\""u8);
            writer.Write(steering);
            writer.Write("\",PATHWAY-ID=\".\"\n"u8);
        }
        var groups = Groups(audio);
        if (video.Count == 0)
        {
            foreach (var group in groups)
            {
                foreach (var rendition in group.Renditions)
                    WriteVariant(ref writer, rendition, default, score: 0, options);
            }
            writer.Flush();
            return;
        }
        // 1. The sound, by coding: who cannot play the one takes the variants of the other.
        foreach (var group in groups)
        {
            for (var i = 0; i < group.Renditions.Count; i++)
                WriteAudio(ref writer, group, i, options);
        }
        // 2. The pictures, each with each group. For the worst networks the sound alone; only a ladder needs it.
        InPlayingOrder(video);
        var hasLadder = video.Exists(rendition => rendition.IsDerived) && audio.Count > 0;
        var isScored = hasLadder || video.Count > 1;
        foreach (var rendition in video)
        {
            // Score 1 is the sound's; variants of the same pictures are equally good.
            var score = isScored ? 2 + video.FindAll(other => Compare(other, rendition) < 0).Count : 0;
            foreach (var group in groups)
                WriteVariant(ref writer, rendition, group, score, options);
            if (groups.Count == 0)
                WriteVariant(ref writer, rendition, default, score, options);
        }
        if (hasLadder)
            WriteVariant(ref writer, groups[0].Renditions[0], groups[0], score: 1, options);
        writer.Flush();
    }

    /// <summary>The audio renditions that a variant chooses from.</summary>
    private readonly record struct AudioGroup(string Id, List<RenditionSnapshot> Renditions);

    /// <summary>
    /// Sound that came in is group <c>audio</c>; what is made of it for players without its codec stands in front, named after its own.
    /// </summary>
    private static List<AudioGroup> Groups(List<RenditionSnapshot> audio)
    {
        var groups = new List<AudioGroup>();
        foreach (var rendition in audio)
        {
            var id = !rendition.IsDerived ? "audio" : rendition.Format.Codec == Codec.Opus ? "opus" : "aac";
            var known = groups.FindIndex(group => group.Id == id);
            if (known < 0)
            {
                known = id == "audio" ? groups.Count : 0;
                groups.Insert(known, new AudioGroup(id, []));
            }
            groups[known].Renditions.Add(rendition);
        }
        return groups;
    }

    /// <summary>
    /// Puts first what a player should start with that knows nothing of its network yet: the best rendition that most can have,
    /// else the least; the others behind it from the best downwards.
    /// </summary>
    /// <remarks>
    /// AVPlayer starts with the variant that is listed first, and hls.js takes its rate for the first estimate of the network.
    /// Apple's authoring specification asks for about 2 Mbit/s there.
    /// </remarks>
    private static void InPlayingOrder(List<RenditionSnapshot> video)
    {
        video.Sort((one, other) => Compare(other, one));
        var start = video.FindIndex(rendition => rendition.Rates.AverageBitsPerSecond <= StartBitsPerSecond);
        var chosen = video[start < 0 ? video.Count - 1 : start];
        video.Remove(chosen);
        video.Insert(0, chosen);
    }

    /// <summary>By quality: larger pictures are better, then the source than what was made of it, then more bits.</summary>
    private static int Compare(RenditionSnapshot one, RenditionSnapshot other)
    {
        var size = ((VideoFormat)one.Format).Height.CompareTo(((VideoFormat)other.Format).Height);
        if (size == 0)
            size = other.IsDerived.CompareTo(one.IsDerived);
        if (size == 0)
            size = one.Rates.AverageBitsPerSecond.CompareTo(other.Rates.AverageBitsPerSecond);
        return size != 0 ? size : string.CompareOrdinal(one.Name, other.Name);
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

    private static void WriteAudio(ref Utf8Writer writer, AudioGroup group, int index, MultivariantPlaylistOptions options)
    {
        var rendition = group.Renditions[index];
        writer.Write("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\""u8);
        writer.Write(group.Id);
        writer.Write("\",NAME=\""u8);
        writer.Write(rendition.Name);
        writer.Write(index == 0 ? "\",DEFAULT=YES,AUTOSELECT=YES"u8 : "\",DEFAULT=NO,AUTOSELECT=YES"u8);
        writer.Write(",CHANNELS=\""u8);
        writer.Write(((AudioFormat)rendition.Format).Channels);
        writer.Write("\",URI=\""u8);
        WriteUri(ref writer, rendition, options);
        if (options.SteeringUrl is not null)
        {
            writer.Write("\",STABLE-RENDITION-ID=\""u8);
            writer.Write(rendition.Name);
        }
        writer.Write("\"\n"u8);
    }

    private static void WriteVariant(
        ref Utf8Writer writer, RenditionSnapshot rendition, AudioGroup group, int score, MultivariantPlaylistOptions options)
    {
        // The variant's rates are those of the renditions that play together: itself and the most demanding of the group.
        long peak = 0, average = 0;
        List<RenditionSnapshot> audio = rendition.Format.Kind == MediaKind.Audio ? [] : group.Renditions ?? [];
        foreach (var companion in audio)
        {
            peak = Math.Max(peak, companion.Rates.PeakBitsPerSecond);
            average = Math.Max(average, companion.Rates.AverageBitsPerSecond);
        }
        writer.Write("#EXT-X-STREAM-INF:BANDWIDTH="u8);
        writer.Write(Math.Max(1, peak + rendition.Rates.PeakBitsPerSecond));
        writer.Write(",AVERAGE-BANDWIDTH="u8);
        writer.Write(Math.Max(1, average + rendition.Rates.AverageBitsPerSecond));
        if (score > 0)
        {
            writer.Write(",SCORE="u8);
            writer.Write(score);
        }
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
        if (group.Id is not null)
        {
            writer.Write(",AUDIO=\""u8);
            writer.Write(group.Id);
            writer.Write("\""u8);
        }
        if (options.SteeringUrl is not null)
        {
            // Its other pathways are clones, which name their addresses by this.
            writer.Write(",STABLE-VARIANT-ID=\""u8);
            writer.Write(rendition.Name);
            writer.Write("\",PATHWAY-ID=\".\""u8);
        }
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
