using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>Every codec that CMAF carries goes through, in its legacy and its Enhanced RTMP form.</summary>
public sealed class CodecTests(CodecSources sources, ITestOutputHelper output) : IClassFixture<CodecSources>
{
    public static TheoryData<string> Names => [.. CodecSources.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Delivered_Codec_DecodesCleanlyAndInSync(string name)
    {
        var recording = await sources.RecordingAsync(name);
        Assert.Matches(CodecSources.Of(name).ExpectedCodecs, recording.Master.Variants[0].Attributes.Quoted("CODECS"));
        await recording.AssertCleanAsync();
        var worst = await Sync.AssertAsync(Assert.Single(recording.Video), Assert.Single(recording.Audio), atLeast: 5);
        output.WriteLine($"{name}: {worst:0.0} ms");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Delivered_Codec_IsWhatWasSent(string name)
    {
        var recording = await sources.RecordingAsync(name);
        var expected = CodecSources.Of(name);
        Assert.Equal(expected.Video == "avc" ? "h264" : expected.Video, await Ffmpeg.ProbeAsync(Assert.Single(recording.Video), "stream=codec_name"));
        Assert.Equal(expected.Audio, await Ffmpeg.ProbeAsync(Assert.Single(recording.Audio), "stream=codec_name"));
    }
}
