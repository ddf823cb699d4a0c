using Millrace.Media;

namespace Millrace.Fuzz;

/// <summary>The parsers of src/Media.</summary>
internal static class MediaTargets
{
    private static readonly Codec[] Codecs = Enum.GetValues<Codec>();

    public static void FlvVideo(ReadOnlySpan<byte> input)
    {
        if (!FlvVideoTag.TryRead(input, out var tag, out var fault))
        {
            FuzzTarget.Require(fault.Kind != FlvFaultKind.None && fault.Description.Length > 0, "refused without a fault");
            return;
        }
        var count = 0;
        foreach (var track in tag.Tracks(input))
        {
            _ = input.Slice(track.BodyOffset, track.BodyLength);
            FuzzTarget.Require(track.Multitrack == FlvMultitrack.None, "a track of tracks");
            FuzzTarget.Require(++count <= Math.Max(1, input.Length), "more tracks than bytes");
        }
    }

    public static void FlvAudio(ReadOnlySpan<byte> input)
    {
        if (!FlvAudioTag.TryRead(input, out var tag, out var fault))
        {
            FuzzTarget.Require(fault.Kind != FlvFaultKind.None && fault.Description.Length > 0, "refused without a fault");
            return;
        }
        var count = 0;
        foreach (var track in tag.Tracks(input))
        {
            _ = input.Slice(track.BodyOffset, track.BodyLength);
            FuzzTarget.Require(++count <= Math.Max(1, input.Length), "more tracks than bytes");
        }
    }

    /// <summary>The first byte chooses the codec.</summary>
    public static void Configuration(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return;
        var codec = Codecs[input[0] % Codecs.Length];
        var body = input[1..];
        var needsFrame = CodecConfiguration.NeedsFirstFrame(codec);
        if (!CodecConfiguration.TryRead(codec, needsFrame ? default : body, needsFrame ? body : default, out var format, out var fault))
        {
            FuzzTarget.Require(fault is { Length: > 0 } && format is null, "refused without a fault");
            return;
        }
        FuzzTarget.Require(fault is null && format!.Codec == codec && format.Timescale > 0, "read with a fault");
        if (format is VideoFormat video)
        {
            FuzzTarget.Require(video.Width is > 0 and <= 65535 && video.Height is > 0 and <= 65535, "impossible size");
            _ = HevcSliceReader.Of(video);
        }
        // What we make of it must be something that we can read ourselves.
        var init = Cmaf.InitSegmentWriter.Write(format!);
        FuzzTarget.Require(Cmaf.InitSegmentReader.TryRead(init, out var tracks, out var why) && tracks.Count == 1, "own init segment: " + why);
        if (format is AudioFormat audio)
            SilentFrame.TryGet(audio, out _);
    }

    /// <summary>The first byte chooses among the codecs' formats and NAL length sizes.</summary>
    public static void AccessUnit(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return;
        var format = VideoFormats[input[0] % VideoFormats.Length];
        var payload = input[1..];
        var seen = VideoAccessUnit.Inspect(format, payload);
        if (seen.Fault is not null)
            return;
        if (HevcSliceReader.Of(format) is { } slice && slice.TryRead(payload))
        {
            for (var i = 0; i < slice.ReferenceCount; i++)
                FuzzTarget.Require(slice.ReferenceDistance(i) != 0, "a picture that refers to itself");
        }
        if (seen.NeedsRewrite)
        {
            var sample = new byte[seen.SampleLength];
            FuzzTarget.Require(VideoAccessUnit.Rewrite(format, payload, sample) == sample.Length, "rewritten to another length");
            if (sample.Length > 0 && format.Codec != Codec.Av1)
                FuzzTarget.Require(VideoAccessUnit.Inspect(WithFullLengths(format), sample) is { Fault: null, NeedsRewrite: false }, "rewritten to nonsense");
        }
        else
        {
            _ = payload.Slice(seen.SampleOffset, seen.SampleLength);
        }
        if (seen.ChangesFormat && !VideoAccessUnit.TryReadFormat(format, payload, out _, out var fault))
            FuzzTarget.Require(fault is not null, "refused without a fault");
    }

    /// <summary>The first byte chooses the codec.</summary>
    public static void AudioFrames(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return;
        Codec[] codecs = [Codec.Opus, Codec.Flac, Codec.Mp3, Codec.Ac3, Codec.Eac3];
        var format = new AudioFormat(codecs[input[0] % codecs.Length], "", [], 48000, 2, 0);
        if (AudioFrame.TryGetSamples(format, input[1..], out var samples))
            FuzzTarget.Require(samples > 0, "a frame of no duration");
    }

    private static readonly VideoFormat[] VideoFormats = [.. SeedFormats()];

    private static IEnumerable<VideoFormat> SeedFormats()
    {
        foreach (var (codec, configuration) in Seeds.VideoConfigurations)
        {
            foreach (var lengthSize in codec is Codec.Avc or Codec.Hevc ? (int[])[4, 2, 1] : [4])
            {
                var record = configuration.ToArray();
                if (codec == Codec.Avc)
                    record[4] = (byte)(0xFC | (lengthSize - 1));
                if (codec == Codec.Hevc)
                    record[21] = (byte)(record[21] & 0xFC | (lengthSize - 1));
                FuzzTarget.Require(CodecConfiguration.TryRead(codec, record, out var format, out var fault), "seed: " + fault);
                yield return (VideoFormat)format!;
            }
        }
        FuzzTarget.Require(Vp9Configuration.TryReadBox([1, 0, 0, 0, 0, 10, 0x82, 2, 2, 2, 0, 0], 320, 180, out var vp9, out var why), "seed: " + why);
        yield return vp9!;
    }

    private static VideoFormat WithFullLengths(VideoFormat format) =>
        new(format.Codec, format.CodecString, format.Configuration.ToArray(), format.Width, format.Height);
}
