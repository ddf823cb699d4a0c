using System.Buffers.Binary;
using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;

namespace Millrace.Push.Tests;

/// <summary>A broadcast as a list of sink calls, made by the packager's rules from a seed; the same calls for every sink.</summary>
internal sealed class Script
{
    public const uint AudioRate = 48000;
    private static readonly MediaBlockPool Pool = new(0);
    private static readonly DateTimeOffset Began = new(2026, 11, 22, 20, 0, 0, TimeSpan.Zero);

    private readonly List<Action<IBroadcastSink>> calls = [];

    public static LowLatencyContract Contract { get; } = new(2, new MediaTime(VideoFormat.VideoTimescale / 2, VideoFormat.VideoTimescale));

    public static DateTimeOffset StartedAt => Began;

    public int Count => calls.Count;

    /// <summary>Indices behind which every segment of the period is ended.</summary>
    public List<int> Boundaries { get; } = [];

    public void Play(IBroadcastSink sink, int from, int to)
    {
        for (var i = from; i < to; i++)
            calls[i](sink);
    }

    /// <summary>Periods with video and audio, audio alone, other sizes; gaps; segments of one to five parts; a reordering delay.</summary>
    /// <param name="seed">The same one gives the same script.</param>
    /// <param name="segments">Segments of each rendition.</param>
    /// <param name="ends">With the broadcast's end.</param>
    /// <param name="first">Media sequence number that it begins with.</param>
    /// <param name="time">Media time in seconds that it begins with.</param>
    public static Script Make(int seed, int segments, bool ends = true, long first = 0, double time = 0)
    {
        var random = new Random(seed);
        var script = new Script();
        var next = first;
        var period = 0;
        while (next < first + segments)
        {
            var hasVideo = period == 0 || random.Next(4) > 0;
            var wallClock = Began.AddSeconds(time + random.NextDouble() - 0.7);
            List<RenditionDescription> renditions = [];
            if (hasVideo)
                renditions.Add(Describe("source", Video(random.Next(2))));
            renditions.Add(Describe("audio", Audio()));
            // Its encoder begins some segments later, or never.
            var derivedFrom = hasVideo ? next + random.Next(5) : long.MaxValue;
            if (hasVideo)
                renditions.Add(new RenditionDescription("360p", Video(1), default, IsDerived: true, 500_000));
            var start = new MediaTime((long)(time * VideoFormat.VideoTimescale), VideoFormat.VideoTimescale);
            var described = new PeriodDescription(next, hasVideo ? start : start.In(AudioRate), wallClock, renditions);
            script.calls.Add(sink => sink.BeginPeriod(described));
            var count = Math.Min(first + segments - next, random.Next(1, 9));
            var delay = random.Next(3) * 3000;
            for (var i = 0; i < count; i++)
            {
                script.AddSegment(random, renditions, next++, time + 2 * i, delay, derivedFrom);
                script.Boundaries.Add(script.Count);
            }
            time += 2 * count + random.NextDouble();
            if (random.Next(2) == 0)
                script.calls.Add(static sink => sink.Suspend());
            period++;
        }
        if (ends)
            script.calls.Add(static sink => sink.End());
        return script;
    }

    public static byte[] BytesOf(int rendition, long segment, int part, int length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
            bytes[i] = (byte)(rendition * 31 + segment * 7 + part * 3 + i * 13);
        return bytes;
    }

    public static VideoFormat Video(int size)
    {
        // High profile, 1280 × 720; the other one says so with another level.
        var configuration = Convert.FromHexString("01f4001fffe1001967f4001f9196805005bb0110000003001000000303c0f1832a01000568ce0f1920fff8f800");
        configuration[3] = configuration[11] = (byte)(size == 0 ? 0x1f : 0x28);
        Assert.True(AvcConfiguration.TryRead(configuration, out var format, out var fault), fault);
        return format!;
    }

    public static AudioFormat Audio()
    {
        Assert.True(AacConfiguration.TryRead([0x11, 0x90], out var format, out var fault), fault);
        return format!;
    }

    public static RenditionDescription Describe(string name, TrackFormat format) => new(name, format, InitSegmentWriter.Write(format));

    private void AddSegment(Random random, List<RenditionDescription> renditions, long segment, double time, int delay, long derivedFrom)
    {
        // Renditions run at their own pace: their parts are interleaved at random.
        var waiting = new List<Queue<Action<IBroadcastSink>>>();
        for (var r = 0; r < renditions.Count; r++)
        {
            var rendition = r;
            var timescale = renditions[r].Format.Timescale;
            var begin = (long)(time * timescale) - (timescale == VideoFormat.VideoTimescale ? delay : 0);
            begin = Math.Max(0, begin);
            var parts = random.Next(12) == 0 ? 0 : random.Next(1, 5);
            var queue = new Queue<Action<IBroadcastSink>>();
            var isDerived = renditions[r].IsDerived;
            if (isDerived && segment < derivedFrom)
                parts = 0;
            if (isDerived && segment == derivedFrom)
            {
                parts = Math.Max(1, parts);
                queue.Enqueue(sink => sink.SetInit(rendition, Video(1), InitSegmentWriter.Write(Video(1))));
            }
            if (isDerived && parts > 0)
                queue.Enqueue(sink => sink.BeginSegment(rendition, segment));
            for (var p = 0; p < parts; p++)
            {
                var part = p;
                var length = random.Next(1, 4) * random.Next(1, 30000);
                var description = new PartDescription(
                    rendition, segment, part, new MediaTime(begin + p * timescale / 2, timescale), new MediaTime(timescale / 2, timescale), p == 0,
                    Began.AddSeconds(time + p * 0.5), 15, EndsSegment: p == parts - 1 && random.Next(2) == 0, PresentationDelay: isDerived ? delay : 0);
                Action<IBroadcastSink> append = sink => sink.AppendPart(description, ChunkOf(BytesOf(rendition, segment, part, length)));
                if (description.EndsSegment)
                {
                    var last = append;
                    var whole = new SegmentDescription(rendition, segment, new MediaTime(begin, timescale), new MediaTime(2 * timescale, timescale), true, false);
                    append = sink =>
                    {
                        last(sink);
                        sink.EndSegment(whole);
                    };
                    queue.Enqueue(append);
                    break;
                }
                queue.Enqueue(append);
                if (p == parts - 1)
                {
                    var whole = new SegmentDescription(rendition, segment, new MediaTime(begin, timescale), new MediaTime(2 * timescale, timescale), true, false);
                    queue.Enqueue(sink => sink.EndSegment(whole));
                }
            }
            if (parts == 0)
            {
                var gap = new SegmentDescription(rendition, segment, new MediaTime(begin, timescale), new MediaTime(2 * timescale, timescale), false, true);
                queue.Enqueue(sink => sink.EndSegment(gap));
            }
            waiting.Add(queue);
        }
        while (waiting.Exists(queue => queue.Count > 0))
        {
            var queue = waiting[random.Next(waiting.Count)];
            if (queue.Count > 0)
                calls.Add(queue.Dequeue());
        }
    }

    private static MediaChunk ChunkOf(byte[] bytes)
    {
        using var arena = new MediaArena(Pool);
        var cut = bytes.Length / 3;
        return new MediaChunk([arena.Copy(bytes.AsSpan(0, cut)), arena.Copy(bytes.AsSpan(cut))]);
    }
}
