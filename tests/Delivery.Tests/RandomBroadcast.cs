using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Delivery.Tests;

/// <summary>
/// Drives a broadcast through everything that can happen to one: two renditions at their own pace, gaps, dependent segments,
/// periods with other formats and without audio, absences, date ranges. The same seed does the same.
/// </summary>
internal sealed class RandomBroadcast(OriginBroadcast broadcast, MediaArena arena, int seed)
{
    private const uint Video = VideoFormat.VideoTimescale;
    private const uint Audio = 48000;

    private readonly Random random = new(seed);
    private readonly DateTimeOffset origin = new(2026, 11, 22, 20, 0, 0, TimeSpan.Zero);
    private double absent;
    private bool hasAudio = true;
    private int width = 1280;
    private int ranges;

    /// <summary>Media sequence number that comes next.</summary>
    public long Next { get; set; }

    /// <summary>Bytes of every part that was handed out.</summary>
    public Dictionary<(string Rendition, long Segment), byte[]> Media { get; } = [];

    public void BeginPeriod()
    {
        var renditions = new List<RenditionDescription>
        {
            new("source", new VideoFormat(Codec.Avc, "avc1.64001f", [1, 2, (byte)(width >> 8)], width, 720)
            {
                DeclaredFrameRate = 30,
                SampleAspectRatio = (4, 3),
                Color = new ColorDescription(9, 16, 9, false),
                Hdr = new HdrMetadata(new byte[24], new byte[] { 1, 2, 3, 4 }),
            }, new byte[] { 9, 8, (byte)(width >> 8) }),
        };
        if (hasAudio)
            renditions.Add(new("audio", new AudioFormat(Codec.Aac, "mp4a.40.2", [0x11, 0x90], (int)Audio, 2, 1024), new byte[] { 5, 5 }));
        broadcast.BeginPeriod(new PeriodDescription(Next, Start(Next, Video), origin.AddSeconds(Next * 2 + absent), renditions));
    }

    public void Step()
    {
        switch (random.Next(10))
        {
            case 0:
                absent += random.Next(1, 60) / 7.0;
                broadcast.Suspend();
                width = random.Next(2) == 0 ? 640 : 1280;
                hasAudio = random.Next(4) > 0;
                BeginPeriod();
                break;
            case 1:
                broadcast.AddDateRange(new DateRange($"r{ranges / 2}", origin.AddSeconds(ranges++ / 2 * 3))
                {
                    Class = "ad",
                    Duration = ranges % 2 == 0 ? TimeSpan.FromSeconds(2.5) : null,
                    PlannedDuration = TimeSpan.FromSeconds(3),
                    Attributes = [new("X-COM", "tëxt"), new("SCTE35-OUT", "0xFC30", IsHexadecimal: true)],
                });
                break;
            default:
                Segment(random.Next(7) == 0, hasAudio && random.Next(7) == 0, random.Next(6) > 0);
                break;
        }
    }

    public void Segment(bool videoGap = false, bool audioGap = false, bool independent = true)
    {
        Rendition(0, "source", Video, videoGap, independent, random.Next(1, 6));
        if (hasAudio)
            Rendition(1, "audio", Audio, audioGap, true, random.Next(1, 6));
        Next++;
    }

    /// <summary>Some parts of the running segment of both renditions, which nobody ends.</summary>
    public void Parts(int count)
    {
        for (var part = 0; part < count; part++)
        {
            AddPart(0, "source", Video, part, 6, true);
            if (hasAudio)
                AddPart(1, "audio", Audio, part, 6, true);
        }
    }

    private void Rendition(int index, string name, uint timescale, bool isGap, bool independent, int parts)
    {
        for (var part = 0; part < parts && !isGap; part++)
            AddPart(index, name, timescale, part, parts, independent);
        broadcast.EndSegment(new SegmentDescription(index, Next, Start(Next, timescale), new MediaTime(2 * timescale, timescale), independent && !isGap, isGap));
    }

    private void AddPart(int index, string name, uint timescale, int part, int parts, bool independent)
    {
        var bytes = new byte[random.Next(1, 3000)];
        random.NextBytes(bytes);
        var key = (name, Next);
        Media[key] = [.. Media.GetValueOrDefault(key, []), .. bytes];
        var ticks = 2 * timescale / (uint)parts;
        // As with a reordering encoder: the first picture is decoded before its segment's place.
        var start = Start(Next, timescale);
        broadcast.AppendPart(
            new PartDescription(index, Next, part, start with { Ticks = start.Ticks + part * ticks }, new MediaTime(ticks, timescale),
                independent && part == 0, origin, random.Next(1, 40), part == parts - 1 && random.Next(2) == 0),
            new MediaChunk([arena.Copy(bytes.AsSpan(0, bytes.Length / 2)), arena.Copy(bytes.AsSpan(bytes.Length / 2))]));
    }

    private static MediaTime Start(long segment, uint timescale) => new(segment * 2 * timescale, timescale);
}
