using System.Text;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>One RTMP media message: what <see cref="RtmpPublisher"/> sends at a time.</summary>
internal sealed record MediaMessage(bool IsVideo, double Seconds, byte[] Payload);

/// <summary>How a track is put into FLV tag bodies.</summary>
internal enum FlvForm
{
    /// <summary>FLV 10.1, and codec id 12 for HEVC.</summary>
    Legacy,
    /// <summary>Enhanced RTMP (v2): FourCC and packet type.</summary>
    Enhanced,
    /// <summary>Enhanced, with CodedFramesX for pictures without composition offset.</summary>
    EnhancedX,
}

/// <summary>Turns a track of a file into FLV tag bodies (FLV 10.1 Annex E; Enhanced RTMP v2).</summary>
internal static class FlvTags
{
    /// <summary>Decoding begins before the presentation does, and RTMP knows no negative time.</summary>
    public const double Lead = 0.1;

    /// <summary>The sequence header, if the codec has one, and then every sample; the first one shown at <paramref name="startAt"/> and a little.</summary>
    public static IEnumerable<MediaMessage> Messages(Mp4File track, FlvForm form, double startAt = 0)
    {
        startAt += Lead;
        var isVideo = IsVideo(track);
        if (Header(track, form) is { } header)
            yield return new MediaMessage(isVideo, startAt, header);
        foreach (var sample in track.Samples)
            yield return new MediaMessage(isVideo, startAt + sample.DecodeTime, isVideo ? Picture(track, sample, form) : Sound(track, sample, form));
    }

    /// <summary>Both tracks in the order of their times, as an encoder interleaves them.</summary>
    public static IReadOnlyList<MediaMessage> Interleave(params IEnumerable<MediaMessage>[] tracks) =>
        [.. tracks.SelectMany(track => track).OrderBy(message => message.Seconds)];

    /// <summary>The sequence header's tag body; null for codecs that have none.</summary>
    public static byte[]? Header(Mp4File track, FlvForm form)
    {
        if (form == FlvForm.Legacy)
        {
            return track.SampleEntry switch
            {
                "avc1" => [0x17, 0, 0, 0, 0, .. track.Configuration],
                "hvc1" or "hev1" => [0x1C, 0, 0, 0, 0, .. track.Configuration],
                "mp4a" when IsMp3(track) => null,
                "mp4a" => [0xAF, 0, .. AudioSpecificConfig(track.Configuration)],
                _ => throw new ArgumentException($"{track.SampleEntry} has no legacy form."),
            };
        }
        return track.SampleEntry switch
        {
            "avc1" or "hvc1" or "hev1" or "av01" or "vp09" => [0x90, .. FourCc(track), .. track.Configuration],
            "Opus" => [0x90, .. FourCc(track), .. OpusHead(track.Configuration)],
            // dfLa is a full box around the metadata blocks; FLV carries the stream marker and the blocks.
            "fLaC" => [0x90, .. FourCc(track), .. "fLaC"u8, .. track.Configuration[4..]],
            "mp4a" when !IsMp3(track) => [0x90, .. FourCc(track), .. AudioSpecificConfig(track.Configuration)],
            _ => null,
        };
    }

    private static byte[] Picture(Mp4File track, Mp4Sample sample, FlvForm form)
    {
        var frameType = sample.IsSync ? 0x10 : 0x20;
        var offset = (int)Math.Round(sample.CompositionOffset * 1000);
        byte[] composition = [(byte)(offset >> 16), (byte)(offset >> 8), (byte)offset];
        if (form == FlvForm.Legacy)
            return [(byte)(frameType | (track.SampleEntry == "avc1" ? 7 : 12)), 1, .. composition, .. sample.Data];
        var hasComposition = track.SampleEntry is "avc1" or "hvc1" or "hev1";
        if (hasComposition && form == FlvForm.EnhancedX && offset == 0)
            return [(byte)(0x80 | frameType | 3), .. FourCc(track), .. sample.Data];
        return [(byte)(0x80 | frameType | 1), .. FourCc(track), .. hasComposition ? composition : [], .. sample.Data];
    }

    private static byte[] Sound(Mp4File track, Mp4Sample sample, FlvForm form) =>
        form != FlvForm.Legacy ? [0x91, .. FourCc(track), .. sample.Data]
        : IsMp3(track) ? [0x2F, .. sample.Data]
        : [0xAF, 1, .. sample.Data];

    private static bool IsVideo(Mp4File track) => track.SampleEntry is "avc1" or "hvc1" or "hev1" or "av01" or "vp09";

    private static byte[] FourCc(Mp4File track) => Encoding.ASCII.GetBytes(track.SampleEntry switch
    {
        "hev1" => "hvc1",
        "mp4a" when IsMp3(track) => ".mp3",
        var entry => entry,
    });

    /// <summary>The object type indication in the esds' DecoderConfigDescriptor.</summary>
    private static bool IsMp3(Mp4File track) => Descriptor(track.Configuration, 0x04)[0] is 0x6B or 0x69;

    private static byte[] AudioSpecificConfig(byte[] esds) => Descriptor(esds, 0x05);

    /// <summary>Content of the first descriptor with <paramref name="tag"/> (ISO/IEC 14496-1 §7.2.6) behind the full box's header.</summary>
    private static byte[] Descriptor(byte[] esds, byte tag)
    {
        var position = 4;
        while (position < esds.Length)
        {
            var found = esds[position++];
            var length = 0;
            byte next;
            do
            {
                next = esds[position++];
                length = (length << 7) | (next & 0x7F);
            }
            while ((next & 0x80) != 0);
            if (found == tag)
                return esds[position..(position + length)];
            // ES_Descriptor: id and flags; DecoderConfigDescriptor: 13 bytes; both hold further descriptors.
            position += found switch { 0x03 => 3, 0x04 => 13, _ => length };
        }
        throw new InvalidDataException($"No descriptor {tag:X2}.");
    }

    /// <summary>The identification header of RFC 7845 §5.1, little-endian, from the big-endian <c>dOps</c>.</summary>
    private static byte[] OpusHead(byte[] dOps) =>
    [
        .. "OpusHead"u8, 1, dOps[1], dOps[3], dOps[2], dOps[7], dOps[6], dOps[5], dOps[4], dOps[9], dOps[8], .. dOps[10..],
    ];
}
