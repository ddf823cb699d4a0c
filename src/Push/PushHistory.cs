using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Push;

/// <summary>
/// What an origin that does not know a broadcast has to be told before media: the broadcast's promises and all its periods.
/// Written by the broadcast's owner, read by senders on any thread.
/// </summary>
internal sealed class PushHistory
{
    // Far more than any sender keeps: only to say where segments begin in the presentation.
    private const int KeptSegments = 1000;

    private readonly Lock gate = new();
    private readonly List<PeriodDescription> periods = [];
    // The timeline forgets periods without segments.
    private readonly List<DateTimeOffset> clocks = [];
    private readonly List<(PushInit Frame, long Segment)> inits = [];
    // A timeline without media: numbers, runs and clocks come out as at an origin that saw everything.
    private readonly BroadcastTimeline timeline;
    private DateTimeOffset notBefore;

    public PushHistory(LowLatencyContract contract, DateTimeOffset startedAt)
    {
        Contract = contract;
        StartedAt = startedAt;
        timeline = new BroadcastTimeline(new TimelineContract(contract.TargetDuration, contract.PartTarget));
    }

    public LowLatencyContract Contract { get; }

    public DateTimeOffset StartedAt { get; }

    /// <summary>Periods begun.</summary>
    public int Periods
    {
        get
        {
            lock (gate)
                return periods.Count;
        }
    }

    public bool IsDerived(int period, int rendition)
    {
        lock (gate)
            return periods[period].Renditions[rendition].IsDerived;
    }

    public int RenditionsOf(int period)
    {
        lock (gate)
            return periods[period].Renditions.Count;
    }

    /// <summary>A period begins; how it is told.</summary>
    public PeriodDescription BeginPeriod(PeriodDescription period)
    {
        // What is shown does not run backwards: origins with the media before it would move it, others would not.
        if (period.WallClock < notBefore)
            period = period with { WallClock = notBefore };
        var renditions = new NewRendition[period.Renditions.Count];
        for (var i = 0; i < renditions.Length; i++)
        {
            var rendition = period.Renditions[i];
            renditions[i] = new NewRendition(
                rendition.Name, rendition.Format, rendition.InitSegment, rendition.IsDerived, rendition.TargetBitsPerSecond);
        }
        timeline.BeginPeriod(new NewPeriod(period.FirstSegment, period.Start, period.WallClock, renditions));
        lock (gate)
        {
            periods.Add(period);
            clocks.Add(timeline.Read().Periods[^1].WallClock);
        }
        return period;
    }

    /// <summary>Takes over what another pusher has told before: frames of a recapitulation, without the first. Throws when they contradict each other.</summary>
    public void Load(IEnumerable<PushFrame> story)
    {
        foreach (var frame in story)
        {
            switch (frame)
            {
                case PushPeriod period when period.Index == Periods:
                    BeginPeriod(period.Description);
                    break;
                case PushJoin { Renditions.Count: 0 } join:
                    timeline.JoinAt(join.Segment, []);
                    break;
                case PushInit init when init.Period == Periods - 1 && init.Rendition < RenditionsOf(init.Period):
                    SetInit(init.Rendition, init.Format, init.Init);
                    break;
                default:
                    throw new ArgumentException($"A {frame.GetType().Name} does not belong there.", nameof(story));
            }
        }
    }

    /// <summary>The next period begins with this segment, and not before the media that origins have.</summary>
    public void GoOnAt(long segment, DateTimeOffset end)
    {
        timeline.JoinAt(segment, []);
        notBefore = end;
    }

    /// <summary>UTC of a moment of the newest period.</summary>
    public DateTimeOffset WallClockAt(MediaTime time) => timeline.Read().Periods[^1].WallClockAt(time);

    /// <summary>An encoder begins; the frame that says so.</summary>
    public PushInit SetInit(int rendition, TrackFormat format, ReadOnlyMemory<byte> init)
    {
        timeline.SetInit(rendition, format, init);
        lock (gate)
        {
            var frame = new PushInit(periods.Count - 1, rendition, format, init);
            inits.Add((frame, timeline.Read(periods[^1].Renditions[rendition].Name)!.NextSegment));
            return frame;
        }
    }

    public void BeginSegment(int rendition, long segment) => timeline.BeginSegment(rendition, segment);

    public void AppendPart(in PartDescription part, int bytes) =>
        timeline.AppendPart(new NewPart(
            part.Rendition, part.Segment, part.Part, part.Start, part.Duration, part.IsIndependent, bytes, part.SampleCount, part.EndsSegment,
            part.PresentationDelay));

    public void EndSegment(in SegmentDescription segment)
    {
        timeline.EndSegment(new NewSegment(
            segment.Rendition, segment.Segment, segment.Start, segment.Duration, segment.IsIndependent, segment.IsGap));
        if (segment.Rendition == 0 && segment.Segment >= KeptSegments)
            timeline.RemoveBefore(segment.Segment - KeptSegments);
    }

    /// <summary>
    /// The frames with which an origin begins at a segment of a period as if it had seen what was before. Null when the
    /// timeline does not know a rendition's way there yet: after some further frame it does.
    /// </summary>
    /// <param name="period">The period's index.</param>
    /// <param name="segment">The first segment that comes.</param>
    /// <param name="begun">
    /// For each rendition a segment of the period that it has begun, not after <paramref name="segment"/>, and its decode
    /// time; not looked at when the period begins there.
    /// </param>
    /// <param name="isAnew">What the origin has is to be forgotten.</param>
    /// <param name="isQueued">Whether a frame of <see cref="SetInit"/> comes by itself.</param>
    public List<PushFrame>? Recap(
        int period, long segment, ReadOnlySpan<(long Segment, MediaTime DecodeTime)> begun, bool isAnew, Predicate<PushInit> isQueued)
    {
        PeriodDescription[] known;
        DateTimeOffset[] wallClocks;
        (PushInit Frame, long Segment)[] begunEncoders;
        lock (gate)
        {
            known = [.. periods];
            wallClocks = [.. clocks];
            begunEncoders = [.. inits];
        }
        var frames = new List<PushFrame> { new PushOpen(Contract, StartedAt, isAnew) };
        for (var i = 0; i <= period; i++)
        {
            // The clock as it came out, not as it came in: what moved it is not told again.
            frames.Add(new PushPeriod(i, known[i] with { WallClock = wallClocks[i] }));
            var next = i < period ? known[i + 1].FirstSegment : segment;
            foreach (var (init, began) in begunEncoders.Where(encoder => encoder.Frame.Period == i).OrderBy(encoder => encoder.Segment))
            {
                // Of a later segment: it comes by itself, though it may be on its way to the queue still.
                if (began > next || (began == next && isQueued(init)))
                    continue;
                // A rendition's first segment is the one with which its encoder began.
                if (began > known[i].FirstSegment)
                    frames.Add(new PushJoin(began, []));
                frames.Add(init);
            }
            if (i < period)
                frames.Add(new PushJoin(known[i + 1].FirstSegment, []));
        }
        if (segment == known[period].FirstSegment)
            return frames;

        var joins = new RenditionJoin[known[period].Renditions.Count];
        for (var i = 0; i < joins.Length; i++)
        {
            var rendition = timeline.Read(known[period].Renditions[i].Name)!;
            if (known[period].Renditions[i].IsDerived)
            {
                // Its parts bring their delay; until it has begun it has no segments at all.
                var newest = rendition.Find(segment) ?? rendition.LastSegment;
                joins[i] = new RenditionJoin(0, newest?.Track.Period.Index == period ? newest.Run : null);
                continue;
            }
            if (rendition.Find(begun[i].Segment) is not { } first)
                return null;
            joins[i] = new RenditionJoin(
                first.Start.Ticks - begun[i].DecodeTime.In(first.Start.Timescale).Ticks, (rendition.Find(segment) ?? first).Run);
        }
        frames.Add(new PushJoin(segment, joins));
        return frames;
    }
}
