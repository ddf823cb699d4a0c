using System.Buffers;
using System.Runtime.InteropServices;
using Millrace.Media;

namespace Millrace.Cmaf.Tests;

/// <summary>Coded silence, judged by ffmpeg's decoders.</summary>
public sealed class SilentFrameTests
{
    [Theory]
    [InlineData("1188", 1)]
    [InlineData("1190", 2)]
    [InlineData("1198", 3)]
    [InlineData("11A0", 4)]
    [InlineData("11A8", 5)]
    [InlineData("11B0", 6)]
    [InlineData("11B8", 8)]
    [InlineData("1210", 2)]
    public void TryGet_Aac_DecodesToSilence(string config, int channels)
    {
        Assert.True(AacConfiguration.TryRead(Convert.FromHexString(config), out var format, out var fault), fault);
        Assert.Equal(channels, format!.Channels);
        AssertSilence(format, 1024, 30);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void TryGet_Opus_DecodesToSilence(byte channels)
    {
        byte[] head = [.. "OpusHead"u8, 1, channels, 0, 0, 0x80, 0xBB, 0, 0, 0, 0, 0];
        Assert.True(OpusConfiguration.TryRead(head, out var format, out var fault), fault);
        Assert.True(SilentFrame.TryGet(format!, out var frame));
        Assert.True(AudioFrame.TryGetSamples(format!, frame.Span, out var samples));
        Assert.Equal(SilentFrame.OpusSamples, samples);
        AssertSilence(format!, SilentFrame.OpusSamples, 30);
    }

    private static void AssertSilence(AudioFormat format, int samplesPerFrame, int frames)
    {
        Assert.True(SilentFrame.TryGet(format, out var frame));
        Sample[] samples = [.. Enumerable.Repeat(new Sample(frame.Length, (uint)samplesPerFrame, 0, true), frames)];
        var output = new ArrayBufferWriter<byte>();
        InitSegmentWriter.Write(output, format);
        ChunkHeaderWriter.Write(output, new ChunkHeader(1, 0, true, 0), samples);
        for (var i = 0; i < frames; i++)
            output.Write(frame.Span);

        var pcm = MemoryMarshal.Cast<byte, short>(Ffmpeg.DecodeAudio(output.WrittenSpan.ToArray()));
        Assert.InRange(pcm.Length, (frames - 1) * samplesPerFrame * format.Channels, frames * samplesPerFrame * format.Channels);
        Assert.True(pcm.IndexOfAnyExcept<short>(0) < 0, "not silent");
    }
}
