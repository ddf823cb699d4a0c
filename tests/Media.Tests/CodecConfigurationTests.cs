namespace Millrace.Media.Tests;

public sealed class CodecConfigurationTests
{
    private const string AvcC = "0164000affe100186764000aacd94426c044000003000400000300c83c48965801000468ef8fcbfdf8f800";
    private const string HvcC = "0101600000009000000000001ef000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300000300"
        + "1e959409a10001002842010101600000030090000003000003001ea0208105965654a4c2f0168080000003008000000c"
        + "84a2000100064401c073c089";

    [Fact]
    public void TryRead_AvcC_KnowsSizeRateAndProfile()
    {
        var format = Read<VideoFormat>(Codec.Avc, AvcC);
        Assert.Equal((64, 64, (1, 1)), (format.Width, format.Height, format.SampleAspectRatio));
        Assert.Equal(25.0, format.DeclaredFrameRate);
        Assert.Equal("avc1.64000a", format.CodecString);
        Assert.Equal(AvcC, Convert.ToHexStringLower(format.Configuration.Span));
    }

    [Fact]
    public void TryRead_AvcCWithOddHeaderAndTail_IsNormalized()
    {
        var odd = Convert.FromHexString(AvcC + "DEAD");
        odd[1] = odd[3] = 0;
        odd[4] = 0xFD;
        Assert.True(AvcConfiguration.TryRead(odd, out var format, out var fault), fault);
        Assert.Equal(2, format!.SourceLengthSize);
        Assert.Equal(AvcC, Convert.ToHexStringLower(format.Configuration.Span));
    }

    [Fact]
    public void TryRead_ParameterSetsBehindStartCodes_GiveTheSameFormat()
    {
        const string StartCodes = "000000016764000aacd94426c044000003000400000300c83c4896580000000168ef8fcb";
        Assert.Equal(Read<VideoFormat>(Codec.Avc, AvcC), Read<VideoFormat>(Codec.Avc, StartCodes));
    }

    [Fact]
    public void TryRead_HvcC_KnowsSizeRateAndProfile()
    {
        var format = Read<VideoFormat>(Codec.Hevc, HvcC);
        Assert.Equal((64, 64), (format.Width, format.Height));
        Assert.Equal(25.0, format.DeclaredFrameRate);
        Assert.Equal("hvc1.1.6.L30.90", format.CodecString);
    }

    [Fact]
    public void TryRead_Av1C_KnowsSizeAndProfile()
    {
        var format = Read<VideoFormat>(Codec.Av1, "81000c000a0a00000002afff9b5f2008");
        Assert.Equal((64, 64, "av01.0.00M.08"), (format.Width, format.Height, format.CodecString));
    }

    [Theory]
    [InlineData("1190", 48000, 2, 1024, "mp4a.40.2")]
    [InlineData("1208", 44100, 1, 1024, "mp4a.40.2")]
    [InlineData("1194", 48000, 2, 960, "mp4a.40.2")]
    [InlineData("2B920800", 22050, 2, 1024, "mp4a.40.5")]
    [InlineData("EB8A0800", 22050, 1, 1024, "mp4a.40.29")]
    [InlineData("119056E500", 48000, 2, 1024, "mp4a.40.2")]
    public void TryRead_AudioSpecificConfig_IsUnderstood(string config, int rate, int channels, int samples, string codecString)
    {
        var format = Read<AudioFormat>(Codec.Aac, config);
        Assert.Equal((rate, channels, samples, codecString), (format.SampleRate, format.Channels, format.SamplesPerFrame, format.CodecString));
    }

    [Theory]
    [InlineData(Codec.Aac, "")]
    [InlineData(Codec.Aac, "11")]
    [InlineData(Codec.Aac, "B990")]
    [InlineData(Codec.Aac, "17FF")]
    [InlineData(Codec.Avc, "")]
    [InlineData(Codec.Avc, "0164000AFEE1")]
    [InlineData(Codec.Avc, "0164000AFFE1FFFF67")]
    [InlineData(Codec.Avc, "0164000AFFE1000467640000010004680000FF")]
    [InlineData(Codec.Hevc, "01")]
    [InlineData(Codec.Av1, "81000C00")]
    [InlineData(Codec.Opus, "4F70757348656164")]
    [InlineData(Codec.Flac, "664C6143")]
    [InlineData(Codec.Vp9, "")]
    [InlineData(Codec.Mp3, "")]
    [InlineData(Codec.Ac3, "")]
    public void TryRead_BrokenConfiguration_IsAFault(Codec codec, string configuration)
    {
        Assert.False(CodecConfiguration.TryRead(codec, Convert.FromHexString(configuration), out var format, out var fault));
        Assert.Null(format);
        Assert.NotEmpty(fault!);
    }

    [Fact]
    public void TryRead_EveryPrefixOfGoodRecords_IsAFaultOrAFormat()
    {
        foreach (var (codec, record) in (IEnumerable<(Codec, string)>)[(Codec.Avc, AvcC), (Codec.Hevc, HvcC)])
        {
            var bytes = Convert.FromHexString(record);
            for (var length = 0; length < bytes.Length - 4; length++)
            {
                Assert.False(CodecConfiguration.TryRead(codec, bytes.AsSpan(0, length), out _, out var fault));
                Assert.NotNull(fault);
            }
        }
    }

    [Theory]
    [InlineData("FC", 960)]
    [InlineData("E0", 120)]
    [InlineData("1B82", 5760)]
    [InlineData("1B83", 0)]
    [InlineData("0B", 0)]
    [InlineData("09AA", 1920)]
    public void TryGetSamples_OpusPacket_FollowsItsFirstBytes(string packet, int samples)
    {
        var opus = Read<AudioFormat>(Codec.Opus, "");
        Assert.Equal(samples > 0, AudioFrame.TryGetSamples(opus, Convert.FromHexString(packet), out var seen));
        Assert.Equal(samples, seen);
    }

    private static T Read<T>(Codec codec, string configuration) where T : TrackFormat
    {
        Assert.True(CodecConfiguration.TryRead(codec, Convert.FromHexString(configuration), out var format, out var fault), fault);
        return Assert.IsType<T>(format);
    }
}
