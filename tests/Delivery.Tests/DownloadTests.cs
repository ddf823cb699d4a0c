using System.Buffers.Binary;
using Microsoft.AspNetCore.Http;
using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Delivery.Downloads;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Delivery.Tests;

/// <summary><c>download.mp4</c> over broadcasts of real chunks with made-up samples.</summary>
public sealed class DownloadTests : IDisposable
{
    private const int Frames = 15;
    private const uint FrameTicks = 3000;
    // The sound begins that much in front of the picture.
    private const int Lead = 1920;
    private static readonly byte[] Configuration = [1, 0, 0, 0, 0, 30, 0x82, 1, 1, 1, 0, 0];
    private static readonly VideoFormat Picture = new(Codec.Vp9, "vp09.00.30.08", Configuration, 640, 360);
    private static readonly AudioFormat Sound = new(Codec.Mp3, "mp4a.6B", [], 48000, 2, 1152);

    private readonly Origin origin = new(new DeliveryOptions { MaxMemoryBytes = 64 << 20 }, dvr: new DvrOptions { Mode = DvrMode.Full });
    private readonly MediaArena arena = new(new MediaBlockPool(0));
    private OriginBroadcast broadcast = null!;

    public void Dispose()
    {
        arena.Dispose();
        origin.Dispose();
    }

    [Fact]
    public async Task Whole_TwoTracksAndTwoFormats_HasEverySampleWhereItWas()
    {
        Begin(Picture, 0);
        for (var segment = 0; segment < 4; segment++)
            AddSegment(segment);
        Begin(new VideoFormat(Codec.Vp9, "vp09.00.30.08", Configuration, 480, 270), 4);
        AddSegment(4);
        broadcast.End();

        var answer = Get();
        var file = await answer.BodyAsync();
        Assert.Equal((200, "video/mp4", (long?)file.Length), (answer.Response.StatusCode, answer.Response.ContentType, answer.Response.ContentLength));
        Assert.Equal("attachment; filename=\"studio-two-20261122-200000.mp4\"", answer.Response.Headers.ContentDisposition);

        Assert.True(InitSegmentReader.TryRead(file, out var tracks, out var fault), fault);
        Assert.Equal(2, tracks.Count);
        Assert.True(FragmentReader.TryRead(file, tracks, out var fragments, out fault), fault);
        // The first decode time is the file's 0: here the sound's.
        var times = new long[3];
        foreach (var (fragment, index) in fragments.Select((fragment, index) => (fragment, index)))
        {
            Assert.Equal((uint)index + 1, fragment.SequenceNumber);
            if (times[fragment.TrackId] == 0)
                times[fragment.TrackId] = fragment.DecodeTime;
            Assert.Equal(times[fragment.TrackId], fragment.DecodeTime);
            times[fragment.TrackId] += fragment.Samples.Sum(sample => sample.Sample.Duration);
            foreach (var (sample, offset) in fragment.Samples)
                Assert.Equal((byte)(fragment.TrackId * 16 + sample.Size % 16), file[offset + sample.Size - 1]);
        }
        Assert.Equal(5 * 4 * Frames, fragments.Where(fragment => fragment.TrackId == 1).Sum(fragment => fragment.Samples.Count));
        Assert.Equal(5 * 96, fragments.Where(fragment => fragment.TrackId == 2).Sum(fragment => fragment.Samples.Count));
        Assert.Equal(0, fragments.First(fragment => fragment.TrackId == 2).DecodeTime);
        Assert.Equal(Lead, fragments.First(fragment => fragment.TrackId == 1).DecodeTime);

        // Which sample entry each picture uses, and what the index says.
        var entries = Boxes(file).Where(box => box.Type == "moof").Select(box => BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(box.Offset + 8 + 16 + 8 + 16))).ToList();
        Assert.Equal(4 * 4 * 2 + 4, entries.Count(entry => entry == 1));
        Assert.Equal(4, entries.Count(entry => entry == 2));
        var sidx = Boxes(file).Single(box => box.Type == "sidx");
        var references = Enumerable.Range(0, 5).Select(i => BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(sidx.Offset + 40 + 12 * i))).ToList();
        Assert.Equal(file.Length - sidx.Offset - sidx.Length, references.Sum());
        Assert.Equal(Enumerable.Repeat(180_000, 5), Enumerable.Range(0, 5).Select(i => BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(sidx.Offset + 44 + 12 * i))));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" -x264-params aud=1")]
    public async Task EncoderThatCameBackWithOtherSettings_IsOneTrackThatFfmpegFollows(string more)
    {
        AddAvc("320x180", 0, more);
        AddAvc("640x360", 2, more);
        broadcast.End();
        var answer = Get();
        var file = await answer.BodyAsync();
        Assert.Equal((200, (long?)file.Length), (answer.Response.StatusCode, answer.Response.ContentLength));
        Assert.True(BoxReader.TryFind(file, [.. new[] { "moov", "trak", "mdia", "minf", "stbl", "stsd" }.Select(BoxType.Of)], out var stsd));
        Assert.Equal((1, "avc3"), (BinaryPrimitives.ReadInt32BigEndian(stsd[4..]), System.Text.Encoding.ASCII.GetString(stsd.Slice(12, 4))));
        var sidx = Boxes(file).Single(box => box.Type == "sidx");
        Assert.Equal(file.Length - sidx.Offset - sidx.Length, Enumerable.Range(0, 4).Sum(i => BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(sidx.Offset + 40 + 12 * i))));
        // Every picture in its own size, none of them damaged.
        Assert.Equal([.. Enumerable.Repeat(320 * 180, 60), .. Enumerable.Repeat(640 * 360, 60)], Previews.Ffmpeg.Frames(file));

        var random = new Random(7);
        for (var i = 0; i < 200; i++)
        {
            var from = random.Next(file.Length);
            var to = Math.Min(file.Length, from + 1 + random.Next(i % 3 == 0 ? 40_000 : 400));
            Assert.Equal(file[from..to], await Get(change: request => request.Headers.Range = $"bytes={from}-{to - 1}").BodyAsync());
        }
        // On its own each run is a file like every other.
        var one = await Get("?to=4").BodyAsync();
        Assert.True(BoxReader.TryFind(one, [.. new[] { "moov", "trak", "mdia", "minf", "stbl", "stsd" }.Select(BoxType.Of)], out stsd));
        Assert.Equal("avc1", System.Text.Encoding.ASCII.GetString(stsd.Slice(12, 4)));
        Assert.Equal(Enumerable.Repeat(320 * 180, 60), Previews.Ffmpeg.Frames(one));
    }

    [Fact]
    public async Task Ranges_OfBytes_AreSlicesOfTheWholeInMemoryAndInFiles()
    {
        Begin(Picture, 0);
        for (var segment = 0; segment < 6; segment++)
            AddSegment(segment);
        broadcast.End();
        var answer = Get();
        var whole = await answer.BodyAsync();
        var random = new Random(7);
        foreach (var isStored in (bool[])[false, true])
        {
            if (isStored)
                await origin.SpooledAsync(() => broadcast.IsStored);
            for (var i = 0; i < 300; i++)
            {
                var from = random.Next(whole.Length);
                var to = Math.Min(whole.Length, from + 1 + random.Next(i % 3 == 0 ? 40_000 : 400));
                var piece = Get(change: request => request.Headers.Range = $"bytes={from}-{to - 1}");
                Assert.Equal(206, piece.Response.StatusCode);
                Assert.Equal($"bytes {from}-{to - 1}/{whole.Length}", piece.Response.Headers.ContentRange);
                Assert.Equal(whole[from..to], await piece.BodyAsync());
            }
        }
        Assert.Equal(416, Get(change: request => request.Headers.Range = $"bytes={whole.Length}-").Response.StatusCode);
        Assert.Equal(304, Get(change: request => request.Headers.IfNoneMatch = answer.Response.Headers.ETag).Response.StatusCode);
        Assert.Equal(200, Get(change: request =>
        {
            request.Headers.Range = "bytes=0-9";
            request.Headers.IfRange = "\"another\"";
        }).Response.StatusCode);
        var head = Get(change: request => request.Method = "HEAD");
        Assert.Equal((200, (long?)whole.Length), (head.Response.StatusCode, head.Response.ContentLength));
        Assert.Empty(await head.BodyAsync());
    }

    [Theory]
    [InlineData("?from=3.9&to=6", 2, 6)]
    [InlineData("?from=4&to=6.1", 4, 8)]
    [InlineData("?to=2", 0, 2)]
    [InlineData("?from=9&to=900", 8, 10)]
    public async Task Range_OfSeconds_IsWholeSegments(string query, int from, int to)
    {
        Begin(Picture, 0);
        for (var segment = 0; segment < 5; segment++)
            AddSegment(segment);
        broadcast.End();
        var file = await Get(query).BodyAsync();
        Assert.True(InitSegmentReader.TryRead(file, out var tracks, out _));
        Assert.True(FragmentReader.TryRead(file, tracks, out var fragments, out _));
        Assert.Equal((to - from) * 30, fragments.Where(fragment => fragment.TrackId == 1).Sum(fragment => fragment.Samples.Count));
        Assert.Equal(0, fragments.Min(fragment => fragment.DecodeTime));
    }

    [Theory]
    [InlineData("?from=x", 400)]
    [InlineData("?from=-1", 400)]
    [InlineData("?from=1e3", 400)]
    [InlineData("?to=0", 404)]
    [InlineData("?from=5&to=5", 400)]
    [InlineData("?from=1000", 404)]
    [InlineData("?from=999999999999999999", 400)]
    [InlineData("?rendition=", 400)]
    [InlineData("?rendition=none", 404)]
    [InlineData("?to=5", 409)]
    [InlineData("?to=4", 200)]
    [InlineData("?from=4", 200)]
    [InlineData("?rendition=audio", 200)]
    public async Task Query_OfAllKinds_IsAnsweredAsItShould(string query, int status)
    {
        Begin(Picture, 0);
        AddSegment(0);
        AddSegment(1);
        Begin(new VideoFormat(Codec.Avc, "avc1.64001f", [1, 100, 0, 31, 0xFF, 0xE0, 0], 640, 360), 2);
        AddSegment(2);
        broadcast.End();
        var answer = Get(query);
        Assert.Equal(status, answer.Response.StatusCode);
        if (status == 409)
            Assert.Contains("from=4", System.Text.Encoding.ASCII.GetString(await answer.BodyAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Live_WithoutARange_IsSentToTheRangeThatIsThere()
    {
        Begin(Picture, 0);
        AddSegment(0);
        AddSegment(1);
        var answer = Get("?from=1");
        Assert.Equal((307, "download.mp4?from=1&to=4"), (answer.Response.StatusCode, answer.Response.Headers.Location.ToString()));
        var first = Get("?from=1&to=4");
        AddSegment(2);
        Assert.Equal(200, first.Response.StatusCode);
        Assert.Equal(await first.BodyAsync(), await Get("?from=1&to=4").BodyAsync());
    }

    [Fact]
    public void More_ThanMay_AreToldToComeBack()
    {
        origin.Store.Options.MaxDownloads = 0;
        Begin(Picture, 0);
        AddSegment(0);
        broadcast.End();
        var answer = Get();
        Assert.Equal((503, "30"), (answer.Response.StatusCode, answer.Response.Headers.RetryAfter.ToString()));
    }

    [Fact]
    public void TwelveHours_AreLaidOutWithoutReadingThem()
    {
        Begin(Picture, 0);
        // The index alone, as a journal gives it back.
        const int Segments = 12 * 1800;
        for (var number = 0L; number < Segments; number++)
        {
            for (var rendition = 0; rendition < 2; rendition++)
            {
                var timescale = rendition == 0 ? 90_000u : 48_000u;
                for (var part = 0; part < 6; part++)
                {
                    broadcast.Timeline.AppendPart(new NewPart(rendition, number, part, new MediaTime(number * 2 * timescale + part * timescale / 3, timescale),
                        new MediaTime(timescale / 3, timescale), part == 0, 100_000, 10));
                }
                broadcast.Timeline.EndSegment(new NewSegment(rendition, number, new MediaTime(number * 2 * timescale, timescale), new MediaTime(2 * timescale, timescale), true, false));
            }
        }
        var before = GC.GetAllocatedBytesForCurrentThread();
        var plan = DownloadPlan.Make(broadcast, new DownloadQuery(null, null, null), out var fault, out _)!;
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(DownloadFault.None, fault);
        Assert.InRange(plan.Head.Length, Segments * 12, Segments * 12 + 4096);
        Assert.Equal(plan.Head.Length + Segments * 12L * 100_004, plan.Length);
        TestContext.Current.TestOutputHelper!.WriteLine($"{plan.Head.Length} bytes of head, {allocated} allocated for it");
        Assert.InRange(allocated, 0, 8_000_000);
    }

    private Exchange Get(string query = "", Action<HttpRequest>? change = null)
    {
        var endpoint = new MediaEndpoint(origin.Store, origin.Time);
        return new Exchange(endpoint.TryInvoke, $"/b/{broadcast.Id}/download.mp4", change, query);
    }

    private void Begin(VideoFormat picture, long firstSegment)
    {
        broadcast ??= origin.OpenBroadcast("studio-two", begin: false);
        broadcast.BeginPeriod(new PeriodDescription(firstSegment, new MediaTime(firstSegment * 180_000 + Lead, 90_000), origin.Time.GetUtcNow(),
        [
            new RenditionDescription("source", picture, InitSegmentWriter.Write(picture)),
            new RenditionDescription("audio", Sound, InitSegmentWriter.Write(Sound)),
        ]));
    }

    /// <summary>A run of an encoder: two segments of two seconds, each a GOP in two parts.</summary>
    private void AddAvc(string size, long first, string more)
    {
        var (init, media) = Previews.Ffmpeg.Encode($"testsrc2=s={size}:r=15", $"-c:v libx264 -preset veryfast -g 30 -bf 0 -frames:v 30{more} -video_track_timescale 90000");
        byte[] encoded = [.. init, .. media];
        Assert.True(InitSegmentReader.TryRead(encoded, out var tracks, out var fault), fault);
        Assert.True(FragmentReader.TryRead(encoded, tracks, out var fragments, out fault), fault);
        var format = (VideoFormat)Assert.Single(tracks).Format;
        var all = Assert.Single(fragments).Samples;
        broadcast ??= origin.OpenBroadcast("studio-two", begin: false);
        broadcast.BeginPeriod(new PeriodDescription(first, new MediaTime(first * 180_000, 90_000), origin.Time.GetUtcNow(), [new RenditionDescription("source", format, InitSegmentWriter.Write(format))]));
        for (var number = first; number < first + 2; number++)
        {
            for (var part = 0; part < 2; part++)
            {
                var some = all.Skip(part * 15).Take(15).ToArray();
                var samples = some.Select(sample => sample.Sample with { Duration = 6000 }).ToArray();
                var header = new ChunkHeader((uint)(number * 2 + part + 1), number * 180_000 + part * 90_000, part == 0, 0);
                var head = new byte[ChunkHeaderWriter.Measure(header, samples)];
                ChunkHeaderWriter.Write(head, header, samples);
                byte[] payload = [.. some.SelectMany(sample => encoded.AsSpan(sample.Offset, sample.Sample.Size).ToArray())];
                broadcast.AppendPart(
                    new PartDescription(0, number, part, new MediaTime(header.DecodeTime, 90_000), new MediaTime(90_000, 90_000), part == 0, origin.Time.GetUtcNow(), 15),
                    new MediaChunk([arena.Copy(head), arena.Copy(payload)]));
            }
            broadcast.EndSegment(new SegmentDescription(0, number, new MediaTime(number * 180_000, 90_000), new MediaTime(180_000, 90_000), true, false));
        }
    }

    /// <summary>Two seconds: four parts of 15 pictures, and of 24 frames of sound.</summary>
    private void AddSegment(long number)
    {
        for (var part = 0; part < 4; part++)
        {
            Append(0, number, part, number * 180_000 + Lead + part * Frames * FrameTicks, Frames, FrameTicks, part == 0);
            Append(1, number, part, number * 96_000 + part * 24_000, 24, 1000, true);
        }
        broadcast.EndSegment(new SegmentDescription(0, number, new MediaTime(number * 180_000 + Lead, 90_000), new MediaTime(180_000, 90_000), true, false));
        broadcast.EndSegment(new SegmentDescription(1, number, new MediaTime(number * 96_000, 48_000), new MediaTime(96_000, 48_000), true, false));
    }

    private void Append(int rendition, long number, int part, long start, int count, uint duration, bool isIndependent)
    {
        var samples = Enumerable.Range(0, count)
            .Select(i => new Sample(100 + (int)((number * 31 + part * 7 + i) % 50), duration, 0, i == 0 && isIndependent || rendition == 1)).ToArray();
        var header = new ChunkHeader((uint)(number * 4 + part + 1), start, part == 0, part == 0 ? DateTime.UnixEpoch.Ticks + number : 0);
        var head = ChunkHeaderWriter.Measure(header, samples);
        var chunk = new byte[head + samples.Sum(sample => sample.Size)];
        ChunkHeaderWriter.Write(chunk, header, samples);
        var at = head;
        foreach (var sample in samples)
        {
            at += sample.Size;
            chunk[at - 1] = (byte)((rendition + 1) * 16 + sample.Size % 16);
        }
        var timescale = rendition == 0 ? 90_000u : 48_000u;
        broadcast.AppendPart(
            new PartDescription(rendition, number, part, new MediaTime(start, timescale), new MediaTime(count * duration, timescale), isIndependent, origin.Time.GetUtcNow(), count),
            new MediaChunk([arena.Copy(chunk.AsSpan(0, head)), arena.Copy(chunk.AsSpan(head))]));
    }

    private static List<(string Type, int Offset, int Length)> Boxes(byte[] file)
    {
        var boxes = new List<(string, int, int)>();
        var reader = new BoxReader(file);
        while (reader.MoveNext())
            boxes.Add((System.Text.Encoding.ASCII.GetString(file, reader.Offset + 4, 4), reader.Offset, reader.Content.Length + 8));
        Assert.False(reader.IsBroken);
        return boxes;
    }
}
