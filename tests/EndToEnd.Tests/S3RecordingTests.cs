using System.Text.Json;
using Millrace.Delivery.Tests.Archive;
using Millrace.EndToEnd.Tests.Harness;

[assembly: AssemblyFixture(typeof(RadosGateway))]

namespace Millrace.EndToEnd.Tests;

/// <summary>The binary with a real S3 server behind its disk: what was recorded outlives the process, and another node hands it out.</summary>
public sealed class S3RecordingTests(RadosGateway gateway)
{
    [Fact]
    public async Task Broadcast_KilledServerAndAnotherNode_IsAReplayOfBothUntilOneTakesItDown()
    {
        var bucket = await gateway.CreateBucketAsync();
        using TestDirectory one = new(), two = new();
        string[] options =
        [
            "--Dvr:Mode=full", "--Ingest:ReconnectGrace=1s", "--Retention:MinFreeBytes=0", "--Storage:Kind=s3", $"--Storage:S3:Endpoint={gateway.Endpoint}",
            $"--Storage:S3:Bucket={bucket}", $"--Storage:S3:AccessKey={RadosGateway.AccessKey}", $"--Storage:S3:SecretKey={RadosGateway.SecretKey}",
            "--Storage:S3:ObjectDuration=10s", "--Storage:S3:ListInterval=1s",
        ];
        string id;
        await using (var first = await MillraceProcess.StartOverAsync(one.Path, options))
        {
            await using var publisher = FfmpegPublisher.Start(first.RtmpUrl("studio"), new FfmpegSource { Width = 320, Height = 180 });
            var viewer = await HlsViewer.TuneInAsync(first, "studio");
            using var channel = JsonDocument.Parse(await first.Http.GetStringAsync(first.Uri("api/v1/channels/studio")));
            id = channel.RootElement.GetProperty("broadcast").GetString()!;
            await viewer.Video.SegmentsAsync(8);
            await first.KillAsync();
        }

        // Nobody comes back: it ends, and is complete in the store.
        await using var again = await MillraceProcess.StartOverAsync(one.Path, options);
        await using var other = await MillraceProcess.StartOverAsync(two.Path, options);
        Assert.Contains("takes, hands out and deletes", string.Join('\n', await DoctorAsync(two.Path, options)), StringComparison.Ordinal);
        await FoundAsync(other, $"b/{id}/main.m3u8", isThere: true);
        var playlist = HlsMediaPlaylist.Parse(await other.Http.GetStringAsync(other.Uri($"b/{id}/source/dvr.m3u8")));
        Assert.True(playlist.Ended && playlist.Segments.Count >= 7, $"{playlist.Segments.Count} segments");
        foreach (var name in playlist.Segments.Select(segment => $"{segment.Number}.m4s").Append("0-init.mp4"))
            Assert.Equal(await again.Http.GetByteArrayAsync(again.Uri($"b/{id}/source/{name}")), await other.Http.GetByteArrayAsync(other.Uri($"b/{id}/source/{name}")));
        Assert.Contains("millrace_archive_failing", await again.Http.GetStringAsync(again.Uri("metrics")), StringComparison.Ordinal);
        Assert.Equal("ok\n", await again.Http.GetStringAsync(again.Uri("health/ready")));

        await MillraceProcess.RunAsync(two.Path, "broadcast", "delete", id, $"--Http:Port={other.HttpPort}");
        await FoundAsync(again, $"b/{id}/main.m3u8", isThere: false);
        await FoundAsync(other, $"b/{id}/source/0.m4s", isThere: false);
        Assert.DoesNotContain(RadosGateway.SecretKey, again.Output + other.Output, StringComparison.Ordinal);
    }

    // The other command of the binary that takes the options as they are; the ports are taken, which is no fault of the store.
    private static async Task<IReadOnlyCollection<string>> DoctorAsync(string data, string[] options)
    {
        await using var child = new ChildProcess(Tools.Millrace, ["doctor", .. options, $"--Data:Path={data}", "--Http:Port=0", "--Rtmp:Port=0"], data);
        await child.ExitAsync(TimeSpan.FromSeconds(60));
        return child.StandardOutput;
    }

    /// <summary>Waits until the node has heard from the store what is on it, or no more.</summary>
    private static async Task FoundAsync(MillraceProcess server, string path, bool isThere)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        while (true)
        {
            using var answer = await server.Http.GetAsync(server.Uri(path), limit.Token);
            if (answer.IsSuccessStatusCode == isThere)
                return;
            Assert.True(await pause.WaitForNextTickAsync(limit.Token));
        }
    }
}
