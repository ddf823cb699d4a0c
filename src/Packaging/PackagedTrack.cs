using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Media;

namespace Millrace.Packaging;

/// <summary>
/// One rendition while it is packaged: the open part and the open segment. It turns access units whose durations are
/// known into CMAF chunks; where segments are cut is decided by <see cref="BroadcastPackager"/>.
/// </summary>
/// <remarks>All times are in the track's timescale on the broadcast's clock.</remarks>
internal sealed class PackagedTrack
{
    /// <summary>
    /// Most samples of a part. A third of a second at 1000 frames a second is far below; only made-up timestamps reach
    /// it, and would otherwise collect payloads without end.
    /// </summary>
    private const int MaxSamplesPerPart = 1024;

    private readonly MediaArena arena;
    private readonly IBroadcastSink sink;
    private readonly long partTarget;
    private readonly long minPart;
    private readonly long closeTolerance;
    private Sample[] samples = new Sample[16];
    private MediaBuffer[] payloads = new MediaBuffer[16];
    private int count;
    private long partStart;
    private long partDuration;
    private bool partIndependent;
    private long partReceivedAt;
    private int partIndex;
    private bool segmentIndependent;
    private long planStart;
    private long planLength;
    private int plannedParts;
    private uint chunkNumber;
    private long mediaEnd = long.MinValue;
    private MediaBuffer silence;
    private bool silenceKnown;

    public PackagedTrack(
        int index, TrackFormat format, LowLatencyContract contract, MediaArena arena, IBroadcastSink sink, long firstSegment, long start,
        bool isDerived = false)
    {
        Index = index;
        Format = format;
        this.arena = arena;
        this.sink = sink;
        Segment = firstSegment;
        SegmentStart = Expected = start;
        // Rounded down: a part is at most PART-TARGET long.
        partTarget = (long)((Int128)contract.PartTarget.Ticks * Timescale / contract.PartTarget.Timescale);
        minPart = (long)(partTarget * PartTarget.MinFill);
        closeTolerance = format.Kind == MediaKind.Video ? Timescale / 1000 : 0;
        // What a frame lasts until the track has shown it.
        NominalDuration = format switch
        {
            AudioFormat { SamplesPerFrame: > 0 } counted => counted.SamplesPerFrame,
            { Codec: Codec.Opus } => SilentFrame.OpusSamples,
            { Codec: Codec.Flac } => 4096,
            VideoFormat { DeclaredFrameRate: > 0 } declared when isDerived => Math.Max(1, (long)(Timescale / declared.DeclaredFrameRate)),
            _ => Timescale / 30,
        };
    }

    public int Index { get; }

    /// <summary>A derived track's is predicted until its encoder began.</summary>
    public TrackFormat Format { get; set; }

    public uint Timescale => Format.Timescale;

    /// <summary>Number of the open segment.</summary>
    public long Segment { get; private set; }

    /// <summary>Where the open segment begins.</summary>
    public long SegmentStart { get; set; }

    /// <summary>Whether the open segment has samples.</summary>
    public bool HasSamples { get; private set; }

    /// <summary>The number that comes next when its open segment ends with what it has.</summary>
    public long Ended => Segment + (HasSamples ? 1 : 0);

    /// <summary>Where the last committed sample ends, which is where the next is expected.</summary>
    public long Expected { get; set; }

    /// <summary>Latest end of presentation of what was committed.</summary>
    public long PresentationEnd { get; private set; }

    /// <summary>Longest part in the track's timescale.</summary>
    public long LongestPart => partTarget;

    /// <summary>Presentation minus decode time of a derived track.</summary>
    public long PresentationDelay { get; set; }

    /// <summary>Length of a frame as the track shows it: the last one's of audio, smoothed of video.</summary>
    public long NominalDuration { get; set; }

    /// <summary>Takes a reference to a frame of silence; false when the codec has none, or its length is unknown.</summary>
    public bool TryGetSilence(out MediaBuffer frame)
    {
        if (!silenceKnown)
        {
            silenceKnown = true;
            if (Format is AudioFormat audio && SilentFrame.TryGet(audio, out var bytes))
                silence = arena.Copy(bytes.Span);
        }
        frame = silence.Share();
        return frame.Length > 0;
    }

    /// <summary>Adds a sample to the open segment. Takes over the payload.</summary>
    /// <param name="endsSegment">The caller ends the segment right behind it, and the part with it.</param>
    public void Commit(
        in AccessUnit unit, long decodeTime, int compositionOffset, long duration, ref PackagingCounters counters, bool endsSegment = false)
    {
        if (count > 0)
        {
            var tooLong = partDuration + duration > partTarget;
            if (tooLong && partDuration < minPart && decodeTime == Expected)
                counters.ShortParts++;
            // A random access point begins its part where the 85 % rule lets the part before it end.
            var atRandomAccess = Format.Kind == MediaKind.Video && unit.IsRandomAccess && partDuration >= minPart;
            // A run of samples has no holes (trun): behind one stands a new chunk.
            if (tooLong || atRandomAccess || decodeTime != Expected || count == MaxSamplesPerPart)
                ClosePart(ref counters);
        }
        if (count == 0)
        {
            partStart = decodeTime;
            partDuration = 0;
            partIndependent = unit.IsRandomAccess;
            partReceivedAt = unit.ReceivedAt;
        }
        if (!HasSamples)
        {
            HasSamples = true;
            segmentIndependent = unit.IsRandomAccess;
        }
        if (count == samples.Length)
        {
            Array.Resize(ref samples, count * 2);
            Array.Resize(ref payloads, count * 2);
        }
        samples[count] = new Sample(unit.Payload.Length, (uint)duration, compositionOffset, unit.IsRandomAccess);
        payloads[count] = unit.Payload;
        count++;
        partDuration += duration;
        Expected = mediaEnd = decodeTime + duration;
        PresentationEnd = Math.Max(PresentationEnd, decodeTime + compositionOffset + duration);

        var next = Format.Kind == MediaKind.Audio ? duration : NominalDuration;
        var isPlannedEnd = partIndex < plannedParts
            && Expected + Timescale / 1000 >= planStart + planLength * (partIndex + 1) / plannedParts;
        // Where the segment probably ends, the cut or the next frame says whether this part is its last: told before, it would have players
        // hinted at a part that never comes.
        var isProbablyLast = isPlannedEnd && partIndex + 1 == plannedParts;
        if (!endsSegment && !isProbablyLast && partDuration >= minPart && (isPlannedEnd || partDuration + next > partTarget + closeTolerance))
            ClosePart(ref counters);
    }

    /// <summary>
    /// The open segment begins with the first frame behind <paramref name="cut"/> and is probably so long: its parts of sound
    /// become equally long, within a frame. Parts as long as PART-TARGET allows would leave a remainder of a few frames, which comes right
    /// behind the part before it, and which players that are busy with that one then miss (hls.js 1.7.4).
    /// </summary>
    /// <remarks>Only where whole frames do it between 85 % of PART-TARGET and PART-TARGET; <see cref="PartTarget"/> makes room for it.</remarks>
    public void PlanParts(long cut, long length)
    {
        plannedParts = 0;
        var frame = NominalDuration;
        if (Format.Kind != MediaKind.Audio || frame <= 0 || frame > partTarget)
            return;
        var longest = partTarget / frame * frame;
        // The length is that of the segment before, in an encoder's whole milliseconds.
        var parts = Math.Max(1, (length - Timescale / 500 + longest - 1) / longest);
        if (length / parts / frame * frame >= minPart && parts <= int.MaxValue)
            (planStart, planLength, plannedParts) = (cut, length, (int)parts);
    }

    /// <summary>The open segment, still empty, begins there; or where media end that are there already.</summary>
    public void MoveStart(long start) => SegmentStart = Expected = Math.Max(start, mediaEnd);

    /// <summary>Ends the open segment where the next one begins.</summary>
    public void EndSegment(long nextStart, ref PackagingCounters counters)
    {
        if (count > 0)
            ClosePart(ref counters, endsSegment: true);
        nextStart = Math.Max(nextStart, HasSamples ? Expected : SegmentStart + 1);
        counters.Segments++;
        if (!HasSamples)
            counters.GapSegments++;
        sink.EndSegment(new SegmentDescription(
            Index, Segment, Time(SegmentStart), Time(nextStart - SegmentStart), HasSamples && segmentIndependent, !HasSamples));
        Segment++;
        SegmentStart = nextStart;
        Expected = Math.Max(Expected, nextStart);
        HasSamples = false;
        partIndex = 0;
    }

    /// <summary>Gives up what was not handed out.</summary>
    public void Release()
    {
        for (var i = 0; i < count; i++)
            payloads[i].Release();
        count = 0;
        silence.Release();
        silence = default;
    }

    /// <summary>Ends the segments below a number: the open one with its last sample, empty ones at <paramref name="until"/>.</summary>
    public void CloseUntil(long segment, long until, ref PackagingCounters counters)
    {
        while (Segment < segment)
            EndSegment(HasSamples ? Expected : until, ref counters);
    }

    private void ClosePart(ref PackagingCounters counters, bool endsSegment = false)
    {
        var samplesOfPart = samples.AsSpan(0, count);
        var header = new ChunkHeader(++chunkNumber, partStart, partIndex == 0, partReceivedAt);
        var slices = new MediaBuffer[count + 1];
        slices[0] = arena.Allocate(ChunkHeaderWriter.Measure(header, samplesOfPart), out var writable);
        ChunkHeaderWriter.Write(writable.Span, header, samplesOfPart);
        payloads.AsSpan(0, count).CopyTo(slices.AsSpan(1));
        counters.Parts++;
        if (count == 1 && partDuration > partTarget)
            counters.OversizedParts++;
        var description = new PartDescription(
            Index, Segment, partIndex, Time(partStart), Time(partDuration), partIndependent,
            new DateTimeOffset(partReceivedAt, TimeSpan.Zero), count, endsSegment, PresentationDelay);
        partIndex++;
        count = 0;
        sink.AppendPart(description, new MediaChunk(slices));
    }

    private MediaTime Time(long ticks) => new(ticks, Timescale);
}
