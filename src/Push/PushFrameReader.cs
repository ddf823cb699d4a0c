using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Push;

/// <summary>
/// Reads frames (docs/push.md). Everything that is read is within its limits afterwards: counts, times, names, init segments
/// of one track. Throws on nothing that it is given.
/// </summary>
public static class PushFrameReader
{
    // 2000-01-01 and 2200-01-01 in 100 ns since 1970.
    private const long EarliestClock = 946_684_800L * TimeSpan.TicksPerSecond;
    private const long LatestClock = 7_258_118_400L * TimeSpan.TicksPerSecond;

    private static readonly SearchValues<byte> CodecCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"u8);

    private static readonly SearchValues<byte> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-"u8);

    /// <summary>Reads the request's preamble. Advances only on Done.</summary>
    /// <param name="input">What has come.</param>
    /// <param name="generation">Which pusher it is: of two the one with the larger number.</param>
    public static OperationStatus TryReadPreamble(ref SequenceReader<byte> input, out ulong generation)
    {
        generation = 0;
        Span<byte> bytes = stackalloc byte[PushFrameWriter.PreambleBytes];
        if (!input.TryCopyTo(bytes))
            return OperationStatus.NeedMoreData;
        if (!bytes.StartsWith(PushFrameWriter.Magic))
            return OperationStatus.InvalidData;
        generation = BinaryPrimitives.ReadUInt64BigEndian(bytes[4..]);
        input.Advance(PushFrameWriter.PreambleBytes);
        return OperationStatus.Done;
    }

    /// <summary>Reads a frame; of a part all but its bytes, which come next. Advances only on Done.</summary>
    /// <param name="input">What has come.</param>
    /// <param name="frame">The frame on Done.</param>
    /// <param name="fault">On InvalidData, what is wrong, in a sentence.</param>
    public static OperationStatus TryRead(ref SequenceReader<byte> input, out PushFrame? frame, out string? fault)
    {
        frame = null;
        fault = null;
        Span<byte> head = stackalloc byte[PushFrameWriter.HeadBytes];
        if (!input.TryCopyTo(head))
            return OperationStatus.NeedMoreData;
        var kind = (PushFrameKind)head[0];
        var length = BinaryPrimitives.ReadUInt32BigEndian(head[1..]);

        // 1. The length against the kind's limits; what must be here as a whole.
        var (least, most) = kind switch
        {
            PushFrameKind.Open => (PushFrameWriter.OpenBytes, PushFrameWriter.OpenBytes),
            PushFrameKind.Period => (34, PushLimits.MaxPeriodBytes),
            PushFrameKind.Part => (PushFrameWriter.PartBytes + 1, PushFrameWriter.PartBytes + PushLimits.MaxPartBytes),
            PushFrameKind.SegmentEnd => (PushFrameWriter.SegmentEndBytes, PushFrameWriter.SegmentEndBytes),
            PushFrameKind.Join => (PushFrameWriter.JoinBytes, PushFrameWriter.JoinBytes + PushLimits.MaxRenditions * PushFrameWriter.JoinRenditionBytes),
            PushFrameKind.Suspend or PushFrameKind.End => (4, 4),
            PushFrameKind.Init => (7, 10 + PushLimits.MaxInitBytes),
            PushFrameKind.Begin => (PushFrameWriter.BeginBytes, PushFrameWriter.BeginBytes),
            PushFrameKind.CaughtUp => (0, 0),
            PushFrameKind.Resume => (PushFrameWriter.ResumeBytes, PushFrameWriter.ResumeBytes
                + PushLimits.MaxRenditions * (PushFrameWriter.TailBytes + PushLimits.MaxTailSegments * PushFrameWriter.TailSegmentBytes)),
            _ => (0, -1),
        };
        if (most < 0)
            return Fail($"There is no frame of kind {(byte)kind}.", out fault);
        if (length < least || length > most)
            return Fail($"A frame of kind {(byte)kind} with {length} bytes: {least} to {most} are allowed.", out fault);
        var needed = kind == PushFrameKind.Part ? PushFrameWriter.PartBytes : (int)length;
        if (input.Remaining < PushFrameWriter.HeadBytes + needed)
            return OperationStatus.NeedMoreData;

        // 2. The fields.
        byte[]? rented = null;
        Span<byte> content = needed <= 1024 ? stackalloc byte[needed] : (rented = ArrayPool<byte>.Shared.Rent(needed)).AsSpan(0, needed);
        var source = input.UnreadSequence.Slice(PushFrameWriter.HeadBytes, needed);
        source.CopyTo(content);
        var fields = new Fields(content);
        frame = kind switch
        {
            PushFrameKind.Open => ReadOpen(ref fields, out fault),
            PushFrameKind.Period => ReadPeriod(ref fields, out fault),
            PushFrameKind.Part => ReadPart(ref fields, (int)length - PushFrameWriter.PartBytes, out fault),
            PushFrameKind.SegmentEnd => ReadSegmentEnd(ref fields, out fault),
            PushFrameKind.Join => ReadJoin(ref fields, out fault),
            PushFrameKind.Init => ReadInit(ref fields, out fault),
            PushFrameKind.Begin => ReadBegin(ref fields, out fault),
            PushFrameKind.CaughtUp => PushCaughtUp.Instance,
            PushFrameKind.Resume => ReadResume(ref fields, out fault),
            PushFrameKind.Suspend => ReadIndex(ref fields, out var suspended, out fault) ? new PushSuspend(suspended) : null,
            _ => ReadIndex(ref fields, out var ended, out fault) ? new PushEnd(ended) : null,
        };
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
        if (frame is not null && (fields.IsOverrun || fields.Left > 0))
            (frame, fault) = (null, $"A frame of kind {(byte)kind} with {length} bytes does not fit its fields.");
        if (frame is null)
            return OperationStatus.InvalidData;
        input.Advance(PushFrameWriter.HeadBytes + needed);
        return OperationStatus.Done;
    }

    private static PushOpen? ReadOpen(ref Fields fields, out string? fault)
    {
        var flags = fields.Byte();
        var targetDuration = fields.UInt16();
        if (flags > 1 || targetDuration is < 1 or > PushLimits.MaxSeconds)
            return Refuse<PushOpen>("The flags or the target duration are out of range.", out fault);
        if (!fields.Time(out var partTarget) || partTarget.Ticks < 1 || partTarget.Seconds > targetDuration + 1 || !fields.Clock(out var startedAt))
            return Refuse<PushOpen>("The part target or the start is out of range.", out fault);
        fault = null;
        return new PushOpen(new LowLatencyContract(targetDuration, partTarget), startedAt, flags == 1);
    }

    private static PushPeriod? ReadPeriod(ref Fields fields, out string? fault)
    {
        if (!ReadIndex(ref fields, out var index, out fault))
            return null;
        var firstSegment = fields.Int64();
        if (firstSegment is < 0 or > long.MaxValue / 2)
            return Refuse<PushPeriod>("The period's first segment is out of range.", out fault);
        if (!fields.Time(out var start) || !fields.Clock(out var wallClock))
            return Refuse<PushPeriod>("The period's beginning is out of range.", out fault);
        var count = fields.Byte();
        if (count is < 1 or > PushLimits.MaxRenditions)
            return Refuse<PushPeriod>($"A period has 1 to {PushLimits.MaxRenditions} renditions.", out fault);
        var renditions = new RenditionDescription[count];
        for (var i = 0; i < count; i++)
        {
            if (ReadRendition(ref fields, out fault) is not { } rendition)
                return null;
            for (var j = 0; j < i; j++)
            {
                if (renditions[j].Name == rendition.Name)
                    return Refuse<PushPeriod>("The period names a rendition twice.", out fault);
            }
            renditions[i] = rendition;
        }
        return new PushPeriod(index, new PeriodDescription(firstSegment, start, wallClock, renditions));
    }

    private static PushInit? ReadInit(ref Fields fields, out string? fault)
    {
        if (!ReadIndex(ref fields, out var period, out fault))
            return null;
        var rendition = fields.Byte();
        var flags = fields.Byte();
        if (flags > 1)
            return Refuse<PushInit>("An init segment's flags are out of range.", out fault);
        ColorDescription? color = (flags & 1) == 0 ? null : fields.Color();
        var init = fields.Bytes((uint)fields.Left);
        return ReadFormat("an init segment", init, color, out fault) is { } format ? new PushInit(period, rendition, format, init.ToArray()) : null;
    }

    private static PushBegin? ReadBegin(ref Fields fields, out string? fault)
    {
        if (!ReadIndex(ref fields, out var period, out fault))
            return null;
        var rendition = fields.Byte();
        var segment = fields.Int64();
        return segment < 0 ? Refuse<PushBegin>("A segment's number is out of range.", out fault) : new PushBegin(period, rendition, segment);
    }

    private static TrackFormat? ReadFormat(string what, ReadOnlySpan<byte> init, ColorDescription? color, out string? fault)
    {
        if (!InitSegmentReader.TryRead(init, out var tracks, out var broken))
            return Refuse<TrackFormat>($"{what}: {broken}.", out fault);
        if (tracks is not [var track] || track.Timescale != track.Format.Timescale)
            return Refuse<TrackFormat>($"{what} does not have one track on its codec's timescale.", out fault);
        fault = null;
        // Colour that came beside the bit stream stands in no init segment that we read.
        return color is not null && track.Format is VideoFormat video ? video.WithHdr(null, color) : track.Format;
    }

    /// <summary>A format that is predicted.</summary>
    private static TrackFormat? ReadPredicted(ref Fields fields, ColorDescription? color, out string? fault)
    {
        var codec = (Codec)fields.Byte();
        var name = fields.Bytes(fields.Byte());
        if (!Enum.IsDefined(codec) || name.Length is 0 or > 64 || name.ContainsAnyExcept(CodecCharacters))
            return Refuse<TrackFormat>("A predicted format has no codec's name.", out fault);
        var codecString = Encoding.ASCII.GetString(name);
        fault = null;
        if (codec is Codec.Avc or Codec.Hevc or Codec.Av1 or Codec.Vp9)
        {
            var (width, height) = (fields.UInt16(), fields.UInt16());
            var (horizontal, vertical) = (fields.UInt32(), fields.UInt32());
            var rate = BitConverter.Int64BitsToDouble(fields.Int64());
            return width is 0 or > 16384 || height is 0 or > 16384 || horizontal is 0 or > 65535 || vertical is 0 or > 65535 || rate is not (>= 0 and <= 1000)
                ? Refuse<TrackFormat>("A predicted picture is out of range.", out fault)
                : new VideoFormat(codec, codecString, [], width, height)
                {
                    SampleAspectRatio = ((int)horizontal, (int)vertical),
                    DeclaredFrameRate = rate,
                    Color = color,
                };
        }
        var sampleRate = fields.UInt32();
        var channels = fields.Byte();
        var samples = fields.UInt16();
        return sampleRate is < 1000 or > 384_000 || channels is < 1 or > 32
            ? Refuse<TrackFormat>("A predicted sound is out of range.", out fault)
            : new AudioFormat(codec, codecString, [], (int)sampleRate, channels, samples);
    }

    private static RenditionDescription? ReadRendition(ref Fields fields, out string? fault)
    {
        var flags = fields.Byte();
        var nameBytes = fields.Bytes(fields.Byte());
        if (flags > 3 || nameBytes.Length is 0 or > PushLimits.MaxNameBytes || nameBytes.ContainsAnyExcept(NameCharacters))
            return Refuse<RenditionDescription>($"A rendition's name is 1 to {PushLimits.MaxNameBytes} characters of a-z, 0-9, '_' and '-'.", out fault);
        var name = Encoding.ASCII.GetString(nameBytes);
        ColorDescription? color = (flags & 1) == 0 ? null : fields.Color();
        if ((flags & 2) != 0)
        {
            var target = fields.Int64();
            if (target < 0)
                return Refuse<RenditionDescription>("A target bit rate is negative.", out fault);
            return ReadPredicted(ref fields, color, out fault) is { } predicted
                ? new RenditionDescription(name, predicted, ReadOnlyMemory<byte>.Empty, IsDerived: true, target) : null;
        }
        var init = fields.Bytes(fields.UInt32());
        return ReadFormat($"The init segment of {name}", init, color, out fault) is { } format ? new RenditionDescription(name, format, init.ToArray()) : null;
    }

    private static PushPart? ReadPart(ref Fields fields, int bytes, out string? fault)
    {
        if (!ReadIndex(ref fields, out var period, out fault))
            return null;
        var rendition = fields.Byte();
        var flags = fields.Byte();
        var segment = fields.Int64();
        var part = fields.UInt16();
        var isInRange = fields.Time(out var start);
        var duration = new MediaTime(fields.UInt32(), start.Timescale);
        isInRange &= fields.Clock(out var wallClock);
        var samples = fields.UInt32();
        var delay = fields.Int64();
        isInRange &= delay is > -(1L << 62) and < 1L << 62;
        if (!isInRange || flags > 3 || segment < 0 || part >= PushLimits.MaxParts || samples is < 1 or > FragmentReader.MaxSamples
            || duration.Ticks < 1 || duration.Seconds > PushLimits.MaxSeconds)
        {
            return Refuse<PushPart>("A part's description is out of range.", out fault);
        }
        return new PushPart(
            period, new PartDescription(rendition, segment, part, start, duration, (flags & 1) != 0, wallClock, (int)samples, (flags & 2) != 0, delay), bytes);
    }

    private static PushSegmentEnd? ReadSegmentEnd(ref Fields fields, out string? fault)
    {
        if (!ReadIndex(ref fields, out var period, out fault))
            return null;
        var rendition = fields.Byte();
        var flags = fields.Byte();
        var segment = fields.Int64();
        var isInRange = fields.Time(out var start);
        var duration = new MediaTime(fields.Int64(), start.Timescale);
        if (!isInRange || flags > 3 || segment < 0 || duration.Ticks < 1 || duration.Seconds > PushLimits.MaxSeconds)
            return Refuse<PushSegmentEnd>("A segment's description is out of range.", out fault);
        return new PushSegmentEnd(period, new SegmentDescription(rendition, segment, start, duration, (flags & 1) != 0, (flags & 2) != 0));
    }

    private static PushJoin? ReadJoin(ref Fields fields, out string? fault)
    {
        var segment = fields.Int64();
        var count = fields.Byte();
        if (segment is < 0 or > long.MaxValue / 2 || count > PushLimits.MaxRenditions)
            return Refuse<PushJoin>("A join is out of range.", out fault);
        var renditions = new RenditionJoin[count];
        for (var i = 0; i < count; i++)
        {
            var flags = fields.Byte();
            var delay = fields.Int64();
            var first = fields.Int64();
            if (!fields.Time(out var start) || flags is not (0 or 1 or 3) || first < 0 || first > segment || delay is < -(1L << 62) or > 1L << 62)
                return Refuse<PushJoin>("A join's rendition is out of range.", out fault);
            renditions[i] = new RenditionJoin(delay, flags == 0 ? null : new SegmentRun(first, start, flags == 3));
        }
        fault = null;
        return new PushJoin(segment, renditions);
    }

    private static PushResume? ReadResume(ref Fields fields, out string? fault)
    {
        if (!ReadIndex(ref fields, out var period, out fault))
            return null;
        var first = fields.Int64();
        var count = fields.Byte();
        if (first is < 0 or > long.MaxValue / 2 || count is < 1 or > PushLimits.MaxRenditions)
            return Refuse<PushResume>("A period's end is out of range.", out fault);
        var renditions = new RenditionTail[count];
        for (var i = 0; i < count; i++)
        {
            var next = fields.Int64();
            var delay = fields.Int64();
            var told = fields.Byte();
            if (next < 0 || next > first || told > PushLimits.MaxTailSegments || told > next || delay is < -(1L << 62) or > 1L << 62)
                return Refuse<PushResume>("A rendition's end is out of range.", out fault);
            var segments = new TailSegment[told];
            for (var j = 0; j < told; j++)
            {
                var flags = fields.Byte();
                var parts = fields.UInt16();
                var isInRange = fields.Time(out var start);
                var duration = fields.Int64();
                if (!isInRange || flags > 1 || parts > PushLimits.MaxParts || duration < 1 || start.Timescale * (long)PushLimits.MaxSeconds < duration
                    || (j > 0 && start.Timescale != segments[0].Start.Timescale))
                    return Refuse<PushResume>("One of a rendition's last segments is out of range.", out fault);
                segments[j] = new TailSegment(start, duration, flags == 1, parts);
            }
            renditions[i] = new RenditionTail(next, delay, segments);
        }
        fault = null;
        return new PushResume(period, first, renditions);
    }

    private static bool ReadIndex(ref Fields fields, out int period, out string? fault)
    {
        var value = fields.UInt32();
        period = (int)Math.Min(value, int.MaxValue);
        fault = value < PushLimits.MaxPeriods ? null : $"A broadcast has at most {PushLimits.MaxPeriods} periods.";
        return fault is null;
    }

    private static T? Refuse<T>(string sentence, out string fault) where T : class
    {
        fault = sentence;
        return null;
    }

    private static OperationStatus Fail(string sentence, out string fault)
    {
        fault = sentence;
        return OperationStatus.InvalidData;
    }

    /// <summary>Reads on behind the end give zeros and are found out afterwards.</summary>
    private ref struct Fields(ReadOnlySpan<byte> content)
    {
        private ReadOnlySpan<byte> rest = content;

        public bool IsOverrun { get; private set; }

        public readonly int Left => rest.Length;

        public ReadOnlySpan<byte> Bytes(uint count)
        {
            if (count > (uint)rest.Length)
            {
                IsOverrun = true;
                rest = default;
                return default;
            }
            var taken = rest[..(int)count];
            rest = rest[(int)count..];
            return taken;
        }

        public byte Byte() => Bytes(1) is [var value] ? value : (byte)0;

        public ushort UInt16() => Bytes(2) is { Length: 2 } bytes ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : (ushort)0;

        public uint UInt32() => Bytes(4) is { Length: 4 } bytes ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : 0;

        public long Int64() => Bytes(8) is { Length: 8 } bytes ? BinaryPrimitives.ReadInt64BigEndian(bytes) : 0;

        public ColorDescription Color() => new(Byte(), Byte(), Byte(), Byte() != 0);

        /// <summary>Not negative, of a timescale up to 2³¹, and below about 30 years.</summary>
        public bool Time(out MediaTime time)
        {
            var ticks = Int64();
            var timescale = UInt32();
            var isInRange = timescale is > 0 and <= int.MaxValue && ticks >= 0 && ticks / Math.Max(1, timescale) <= PushLimits.MaxMediaSeconds;
            time = isInRange ? new MediaTime(ticks, timescale) : new MediaTime(0, 1);
            return isInRange;
        }

        public bool Clock([NotNullWhen(true)] out DateTimeOffset moment)
        {
            var ticks = Int64();
            var isInRange = ticks is >= EarliestClock and <= LatestClock;
            moment = isInRange ? DateTimeOffset.UnixEpoch + new TimeSpan(ticks) : default;
            return isInRange;
        }
    }
}
