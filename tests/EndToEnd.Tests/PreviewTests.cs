using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>Thumbnails and sprite sheets of a real stream.</summary>
public sealed partial class PreviewTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Stream_OfOneColour_IsThatColourInThumbnailAndSheet()
    {
        using var directory = new TestDirectory();
        // The ffmpeg that is named, and no other.
        var (program, calls) = (directory.NewFile("sh"), directory.NewFile("txt"));
        await File.WriteAllTextAsync(program, $"#!/bin/sh\necho \"$@\" >> '{calls}'\nexec '{Tools.Ffmpeg}' \"$@\"\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await using var server = await MillraceProcess.StartAsync("--Preview:Interval=1s", $"--Transcoding:Ffmpeg={program}");
        await using var publisher = new ChildProcess(Tools.Ffmpeg,
        [
            "-hide_banner", "-nostats", "-re", "-f", "lavfi",
            "-i", "color=0x3060C0:s=1280x720:r=15,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
            "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-threads", "1", "-g", "15", "-keyint_min", "15",
            "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-f", "flv", server.RtmpUrl("blue"),
        ]);

        var picture = await UntilAsync(server, "live/blue/preview.jpg", (_, _) => true);
        Assert.Equal("image/jpeg", picture.Content.Headers.ContentType?.MediaType);
        Assert.True(picture.Headers.CacheControl is { Public: true, MaxAge.TotalSeconds: > 0 and <= 10 });
        await AssertBlueAsync(await SaveAsync(directory, picture), "640,360", "iw:ih:0:0");
        var small = await UntilAsync(server, "live/blue/preview-320.jpg", (_, _) => true);
        await AssertBlueAsync(await SaveAsync(directory, small), "320,180", "iw:ih:0:0");

        var channel = JsonDocument.Parse(await server.Http.GetStringAsync(server.Uri("api/v1/channels/blue"))).RootElement;
        Assert.Equal(JsonValueKind.String, channel.GetProperty("previewAt").ValueKind);
        var path = $"b/{channel.GetProperty("broadcast").GetString()}/sprites.vtt";
        var index = await UntilAsync(server, path, (_, text) => Cue().Count(text) >= 3);
        var cues = Cue().Matches(await index.Content.ReadAsStringAsync()).ToList();
        output.WriteLine(string.Join('\n', cues.Select(cue => cue.Value)));
        for (var i = 0; i < cues.Count; i++)
        {
            var (from, to) = (Seconds(cues[i], 1), Seconds(cues[i], 2));
            Assert.True(from < to);
            if (i > 0)
                Assert.Equal(Seconds(cues[i - 1], 2), from);
        }
        Assert.InRange(Seconds(cues[0], 1), 0, 10);

        // The newest index names what is there.
        var last = cues[^1];
        using var sheet = await server.Http.GetAsync(new Uri(server.Uri(path), last.Groups[3].Value));
        Assert.Equal(HttpStatusCode.OK, sheet.StatusCode);
        Assert.Contains("immutable", sheet.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        var file = await SaveAsync(directory, sheet);
        await Ffmpeg.DecodeSilentlyAsync(file);
        foreach (var cue in cues.Where(cue => cue.Groups[3].Value == last.Groups[3].Value))
            await AssertBlueAsync(file, null, $"{cue.Groups[6]}:{cue.Groups[7]}:{cue.Groups[4]}:{cue.Groups[5]}");
        File.Copy(file, Path.Combine(Tools.Artifacts, "sprites.jpg"), overwrite: true);
        Assert.Contains("mjpeg", await File.ReadAllTextAsync(calls), StringComparison.Ordinal);
    }

    /// <summary>A picture's coming raises no event over plain HTTP, so this asks like a page that shows it.</summary>
    private static async Task<HttpResponseMessage> UntilAsync(MillraceProcess server, string path, Func<HttpResponseMessage, string, bool> holds)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        var last = "";
        try
        {
            while (true)
            {
                var answer = await server.Http.GetAsync(server.Uri(path), timeout.Token);
                Assert.Equal("*", Assert.Single(answer.Headers.GetValues("Access-Control-Allow-Origin")));
                last = $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(timeout.Token)}";
                if (answer.IsSuccessStatusCode && holds(answer, last))
                    return answer;
                answer.Dispose();
                await timer.WaitForNextTickAsync(timeout.Token);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{path} says {last}\n{server.Output}");
            throw;
        }
    }

    private static async Task<string> SaveAsync(TestDirectory directory, HttpResponseMessage picture)
    {
        var file = directory.NewFile("jpg");
        await File.WriteAllBytesAsync(file, await picture.Content.ReadAsByteArrayAsync());
        return file;
    }

    private static async Task AssertBlueAsync(string file, string? size, string crop)
    {
        if (size is not null)
            Assert.Equal(size, await Ffmpeg.ProbeAsync(file, "stream=width,height"));
        var raw = file + ".rgb";
        await Ffmpeg.RunAsync("-v", "error", "-i", file, "-vf", $"crop={crop},crop=iw/2:ih/2,scale=2:2:flags=area", "-pix_fmt", "rgb24", "-f", "rawvideo", raw);
        var color = await File.ReadAllBytesAsync(raw);
        Assert.True(
            Math.Abs(color[0] - 0x30) < 8 && Math.Abs(color[1] - 0x60) < 8 && Math.Abs(color[2] - 0xC0) < 8,
            $"{crop} of {file}: {color[0]:X2}{color[1]:X2}{color[2]:X2} instead of 3060C0");
    }

    private static double Seconds(Match cue, int group) => TimeSpan.ParseExact(cue.Groups[group].ValueSpan, @"hh\:mm\:ss\.fff", CultureInfo.InvariantCulture).TotalSeconds;

    [GeneratedRegex(@"(\d\d:\d\d:\d\d\.\d{3}) --> (\d\d:\d\d:\d\d\.\d{3})\n(sprites/\d+(?:\.\d+)?\.jpg)#xywh=(\d+),(\d+),(\d+),(\d+)\n")]
    private static partial Regex Cue();
}
