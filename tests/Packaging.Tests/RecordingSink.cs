using System.Buffers.Binary;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;

namespace Millrace.Packaging.Tests;

/// <summary>Writes down what a packager hands out, gives the media back at once, and checks the rules that hold always.</summary>
public sealed class RecordingSink : IBroadcastSink, IBroadcastSinkFactory
{
    public sealed record Part(int Period, PartDescription Description, int Bytes, byte[] Header);

    public sealed record Segment(int Period, SegmentDescription Description);

    public List<PeriodDescription> Periods { get; } = [];

    public List<Part> Parts { get; } = [];

    private PartDescription? endsSegment;

    public List<Segment> Segments { get; } = [];

    /// <summary>Init segments of derived renditions, by period and rendition.</summary>
    public Dictionary<(int Period, int Rendition), byte[]> Inits { get; } = [];

    /// <summary>Every call by name, in order.</summary>
    public List<string> Calls { get; } = [];

    public LowLatencyContract? Contract { get; set; }

    public int Opened { get; private set; }

    public int Ended { get; private set; }

    public int Suspended { get; private set; }

    /// <summary>Keeps chunks instead of releasing them, when set.</summary>
    public List<MediaChunk>? Kept { get; set; }

    public Action<PartDescription>? OnPart { get; set; }

    public IBroadcastSink Open(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt)
    {
        Opened++;
        Contract = contract;
        return this;
    }

    public void BeginPeriod(PeriodDescription period)
    {
        Assert.Equal(0, Ended);
        if (Periods.Count > 0)
        {
            // Every segment of the period before is ended, all with the same number, and time goes on.
            for (var rendition = 0; rendition < Periods[^1].Renditions.Count; rendition++)
                Assert.Equal(period.FirstSegment, SegmentsOf(Periods.Count - 1, rendition).Last().Segment + 1);
            foreach (var part in Parts)
                Assert.True(period.Start >= part.Description.Start + part.Description.Duration, "A period begins inside the media before it.");
        }
        Periods.Add(period);
        Calls.Add("period");
    }

    public void SetInit(int rendition, TrackFormat format, ReadOnlyMemory<byte> init)
    {
        Assert.True(Periods[^1].Renditions[rendition].IsDerived);
        Assert.True(Inits.TryAdd((Periods.Count - 1, rendition), init.ToArray()), "A period's init segment was told twice.");
        Calls.Add($"init {rendition}");
    }

    public void BeginSegment(int rendition, long segment)
    {
        Assert.True(Periods[^1].Renditions[rendition].IsDerived);
        Calls.Add($"begin {rendition} {segment}");
    }

    public void AppendPart(in PartDescription part, MediaChunk chunk)
    {
        Assert.NotEmpty(Periods);
        Assert.Null(endsSegment);
        Assert.True(part.Duration.Ticks > 0);
        Assert.True(part.SampleCount > 0);
        Assert.Equal(part.SampleCount + 1, chunk.Slices.Length);
        var (rendition, segment) = (part.Rendition, part.Segment);
        Assert.DoesNotContain(Segments, s => s.Description.Rendition == rendition && s.Description.Segment == segment);
        Parts.Add(new Part(Periods.Count - 1, part, chunk.Length, chunk.Slices[0].Span.ToArray()));
        Calls.Add($"part {part.Rendition} {part.Segment}.{part.Part}");
        endsSegment = part.EndsSegment ? part : null;
        OnPart?.Invoke(part);
        if (Kept is null)
            chunk.Release();
        else
            Kept.Add(chunk);
    }

    public void EndSegment(in SegmentDescription segment)
    {
        // Whoever says that the end follows at once keeps the word.
        if (endsSegment is { } last)
            Assert.Equal((last.Rendition, last.Segment), (segment.Rendition, segment.Segment));
        endsSegment = null;
        Assert.True(segment.Duration.Ticks > 0);
        Segments.Add(new Segment(Periods.Count - 1, segment));
        Calls.Add($"segment {segment.Rendition} {segment.Segment}");
    }

    public void Suspend()
    {
        Suspended++;
        Calls.Add("suspend");
    }

    public void End()
    {
        Ended++;
        Calls.Add("end");
    }

    public IEnumerable<SegmentDescription> SegmentsOf(int period, int rendition) =>
        Segments.Where(s => s.Period == period && s.Description.Rendition == rendition).Select(s => s.Description);

    public IEnumerable<PartDescription> PartsOf(int period, int rendition) =>
        Parts.Where(p => p.Period == period && p.Description.Rendition == rendition).Select(p => p.Description);

    /// <summary>Demands every rule of the low-latency contract and of alignment.</summary>
    /// <param name="fullParts">Parts inside a segment fill 85 %.</param>
    /// <param name="alignment">Most seconds that renditions' segments begin apart.</param>
    public void DemandRules(bool fullParts = true, double alignment = 0.1, bool contiguous = true)
    {
        var contract = Contract!;
        Assert.NotEmpty(Periods);
        for (var period = 0; period < Periods.Count; period++)
        {
            var description = Periods[period];
            var numbers = SegmentsOf(period, 0).Select(s => s.Segment).ToArray();
            Assert.NotEmpty(numbers);
            Assert.Equal(description.FirstSegment, numbers[0]);
            for (var rendition = 0; rendition < description.Renditions.Count; rendition++)
            {
                var segments = SegmentsOf(period, rendition).ToArray();
                Assert.Equal(numbers, segments.Select(s => s.Segment));
                Assert.Equal(Enumerable.Range(0, numbers.Length).Select(i => description.FirstSegment + i), numbers);
                for (var i = 0; i < segments.Length; i++)
                    DemandSegment(period, segments[i], i + 1 < segments.Length ? segments[i + 1] : null, contract, fullParts, contiguous);
                var leads = SegmentsOf(period, 0).ToArray();
                var shift = description.Start.Seconds - leads[0].Start.Seconds;
                for (var i = 0; i < segments.Length; i++)
                {
                    var apart = segments[i].Start.Seconds - (rendition == 0 ? 0 : shift) - leads[i].Start.Seconds;
                    Assert.True(Math.Abs(apart) <= alignment, $"Segment {numbers[i]} of rendition {rendition} begins {apart:0.000} s apart.");
                }
            }
        }
    }

    private void DemandSegment(
        int period, SegmentDescription segment, SegmentDescription? next, LowLatencyContract contract, bool fullParts, bool contiguous)
    {
        var name = $"Rendition {segment.Rendition} segment {segment.Segment}";
        Assert.True(Math.Round(segment.Duration.Seconds, MidpointRounding.AwayFromZero) <= contract.TargetDuration,
            $"{name} lasts {segment.Duration.Seconds:0.000} s.");
        if (next is { } following)
            Assert.Equal(segment.Start.Ticks + segment.Duration.Ticks, following.Start.Ticks);
        var parts = PartsOf(period, segment.Rendition).Where(p => p.Segment == segment.Segment).ToArray();
        Assert.Equal(segment.IsGap, parts.Length == 0);
        if (segment.IsGap)
            return;
        Assert.Equal(segment.IsIndependent, parts[0].IsIndependent);
        Assert.Equal(Enumerable.Range(0, parts.Length), parts.Select(p => p.Part));
        var position = segment.Start.Ticks;
        for (var i = 0; i < parts.Length; i++)
        {
            var part = parts[i];
            if (contiguous)
                Assert.Equal(position, part.Start.Ticks);
            position = part.Start.Ticks + part.Duration.Ticks;
            var share = part.Duration.Seconds / contract.PartTarget.Seconds;
            Assert.True(part.SampleCount == 1 || part.Duration <= contract.PartTarget, $"{name} part {i} lasts {part.Duration.Seconds:0.0000} s.");
            if (fullParts && i + 1 < parts.Length)
                Assert.True(share >= PartTarget.MinFill, $"{name} part {i} fills only {share:P1}.");
            Assert.Equal(part.Start.Ticks, DecodeTime(Parts.First(p => p.Period == period && p.Description == part).Header));
        }
        if (contiguous)
            Assert.Equal(segment.Start.Ticks + segment.Duration.Ticks, position);
    }

    /// <summary>The <c>tfdt</c> of a chunk's header.</summary>
    private static long DecodeTime(byte[] header)
    {
        var at = header.AsSpan().IndexOf("tfdt"u8);
        return BinaryPrimitives.ReadInt64BigEndian(header.AsSpan(at + 8));
    }
}
