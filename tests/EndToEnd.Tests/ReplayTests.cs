using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>What was live: gone back to on the watch page, watched at <c>/b/{broadcast}</c>, taken home as a file, kept as a clip.</summary>
public sealed class ReplayTests(Browser browser, ITestOutputHelper output) : IClassFixture<Browser>
{
    private static readonly FfmpegSource Small = new() { Width = 320, Height = 180 };

    [Fact]
    public async Task Page_GoesBackAndToLive_ThenOffersTheReplayWithPictures()
    {
        await using var server = await MillraceProcess.StartAsync(
            "--Dvr:Mode=full", "--Ingest:ReconnectGrace=1s", "--Packaging:Window=8s", "--Preview:Interval=2s", "--Retention:MinFreeBytes=0");
        var publisher = FfmpegPublisher.Start(server.RtmpUrl("studio"), Small);
        await using var page = await browser.OpenAsync($"{server.Origin}/c/studio");
        await page.UntilAsync("window.millrace?.state === 'playing'", TimeSpan.FromSeconds(30));
        // More than the live playlist has: the bar reaches to what the recording has.
        await page.UntilAsync("window.millrace.seekable?.atLive && window.millrace.seekable.end > 22", TimeSpan.FromSeconds(60));
        await page.UntilAsync("window.millrace.seekable.start < 1", TimeSpan.FromSeconds(45));
        Assert.Equal("0", await page.EvaluateAsync<string>("document.querySelector('.seek').getAttribute('aria-valuemin')"));

        // The pointer shows the moment with its picture; a press goes there.
        // Hidden controls come up with the first move, and only then is there a bar to point at.
        await page.Page.Mouse.MoveAsync(640, 300);
        await page.UntilAsync("document.querySelector('.player').dataset.idle === 'false'");
        var bar = (await page.Page.QuerySelectorAsync(".seek"))!;
        var box = (await bar.BoundingBoxAsync())!;
        var (x, y) = (box.X + box.Width * 0.2f, box.Y + box.Height / 2);
        await PointAsync(page, x, y);
        await page.ScreenshotAsync("watch-seek-preview");
        await page.Page.Mouse.DownAsync();
        await page.Page.Mouse.UpAsync();
        await page.UntilAsync("window.millrace.state === 'playing' && !window.millrace.seekable.atLive && window.millrace.seekable.position < 15", TimeSpan.FromSeconds(30));
        await page.PlaysOnAsync(1);
        Assert.Contains(page.Requests, url => url.Contains("/dvr.m3u8", StringComparison.Ordinal));
        await page.ScreenshotAsync("watch-seek-back");

        // Keys; then the way back.
        await page.Page.Keyboard.PressAsync("Home");
        await page.UntilAsync("window.millrace.state === 'playing' && window.millrace.seekable.position < 4", TimeSpan.FromSeconds(30));
        await page.Page.Keyboard.PressAsync("l");
        await page.UntilAsync("window.millrace.seekable.position > 9", TimeSpan.FromSeconds(30));
        await page.Page.ClickAsync(".live[data-behind='true']");
        await page.UntilAsync("window.millrace.state === 'playing' && window.millrace.seekable.atLive", TimeSpan.FromSeconds(30));
        await page.ScreenshotAsync("watch-live-again");

        // The end offers the replay.
        await publisher.DisposeAsync();
        await page.UntilAsync("window.millrace.state === 'ended'", TimeSpan.FromSeconds(30));
        await page.ScreenshotAsync("watch-ended-replay");
        await page.Page.ClickAsync(".overlay a");
        await page.UntilAsync("location.pathname.startsWith('/b/') && window.millrace?.state === 'playing'", TimeSpan.FromSeconds(30));
        await page.UntilAsync("window.millrace.seekable?.live === false && window.millrace.seekable.position < 10");
        await page.PlaysOnAsync(1);
        await page.Page.Keyboard.PressAsync("End");
        await page.UntilAsync("window.millrace.state === 'ended'", TimeSpan.FromSeconds(30));
        await page.ScreenshotAsync("replay-ended");
        await page.Page.ClickAsync(".overlay button");
        await page.UntilAsync("window.millrace.state === 'playing' && window.millrace.seekable.position < 10", TimeSpan.FromSeconds(30));
        Assert.Empty(page.Exceptions);

        await page.Page.GotoAsync($"{server.Origin}/b/01kb2c3d4e5f6g7h8j9kmnpqrs");
        await page.UntilAsync("document.body.innerText.includes('There is no such broadcast')");
        await page.Page.GotoAsync($"{server.Origin}/c/studio");
        await page.UntilAsync("document.querySelector('.past a')?.href.includes('/b/')");
        await page.ScreenshotAsync("watch-past-broadcasts");
        Assert.Empty(page.Exceptions);
    }

    [Fact]
    public async Task Download_OfAReplayOrARange_IsOneFileThatFfmpegAndChromiumPlay()
    {
        await using var server = await MillraceProcess.StartAsync("--Dvr:Mode=full", "--Ingest:ReconnectGrace=8s", "--Retention:MinFreeBytes=0");
        using var directory = new TestDirectory();
        // Two runs, as of an encoder that reconnects: one track, with a step between them.
        await using (var first = FfmpegPublisher.Start(server.RtmpUrl("studio"), Small with { Duration = 10, BFrames = 2, Preset = "veryfast" }))
            Assert.Equal(0, await first.ExitAsync(TimeSpan.FromSeconds(60)));
        await using (var second = FfmpegPublisher.Start(server.RtmpUrl("studio"), Small with { Duration = 6, BFrames = 2, Preset = "veryfast" }))
            Assert.Equal(0, await second.ExitAsync(TimeSpan.FromSeconds(60)));
        var id = JsonDocument.Parse(await server.Http.GetStringAsync("api/v1/channels/studio/broadcasts")).RootElement.GetProperty("broadcasts")[0].GetProperty("id").GetString()!;
        var url = $"b/{id}/download.mp4";
        // While it is on air, the file is what there is by now, and has that in its name.
        using (var live = await server.Http.GetAsync(url))
            Assert.Contains("&to=", live.RequestMessage!.RequestUri!.Query, StringComparison.Ordinal);
        await EndAsync(server, id);

        // The whole, in one answer and in pieces.
        using var answer = await server.Http.GetAsync(url);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.StartsWith("attachment; filename=\"studio-2", answer.Content.Headers.ContentDisposition!.ToString(), StringComparison.Ordinal);
        var whole = await answer.Content.ReadAsByteArrayAsync();
        using (var head = await server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, url)))
            Assert.Equal((whole.Length, answer.Headers.ETag), (head.Content.Headers.ContentLength, head.Headers.ETag));
        var pieces = new List<byte>();
        for (var at = 0; at < whole.Length; at += 99_991)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Range = new RangeHeaderValue(at, Math.Min(at + 99_990, whole.Length - 1));
            request.Headers.IfRange = new RangeConditionHeaderValue(answer.Headers.ETag!);
            using var piece = await server.Http.SendAsync(request);
            Assert.Equal((HttpStatusCode.PartialContent, whole.Length), (piece.StatusCode, piece.Content.Headers.ContentRange!.Length));
            pieces.AddRange(await piece.Content.ReadAsByteArrayAsync());
        }
        Assert.Equal(whole, pieces);

        var file = directory.NewFile("mp4");
        await File.WriteAllBytesAsync(file, whole);
        await Ffmpeg.DecodeSilentlyAsync(file);
        var frames = int.Parse(await Ffmpeg.ProbeAsync(file, "stream=nb_read_frames", "-count_frames", "-select_streams", "v"), CultureInfo.InvariantCulture);
        var sounds = int.Parse(await Ffmpeg.ProbeAsync(file, "stream=nb_read_packets", "-count_packets", "-select_streams", "a"), CultureInfo.InvariantCulture);
        var seconds = double.Parse(await Ffmpeg.ProbeAsync(file, "format=duration"), CultureInfo.InvariantCulture);
        output.WriteLine($"{whole.Length} bytes, {seconds:0.00} s, {frames} pictures, {sounds} of sound");
        Assert.Equal(480, frames);
        Assert.InRange(sounds, 16 * 48000 / 1024 - 6, 16 * 48000 / 1024 + 6);
        Assert.InRange(seconds, 15.8, 16.6);
        // Sound and picture are where they were: each second has a flash and a beep.
        output.WriteLine($"{await Sync.AssertAsync(file, file, 10):0} ms apart");

        // A range begins with a key frame at or in front of its beginning.
        var part = directory.NewFile("mp4");
        await File.WriteAllBytesAsync(part, await server.Http.GetByteArrayAsync($"{url}?from=4.5&to=7"));
        await Ffmpeg.DecodeSilentlyAsync(part);
        Assert.InRange(double.Parse(await Ffmpeg.ProbeAsync(part, "format=duration"), CultureInfo.InvariantCulture), 3.8, 4.6);
        foreach (var (query, status) in ((string, HttpStatusCode)[])[("?from=x", HttpStatusCode.BadRequest), ("?from=9&to=9", HttpStatusCode.BadRequest), ("?from=5000", HttpStatusCode.NotFound), ("?rendition=none", HttpStatusCode.NotFound)])
            Assert.Equal(status, (await server.Http.GetAsync(url + query)).StatusCode);

        // Chromium knows the length at once, and seeks by ranges.
        await using var page = await browser.OpenAsync($"{server.Origin}/");
        await page.EvaluateAsync<bool>($"() => {{ const video = document.createElement('video'); video.muted = true; video.src = '/{url}?to=9'; document.body.append(video); void video.play(); return true; }}");
        await page.UntilAsync("document.querySelector('video').duration > 9.5 && document.querySelector('video').duration < 10.6");
        await page.PlaysOnAsync(1);
        await page.EvaluateAsync<bool>("() => { document.querySelector('video').currentTime = 8; return true; }");
        await page.UntilAsync("document.querySelector('video').currentTime > 8.3 && document.querySelector('video').videoWidth === 320");
        server.AssertAlive();
    }

    /// <summary>Points at the bar, as a hand does that does not lie still, until there is a picture.</summary>
    private static async Task PointAsync(BrowserPage page, float x, float y)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        for (var i = 0; ; i++)
        {
            await page.Page.Mouse.MoveAsync(x + (i % 2), y);
            try
            {
                await page.Page.WaitForSelectorAsync(".seek-picture", new() { Timeout = 1000 });
                return;
            }
            catch (TimeoutException) when (!patience.IsCancellationRequested)
            {
                // The controls rest after a while without a move.
            }
        }
    }

    /// <summary>Waits for a broadcast's end.</summary>
    private static async Task EndAsync(MillraceProcess server, string id)
    {
        var dvr = server.Uri($"b/{id}/source/dvr.m3u8");
        var playlist = HlsMediaPlaylist.Parse(await server.Http.GetStringAsync(dvr));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!playlist.Ended)
            playlist = HlsMediaPlaylist.Parse(await server.Http.GetStringAsync(new Uri(dvr, $"dvr.m3u8?_HLS_msn={playlist.NextSegment}"), patience.Token));
    }
}
