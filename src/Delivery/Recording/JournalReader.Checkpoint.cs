using Millrace.Core;
using Millrace.Media;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>The records of a checkpoint. Whether what they say fits together is the timeline's to judge.</summary>
internal ref partial struct JournalReader
{
    // Names that a broadcast's renditions have had: far more than any ladder.
    private const int MaxNames = 1024;

    private JournalRecord.Kept? Kept()
    {
        var rendition = (int)Number(MaxNames - 1);
        var flags = Byte();
        if (isBroken || flags > 15 || (flags & 3) == 0)
            return null;
        SegmentState? listed = null;
        if ((flags & 1) != 0)
        {
            listed = new SegmentState(
                Number(long.MaxValue), (int)Number(int.MaxValue), (int)Number(int.MaxValue), Time(), Number(long.MaxValue), default, (flags & 4) != 0);
        }
        var recorded = (flags & 2) != 0 ? Segment() : null;
        if (isBroken || (flags & 2) != 0 && recorded is null || (flags & 12) != 0 && listed is null || (flags & 8) != 0 && recorded is not { Parts.Length: > 0 })
            return null;
        if ((flags & 8) != 0)
            listed = listed!.Value with { Parts = PartsOf(recorded!.Parts) };
        return new JournalRecord.Kept(rendition, listed, recorded);
    }

    private static Part[] PartsOf(RecordedPart[] recorded)
    {
        var parts = new Part[recorded.Length];
        var offset = 0;
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = new Part(offset, recorded[i].ByteLength, recorded[i].DurationTicks, recorded[i].IsIndependent);
            offset += recorded[i].ByteLength;
        }
        return parts;
    }

    private JournalRecord.CheckpointEnded? Checkpoint()
    {
        var periods = new PeriodState[Count(int.MaxValue)];
        for (var i = 0; i < periods.Length && !isBroken; i++)
            periods[i] = new PeriodState((int)Number(int.MaxValue), Number(long.MaxValue), Time(), Moment(), Text());
        var renditions = new RenditionState[Count(MaxNames)];
        var media = new MediaState[renditions.Length];
        for (var i = 0; i < renditions.Length && !isBroken; i++)
        {
            if (Rendition() is not { } rendition)
                return null;
            renditions[i] = rendition;
            media[i] = new MediaState(Byte() != 0 ? Time() : null, (int)Number(int.MaxValue));
        }
        var current = new int[Count(MaxRenditions)];
        for (var i = 0; i < current.Length && !isBroken; i++)
            current[i] = (int)Number(MaxNames - 1);
        var ranges = new PlacedDateRange[Count(int.MaxValue)];
        for (var i = 0; i < ranges.Length && !isBroken; i++)
        {
            if (DateRange() is not { } range)
                return null;
            ranges[i] = new PlacedDateRange(range.Range, Number(long.MaxValue));
        }
        var removed = new RemovedDateRange[Count(int.MaxValue)];
        for (var i = 0; i < removed.Length && !isBroken; i++)
            removed[i] = new RemovedDateRange(Text(), Number(long.MaxValue));
        var isSuspended = Byte() != 0;
        var newestBegun = Signed();
        var listed = new (long, double)[Count(int.MaxValue)];
        for (var i = 0; i < listed.Length && !isBroken; i++)
            listed[i] = (Number(long.MaxValue), Double());
        var seconds = Double();
        return isBroken ? null : new JournalRecord.CheckpointEnded(
            new TimelineState(periods, renditions, current, ranges, removed, isSuspended), new OriginState(newestBegun, listed, seconds, media));
    }

    private RenditionState? Rendition()
    {
        var name = Text();
        var inits = new ReadOnlyMemory<byte>[Count(int.MaxValue)];
        for (var i = 0; i < inits.Length && !isBroken; i++)
            inits[i] = Block(MaxBodyBytes).ToArray();
        var tracks = new TrackState[Count(int.MaxValue)];
        for (var i = 0; i < tracks.Length && !isBroken; i++)
        {
            var period = (int)Number(int.MaxValue);
            var flags = Byte();
            TrackFormat? format = null;
            if (flags > 7 || (flags & 1) != 0 && (format = Format()) is null)
                return null;
            tracks[i] = new TrackState(period, format, (int)Math.Clamp(Signed(), -2, int.MaxValue), (flags & 2) != 0, (flags & 4) != 0);
        }
        var runs = new SegmentRun[Count(int.MaxValue)];
        for (var i = 0; i < runs.Length && !isBroken; i++)
            runs[i] = new SegmentRun(Number(long.MaxValue), Time(), Byte() != 0);
        var track = (int)Number(int.MaxValue);
        var run = (int)Math.Clamp(Signed(), -2, int.MaxValue);
        if (isBroken || Format() is not { } newest)
            return null;
        var state = new RenditionState
        {
            Name = name,
            Inits = inits,
            Tracks = tracks,
            Runs = runs,
            Track = track,
            Run = run,
            Format = newest,
            IsDerived = Byte() != 0,
            Begun = Signed(),
            NextSegment = Number(long.MaxValue),
            FirstEver = Number(long.MaxValue),
            NewestDependent = Signed(),
            Rewrites = Number(long.MaxValue),
            PresentationDelay = Signed(),
            Rates = Rates(),
        };
        return isBroken ? null : state;
    }

    private RateState Rates()
    {
        var recent = new (long, double)[Count(int.MaxValue)];
        for (var i = 0; i < recent.Length && !isBroken; i++)
            recent[i] = (Number(long.MaxValue), Double());
        return new RateState(recent, Double(), Number(long.MaxValue), Double(), Number(long.MaxValue), Double(), Double(), Number(long.MaxValue));
    }

    /// <summary>How many follow: each takes a byte at least, so nothing is made that the record cannot hold.</summary>
    private int Count(int most)
    {
        var count = Number(most);
        if (count > left.Length)
            isBroken = true;
        return isBroken ? 0 : (int)count;
    }

    private double Double()
    {
        var value = BitConverter.Int64BitsToDouble((long)Unsigned());
        if (!double.IsFinite(value))
            isBroken = true;
        return isBroken ? 0 : value;
    }
}
