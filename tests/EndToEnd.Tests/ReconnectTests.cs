using System.Diagnostics;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>A publisher goes and comes back; viewers reload nothing.</summary>
public sealed class ReconnectTests(ITestOutputHelper output)
{
    private static readonly FfmpegSource Small = new() { Width = 320, Height = 180 };

    [Fact]
    public async Task Reconnect_WithinTheGrace_ContinuesBehindADiscontinuity()
    {
        await using var server = await MillraceProcess.StartAsync();
        var first = FfmpegPublisher.Start(server.RtmpUrl("again"), Small);
        var viewer = await HlsViewer.TuneInAsync(server, "again");
        var (video, audio) = (viewer.Video, viewer.Audio);
        await Task.WhenAll(video.SegmentsAsync(2), audio.SegmentsAsync(2));

        await first.KillAsync();
        await first.DisposeAsync();
        // Another size and another GOP: the second stretch has an init segment of its own.
        await using var second = FfmpegPublisher.Start(server.RtmpUrl("again"), Small with { Width = 480, Height = 270, KeyFrameInterval = 30 });
        static bool GoneOn(HlsMediaPlaylist playlist) => playlist.Segments.SkipWhile(segment => !segment.IsDiscontinuity).Count() >= 4;
        await Task.WhenAll(video.UntilAsync(GoneOn, TimeSpan.FromSeconds(40)), audio.UntilAsync(GoneOn, TimeSpan.FromSeconds(40)));

        Assert.Single(video.Current.Segments, segment => segment.IsDiscontinuity);
        Assert.Single(audio.Current.Segments, segment => segment.IsDiscontinuity);
        Assert.Equal(2, video.Current.Segments.Select(segment => segment.Map).Distinct().Count());
        Assert.Equal(
            video.Current.Segments.Single(segment => segment.IsDiscontinuity).Number,
            audio.Current.Segments.Single(segment => segment.IsDiscontinuity).Number);

        using var directory = new TestDirectory();
        var recording = new Recording(viewer.Master, await video.SaveAsync(directory), await audio.SaveAsync(directory));
        await recording.AssertCleanAsync();
        Assert.Equal("320,180", await Ffmpeg.ProbeAsync(recording.Video[0], "stream=width,height"));
        Assert.Equal("480,270", await Ffmpeg.ProbeAsync(recording.Video[1], "stream=width,height"));
        output.WriteLine($"{await Sync.AssertAsync(recording.Video[1], recording.Audio[1], atLeast: 3):0.0} ms apart after the reconnect");

        // Whoever joins now gets the new stretch's truth.
        var master = HlsMaster.Parse(await server.Http.GetStringAsync(viewer.MasterUri));
        Assert.Equal("480x270", master.Variants[0].Attributes.Plain("RESOLUTION"));
    }

    [Fact]
    public async Task Publisher_GoneBeyondTheGrace_EndsTheBroadcast()
    {
        await using var server = await MillraceProcess.StartAsync("--Ingest:ReconnectGrace=2s");
        await using var publisher = FfmpegPublisher.Start(server.RtmpUrl("brief"), Small);
        var viewer = await HlsViewer.TuneInAsync(server, "brief");
        var video = viewer.Video;
        await video.SegmentsAsync(2);

        var clock = Stopwatch.StartNew();
        await publisher.KillAsync();
        var end = await video.EndAsync();

        // The reload that was held when the publisher went is what tells it.
        output.WriteLine($"ENDLIST {clock.Elapsed.TotalSeconds:0.0} s after the publisher went");
        // Not before the grace is over. A connection whose end went unnoticed would last for Rtmp:IdleTimeout, 20 s.
        Assert.InRange(clock.Elapsed.TotalSeconds, 1.9, 12);
        Assert.Null(end.Hint);

        // The next broadcast is another one.
        await using var next = FfmpegPublisher.Start(server.RtmpUrl("brief"), Small);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        HlsViewer again;
        do
            again = await HlsViewer.TuneInAsync(server, "brief");
        while (again.Video.PlaylistUri == video.PlaylistUri && !timeout.IsCancellationRequested);
        Assert.NotEqual(video.PlaylistUri, again.Video.PlaylistUri);
    }

    [Fact]
    public async Task Publisher_LeavesProperly_ReloadsAreHeldThroughTheGraceAndNothingIsTakenBack()
    {
        await using var server = await MillraceProcess.StartAsync("--Ingest:ReconnectGrace=20s");
        using var directory = new TestDirectory();
        var (video, audio) = await SmallTracksAsync(directory, 5);
        await using var first = await RtmpPublisher.PublishAsync(server, "pause");
        var sending = first.SendAsync(FlvTags.Interleave(FlvTags.Messages(video, FlvForm.Legacy), FlvTags.Messages(audio, FlvForm.Legacy)));
        var viewer = await HlsViewer.TuneInAsync(server, "pause");
        var rendition = viewer.Video;
        await sending;
        first.Reset();

        await using var second = await RtmpPublisher.PublishAsync(server, "pause");
        var again = second.SendAsync(FlvTags.Interleave(FlvTags.Messages(video, FlvForm.Legacy), FlvTags.Messages(audio, FlvForm.Legacy)));
        var playlist = await rendition.UntilAsync(playlist => playlist.Segments.SkipWhile(segment => !segment.IsDiscontinuity).Count() >= 2, TimeSpan.FromSeconds(40));
        await again;

        // Everything of the first five seconds is there: nothing that was acknowledged is lost.
        var before = playlist.Segments.TakeWhile(segment => !segment.IsDiscontinuity).Sum(segment => segment.Duration);
        Assert.InRange(before, 4.6, 5.1);
    }

    [Fact]
    public async Task Formats_ChangedInOneConnection_GoOnBehindADiscontinuity()
    {
        await using var server = await MillraceProcess.StartAsync("--Ingest:ReconnectGrace=1s");
        using var directory = new TestDirectory();
        var (small, audio) = await SmallTracksAsync(directory, 4);
        var large = await CodecSources.EncodeAsync(directory, ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"], 6, new FfmpegSource { Width = 640, Height = 360 });
        var longAudio = await CodecSources.EncodeAsync(directory, ["-c:a", "aac"], 10);

        await using var publisher = await RtmpPublisher.PublishAsync(server, "grows");
        var following = Recording.FollowAsync(server, "grows", directory, TimeSpan.FromSeconds(40));
        await publisher.SendAsync(FlvTags.Interleave(
            FlvTags.Messages(small, FlvForm.Legacy).Concat(FlvTags.Messages(large, FlvForm.Legacy, startAt: 4)),
            FlvTags.Messages(longAudio, FlvForm.Legacy)));
        await publisher.LeaveAsync();
        var recording = await following;

        await recording.AssertCleanAsync();
        Assert.Equal(2, recording.Video.Count);
        Assert.Equal("320,180", await Ffmpeg.ProbeAsync(recording.Video[0], "stream=width,height"));
        Assert.Equal("640,360", await Ffmpeg.ProbeAsync(recording.Video[1], "stream=width,height"));
        Assert.Equal(2, recording.Audio.Count);
        output.WriteLine($"{await Sync.AssertAsync(recording.Video[0], recording.Audio[0], atLeast: 2):0.0} ms apart before, "
            + $"{await Sync.AssertAsync(recording.Video[1], recording.Audio[1], atLeast: 3):0.0} ms after the change");
    }

    [Fact]
    public async Task Timestamps_ThatGrowBeyondTheirField_PlayWithoutASeam()
    {
        await using var server = await MillraceProcess.StartAsync("--Ingest:ReconnectGrace=1s");
        using var directory = new TestDirectory();
        var (video, audio) = await SmallTracksAsync(directory, 7);
        // The seam is three seconds in: the 24-bit field, the sign, the whole counter; with and without the extended
        // timestamp on type 3 chunks.
        uint[] seams = [0xFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF];
        await Task.WhenAll(seams.SelectMany(seam => new[] { PlayAsync(seam, false), PlayAsync(seam, true) }));

        async Task PlayAsync(uint seam, bool omits)
        {
            var name = $"wraps-{seam:x}-{(omits ? "omits" : "repeats")}";
            await using var publisher = await RtmpPublisher.PublishAsync(server, name);
            publisher.TimestampOffset = seam - 3000;
            publisher.OmitsRepeatedTimestamp = omits;
            var following = Recording.FollowAsync(server, name, directory, TimeSpan.FromSeconds(40));
            await publisher.SendAsync(FlvTags.Interleave(FlvTags.Messages(video, FlvForm.Legacy), FlvTags.Messages(audio, FlvForm.Legacy)));
            await publisher.LeaveAsync();
            var recording = await following;
            await recording.AssertCleanAsync();
            var worst = await Sync.AssertAsync(Assert.Single(recording.Video), Assert.Single(recording.Audio), atLeast: 5);
            output.WriteLine($"{name}: {worst:0.0} ms apart");
        }
    }

    internal static async Task<(Mp4File Video, Mp4File Audio)> SmallTracksAsync(TestDirectory directory, double seconds) =>
        (await CodecSources.EncodeAsync(directory, ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"], seconds),
         await CodecSources.EncodeAsync(directory, ["-c:a", "aac", "-b:a", "96k"], seconds));
}
