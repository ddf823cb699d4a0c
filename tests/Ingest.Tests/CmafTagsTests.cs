using System.Buffers;
using Millrace.Cmaf;
using Millrace.Media;

namespace Millrace.Ingest.Tests;

/// <summary>A packager's samples as FLV tags: the same bytes, and times that are exact to a nanosecond.</summary>
public sealed class CmafTagsTests
{
    [Theory]
    [InlineData("avc")]
    [InlineData("hevc")]
    public void TryWrite_Pictures_ReadAsTheSamplesThatTheyWere(string name)
    {
        var count = 0;
        Read(name, (reader, tag, timestamp) =>
        {
            Assert.True(FlvVideoTag.TryRead(tag, out var read, out _));
            Assert.Equal(reader.Track!.Format.Codec, read.Codec);
            if (timestamp is not { } milliseconds)
            {
                Assert.Equal(FlvPacketKind.SequenceStart, read.Kind);
                Assert.Equal(reader.Track.Format.Configuration.ToArray(), tag.AsSpan(read.BodyOffset, read.BodyLength).ToArray());
                return;
            }
            count++;
            Assert.Equal(FlvPacketKind.CodedFrames, read.Kind);
            Assert.Equal(reader.Description.IsSync, read.FrameType == FlvFrameType.Key);
            Assert.Equal(reader.Sample.ToArray(), tag.AsSpan(read.BodyOffset, read.BodyLength).ToArray());
            var shown = (Int128)(reader.DecodeTime + reader.Description.CompositionOffset) * 1_000_000_000 / reader.Track.Timescale;
            Assert.Equal(shown, ((Int128)milliseconds + read.CompositionTimeMilliseconds) * 1_000_000 + read.NanosecondOffset);
        });
        Assert.True(count > 4);
    }

    [Fact]
    public void TryWrite_Sound_ReadsAsTheFramesThatItWas()
    {
        var count = 0;
        Read("aac", (reader, tag, timestamp) =>
        {
            Assert.True(FlvAudioTag.TryRead(tag, out var read, out _));
            if (timestamp is not { } milliseconds)
                return;
            count++;
            Assert.Equal((Int128)reader.DecodeTime * 1_000_000_000 / reader.Track!.Timescale, (Int128)milliseconds * 1_000_000 + read.NanosecondOffset);
            Assert.Equal(reader.Sample.ToArray(), tag.AsSpan(read.BodyOffset, read.BodyLength).ToArray());
        });
        Assert.True(count > 4);
    }

    [Fact]
    public void TryWrite_ShownHoursLater_IsRefused()
    {
        Read("avc", (reader, _, _) =>
        {
            var late = new Sample(1, 1, int.MaxValue, true);
            var slow = reader.Track! with { Timescale = 1 };
            Assert.False(CmafTags.TryWrite(new ArrayBufferWriter<byte>(), slow, late, 0, [1], out _));
        });
    }

    private static void Read(string name, Action<CmafTrackReader, byte[], uint?> look)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Millrace.slnx")))
            root = root.Parent;
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(Path.Combine(root.FullName, "fuzz", "corpus", "cmaf-track", name + ".bin"));
        var reader = new CmafTrackReader();
        while (reader.Read(ref bytes) is var step and not CmafTrackStep.NeedMoreData)
        {
            var tag = new ArrayBufferWriter<byte>();
            if (step == CmafTrackStep.Header)
            {
                CmafTags.WriteHeader(tag, reader.Track!);
                look(reader, tag.WrittenSpan.ToArray(), null);
                continue;
            }
            Assert.Equal(CmafTrackStep.Sample, step);
            Assert.True(CmafTags.TryWrite(tag, reader.Track!, reader.Description, reader.DecodeTime, reader.Sample, out var timestamp));
            look(reader, tag.WrittenSpan.ToArray(), timestamp);
        }
    }
}
