using System.Globalization;
using System.Net;
using System.Xml;
using System.Xml.Linq;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>The same media as DASH: the manifest by itself, the running segment on the wire, and players of other people.</summary>
public sealed class DashTests(LiveBroadcast broadcast, Browser browser, OtherPlayers players, ITestOutputHelper output)
    : IClassFixture<LiveBroadcast>, IClassFixture<Browser>, IClassFixture<OtherPlayers>
{
    private static readonly XNamespace Mpd = "urn:mpeg:dash:schema:mpd:2011";

    [Fact]
    public async Task Manifest_OfALiveStream_NamesSegmentsThatAreThere()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        await viewer.Video.SegmentsAsync(3);
        var uri = server.Uri($"live/{LiveBroadcast.Channel}/manifest.mpd");
        using var answer = await server.Http.GetAsync(uri);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/dash+xml", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("*", answer.Headers.GetValues("Access-Control-Allow-Origin").Single());
        var manifest = XDocument.Parse(await answer.Content.ReadAsStringAsync()).Root!;

        Assert.Equal("dynamic", manifest.Attribute("type")?.Value);
        Assert.NotNull(manifest.Attribute("availabilityStartTime"));
        Assert.NotNull(manifest.Element(Mpd + "ServiceDescription")?.Element(Mpd + "Latency"));
        var clock = new Uri(uri, manifest.Element(Mpd + "UTCTiming")!.Attribute("value")!.Value);
        var asked = DateTimeOffset.UtcNow;
        var told = DateTimeOffset.Parse(await server.Http.GetStringAsync(clock), CultureInfo.InvariantCulture);
        Assert.InRange(told, asked - TimeSpan.FromMilliseconds(1), DateTimeOffset.UtcNow);

        var period = Assert.Single(manifest.Elements(Mpd + "Period"));
        Assert.Equal(2, period.Elements(Mpd + "AdaptationSet").Count());
        foreach (var representation in period.Descendants(Mpd + "Representation"))
        {
            var segments = Segments(representation, uri);
            Assert.True(segments.Count >= 3, manifest.ToString());
            Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync(segments[0].Init)).StatusCode);
            foreach (var segment in segments.SkipLast(1))
                Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync(segment.Media)).StatusCode);
        }
    }

    [Fact]
    public async Task Manifest_AskedAgain_KeepsItsBeginningAndItsPeriods()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var uri = server.Uri($"live/{LiveBroadcast.Channel}/manifest.mpd");
        var video = viewer.Video;
        await video.SegmentsAsync(2);
        var before = XDocument.Parse(await server.Http.GetStringAsync(uri)).Root!;
        var next = video.Current.NextSegment;
        await video.UntilAsync(playlist => playlist.NextSegment >= next + 2);
        var after = XDocument.Parse(await server.Http.GetStringAsync(uri)).Root!;

        foreach (var name in new[] { "availabilityStartTime", "minBufferTime", "maxSegmentDuration", "minimumUpdatePeriod", "suggestedPresentationDelay" })
            Assert.Equal(before.Attribute(name)?.Value, after.Attribute(name)?.Value);
        Assert.Equal(before.Element(Mpd + "Period")!.Attribute("id")!.Value, after.Element(Mpd + "Period")!.Attribute("id")!.Value);
        Assert.Equal(before.Element(Mpd + "Period")!.Attribute("start")!.Value, after.Element(Mpd + "Period")!.Attribute("start")!.Value);
        // Complete segments keep number and time; the last one listed is still running.
        foreach (var (old, now) in before.Descendants(Mpd + "Representation").Zip(after.Descendants(Mpd + "Representation")))
        {
            var times = Segments(now, uri).ToDictionary(segment => segment.Media, segment => segment.Time);
            foreach (var segment in Segments(old, uri).SkipLast(1).Where(segment => times.ContainsKey(segment.Media)))
                Assert.Equal(segment.Time, times[segment.Media]);
        }
    }

    [Fact]
    public async Task Segment_StillRunning_ArrivesChunkByChunk()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var video = viewer.Video;
        await video.SegmentsAsync(1);
        // From a segment's first part on nearly all of it is still to come.
        var playlist = await video.UntilAsync(playlist => playlist.OpenParts.Count == 1);
        var number = playlist.NextSegment;
        var name = playlist.OpenParts[0].Uri.Replace(".0.m4s", ".m4s", StringComparison.Ordinal);

        using var answer = await server.Http.GetAsync(new Uri(video.PlaylistUri, name), HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await using var body = await answer.Content.ReadAsStreamAsync();
        using var whole = new MemoryStream();
        var buffer = new byte[65536];
        // After each stretch of bytes the playlist says how much of the segment there is, at least.
        List<int> partsAtArrival = [];
        int read;
        while ((read = await body.ReadAsync(buffer)) > 0)
        {
            whole.Write(buffer, 0, read);
            var now = await video.LoadAsync();
            partsAtArrival.Add(now.NextSegment == number ? now.OpenParts.Count : int.MaxValue);
        }
        output.WriteLine($"Parts that there were when bytes came: {string.Join(' ', partsAtArrival.Select(parts => parts == int.MaxValue ? "all" : $"{parts}"))}");

        Assert.True(partsAtArrival[0] < 4, "The beginning was held back.");
        Assert.True(partsAtArrival.Distinct().Count() >= 3, "It came in one go.");
        await video.UntilAsync(later => later.NextSegment > number);
        Assert.Equal(await video.GetAsync(video.Current.Segment(number).Uri!), whole.ToArray());
    }

    [Theory]
    [InlineData("dash", "manifest.mpd")]
    [InlineData("shaka", "manifest.mpd")]
    [InlineData("shaka", "main.m3u8")]
    public async Task Player_OfOtherPeople_PlaysFromAnotherOrigin(string player, string presentation)
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        await viewer.Video.SegmentsAsync(3);
        await using var page = await browser.OpenAsync(await players.PageAsync(player, server.Uri($"live/{LiveBroadcast.Channel}/{presentation}")));
        await page.UntilAsync("window.probe.errors.length > 0 || document.querySelector('video').currentTime > 0 && document.querySelector('video').videoWidth > 0", TimeSpan.FromSeconds(30));
        Assert.Equal("[]", await page.EvaluateAsync<string>("JSON.stringify(window.probe.errors)"));
        await page.PlaysOnAsync(6, TimeSpan.FromSeconds(25));
        await page.ScreenshotAsync($"{player}-{Path.GetExtension(presentation)[1..]}");
        output.WriteLine($"{player} {presentation}: latency {await page.EvaluateAsync<double?>("window.probe.latency()"):0.00} s");
        Assert.Equal("[]", await page.EvaluateAsync<string>("JSON.stringify(window.probe.errors)"));
        Assert.True(await page.EvaluateAsync<int>("document.querySelector('video').webkitAudioDecodedByteCount") > 0, "There is no sound.");
    }

    [Theory]
    [InlineData("dash")]
    [InlineData("shaka")]
    public async Task Player_PublisherReconnects_PlaysIntoTheNewPeriod(string player)
    {
        var source = new FfmpegSource { Width = 640, Height = 360 };
        await using var server = await MillraceProcess.StartAsync();
        var first = FfmpegPublisher.Start(server.RtmpUrl("again"), source);
        var viewer = await HlsViewer.TuneInAsync(server, "again");
        await viewer.Video.SegmentsAsync(3);
        await using var page = await browser.OpenAsync(await players.PageAsync(player, server.Uri("live/again/manifest.mpd")));
        await page.UntilAsync("document.querySelector('video').currentTime > 0 && document.querySelector('video').videoWidth === 640", TimeSpan.FromSeconds(30));
        await page.PlaysOnAsync(2);

        await first.KillAsync();
        await first.DisposeAsync();
        await using var second = FfmpegPublisher.Start(server.RtmpUrl("again"), source with { Width = 480, Height = 270 });
        await page.UntilAsync("document.querySelector('video').videoWidth === 480", TimeSpan.FromSeconds(45));
        await page.PlaysOnAsync(3, TimeSpan.FromSeconds(30));
        await page.ScreenshotAsync($"{player}-reconnected");
        output.WriteLine(await page.EvaluateAsync<string>("JSON.stringify(window.probe.errors)"));
        var manifest = XDocument.Parse(await server.Http.GetStringAsync(server.Uri("live/again/manifest.mpd"))).Root!;
        Assert.Equal(2, manifest.Elements(Mpd + "Period").Count());
    }

    private sealed record DashSegment(Uri Init, Uri Media, long Time);

    /// <summary>What a client makes of a SegmentTemplate with a SegmentTimeline (ISO/IEC 23009-1 §5.3.9.4, §5.3.9.6).</summary>
    private static List<DashSegment> Segments(XElement representation, Uri manifest)
    {
        var template = representation.Element(Mpd + "SegmentTemplate") ?? representation.Parent!.Element(Mpd + "SegmentTemplate")!;
        var root = representation.Ancestors().Last();
        var home = new[] { root, representation.Ancestors(Mpd + "Period").Single(), representation.Parent!, representation }
            .Select(element => element.Element(Mpd + "BaseURL")?.Value).OfType<string>().Aggregate(manifest, (uri, relative) => new Uri(uri, relative));
        string Fill(string name, long number, long time) => name
            .Replace("$RepresentationID$", representation.Attribute("id")!.Value, StringComparison.Ordinal)
            .Replace("$Number$", number.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("$Time$", time.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        var init = new Uri(home, Fill(template.Attribute("initialization")!.Value, 0, 0));
        var number = XmlConvert.ToInt64(template.Attribute("startNumber")?.Value ?? "1");
        List<DashSegment> segments = [];
        long time = 0;
        foreach (var run in template.Element(Mpd + "SegmentTimeline")!.Elements(Mpd + "S"))
        {
            time = run.Attribute("t") is { } start ? XmlConvert.ToInt64(start.Value) : time;
            for (var repeat = XmlConvert.ToInt64(run.Attribute("r")?.Value ?? "0"); repeat >= 0; repeat--, number++)
            {
                segments.Add(new DashSegment(init, new Uri(home, Fill(template.Attribute("media")!.Value, number, time)), time));
                time += XmlConvert.ToInt64(run.Attribute("d")!.Value);
            }
        }
        return segments;
    }
}
