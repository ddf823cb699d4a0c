using System.Buffers;

namespace Millrace.Media.Tests;

public sealed class FlvAudioTagTests
{
    private static ReadOnlySpan<byte> Body => [0xB0, 0xB1, 0xB2];

    [Theory]
    [InlineData(Codec.Aac, FlvPacketKind.SequenceStart, true)]
    [InlineData(Codec.Aac, FlvPacketKind.CodedFrames, true)]
    [InlineData(Codec.Mp3, FlvPacketKind.CodedFrames, true)]
    [InlineData(Codec.Aac, FlvPacketKind.SequenceStart, false)]
    [InlineData(Codec.Opus, FlvPacketKind.CodedFrames, false)]
    [InlineData(Codec.Flac, FlvPacketKind.SequenceStart, false)]
    [InlineData(Codec.Ac3, FlvPacketKind.CodedFrames, false)]
    [InlineData(Codec.Eac3, FlvPacketKind.SequenceEnd, false)]
    [InlineData(Codec.Mp3, FlvPacketKind.MultichannelConfig, false)]
    public void TryRead_WhatTheWriterWrote_ComesBack(Codec codec, FlvPacketKind kind, bool legacy)
    {
        foreach (var nanoseconds in legacy ? (int[])[0] : [0, 1, 999_999])
        {
            var output = new ArrayBufferWriter<byte>();
            FlvTagWriter.WriteAudio(output, codec, kind, Body, legacy, nanoseconds);

            Assert.True(FlvAudioTag.TryRead(output.WrittenSpan, out var tag, out var fault), fault.Description);
            Assert.Equal((kind, codec, nanoseconds), (tag.Kind, tag.Codec, tag.NanosecondOffset));
            Assert.True(output.WrittenSpan.Slice(tag.BodyOffset, tag.BodyLength).SequenceEqual(Body));
        }
    }

    [Theory]
    [InlineData(0xB0, "Speex")]
    [InlineData(0x60, "Nellymoser")]
    [InlineData(0x30, "linear PCM")]
    public void TryRead_CodecThatWeCannotCarry_IsNamed(byte first, string name)
    {
        Assert.False(FlvAudioTag.TryRead([first, 0], out _, out var fault));
        Assert.Equal(new FlvFault(FlvFaultKind.UnsupportedCodec, name), fault);
    }

    [Theory]
    [InlineData(new byte[] { 0xAF }, FlvFaultKind.Truncated)]
    [InlineData(new byte[] { 0xAF, 2 }, FlvFaultKind.UnsupportedPacket)]
    [InlineData(new byte[] { 0x90, 1, 2 }, FlvFaultKind.Truncated)]
    [InlineData(new byte[] { 0x93, 1, 2, 3, 4 }, FlvFaultKind.UnsupportedPacket)]
    [InlineData(new byte[] { 0x95, 0x15 }, FlvFaultKind.UnsupportedPacket)]
    public void TryRead_Broken_SaysWhy(byte[] payload, FlvFaultKind kind)
    {
        Assert.False(FlvAudioTag.TryRead(payload, out _, out var fault));
        Assert.Equal(kind, fault.Kind);
    }

    [Fact]
    public void TryRead_NoByte_IsTheSilenceMessage()
    {
        Assert.True(FlvAudioTag.TryRead([], out var tag, out _));
        Assert.Equal(FlvPacketKind.Empty, tag.Kind);
    }

    [Fact]
    public void Tracks_ManyCodecs_GivesEachItsCodec()
    {
        byte[] payload = [0x95, 0x21, .. "Opus"u8, 0, 0, 0, 2, 1, 2, .. "mp4a"u8, 1, 0, 0, 1, 9];

        Assert.True(FlvAudioTag.TryRead(payload, out var tag, out _));
        var seen = new List<(byte, Codec, int)>();
        foreach (var track in tag.Tracks(payload))
            seen.Add((track.TrackId, track.Codec, track.BodyLength));
        Assert.Equal([(0, Codec.Opus, 2), (1, Codec.Aac, 1)], seen);
    }
}
