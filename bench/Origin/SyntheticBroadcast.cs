using Millrace.Core;
using Millrace.Delivery;
using Millrace.Media;
using Millrace.Packaging;

namespace Millrace.OriginBench;

/// <summary>
/// A broadcast whose objects have the sizes that delivery is measured with: parts of 30 KB, segments of 600 KB and 3 MB.
/// Segments 0 to 5 are whole, of which the last three are in memory, the others in spool files; then parts come one by one.
/// </summary>
internal sealed class SyntheticBroadcast : IDisposable
{
    private const uint Second = VideoFormat.VideoTimescale;
    private const int PartsPerSegment = 4;
    private const int Segments = 6;
    private const int SamplesPerPart = 15;

    // One rendition for each size: (name, bytes of a part).
    private static readonly (string Name, int PartBytes)[] Renditions = [("part", 30_000), ("medium", 150_000), ("large", 750_000)];

    private readonly MediaArena arena = new(MediaBlockPool.Shared);
    private readonly IBroadcastSink sink;
    private int parts = Segments * PartsPerSegment;

    public SyntheticBroadcast(OriginStore store)
    {
        if (!ChannelName.TryParse("bench", out var channel))
            throw new InvalidOperationException(ChannelName.Rule);
        var now = DateTimeOffset.UtcNow;
        var id = BroadcastId.New(now);
        Path = $"/b/{id.Value}";
        sink = store.Open(channel, id, new LowLatencyContract(2, new MediaTime(Second / 2, Second)), now);
        sink.BeginPeriod(new PeriodDescription(0, new MediaTime(0, Second), now,
            [.. Renditions.Select(rendition => new RenditionDescription(
                rendition.Name, new VideoFormat(Codec.Avc, "avc1.64001f", [1, 2, 3], 1280, 720), new byte[700]))]));
        for (var part = 0; part < parts; part++)
        {
            for (var rendition = 0; rendition < Renditions.Length; rendition++)
                Append(rendition, part);
        }
    }

    /// <summary>The broadcast's path.</summary>
    public string Path { get; }

    /// <summary>The next part of the first rendition: what held requests wait for.</summary>
    public void AppendPart() => Append(0, parts++);

    public void Dispose()
    {
        sink.End();
        arena.Dispose();
    }

    private void Append(int rendition, int index)
    {
        var segment = index / PartsPerSegment;
        var part = index % PartsPerSegment;
        var start = new MediaTime((long)index * (Second / 2), Second);
        sink.AppendPart(
            new PartDescription(rendition, segment, part, start, new MediaTime(Second / 2, Second), part == 0, DateTimeOffset.UtcNow, SamplesPerPart),
            new MediaChunk(Slices(Renditions[rendition].PartBytes)));
        if (part == PartsPerSegment - 1)
        {
            sink.EndSegment(new SegmentDescription(
                rendition, segment, new MediaTime((long)segment * 2 * Second, Second), new MediaTime(2 * Second, Second), true, false));
        }
    }

    // As the packager makes them: the boxes in front, then each sample where the network put it.
    private MediaBuffer[] Slices(int bytes)
    {
        const int BoxBytes = 400;
        var sample = (bytes - BoxBytes) / SamplesPerPart;
        var slices = new MediaBuffer[SamplesPerPart + 1];
        slices[0] = arena.Copy(new byte[BoxBytes]);
        for (var i = 1; i <= SamplesPerPart; i++)
        {
            slices[i] = arena.Copy(new byte[i < SamplesPerPart ? sample : bytes - BoxBytes - (SamplesPerPart - 1) * sample]);
            // Between two pictures lies the sound, which belongs to another rendition.
            arena.Copy(new byte[340]).Release();
        }
        return slices;
    }
}
