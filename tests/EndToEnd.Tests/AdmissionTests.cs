using System.Diagnostics;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>Who may publish, and what happens to the second one.</summary>
public sealed class AdmissionTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Keys_RightKey_GoesOnAirUnderTheChannelsName()
    {
        using var data = new TestDirectory();
        var key = (await MillraceProcess.RunAsync(data.Path, "channel", "create", "stage")).First();
        await using var server = await MillraceProcess.StartOverAsync(data.Path, "--Ingest:Admission=keys");
        await using var publisher = FfmpegPublisher.Start(server.RtmpUrl(key), new FfmpegSource { Width = 320, Height = 180 });

        var viewer = await HlsViewer.TuneInAsync(server, "stage");
        await viewer.Video.SegmentsAsync(1);

        Assert.DoesNotContain(key, server.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.EnumerateFiles(data.Path, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)), file => Contains(file, key));
    }

    [Fact]
    public async Task Keys_WrongKey_IsRefusedByNameAndNotAtOnce()
    {
        using var data = new TestDirectory();
        await MillraceProcess.RunAsync(data.Path, "channel", "create", "stage");
        await using var server = await MillraceProcess.StartOverAsync(data.Path, "--Ingest:Admission=keys");
        var clock = Stopwatch.StartNew();
        await using var publisher = FfmpegPublisher.Start(server.RtmpUrl("stage"), new FfmpegSource { Width = 320, Height = 180 });

        Assert.NotEqual(0, await publisher.ExitAsync(TimeSpan.FromSeconds(20)));
        output.WriteLine($"{clock.Elapsed.TotalSeconds:0.0} s\n{publisher.Output}");
        using var answer = await server.Http.GetAsync(server.Uri("live/stage/main.m3u8"));
        Assert.Equal(System.Net.HttpStatusCode.NotFound, answer.StatusCode);

        await using var client = await RtmpPublisher.ConnectAsync(server.RtmpPort);
        clock.Restart();
        Assert.Equal("NetStream.Publish.BadName", await client.AskAsync("not-the-key"));
        Assert.True(clock.Elapsed > TimeSpan.FromMilliseconds(300), "A wrong key is answered without delay.");
        Assert.DoesNotContain("not-the-key", server.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SecondPublisher_Replace_TakesOverAndTheFirstIsTold()
    {
        await using var server = await MillraceProcess.StartAsync();
        using var directory = new TestDirectory();
        // Longer than any machine takes to bring the second one on air: it is still sending when it is cut off.
        var (video, audio) = await ReconnectTests.SmallTracksAsync(directory, 40);
        await using var first = await RtmpPublisher.PublishAsync(server, "throne");
        var sending = first.SendAsync(FlvTags.Interleave(FlvTags.Messages(video, FlvForm.Legacy), FlvTags.Messages(audio, FlvForm.Legacy)));
        var viewer = await HlsViewer.TuneInAsync(server, "throne");
        var rendition = viewer.Video;
        await rendition.SegmentsAsync(1);

        await using var second = FfmpegPublisher.Start(server.RtmpUrl("throne"), new FfmpegSource { Width = 320, Height = 180 });
        await first.Closed.WaitAsync(TimeSpan.FromSeconds(30));
        await Assert.ThrowsAnyAsync<Exception>(() => sending);
        Assert.Contains(first.StatusCodes, code => code.StartsWith("NetStream.", StringComparison.Ordinal) && code != "NetStream.Publish.Start");

        await rendition.UntilAsync(playlist => playlist.Segments.SkipWhile(segment => !segment.IsDiscontinuity).Count() >= 2);
        Assert.False(second.HasExited, second.Output);
    }

    [Fact]
    public async Task SecondPublisher_Reject_IsRefusedAndTheFirstGoesOn()
    {
        await using var server = await MillraceProcess.StartAsync("--Ingest:OnDuplicate=reject");
        await using var first = FfmpegPublisher.Start(server.RtmpUrl("throne"), new FfmpegSource { Width = 320, Height = 180 });
        var viewer = await HlsViewer.TuneInAsync(server, "throne");
        var rendition = viewer.Video;
        await rendition.SegmentsAsync(1);

        await using var second = await RtmpPublisher.ConnectAsync(server.RtmpPort);
        Assert.Equal("NetStream.Publish.BadName", await second.AskAsync("throne"));

        var before = rendition.Current.NextSegment;
        var after = await rendition.UntilAsync(playlist => playlist.NextSegment >= before + 2);
        Assert.DoesNotContain(after.Segments, segment => segment.IsDiscontinuity);
    }

    [Fact]
    public async Task Reject_DeadConnection_NeverLocksTheChannel()
    {
        await using var server = await MillraceProcess.StartAsync("--Ingest:OnDuplicate=reject");
        using var directory = new TestDirectory();
        var (video, audio) = await ReconnectTests.SmallTracksAsync(directory, 3);
        await using var first = await RtmpPublisher.PublishAsync(server, "ghost");
        await first.SendAsync(FlvTags.Interleave(FlvTags.Messages(video, FlvForm.Legacy), FlvTags.Messages(audio, FlvForm.Legacy)));
        first.Reset();
        // Of two connections that the server reads on two threads the newer one may be read first.
        await server.LogAsync(line => line.Contains("ghost is no longer published", StringComparison.Ordinal));

        await using var second = await RtmpPublisher.PublishAsync(server, "ghost");
        await second.LeaveAsync();
    }

    [Theory]
    [InlineData("ab")]
    [InlineData("Upper-Case")]
    [InlineData("../../etc/passwd")]
    [InlineData("with space")]
    [InlineData("dot.dot")]
    [InlineData("")]
    [InlineData("a\0b\0c")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123456789")]
    public async Task Open_BadChannelName_IsRefusedClearly(string name)
    {
        await using var server = await MillraceProcess.StartAsync();
        await using var client = await RtmpPublisher.ConnectAsync(server.RtmpPort);
        Assert.Equal("NetStream.Publish.BadName", await client.AskAsync(name));
        server.AssertAlive();
    }

    [Fact]
    public async Task Play_OverRtmp_IsRefusedWithAStatus()
    {
        await using var server = await MillraceProcess.StartAsync();
        await using var player = new ChildProcess(Tools.Ffmpeg, ["-hide_banner", "-i", server.RtmpUrl("anything"), "-f", "null", "-"]);
        Assert.NotEqual(0, await player.ExitAsync(TimeSpan.FromSeconds(20)));
        server.AssertAlive();
    }

    private static bool Contains(string file, string text)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
        return reader.ReadToEnd().Contains(text, StringComparison.Ordinal);
    }
}
