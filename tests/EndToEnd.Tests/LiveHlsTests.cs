using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>An ordinary stream, watched over HTTP as players and caches see it.</summary>
public sealed class LiveHlsTests(LiveBroadcast broadcast, ITestOutputHelper output) : IClassFixture<LiveBroadcast>
{
    [Fact]
    public async Task Master_VideoAndAudio_DescribesBoth()
    {
        var (_, viewer) = await broadcast.OnAirAsync();

        var variant = Assert.Single(viewer.Master.Variants).Attributes;
        Assert.Matches("^avc1\\.[0-9a-f]{6},mp4a\\.40\\.2$", variant.Quoted("CODECS"));
        Assert.Equal("640x360", variant.Plain("RESOLUTION"));
        Assert.InRange(variant.Number("FRAME-RATE"), 29.9, 30.1);
        var audio = Assert.Single(viewer.Master.Media);
        Assert.Equal(variant.Quoted("AUDIO"), audio.Attributes.Quoted("GROUP-ID"));
        Assert.Equal("2", audio.Attributes.Quoted("CHANNELS"));
    }

    [Fact]
    public async Task Master_AfterSomeSegments_TellsMeasuredBandwidth()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var video = await Following(viewer.Video, 3);
        var audio = await Following(viewer.Audio, 3);

        var master = HlsMaster.Parse(await server.Http.GetStringAsync(viewer.MasterUri));
        var peak = await Peak(video) + await Peak(audio);
        var told = master.Variants[0].Attributes.Integer("BANDWIDTH");
        output.WriteLine($"BANDWIDTH {told}, measured here {peak:0}");
        // RFC 8216bis §4.4.6.2: an upper bound of any segment's bit rate.
        Assert.InRange(told, peak * 0.98, peak * 2);
        Assert.InRange(master.Variants[0].Attributes.Integer("AVERAGE-BANDWIDTH"), 1, told);
    }

    [Fact]
    public async Task Playlists_FiveSegmentsOfBlockingReload_KeepEveryPromise()
    {
        var (_, viewer) = await broadcast.OnAirAsync();
        var longest = await Task.WhenAll(FollowAsync(viewer.Video), FollowAsync(viewer.Audio));
        output.WriteLine($"Longest hold: video {longest[0].TotalMilliseconds:0} ms, audio {longest[1].TotalMilliseconds:0} ms");

        static async Task<TimeSpan> FollowAsync(HlsRendition rendition)
        {
            var longest = TimeSpan.Zero;
            var first = await rendition.LoadAsync();
            var reloads = 0;
            while (rendition.Current.NextSegment < first.NextSegment + 5)
            {
                await rendition.NextAsync();
                reloads++;
                longest = rendition.Held > longest ? rendition.Held : longest;
            }
            // Ten seconds of media, and a reload for nearly each part: whoever is answered at a segment's end only gets five.
            Assert.True(reloads >= 0.7 * 9 / first.PartTarget, $"Only {reloads} reloads.");
            return longest;
        }
    }

    [Fact]
    public async Task RenditionReports_OfEachRendition_NameTheOtherWhereItIs()
    {
        var (_, viewer) = await broadcast.OnAirAsync();
        var (video, audio) = (viewer.Video, viewer.Audio);
        await audio.LoadAsync();
        await video.LoadAsync();
        await video.NextAsync();

        var report = Assert.Single(video.Current.Reports);
        Assert.Equal(audio.PlaylistUri, new Uri(video.PlaylistUri, report.Uri));
        var before = audio.Current;
        var after = await audio.LoadAsync();
        // LAST-MSN and LAST-PART: the newest part, which lies between what was there before and after.
        Assert.InRange(report.LastSegment, before.NextSegment - 1, after.NextSegment);
    }

    [Fact]
    public async Task Hint_AskedBeforeItExists_IsAnsweredWithThePart()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var video = viewer.Video;
        await video.LoadAsync();
        var before = await video.NextAsync();

        var hinted = video.GetAsync(before.Hint!);
        var after = await video.NextAsync();

        var part = after.Segments.SelectMany(segment => segment.Parts).Concat(after.OpenParts).Single(part => part.Uri == before.Hint);
        var bytes = await hinted;
        Assert.Equal(await video.GetAsync(part.Uri), bytes);
        server.AssertAlive();
    }

    [Fact]
    public async Task Segment_Bytes_AreThoseOfItsParts()
    {
        var (_, viewer) = await broadcast.OnAirAsync();
        foreach (var rendition in new[] { viewer.Video, viewer.Audio })
        {
            var segment = (await Following(rendition, 2)).Current.Segments.Last(segment => segment.Parts.Count > 0);
            using var parts = new MemoryStream();
            foreach (var part in segment.Parts)
                parts.Write(await rendition.GetAsync(part.Uri));
            Assert.Equal(parts.ToArray(), await rendition.GetAsync(segment.Uri!));
        }
    }

    [Fact]
    public async Task Media_AnyName_IsImmutableAndOpenToEveryOrigin()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        foreach (var rendition in new[] { viewer.Video, viewer.Audio })
        {
            var segment = (await Following(rendition, 2)).Current.Segments.Last(segment => segment.Parts.Count > 0);
            foreach (var name in new[] { segment.Map!, segment.Uri!, segment.Parts[0].Uri })
            {
                using var answer = await server.Http.GetAsync(new Uri(rendition.PlaylistUri, name));
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                Assert.Equal("public, max-age=31536000, immutable", Header(answer, "Cache-Control"));
                Assert.Equal("*", Header(answer, "Access-Control-Allow-Origin"));
                Assert.Matches("^(video|audio)/mp4$", answer.Content.Headers.ContentType?.MediaType);
                // Anything else in a query means nothing.
                Assert.Equal(await answer.Content.ReadAsByteArrayAsync(), await rendition.GetAsync(name + "?session=1"));
            }
        }
    }

    [Theory]
    [InlineData("b/nosuchbroadcast/source/live.m3u8")]
    [InlineData("live/nobody-here/main.m3u8")]
    [InlineData("live/nobody-here/manifest.mpd")]
    [InlineData("live/..%2f..%2fetc/main.m3u8")]
    public async Task Media_UnknownName_IsNotFoundWithCors(string path)
    {
        var (server, _) = await broadcast.OnAirAsync();
        using var answer = await server.Http.GetAsync(server.Uri(path));
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("*", Header(answer, "Access-Control-Allow-Origin"));
        Assert.DoesNotContain("immutable", Header(answer, "Cache-Control") ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Media_NeverMadeName_IsNotFoundWithCors()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        foreach (var name in new[] { "999999.m4s", "999999.0.m4s", "77-init.mp4", "0.9999.m4s" })
        {
            using var answer = await server.Http.GetAsync(new Uri(viewer.Video.PlaylistUri, name));
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.Equal("*", Header(answer, "Access-Control-Allow-Origin"));
        }
    }

    [Fact]
    public async Task Reload_TooFarAheadOrMalformed_IsBadRequestWithCors()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var video = viewer.Video;
        var next = (await video.LoadAsync()).NextSegment;
        foreach (var query in new[] { $"_HLS_msn={next + 100}", "_HLS_part=1", "_HLS_msn=x", "_HLS_msn=-1", "_HLS_msn=99999999999999999999999" })
        {
            using var answer = await server.Http.GetAsync(new Uri(video.PlaylistUri, "live.m3u8?" + query));
            Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{query}: {(int)answer.StatusCode}");
            Assert.Equal("*", Header(answer, "Access-Control-Allow-Origin"));
        }
    }

    [Fact]
    public async Task Reload_OfWhatIsThere_IsAnsweredAtOnce()
    {
        var (_, viewer) = await broadcast.OnAirAsync();
        var video = await Following(viewer.Video, 2);
        var clock = Stopwatch.StartNew();
        var old = video.Current.MediaSequence;
        using var answer = await viewer.Server.Http.GetAsync(new Uri(video.PlaylistUri, $"live.m3u8?_HLS_msn={old}"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        // What is held by mistake is held for three target durations.
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(3), $"It took {clock.Elapsed}.");
    }

    [Fact]
    public async Task Playlist_Compressed_IsTheSameText()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var video = viewer.Video;
        // A version that is complete does not change any more: ask for the same one three times until no part came between.
        for (var attempt = 0; ; attempt++)
        {
            var plain = await TextAsync("identity");
            var gzip = await TextAsync("gzip");
            var brotli = await TextAsync("br");
            if (await TextAsync("identity") == plain)
            {
                Assert.Equal(plain, gzip);
                Assert.Equal(plain, brotli);
                break;
            }
            Assert.True(attempt < 20, "The playlist changed each time.");
        }

        async Task<string> TextAsync(string encoding)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, video.PlaylistUri);
            request.Headers.Add("Accept-Encoding", encoding);
            using var answer = await server.Http.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Contains("Accept-Encoding", Header(answer, "Vary") ?? "", StringComparison.OrdinalIgnoreCase);
            await using var body = await answer.Content.ReadAsStreamAsync();
            Assert.Equal(encoding == "identity" ? [] : new[] { encoding }, answer.Content.Headers.ContentEncoding);
            await using Stream text = encoding switch
            {
                "gzip" => new GZipStream(body, CompressionMode.Decompress),
                "br" => new BrotliStream(body, CompressionMode.Decompress),
                _ => body,
            };
            using var reader = new StreamReader(text);
            return await reader.ReadToEndAsync();
        }
    }

    [Fact]
    public async Task Delta_AfterTheSkipBoundary_LeavesOutOldSegmentsOnly()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var video = viewer.Video;
        var full = await video.UntilAsync(playlist => playlist.Segments.Sum(segment => segment.Duration) > playlist.CanSkipUntil + (2 * playlist.TargetDuration), TimeSpan.FromSeconds(40));

        var delta = HlsMediaPlaylist.Parse(await server.Http.GetStringAsync(
            new Uri(video.PlaylistUri, $"live.m3u8?_HLS_msn={full.NextSegment}&_HLS_part={full.OpenParts.Count}&_HLS_skip=YES")));

        Assert.True(delta.Skipped > 0, delta.Text);
        Assert.True(delta.Version >= 9, delta.Text);
        PlaylistRules.Check(delta);
        PlaylistRules.CheckSuccessor(full, delta);
        // §6.2.5.1: what is newer than the skip boundary stays.
        Assert.True(delta.Segments.Sum(segment => segment.Duration) + delta.OpenParts.Sum(part => part.Duration) >= full.CanSkipUntil - 0.01, delta.Text);
    }

    [Fact]
    public async Task Media_Decoded_IsCleanAndInSync()
    {
        var (_, viewer) = await broadcast.OnAirAsync();
        using var directory = new TestDirectory();
        var video = await Following(viewer.Video, 5);
        var audio = await Following(viewer.Audio, 5);
        var picture = Assert.Single(await video.SaveAsync(directory));
        var sound = Assert.Single(await audio.SaveAsync(directory));

        await Ffmpeg.DecodeSilentlyAsync(picture);
        await Ffmpeg.DecodeSilentlyAsync(sound);
        Assert.Equal("h264,640,360", await Ffmpeg.ProbeAsync(picture, "stream=codec_name,width,height"));
        Assert.Equal("aac,48000,2", await Ffmpeg.ProbeAsync(sound, "stream=codec_name,sample_rate,channels"));
        output.WriteLine($"Worst distance of sound and picture: {await Sync.AssertAsync(picture, sound, atLeast: 5):0.0} ms");
    }

    [Fact]
    public async Task Segments_OfBothRenditions_AreCutAtTheSameTimes()
    {
        var (_, viewer) = await broadcast.OnAirAsync();
        var video = await Following(viewer.Video, 4);
        var audio = await Following(viewer.Audio, 4);
        await audio.UntilAsync(playlist => playlist.NextSegment >= video.Current.NextSegment);

        // The first listed segment has a date; from there durations add up. An audio frame is 21 ms.
        foreach (var number in video.Current.Segments.Select(segment => segment.Number).Where(number => number >= audio.Current.MediaSequence))
        {
            var apart = (DateOf(video.Current, number) - DateOf(audio.Current, number)).Duration();
            Assert.True(apart < TimeSpan.FromMilliseconds(45), $"Segment {number}: {apart.TotalMilliseconds:0} ms apart.\n{video.Current.Text}\n{audio.Current.Text}");
        }
    }

    [Fact]
    public async Task Latency_OfANewPart_IsAboutItsDuration()
    {
        var (_, viewer) = await broadcast.OnAirAsync();
        var video = await Following(viewer.Video, 2);
        List<double> ages = [];
        while (ages.Count < 12)
        {
            var playlist = await video.NextAsync();
            if (playlist.OpenParts.Count == 0)
                continue;
            // PROGRAM-DATE-TIME is the ingest's clock at the segment's first frame, and that is this machine's clock.
            var end = DateOf(playlist, playlist.NextSegment) + TimeSpan.FromSeconds(playlist.OpenParts.Sum(part => part.Duration));
            ages.Add((DateTimeOffset.UtcNow - end).TotalMilliseconds);
        }
        ages.Sort();
        output.WriteLine($"A part is here {ages[ages.Count / 2]:0} ms after its last frame (median; {ages[0]:0} to {ages[^1]:0} ms)");
        // Noise of this machine included; a part late by its own length would show.
        Assert.InRange(ages[ages.Count / 2], -100, 250);
    }

    private static DateTimeOffset DateOf(HlsMediaPlaylist playlist, long number)
    {
        var known = playlist.Segments.Last(segment => segment.ProgramDateTime is not null && segment.Number <= number);
        return known.ProgramDateTime!.Value + TimeSpan.FromSeconds(playlist.Segments
            .Where(segment => segment.Number >= known.Number && segment.Number < number).Sum(segment => segment.Duration));
    }

    private static async Task<HlsRendition> Following(HlsRendition rendition, int segments)
    {
        await rendition.SegmentsAsync(segments);
        return rendition;
    }

    private static async Task<double> Peak(HlsRendition rendition)
    {
        var peak = 0.0;
        foreach (var segment in rendition.Current.Segments)
            peak = Math.Max(peak, (await rendition.GetAsync(segment.Uri!)).Length * 8 / segment.Duration);
        return peak;
    }

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;
}
