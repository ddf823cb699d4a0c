using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millrace.Core;
using Millrace.Delivery.Previews;
using Millrace.Media;
using Millrace.Packaging;

namespace Millrace.Delivery.Tests.Previews;

public sealed class PreviewMakerTests : IDisposable
{
    private const uint Second = VideoFormat.VideoTimescale;
    private const string Avc = "-c:v libx264 -preset ultrafast -tune zerolatency -g 10 -frames:v 10";
    private const string Bt709 = ",scale=out_color_matrix=bt709:out_range=tv,format=yuv420p";
    private const string Tags709 = " -colorspace bt709 -color_primaries bt709 -color_trc bt709";

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("millrace-previews-");
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2026, 11, 22, 20, 0, 0, TimeSpan.Zero));
    private readonly MediaArena arena = new(new MediaBlockPool(0));
    private readonly OriginStore store;
    private PreviewMaker? maker;

    public PreviewMakerTests() =>
        store = new OriginStore(new DeliveryOptions(), new DvrOptions(), new RetentionOptions(), TimeSpan.FromSeconds(60), directory.FullName, time, NullLogger<OriginStore>.Instance);

    [Fact]
    public async Task Picture_OfEachSize_ShowsTheSourcesColour()
    {
        var broadcast = Open("studio");
        Begin(broadcast, Format(1280, 720, color: new ColorDescription(1, 1, 1, false)), "color=0x3060C0:s=1280x720:r=30" + Bt709, Avc + Tags709);
        await TryAsync(broadcast);
        AssertPicture(broadcast.Previews.Large!.Bytes, 640, 360, (0x30, 0x60, 0xC0));
        AssertPicture(broadcast.Previews.Small!.Bytes, 320, 180, (0x30, 0x60, 0xC0));
        Assert.Equal(time.GetUtcNow(), broadcast.PreviewAt);
    }

    [Theory]
    // A high picture that does not say its matrix is taken for BT.709, as browsers do.
    [InlineData(1280, 720, 1, 1, "color=0xC04020:s=1280x720:r=30" + Bt709, Avc, 640, 360)]
    [InlineData(640, 480, 1, 1, "color=0xC04020:s=640x480:r=30,scale=out_color_matrix=bt601:out_range=tv,format=yuv420p", Avc, 640, 480)]
    [InlineData(720, 576, 16, 11, "color=0xC04020:s=720x576:r=25,scale=out_color_matrix=bt601:out_range=tv,format=yuv420p,setsar=16/11", Avc, 640, 352)]
    [InlineData(320, 568, 1, 1, "color=0xC04020:s=320x568:r=30,scale=out_color_matrix=bt601:out_range=tv,format=yuv420p", Avc, 320, 568)]
    [InlineData(640, 360, 1, 1, "color=0xC04020:s=640x360:r=30,scale=out_color_matrix=bt601:out_range=tv,format=yuv420p10le", "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=none -frames:v 10", 640, 360)]
    [InlineData(640, 360, 1, 1, "color=0xC04020:s=640x360:r=30,scale=out_color_matrix=bt601:out_range=tv,format=yuv420p", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -frames:v 10", 640, 360)]
    [InlineData(640, 360, 1, 1, "color=0xC04020:s=640x360:r=30,scale=out_color_matrix=bt601:out_range=tv,format=yuv420p", "-c:v libaom-av1 -usage realtime -cpu-used 8 -frames:v 10", 640, 360)]
    public async Task Picture_OfAnySource_KeepsShapeAndColour(
        int width, int height, int horizontal, int vertical, string picture, string encoder, int shownWidth, int shownHeight)
    {
        var broadcast = Open("studio");
        Begin(broadcast, Format(width, height, (horizontal, vertical)), picture, encoder);
        await TryAsync(broadcast);
        AssertPicture(broadcast.Previews.Large!.Bytes, shownWidth, shownHeight, (0xC0, 0x40, 0x20));
    }

    [Fact]
    public async Task Sheet_GrowsTileByTile_EachInItsPlace()
    {
        var broadcast = Open("studio");
        (string Color, (int, int, int) Expected)[] shown = [("0xC02020", (0xC0, 0x20, 0x20)), ("0x20C020", (0x20, 0xC0, 0x20)), ("0x2020C0", (0x20, 0x20, 0xC0))];
        for (var i = 0; i < shown.Length; i++)
        {
            Begin(broadcast, Format(1280, 720), $"color={shown[i].Color}:s=1280x720:r=30{Bt709}", Avc, segment: 5 * i);
            await TryAsync(broadcast);
            time.Advance(TimeSpan.FromSeconds(9));
        }

        var index = await GetAsync(broadcast, "sprites.vtt");
        Assert.Equal(200, index.StatusCode);
        Assert.Equal("text/vtt; charset=utf-8", index.ContentType);
        Assert.Equal("public, max-age=5", index.Headers.CacheControl);
        Assert.Contains("\n00:00:20.000 --> 00:00:30.000\nsprites/0.3.jpg#xywh=320,0,160,90\n", Encoding.UTF8.GetString(Body(index)), StringComparison.Ordinal);
        var sheet = await GetAsync(broadcast, "sprites/0.3.jpg");
        Assert.Equal((200, "image/jpeg", "public, max-age=31536000, immutable"), (sheet.StatusCode, sheet.ContentType, sheet.Headers.CacheControl.ToString()));
        for (var i = 0; i < shown.Length; i++)
            AssertPicture(Body(sheet), 800, 90, shown[i].Expected, $"80:40:{160 * i + 40}:20");
        Assert.Equal(200, (await GetAsync(broadcast, "sprites/0.2.jpg")).StatusCode);
        Assert.Equal(404, (await GetAsync(broadcast, "sprites/0.4.jpg")).StatusCode);
        Assert.Equal(404, (await GetAsync(broadcast, "sprites/0.jpg")).StatusCode);

        broadcast.End();
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("public, max-age=86400", (await GetAsync(broadcast, "sprites.vtt")).Headers.CacheControl);
        Assert.Equal("public, max-age=86400", (await GetAsync(broadcast, "preview.jpg")).Headers.CacheControl);
        time.Advance(new DeliveryOptions().KeepEnded + TimeSpan.FromSeconds(2));
        Assert.Equal(404, (await GetAsync(broadcast, "sprites/0.3.jpg")).StatusCode);
        store.Spooler.Dispose();
        Assert.Empty(Directory.GetDirectories(Path.Combine(directory.FullName, "recordings")));
    }

    [Theory]
    [InlineData(426, 240, "bt601", 90)]
    [InlineData(1920, 800, "bt709", 66)]
    public async Task Sheet_OfTilesThatRoundToAnotherShape_Grows(int width, int height, string matrix, int tileHeight)
    {
        var broadcast = Open("studio");
        for (var i = 0; i < 3; i++)
        {
            Begin(broadcast, Format(width, height), $"color=0xC02020:s={width}x{height}:r=30,scale=out_color_matrix={matrix}:out_range=tv,format=yuv420p", Avc, segment: 5 * i);
            await TryAsync(broadcast);
            Assert.Equal(0, broadcast.Previews.Failures);
            time.Advance(TimeSpan.FromSeconds(9));
        }
        AssertPicture(Body(await GetAsync(broadcast, "sprites/0.3.jpg")), 800, tileHeight, (0xC0, 0x20, 0x20), "80:40:360:12");
    }

    [Fact]
    public async Task Preview_OverHttp_HasCorsOnEveryStatusAndAnETag()
    {
        var broadcast = Open("studio");
        var missing = await GetAsync(broadcast, "preview.jpg");
        Assert.Equal((404, "*", "no-store"), (missing.StatusCode, missing.Headers.AccessControlAllowOrigin.ToString(), missing.Headers.CacheControl.ToString()));
        Assert.Equal(404, (await GetAsync(broadcast, "sprites.vtt")).StatusCode);

        Begin(broadcast, Format(640, 360), "testsrc2=s=640x360:r=30", Avc);
        await TryAsync(broadcast);
        var picture = await GetAsync("/live/studio/preview-320.jpg");
        Assert.Equal((200, "*", "public, max-age=5"), (picture.StatusCode, picture.Headers.AccessControlAllowOrigin.ToString(), picture.Headers.CacheControl.ToString()));
        Assert.Equal(broadcast.Previews.Small!.Bytes, Body(picture));
        var known = await GetAsync("/live/studio/preview-320.jpg", request => request.Headers.IfNoneMatch = picture.Headers.ETag);
        Assert.Equal((304, 0), (known.StatusCode, Body(known).Length));
        Assert.NotEqual(picture.Headers.ETag, (await GetAsync("/live/studio/preview.jpg")).Headers.ETag);
        var head = await GetAsync("/live/studio/preview.jpg", request => request.Method = "HEAD");
        Assert.Equal((broadcast.Previews.Large!.Bytes.Length, 0), (head.ContentLength, Body(head).Length));

        // The channel shows its newest broadcast, which has nothing yet.
        Open("studio");
        Assert.Equal(404, (await GetAsync("/live/studio/preview.jpg")).StatusCode);
        Assert.Equal(200, (await GetAsync(broadcast, "preview.jpg")).StatusCode);
    }

    [Fact]
    public async Task NextPicture_BeforeTheIntervalOrWithoutAKeyFrame_IsNotMade()
    {
        var broadcast = Open("studio");
        var chunk = Begin(broadcast, Format(640, 360), "testsrc2=s=640x360:r=30", Avc);
        await TryAsync(broadcast);
        var first = broadcast.Previews.Large;
        Append(broadcast, 1, chunk, isIndependent: true);
        time.Advance(TimeSpan.FromSeconds(8));
        Assert.False(broadcast.Previews.IsInWork);

        Append(broadcast, 2, chunk, isIndependent: false);
        Append(broadcast, 3, chunk, isIndependent: false);
        await TryAsync(broadcast, advance: 2);
        Assert.Equal(1, broadcast.Previews.LastSegment);
        Assert.NotSame(first, broadcast.Previews.Large);

        time.Advance(TimeSpan.FromSeconds(60));
        Assert.False(broadcast.Previews.IsInWork);
        Append(broadcast, 4, chunk, isIndependent: true);
        await TryAsync(broadcast);
        Assert.Equal(4, broadcast.Previews.LastSegment);
    }

    [Fact]
    public async Task KeyFrames_ThatCannotBeDecoded_AreTriedLessAndLessOften()
    {
        var broadcast = Open("studio");
        var good = Begin(broadcast, Format(640, 360), "testsrc2=s=640x360:r=30", Avc);
        var bad = good.ToArray();
        bad.AsSpan(bad.AsSpan().IndexOf("mdat"u8) + 4).Fill(0xA5);
        Begin(broadcast, Format(640, 360), bad, segment: 1);
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(broadcast.PreviewProblem);
            Append(broadcast, 2 + i, bad, isIndependent: true);
            await TryAsync(broadcast, advance: 10);
        }
        Assert.Contains("cannot decode", broadcast.PreviewProblem, StringComparison.Ordinal);
        Assert.Null(broadcast.PreviewAt);

        Append(broadcast, 5, bad, isIndependent: true);
        time.Advance(TimeSpan.FromSeconds(19));
        Assert.False(broadcast.Previews.IsInWork);
        await TryAsync(broadcast, advance: 2);
        Assert.Equal(4, broadcast.Previews.Failures);

        Append(broadcast, 6, good, isIndependent: true);
        await TryAsync(broadcast, advance: 41);
        Assert.Null(broadcast.PreviewProblem);
        Assert.NotNull(broadcast.PreviewAt);
    }

    [Fact]
    public async Task Program_ThatHangs_HoldsUpNothingAndTheOthersTurnComes()
    {
        var script = Path.Combine(directory.FullName, "ffmpeg");
        File.WriteAllText(script, "#!/bin/sh\nexec sleep 600\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var hanging = new PreviewMaker(store, new PreviewOptions(), new FfmpegProgram(script), time, NullLogger<PreviewMaker>.Instance);
        var (one, two) = (Open("one"), Open("two"));
        var tried = Channel();
        hanging.Tried += broadcast => tried.Writer.TryWrite(broadcast);
        await hanging.StartAsync(TestContext.Current.CancellationToken);
        Begin(one, Format(640, 360), [1, 2, 3]);
        Begin(two, Format(640, 360), [1, 2, 3]);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(one.Previews.IsInWork && two.Previews.IsInWork);

        // Each gets its ten seconds and no more; which one is first, the dictionary decides.
        HashSet<OriginBroadcast> seen = [await KilledAsync(tried.Reader), await KilledAsync(tried.Reader)];
        Assert.Equal(2, seen.Count);
        Assert.All(seen, broadcast => Assert.Equal(1, broadcast.Previews.Failures));
    }

    [Fact]
    public async Task Program_Missing_IsSaidAndNothingRuns()
    {
        using var without = new PreviewMaker(store, new PreviewOptions(), new FfmpegProgram(null), time, NullLogger<PreviewMaker>.Instance);
        var broadcast = Open("studio");
        await without.StartAsync(TestContext.Current.CancellationToken);
        Begin(broadcast, Format(640, 360), [1, 2, 3]);
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(broadcast.Previews.IsInWork);
    }

    public void Dispose()
    {
        maker?.Dispose();
        arena.Dispose();
        store.Dispose();
        directory.Delete(recursive: true);
    }

    private static System.Threading.Channels.Channel<OriginBroadcast> Channel() => System.Threading.Channels.Channel.CreateUnbounded<OriginBroadcast>();

    /// <summary>Lets the clock run until the child that hangs has been killed. When it was started nobody can see from here.</summary>
    private async Task<OriginBroadcast> KilledAsync(System.Threading.Channels.ChannelReader<OriginBroadcast> tried)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var read = tried.ReadAsync(patience.Token).AsTask();
        while (!read.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }
        return await read;
    }

    /// <summary>Lets the clock run and waits for the try that falls due.</summary>
    private async Task TryAsync(OriginBroadcast broadcast, int advance = 1)
    {
        maker ??= await StartAsync();
        var tried = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Signal(OriginBroadcast which)
        {
            if (which == broadcast)
                tried.TrySetResult();
        }
        maker.Tried += Signal;
        time.Advance(TimeSpan.FromSeconds(advance));
        await tried.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        maker.Tried -= Signal;
    }

    private async Task<PreviewMaker> StartAsync()
    {
        var started = new PreviewMaker(store, new PreviewOptions(), FfmpegProgram.Find(""), time, NullLogger<PreviewMaker>.Instance);
        await started.StartAsync(TestContext.Current.CancellationToken);
        return started;
    }

    private OriginBroadcast Open(string channel)
    {
        Assert.True(ChannelName.TryParse(channel, out var name));
        return (OriginBroadcast)store.Open(name, BroadcastId.New(time.GetUtcNow()), new LowLatencyContract(2, new MediaTime(Second / 2, Second)), time.GetUtcNow());
    }

    private static VideoFormat Format(int width, int height, (int, int)? aspect = null, ColorDescription? color = null) =>
        new(Codec.Avc, "avc1.64001f", [1, 2, 3], width, height) { SampleAspectRatio = aspect ?? (1, 1), Color = color };

    /// <summary>A period of one segment that begins with the picture's key frame.</summary>
    private byte[] Begin(OriginBroadcast broadcast, VideoFormat format, string picture, string encoder, int segment = 0)
    {
        (init, var chunk) = Ffmpeg.Encode(picture, encoder);
        Begin(broadcast, format, chunk, segment);
        return chunk;
    }

    private byte[] init = [];

    private void Begin(OriginBroadcast broadcast, VideoFormat format, byte[] chunk, int segment = 0)
    {
        // What lies between has nothing to show.
        for (var i = (int)(broadcast.Timeline.Read("source")?.NextSegment ?? segment); i < segment; i++)
            Append(broadcast, i, [0], isIndependent: false);
        broadcast.BeginPeriod(new PeriodDescription(segment, Start(segment), time.GetUtcNow(), [new RenditionDescription("source", format, init)]));
        Append(broadcast, segment, chunk, isIndependent: true);
    }

    private void Append(OriginBroadcast broadcast, int segment, byte[] chunk, bool isIndependent)
    {
        broadcast.AppendPart(
            new PartDescription(0, segment, 0, Start(segment), new MediaTime(2 * Second, Second), isIndependent, time.GetUtcNow(), 10),
            new MediaChunk([arena.Copy(chunk)]));
        broadcast.EndSegment(new SegmentDescription(0, segment, Start(segment), new MediaTime(2 * Second, Second), isIndependent, false));
    }

    private static MediaTime Start(int segment) => new(7 * Second + segment * 2 * Second, Second);

    private Task<HttpResponse> GetAsync(OriginBroadcast broadcast, string name) => GetAsync($"/b/{broadcast.Id.Value}/{name}");

    private async Task<HttpResponse> GetAsync(string path, Action<HttpRequest>? prepare = null)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = "GET";
        context.Request.Path = path;
        context.Response.Body = new MemoryStream();
        prepare?.Invoke(context.Request);
        Assert.True(new MediaEndpoint(store, time).TryInvoke(context, out var task));
        await task;
        await context.Response.BodyWriter.FlushAsync(TestContext.Current.CancellationToken);
        return context.Response;
    }

    private static byte[] Body(HttpResponse response) => ((MemoryStream)response.Body).ToArray();

    private static void AssertPicture(byte[] jpeg, int width, int height, (int Red, int Green, int Blue) expected, string crop = "iw/2:ih/2:iw/4:ih/4")
    {
        var seen = Ffmpeg.Look(jpeg, crop);
        Assert.Equal((width, height), (seen.Width, seen.Height));
        Assert.True(
            Math.Abs(seen.Red - expected.Red) < 8 && Math.Abs(seen.Green - expected.Green) < 8 && Math.Abs(seen.Blue - expected.Blue) < 8,
            $"{seen} instead of {expected}");
    }
}
