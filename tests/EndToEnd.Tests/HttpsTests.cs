using System.Net;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>Watching through TLS, as a browser does (HTTP/2) and as other players do (HTTP/1.1).</summary>
public sealed class HttpsTests(Browser browser, ITestOutputHelper output) : IClassFixture<Browser>
{
    [Fact]
    public async Task Https_BrowserAndFfmpeg_PlayTheSameStream()
    {
        using var directory = new TestDirectory();
        var port = MillraceProcess.FreePorts(1)[0];
        await using var server = await MillraceProcess.StartAsync([$"--Http:Tls:Port={port}", $"--Http:Tls:Certificate={TestCertificate.Write(directory, "pem")}"]);
        await using var publisher = FfmpegPublisher.Start(server.RtmpUrl("secure"), new FfmpegSource { Width = 640, Height = 360 });
        var address = $"https://127.0.0.1:{port}";

        // 1. Chromium: page, playlists and media over one HTTP/2 connection.
        await using var page = await browser.OpenAsync($"{address}/c/secure");
        await page.UntilAsync("window.millrace?.state === 'playing'", TimeSpan.FromSeconds(30));
        await page.PlaysOnAsync(4);
        var protocols = await page.EvaluateAsync<string[]>("[...new Set(performance.getEntriesByType('resource').filter(e => e.name.startsWith('http')).map(e => e.nextHopProtocol))]");
        output.WriteLine(string.Join(", ", protocols));
        Assert.Equal(["h2"], protocols);
        Assert.Empty(page.Exceptions);

        // 2. HTTP/1.1, the same bytes as without TLS.
        var viewer = await HlsViewer.TuneInAsync(server, "secure");
        var name = (await viewer.Video.SegmentsAsync(1)).Segments[0].Uri!;
        using var handler = new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, shown, _, _) => shown?.Subject == "CN=localhost" } };
        using var client = new HttpClient(handler) { DefaultRequestVersion = HttpVersion.Version11, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        var secure = new Uri(new UriBuilder(viewer.Video.PlaylistUri) { Scheme = "https", Port = port }.Uri, name);
        Assert.Equal(await viewer.Video.GetAsync(name), await client.GetByteArrayAsync(secure));

        // 3. ffmpeg, with a TLS library of its own.
        Assert.Equal("", await Ffmpeg.RunAsync("-v", "error", "-i", $"{address}/live/secure/main.m3u8", "-t", "2", "-f", "null", "-"));
    }
}
