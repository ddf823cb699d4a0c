using System.Globalization;
using Millrace.Media;

namespace Millrace.Cmaf.Tests;

/// <summary>Real encoders' streams through our readers and writers, judged by ffmpeg and ffprobe.</summary>
public sealed class CodecRoundTripTests
{
    private const string Picture = "testsrc2=size=320x180:rate=25:duration=2";
    private const string Tone = "sine=frequency=440:sample_rate=48000:duration=2";

    public static TheoryData<Codec, string, string, string> Clips => new()
    {
        { Codec.Avc, Picture, "-c:v libx264 -preset veryfast -bf 2 -g 25 -pix_fmt yuv420p", @"^avc1\.64000[a-f0-9]$" },
        { Codec.Avc, "testsrc2=size=322x182:rate=30000/1001:duration=1", "-c:v libx264 -preset ultrafast -profile:v baseline -pix_fmt yuv420p -aspect 16:9", @"^avc1\.42c0" },
        { Codec.Hevc, Picture, "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25 -tag:v hvc1 -pix_fmt yuv420p", @"^hvc1\.1\.6\.L\d+\.90$" },
        { Codec.Hevc, Picture, "-c:v libx265 -preset ultrafast -x265-params log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc -tag:v hvc1 -pix_fmt yuv420p10le", @"^hvc1\.2\.4\.L\d+\.90$" },
        { Codec.Av1, "testsrc2=size=320x180:rate=25:duration=1", "-c:v libsvtav1 -preset 12 -g 25 -pix_fmt yuv420p", @"^av01\.0\.0\dM\.08$" },
        { Codec.Av1, "testsrc2=size=320x180:rate=25:duration=0.4", "-c:v libaom-av1 -cpu-used 8 -usage realtime -pix_fmt yuv420p", @"^av01\.0\.0\dM\.08$" },
        { Codec.Vp9, Picture, "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25 -pix_fmt yuv420p", @"^vp09\.00\.\d\d\.08$" },
        { Codec.Aac, Tone, "-c:a aac -ac 2", @"^mp4a\.40\.2$" },
        { Codec.Aac, "sine=frequency=440:sample_rate=44100:duration=2", "-c:a aac -ac 1", @"^mp4a\.40\.2$" },
        { Codec.Aac, Tone, "-c:a aac -ac 6", @"^mp4a\.40\.2$" },
        { Codec.Opus, Tone, "-c:a libopus -ac 2 -strict -2", "^opus$" },
        { Codec.Flac, Tone, "-c:a flac -strict -2", "^fLaC$" },
        { Codec.Mp3, Tone, "-c:a libmp3lame -ac 2", @"^mp4a\.6B$" },
        { Codec.Ac3, Tone, "-c:a ac3 -ac 6", "^ac-3$" },
        { Codec.Eac3, Tone, "-c:a eac3 -ac 2", "^ec-3$" },
    };

    [Theory]
    [MemberData(nameof(Clips))]
    public void Repackage_RealStream_DecodesWithoutAWordAndKeepsEveryTimestamp(Codec codec, string input, string encoder, string codecString)
    {
        var clip = EncodedClip.Encode(input, encoder);
        Assert.Equal(codec, clip.Track.Format.Codec);
        Assert.Matches(codecString, clip.Track.Format.CodecString);

        var ours = clip.Repackage(clip.Track.Format, chunkSamples: 7);

        Assert.Equal("", Ffmpeg.Decode(ours));
        Assert.Equal(Timestamps(clip.File), Timestamps(ours));
        if (clip.Track.Format is VideoFormat video)
        {
            const string Fields = "-select_streams v -show_entries stream=width,height,sample_aspect_ratio,pix_fmt,color_transfer,profile,level -of default";
            Assert.Equal(Ffmpeg.Probe(clip.File, Fields), Ffmpeg.Probe(ours, Fields));
            var sizes = Ffmpeg.Probe(clip.File, "-select_streams v -show_entries stream=width,height -of csv=p=0").Trim();
            Assert.Equal(sizes, string.Create(CultureInfo.InvariantCulture, $"{video.Width},{video.Height}"));
        }
    }

    [Theory]
    [MemberData(nameof(Clips))]
    public void FragmentReader_OurChunks_GivesBackEverySample(Codec codec, string input, string encoder, string codecString)
    {
        Assert.NotEmpty(codecString);
        var clip = EncodedClip.Encode(input, encoder);
        var ours = clip.Repackage(clip.Track.Format, chunkSamples: 5);

        Assert.True(InitSegmentReader.TryRead(ours, out var tracks, out var fault), fault);
        Assert.Equal(codec, Assert.Single(tracks).Format.Codec);
        Assert.Equal(clip.Track.Format, tracks[0].Format);
        Assert.True(FragmentReader.TryRead(ours, tracks, out var fragments, out fault), fault);
        Assert.Equal(clip.Samples.Select(sample => sample.Sample), fragments.SelectMany(f => f.Samples).Select(s => s.Sample));
        Assert.All(fragments.SelectMany(f => f.Samples).Zip(clip.Samples), pair =>
            Assert.True(ours.AsSpan(pair.First.Offset, pair.First.Sample.Size).SequenceEqual(pair.Second.Bytes)));
    }

    [Theory]
    [MemberData(nameof(Clips))]
    public void FirstFrameAndHeaders_RealStream_GiveTheFormatOfTheFile(Codec codec, string input, string encoder, string codecString)
    {
        Assert.NotEmpty(codecString);
        var clip = EncodedClip.Encode(input, encoder);
        var first = clip.Samples[0].Bytes;
        if (CodecConfiguration.NeedsFirstFrame(codec))
        {
            Assert.True(CodecConfiguration.TryRead(codec, clip.Track.Format.Configuration.Span[..(codec == Codec.Vp9 ? 12 : 0)], first, out var format, out var fault), fault);
            Assert.Equal(clip.Track.Format.CodecString, format!.CodecString);
            Assert.Equal(clip.Track.Format.Timescale, format.Timescale);
            // The data rate in dec3 is ffmpeg's estimate or ours; the rest is the same.
            if (codec != Codec.Eac3)
                Assert.Equal(clip.Track.Format, format);
        }
        switch (clip.Track.Format)
        {
            case VideoFormat video:
                foreach (var (sample, bytes) in clip.Samples)
                {
                    var seen = VideoAccessUnit.Inspect(video, bytes);
                    Assert.Null(seen.Fault);
                    Assert.True(seen.HasPicture);
                    Assert.Equal(sample.IsSync, seen.IsRandomAccess);
                    Assert.False(seen.ChangesFormat);
                    Assert.False(seen.NeedsRewrite);
                    Assert.Equal(bytes.Length, seen.SampleLength);
                }
                break;
            case AudioFormat audio:
                foreach (var (sample, bytes) in clip.Samples.SkipLast(1))
                {
                    Assert.True(AudioFrame.TryGetSamples(audio, bytes, out var samples));
                    Assert.Equal(sample.Duration, (uint)samples);
                }
                break;
        }
    }

    private static string Timestamps(byte[] file) =>
        Ffmpeg.Probe(file, "-show_entries packet=pts,dts,duration,size,flags -of csv=p=0");
}
