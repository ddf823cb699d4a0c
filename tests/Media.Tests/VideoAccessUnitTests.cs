namespace Millrace.Media.Tests;

public sealed class VideoAccessUnitTests
{
    // ffmpeg 5.1 with x264, 64x64.
    private const string AvcC = "0164000affe100186764000aacd94426c044000003000400000300c83c48965801000468ef8fcbfdf8f800";
    private const string Sps = "6764000aacd94426c044000003000400000300c83c489658";
    private const string Pps = "68ef8fcb";
    // The same encoder at 128x96.
    private const string OtherSps = "6764000aacd9420db011000003000100000300320f122596";

    [Theory]
    [InlineData(4, "00000002 6588", true, false)]
    [InlineData(4, "00000002 4188", false, false)]
    [InlineData(4, "00000002 0910 00000002 6588", true, false)]
    [InlineData(2, "0002 6588 0003 418899", true, true)]
    [InlineData(1, "02 6588", true, true)]
    [InlineData(4, "00000001 0910 000001 6588", true, true)]
    [InlineData(4, "00000001 6588", true, true)]
    [InlineData(4, "00000000 00000002 6588", true, true)]
    public void Inspect_EachForm_FindsTheKeyPictureAndBringsItIntoFourByteLengths(int lengthSize, string payload, bool isKey, bool rewrite)
    {
        var format = Avc(lengthSize);
        var bytes = Hex(payload);

        var seen = VideoAccessUnit.Inspect(format, bytes);

        Assert.Null(seen.Fault);
        Assert.True(seen.HasPicture);
        Assert.Equal((isKey, rewrite), (seen.IsRandomAccess, seen.NeedsRewrite));
        if (rewrite)
        {
            var sample = new byte[seen.SampleLength];
            Assert.Equal(sample.Length, VideoAccessUnit.Rewrite(format, bytes, sample));
            Assert.True(VideoAccessUnit.Inspect(Avc(4), sample) is { Fault: null, NeedsRewrite: false, HasPicture: true } again && again.IsRandomAccess == isKey);
        }
    }

    /// <summary>Open GOPs (ISO/IEC 14496-10 §D.2.8): SEI message 6 in front of an intra slice; alone neither is a place to begin.</summary>
    [Theory]
    [InlineData("00000005 060601C480 00000002 4188", true)]
    [InlineData("00000009 060502AAAA0601C480 00000002 4188", true)]
    [InlineData("00000005 060601C480 00000002 419A", false)]
    [InlineData("00000002 4188", false)]
    [InlineData("00000005 060601C480 00000002 6588", false)]
    [InlineData("00000006 0605FFAAAA80 00000002 4188", false)]
    [InlineData("00000003 06FFFF 00000002 4188", false)]
    [InlineData("00000005 060601C480 00000001 41", false)]
    public void Inspect_IntraPictureBehindARecoveryPoint_IsOne(string payload, bool isRecoveryPoint)
    {
        var seen = VideoAccessUnit.Inspect(Avc(4), Hex(payload));
        Assert.Null(seen.Fault);
        Assert.Equal(isRecoveryPoint, seen.IsRecoveryPoint);
    }

    /// <summary>frame_num stands behind three exp-Golomb codes (ISO/IEC 14496-10 §7.3.3); of several slices the first one's counts.</summary>
    [Theory]
    [InlineData("00000003 419AB0", 5, true)]
    [InlineData("00000003 019AB0", 5, false)]
    [InlineData("00000003 419BF0 00000003 414D58", 15, true)]
    [InlineData("00000002 0910 00000002 6588", 0, true)]
    [InlineData("00000002 419A", -1, true)]
    [InlineData("00000005 4100000000", -1, true)]
    [InlineData("00000003 449AB0", -1, true)]
    public void Inspect_AvcPicture_TellsItsNumber(string payload, int number, bool isReference)
    {
        var format = Avc(4);
        Assert.Equal(16, format.FrameNumbers);
        var seen = VideoAccessUnit.Inspect(format, Hex(payload));
        Assert.Equal((null, number, isReference), (seen.Fault, seen.FrameNumber, seen.IsReference));
    }

    [Fact]
    public void Inspect_AvcWithoutUsableNumbers_TellsNone()
    {
        // The same parameter set twice: which one a picture has is not looked for.
        Assert.True(AvcConfiguration.TryRead(Hex($"0164000affe2 0018{Sps} 0018{Sps} 01 0004{Pps}"), out var format, out var fault), fault);
        Assert.Equal(0, format!.FrameNumbers);
        Assert.Equal(-1, VideoAccessUnit.Inspect(format, Hex("00000003 419AB0")).FrameNumber);
        // gaps_in_frame_num_value_allowed_flag, the bit behind max_num_ref_frames.
        Assert.True(AvcConfiguration.TryBuild(Hex(Sps.Replace("acd944", "acd964", StringComparison.Ordinal)), Hex(Pps), out format, out fault), fault);
        Assert.Equal((0, 64, 64), (format!.FrameNumbers, format.Width, format.Height));
    }

    [Theory]
    [InlineData("00000003 660188", false)]
    [InlineData("00000003 2A0188", false)]
    [InlineData("00000003 100188", true)]
    [InlineData("00000003 120188", true)]
    [InlineData("00000003 0E0188", false)]
    public void Inspect_HevcPicture_TellsThoseThatNeedWhatWasBeforeTheKeyFrame(string payload, bool isSkipped)
    {
        var format = new VideoFormat(Codec.Hevc, "hvc1.1.6.L93.B0", [], 1280, 720);
        Assert.Equal(isSkipped, VideoAccessUnit.Inspect(format, Hex(payload)).IsSkippedLeading);
    }

    [Theory]
    [InlineData("00000003 6588")]
    [InlineData("FFFFFFFF 6588")]
    [InlineData("000000")]
    [InlineData("00000002 6588 00")]
    [InlineData("")]
    public void Inspect_UnitLongerThanItsTag_IsAFault(string payload) =>
        Assert.NotNull(VideoAccessUnit.Inspect(Avc(4), Hex(payload)).Fault);

    [Fact]
    public void Inspect_ParameterSetsOnly_HasNoPicture()
    {
        var seen = VideoAccessUnit.Inspect(Avc(4), Units(Sps, Pps));
        Assert.Equal((null, false, false), (seen.Fault, seen.HasPicture, seen.ChangesFormat));
    }

    [Fact]
    public void Inspect_OtherSequenceParameterSet_ChangesTheFormat()
    {
        var format = Avc(4);
        var key = Units(OtherSps, Pps, "6588");

        Assert.True(VideoAccessUnit.Inspect(format, key).ChangesFormat);
        Assert.True(VideoAccessUnit.TryReadFormat(format, key, out var changed, out var fault), fault);
        Assert.NotEqual(format, changed);
        Assert.NotEqual((format.Width, format.Height), (changed!.Width, changed.Height));
        Assert.False(VideoAccessUnit.Inspect(changed, key).ChangesFormat);
    }

    [Fact]
    public void Inspect_MillionUnits_IsRefused()
    {
        var payload = new byte[5 * 100_000];
        for (var i = 3; i < payload.Length; i += 5)
            payload[i] = 1;
        Assert.NotNull(VideoAccessUnit.Inspect(Avc(4), payload).Fault);
    }

    [Fact]
    public void Inspect_TemporalDelimiter_IsCutOffWithoutACopy()
    {
        Assert.True(CodecConfiguration.TryRead(Codec.Av1, Hex("81000c000a0a00000002afff9b5f2008"), out var format, out _));
        var payload = Hex("1200 0a0a00000002afff9b5f2008 3202 1000");

        var seen = VideoAccessUnit.Inspect((VideoFormat)format!, payload);

        Assert.Equal((null, 2, payload.Length - 2), (seen.Fault, seen.SampleOffset, seen.SampleLength));
        Assert.True(seen is { IsRandomAccess: true, NeedsRewrite: false, ChangesFormat: false });

        seen = VideoAccessUnit.Inspect((VideoFormat)format!, Hex("0a0a00000002afff9b5f2008 1200 3202 1000"));
        Assert.True(seen.NeedsRewrite);
        var sample = new byte[seen.SampleLength];
        Assert.Equal(sample.Length, VideoAccessUnit.Rewrite((VideoFormat)format!, Hex("0a0a00000002afff9b5f2008 1200 3202 1000"), sample));
        Assert.Equal(Hex("0a0a00000002afff9b5f2008 3202 1000"), sample);
    }

    [Fact]
    public void Inspect_SteadyState_AllocatesNothing()
    {
        var format = Avc(4);
        var key = Units(Sps, Pps, "6588");
        VideoAccessUnit.Inspect(format, key);

        // The least of some runs: a collection that another test causes adds what was left of the thread's allocation block.
        var least = long.MaxValue;
        for (var run = 0; run < 8; run++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 100; i++)
                VideoAccessUnit.Inspect(format, key);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(0, least);
    }

    private static VideoFormat Avc(int lengthSize)
    {
        var record = Hex(AvcC);
        record[4] = (byte)(0xFC | (lengthSize - 1));
        Assert.True(AvcConfiguration.TryRead(record, out var format, out var fault), fault);
        Assert.Equal(lengthSize, format!.SourceLengthSize);
        return format;
    }

    private static byte[] Units(params string[] units) =>
        [.. units.SelectMany(unit => (byte[])[0, 0, 0, (byte)(unit.Length / 2), .. Hex(unit)])];

    private static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));
}
