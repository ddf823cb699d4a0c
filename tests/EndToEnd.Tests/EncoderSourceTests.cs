using System.Globalization;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>Whatever an encoder sends plays, sound and picture within 40 ms of each other.</summary>
public sealed class EncoderSourceTests(EncoderSources sources, ITestOutputHelper output) : IClassFixture<EncoderSources>
{
    public static TheoryData<string> Names => [.. EncoderSources.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Delivered_FromFirstPlaylistToEnd_DecodesCleanly(string name)
    {
        var recording = await sources.OfAsync(name);
        await recording.AssertCleanAsync();
        // One publish session, one stretch.
        Assert.True(recording.Video.Count <= 1 && recording.Audio.Count <= 1, "There is a discontinuity.");
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("audio-late")]
    [InlineData("video-late")]
    [InlineData("variable-rate")]
    [InlineData("b-frames")]
    [InlineData("mono-44100")]
    [InlineData("sixty-fps")]
    [InlineData("mono-22050")]
    [InlineData("long-gop")]
    public async Task Delivered_FlashesAndBeeps_AreTogether(string name)
    {
        var recording = await sources.OfAsync(name);
        var worst = await Sync.AssertAsync(Assert.Single(recording.Video), Assert.Single(recording.Audio), atLeast: 5);
        output.WriteLine($"{name}: {worst:0.0} ms");
    }

    [Fact]
    public async Task Master_AudioOnly_OffersNoPicture()
    {
        var recording = await sources.OfAsync("audio-only");
        Assert.Null(recording.Master.Video);
        Assert.Equal("mp4a.40.2", recording.Master.Variants[0].Attributes.Quoted("CODECS"));
        Assert.Empty(recording.Video);
        Assert.Single(recording.Audio);
    }

    [Fact]
    public async Task Master_VideoOnly_NamesNoAudioCodec()
    {
        var recording = await sources.OfAsync("video-only");
        Assert.DoesNotContain("mp4a", recording.Master.Variants[0].Attributes.Quoted("CODECS"), StringComparison.Ordinal);
        Assert.Empty(recording.Master.Media);
    }

    [Theory]
    [InlineData("sixty-fps", "60")]
    [InlineData("plain", "30")]
    public async Task Master_FrameRate_IsTheMeasuredOne(string name, string expected)
    {
        var recording = await sources.OfAsync(name);
        Assert.Equal(double.Parse(expected, CultureInfo.InvariantCulture), recording.Master.Variants[0].Attributes.Number("FRAME-RATE"), 0.1);
    }

    [Fact]
    public async Task Delivered_BFrames_KeepTheirCompositionOffsets()
    {
        var recording = await sources.OfAsync("b-frames");
        var packets = (await Ffmpeg.ProbeAsync(Assert.Single(recording.Video), "packet=pts,dts", "-select_streams", "v"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(',')).Select(parts => (Pts: long.Parse(parts[0], CultureInfo.InvariantCulture), Dts: long.Parse(parts[1], CultureInfo.InvariantCulture))).ToList();
        Assert.Contains(packets, packet => packet.Pts - packet.Dts > 90_000 / 30);
        Assert.Equal(packets.Count, packets.Select(packet => packet.Pts).Distinct().Count());
        Assert.All(packets, packet => Assert.True(packet.Pts >= packet.Dts || packet.Pts - packet.Dts > -90_000));
    }

    [Fact]
    public async Task Delivered_LongGop_IsCutAtTheTargetDurationAnyway()
    {
        var recording = await sources.OfAsync("long-gop");
        // 9 s of media in one GOP: the rules were checked on the way; here only that nothing is missing.
        var duration = double.Parse(await Ffmpeg.ProbeAsync(Assert.Single(recording.Video), "format=duration"), CultureInfo.InvariantCulture);
        Assert.InRange(duration, 8.5, 9.5);
    }
}
