using System.Buffers;

namespace Millrace.Media.Tests;

public sealed class FlvVideoTagTests
{
    private static ReadOnlySpan<byte> Body => [0xB0, 0xB1, 0xB2, 0xB3];

    [Theory]
    [InlineData(Codec.Avc, true)]
    [InlineData(Codec.Hevc, true)]
    [InlineData(Codec.Avc, false)]
    [InlineData(Codec.Hevc, false)]
    public void TryRead_CodedFrames_HasSignedCompositionTimeAndBody(Codec codec, bool legacy)
    {
        foreach (var time in (int[])[0, 1, 40, -1, -33, 0x7FFFFF, -0x800000])
        {
            var output = new ArrayBufferWriter<byte>();
            FlvTagWriter.WriteVideo(output, codec, FlvPacketKind.CodedFrames, FlvFrameType.Inter, time, Body, legacy);

            Assert.True(FlvVideoTag.TryRead(output.WrittenSpan, out var tag, out var fault), fault.Description);
            Assert.Equal(FlvPacketKind.CodedFrames, tag.Kind);
            Assert.Equal(codec, tag.Codec);
            Assert.Equal(FlvFrameType.Inter, tag.FrameType);
            Assert.Equal(time, tag.CompositionTimeMilliseconds);
            Assert.True(output.WrittenSpan.Slice(tag.BodyOffset, tag.BodyLength).SequenceEqual(Body));
        }
    }

    [Theory]
    [InlineData(Codec.Av1)]
    [InlineData(Codec.Vp9)]
    public void TryRead_CodedFramesWithoutCompositionTime_TakesNoneFromTheBody(Codec codec)
    {
        var output = new ArrayBufferWriter<byte>();
        FlvTagWriter.WriteVideo(output, codec, FlvPacketKind.CodedFrames, FlvFrameType.Key, 0, Body);

        Assert.True(FlvVideoTag.TryRead(output.WrittenSpan, out var tag, out _));
        Assert.Equal(codec, tag.Codec);
        Assert.Equal(0, tag.CompositionTimeMilliseconds);
        Assert.True(output.WrittenSpan.Slice(tag.BodyOffset, tag.BodyLength).SequenceEqual(Body));
    }

    [Theory]
    [InlineData(FlvPacketKind.SequenceStart)]
    [InlineData(FlvPacketKind.Metadata)]
    [InlineData(FlvPacketKind.SequenceEnd)]
    public void TryRead_OtherKinds_RoundTripBehindNanoseconds(FlvPacketKind kind)
    {
        var output = new ArrayBufferWriter<byte>();
        FlvTagWriter.WriteVideo(output, Codec.Hevc, kind, FlvFrameType.Key, 0, Body, nanosecondOffset: 654_321);

        Assert.True(FlvVideoTag.TryRead(output.WrittenSpan, out var tag, out _));
        Assert.Equal(kind, tag.Kind);
        Assert.Equal(654_321, tag.NanosecondOffset);
        Assert.Equal(kind == FlvPacketKind.SequenceEnd ? 0 : Body.Length, tag.BodyLength);
    }

    [Fact]
    public void TryRead_LongModExOfUnknownType_IsSkipped()
    {
        byte[] modEx = [0x97, 0xFF, 0x01, 0x2B, .. new byte[300], 0x50, .. "avc1"u8, 0x01, 0x02];
        modEx[304] = 0x50;

        Assert.True(FlvVideoTag.TryRead(modEx, out var tag, out var fault), fault.Description);
        Assert.Equal((FlvPacketKind.SequenceStart, Codec.Avc, 309, 2), (tag.Kind, tag.Codec, tag.BodyOffset, tag.BodyLength));
    }

    [Fact]
    public void TryRead_ManyTracks_GivesEachTrackItsBodyAndTime()
    {
        byte[] payload =
        [
            0x96, 0x11, .. "hvc1"u8,
            0, 0, 0, 5, 0xFF, 0xFF, 0xFE, 0xA0, 0xA1,
            7, 0, 0, 4, 0, 0, 9, 0xC0,
        ];

        Assert.True(FlvVideoTag.TryRead(payload, out var tag, out var fault), fault.Description);
        Assert.Equal(FlvMultitrack.ManyTracks, tag.Multitrack);
        var seen = new List<(byte, int, string)>();
        foreach (var track in tag.Tracks(payload))
            seen.Add((track.TrackId, track.CompositionTimeMilliseconds, Convert.ToHexString(payload, track.BodyOffset, track.BodyLength)));
        Assert.Equal([(0, -2, "A0A1"), (7, 9, "C0")], seen);
        Assert.True(tag.TryGetTrack(payload, 7, out var seventh));
        Assert.Equal(FlvMultitrack.None, seventh.Multitrack);
        Assert.False(tag.TryGetTrack(payload, 1, out _));
    }

    [Fact]
    public void TryRead_ManyCodecs_LeavesUnknownSideTracksOutButRefusesAnUnknownDefaultTrack()
    {
        byte[] payload = [0x96, 0x20, .. "vvc1"u8, 3, 0, 0, 1, 0xEE, .. "av01"u8, 0, 0, 0, 2, 1, 2];

        Assert.True(FlvVideoTag.TryRead(payload, out var tag, out _));
        Assert.True(tag.TryGetTrack(payload, 0, out var main));
        Assert.Equal((Codec.Av1, 2), (main.Codec, main.BodyLength));
        Assert.False(tag.TryGetTrack(payload, 3, out _));

        payload[6] = 0;
        Assert.False(FlvVideoTag.TryRead(payload, out _, out var fault));
        Assert.Equal(new FlvFault(FlvFaultKind.UnsupportedCodec, "vvc1"), fault);
    }

    [Fact]
    public void TryRead_OneTrack_TakesTheRest()
    {
        byte[] payload = [0x96, 0x00, .. "avc1"u8, 0, 1, 2, 3];

        Assert.True(FlvVideoTag.TryRead(payload, out var tag, out _));
        Assert.True(tag.TryGetTrack(payload, 0, out var track));
        Assert.Equal((FlvPacketKind.SequenceStart, 7, 3), (track.Kind, track.BodyOffset, track.BodyLength));
    }

    [Theory]
    [InlineData(new byte[] { 0x12, 0 }, FlvFaultKind.UnsupportedCodec)]
    [InlineData(new byte[] { 0x17 }, FlvFaultKind.Truncated)]
    [InlineData(new byte[] { 0x17, 1, 0, 0 }, FlvFaultKind.Truncated)]
    [InlineData(new byte[] { 0x17, 3, 0, 0, 0 }, FlvFaultKind.UnsupportedPacket)]
    [InlineData(new byte[] { 0x90 }, FlvFaultKind.Truncated)]
    [InlineData(new byte[] { 0x90, (byte)'v', (byte)'p', (byte)'0', (byte)'8' }, FlvFaultKind.UnsupportedCodec)]
    [InlineData(new byte[] { 0x91, (byte)'a', (byte)'v', (byte)'c', (byte)'1', 0 }, FlvFaultKind.Truncated)]
    [InlineData(new byte[] { 0x95, (byte)'a', (byte)'v', (byte)'0', (byte)'1' }, FlvFaultKind.UnsupportedPacket)]
    [InlineData(new byte[] { 0x97, 0x01, 0, 0, 0x01 }, FlvFaultKind.Malformed)]
    [InlineData(new byte[] { 0x97, 0x02, 0x0F, 0x42, 0x40, 0x01 }, FlvFaultKind.Malformed)]
    [InlineData(new byte[] { 0x97, 0x05, 0 }, FlvFaultKind.Truncated)]
    [InlineData(new byte[] { 0x96, 0x31 }, FlvFaultKind.UnsupportedPacket)]
    [InlineData(new byte[] { 0x96, 0x06, (byte)'a', (byte)'v', (byte)'c', (byte)'1', 0 }, FlvFaultKind.UnsupportedPacket)]
    [InlineData(new byte[] { 0x96, 0x10, (byte)'a', (byte)'v', (byte)'c', (byte)'1', 0, 0, 0, 2, 1 }, FlvFaultKind.Truncated)]
    public void TryRead_Broken_SaysWhy(byte[] payload, FlvFaultKind kind)
    {
        Assert.False(FlvVideoTag.TryRead(payload, out var tag, out var fault));
        Assert.Equal(kind, fault.Kind);
        Assert.Equal(default, tag);
    }

    [Fact]
    public void TryRead_ThousandModEx_IsRefused()
    {
        byte[] payload = [0x97, .. Enumerable.Repeat<byte[]>([0, 0, 0x57], 1000).SelectMany(bytes => bytes)];

        Assert.False(FlvVideoTag.TryRead(payload, out _, out var fault));
        Assert.Equal(FlvFaultKind.Malformed, fault.Kind);
    }

    [Theory]
    [InlineData(new byte[0], FlvPacketKind.Empty)]
    [InlineData(new byte[] { 0x57, 0 }, FlvPacketKind.Command)]
    [InlineData(new byte[] { 0xD1, 1 }, FlvPacketKind.Command)]
    [InlineData(new byte[] { 0x17, 2 }, FlvPacketKind.SequenceEnd)]
    [InlineData(new byte[] { 0x17, 2, 0, 0, 0 }, FlvPacketKind.SequenceEnd)]
    [InlineData(new byte[] { 0xD4, (byte)'a', (byte)'v', (byte)'c', (byte)'1', 2 }, FlvPacketKind.Metadata)]
    public void TryRead_TagsWithoutPicture_AreKnown(byte[] payload, FlvPacketKind kind)
    {
        Assert.True(FlvVideoTag.TryRead(payload, out var tag, out var fault), fault.Description);
        Assert.Equal(kind, tag.Kind);
    }
}
