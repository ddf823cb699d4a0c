using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// Reads journal records; the twin of <see cref="JournalWriter"/>. A disk is not trusted: what a record declares is limited
/// before anything is allocated, and nothing is handed out that the timeline would throw at for its form.
/// </summary>
internal ref partial struct JournalReader
{
    /// <summary>Largest body. A period of 32 renditions with large headers stays far below.</summary>
    public const int MaxBodyBytes = 4 << 20;

    private const int MaxRenditions = 64;
    private const int MaxParts = 4096;
    private const int MaxTextBytes = 64 * 1024;
    private const int MaxAttributes = 256;

    private ReadOnlySpan<byte> left;
    private bool isBroken;

    private JournalReader(ReadOnlySpan<byte> body) => left = body;

    /// <summary>
    /// Reads the record that <paramref name="input"/> begins with and moves it on behind it, on Done only. NeedMoreData: it is
    /// cut off. InvalidData: its checksum or its content is wrong; nothing behind it can be trusted.
    /// </summary>
    public static OperationStatus TryRead(ref ReadOnlySpan<byte> input, out JournalRecord? record)
    {
        record = null;
        if (input.Length < JournalWriter.HeaderBytes)
            return OperationStatus.NeedMoreData;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(input);
        if (length is 0 or > MaxBodyBytes)
            return OperationStatus.InvalidData;
        if (input.Length - JournalWriter.HeaderBytes < length)
            return OperationStatus.NeedMoreData;
        var body = input.Slice(JournalWriter.HeaderBytes, (int)length);
        if (Crc32C.Of(body) != BinaryPrimitives.ReadUInt32LittleEndian(input[4..]) || !TryReadBody(body, out record))
            return OperationStatus.InvalidData;
        input = input[(JournalWriter.HeaderBytes + (int)length)..];
        return OperationStatus.Done;
    }

    /// <summary>Reads a body whose checksum holds. False when it is none of ours.</summary>
    internal static bool TryReadBody(ReadOnlySpan<byte> body, [NotNullWhen(true)] out JournalRecord? record)
    {
        var reader = new JournalReader(body);
        record = reader.Byte() switch
        {
            1 => reader.Opened(),
            2 => reader.Period(),
            3 => reader.Segment(),
            4 => reader.DateRange(),
            5 => new JournalRecord.SegmentBegan(reader.Number(long.MaxValue)),
            6 => new JournalRecord.Removed(reader.Number(long.MaxValue)),
            7 => new JournalRecord.Suspended(),
            8 => new JournalRecord.Ended(reader.Moment(), new TimeSpan(reader.Number(long.MaxValue))),
            9 => new JournalRecord.Lost(reader.Text(), reader.Number(long.MaxValue)),
            10 => reader.Init(),
            11 => reader.Joined(),
            12 => reader.ClipOf(),
            13 => new JournalRecord.CheckpointBegan(reader.Number(long.MaxValue)),
            14 => reader.Kept(),
            15 => reader.Checkpoint(),
            _ => null,
        };
        if (reader.isBroken || !reader.left.IsEmpty)
            record = null;
        return record is not null;
    }

    private JournalRecord.Opened? Opened()
    {
        if (Number(long.MaxValue) != JournalWriter.Version || !ChannelName.TryParse(Text(), out var channel) || !BroadcastId.TryParse(Text(), out var id))
            return null;
        var startedAt = Moment();
        var target = (int)Number(3600);
        var partTarget = Time();
        var flags = Byte();
        var mode = (DvrMode)(flags & ~JournalWriter.PushedFlag);
        return isBroken || target < 1 || partTarget.Ticks < 1 || mode > DvrMode.Full
            ? null
            : new JournalRecord.Opened(
                channel, id, startedAt, new LowLatencyContract(target, partTarget), mode, (flags & JournalWriter.PushedFlag) != 0);
    }

    private JournalRecord.PeriodBegan? Period()
    {
        var first = Number(long.MaxValue);
        var start = Time();
        var wallClock = Moment();
        var count = (int)Number(MaxRenditions);
        if (isBroken || count == 0)
            return null;
        var renditions = new List<NewRendition>();
        for (var i = 0; i < count && !isBroken; i++)
        {
            var name = Text();
            var format = Format();
            var init = Block(MaxBodyBytes).ToArray();
            var flags = Byte();
            var target = Number(long.MaxValue);
            if (format is null || flags > 1 || renditions.Exists(known => known.Name == name))
                return null;
            renditions.Add(new NewRendition(name, format, init, flags != 0, target));
        }
        return new JournalRecord.PeriodBegan(new NewPeriod(first, start, wallClock, renditions));
    }

    private JournalRecord.InitSet? Init()
    {
        var rendition = (int)Number(MaxRenditions - 1);
        var format = Format();
        var init = Block(MaxBodyBytes).ToArray();
        return isBroken || format is null ? null : new JournalRecord.InitSet(rendition, format, init);
    }

    private JournalRecord.Joined? Joined()
    {
        var segment = Number(long.MaxValue);
        var count = (int)Number(MaxRenditions);
        if (isBroken)
            return null;
        var joins = new RenditionJoin[count];
        for (var i = 0; i < count && !isBroken; i++)
        {
            var delay = Signed();
            var flags = Byte();
            if (flags is not (0 or 1 or 3))
                return null;
            joins[i] = new RenditionJoin(delay, flags == 0 ? null : new SegmentRun(Number(segment), Time(), flags == 3));
        }
        return isBroken ? null : new JournalRecord.Joined(segment, joins);
    }

    private JournalRecord.ClipOf? ClipOf()
    {
        var name = Text();
        var isId = BroadcastId.TryParse(Text(), out var of);
        var from = Number(long.MaxValue);
        var to = Number(long.MaxValue);
        var created = Moment();
        return isBroken || !isId || !Clip.IsName(name) ? null : new JournalRecord.ClipOf(new Clip(name, of, new TimeSpan(from), new TimeSpan(to), created));
    }

    private JournalRecord.SegmentEnded? Segment()
    {
        var rendition = (int)Number(MaxRenditions - 1);
        var number = Number(long.MaxValue);
        var start = Time();
        var duration = Number(long.MaxValue);
        var flags = Byte();
        var delay = (flags & 4) != 0 ? Signed() : 0;
        if (isBroken || duration < 1 || flags > 7)
            return null;
        var segment = new NewSegment(rendition, number, start, start with { Ticks = duration }, (flags & 1) != 0, (flags & 2) != 0);
        if (segment.IsGap)
            return new JournalRecord.SegmentEnded(segment, [], default, delay);
        var place = new RecordedPlace((int)(Number(int.MaxValue) - 1), Number(long.MaxValue), (uint)Number(uint.MaxValue));
        var count = (int)Number(MaxParts);
        // A part takes four bytes at least.
        if (isBroken || count < 1 || count > left.Length / 4)
            return null;
        var parts = new RecordedPart[count];
        var expected = start.Ticks;
        long bytes = 0;
        for (var i = 0; i < count; i++)
        {
            var begins = unchecked(expected + Signed());
            var ticks = (uint)Number(uint.MaxValue);
            var length = (int)Number(int.MaxValue);
            var samples = Number(1L << 30);
            bytes += length;
            if (isBroken || ticks < 1 || length < 1 || samples < 2 || bytes > int.MaxValue)
                return null;
            parts[i] = new RecordedPart(begins, ticks, length, (int)(samples >> 1), (samples & 1) != 0);
            expected = unchecked(begins + ticks);
        }
        return place.Offset > long.MaxValue - bytes ? null : new JournalRecord.SegmentEnded(segment, parts, place, delay);
    }

    private TrackFormat? Format()
    {
        var codec = (Codec)Byte();
        var text = Text();
        var configuration = Block(MaxBodyBytes).ToArray();
        var flags = Byte();
        if (isBroken || !Enum.IsDefined(codec))
            return null;
        if ((flags & 1) == 0)
        {
            var rate = (int)Number(int.MaxValue);
            var channels = (int)Number(255);
            var samples = (int)Number(int.MaxValue);
            return isBroken || flags != 0 || rate < 1 || channels < 1 ? null : new AudioFormat(codec, text, configuration, rate, channels, samples);
        }
        var width = (int)Number(int.MaxValue);
        var height = (int)Number(int.MaxValue);
        var horizontal = (int)Number(int.MaxValue);
        var vertical = (int)Number(int.MaxValue);
        var frameRate = BitConverter.Int64BitsToDouble((long)Unsigned());
        ColorDescription? color = null;
        if ((flags & 2) != 0 && Block(4) is { Length: 4 } nclx)
            color = new ColorDescription(nclx[0], nclx[1], nclx[2], nclx[3] != 0);
        HdrMetadata? hdr = null;
        if ((flags & 4) != 0)
            hdr = new HdrMetadata(Block(24).ToArray(), Block(4).ToArray());
        if (isBroken || flags > 7 || width < 1 || height < 1 || horizontal < 1 || vertical < 1 || !double.IsFinite(frameRate) || frameRate < 0)
            return null;
        return new VideoFormat(codec, text, configuration, width, height)
        {
            SampleAspectRatio = (horizontal, vertical),
            DeclaredFrameRate = frameRate,
            Color = color,
            Hdr = hdr,
        };
    }

    private JournalRecord.DateRangeAdded? DateRange()
    {
        var id = Text();
        var start = Moment();
        var flags = Byte();
        string? name = (flags & 1) != 0 ? Text() : null;
        TimeSpan? duration = (flags & 2) != 0 ? new TimeSpan(Number(long.MaxValue)) : null;
        TimeSpan? planned = (flags & 4) != 0 ? new TimeSpan(Number(long.MaxValue)) : null;
        var count = (int)Number(MaxAttributes);
        if (isBroken || flags > 15)
            return null;
        var attributes = new List<DateRangeAttribute>();
        for (var i = 0; i < count && !isBroken; i++)
            attributes.Add(new DateRangeAttribute(Text(), Text(), Byte() != 0));
        var range = new DateRange(id, start)
        {
            Class = name,
            Duration = duration,
            PlannedDuration = planned,
            EndOnNext = (flags & 8) != 0,
            Attributes = attributes,
        };
        return isBroken || range.Fault() is not null ? null : new JournalRecord.DateRangeAdded(range);
    }

    private MediaTime Time()
    {
        var ticks = Signed();
        var timescale = (uint)Number(uint.MaxValue);
        if (timescale == 0)
            isBroken = true;
        return isBroken ? new MediaTime(0, 1) : new MediaTime(ticks, timescale);
    }

    private DateTimeOffset Moment()
    {
        var ticks = Signed();
        if (ticks < 0 || ticks > DateTime.MaxValue.Ticks)
            isBroken = true;
        return isBroken ? default : new DateTimeOffset(ticks, TimeSpan.Zero);
    }

    private string Text() => Encoding.UTF8.GetString(Block(MaxTextBytes));

    private ReadOnlySpan<byte> Block(int most)
    {
        var length = (int)Number(most);
        if (isBroken || length > left.Length)
        {
            isBroken = true;
            return default;
        }
        var block = left[..length];
        left = left[length..];
        return block;
    }

    private long Signed()
    {
        var value = Unsigned();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    private long Number(long most)
    {
        var value = Unsigned();
        if (value > (ulong)most)
            isBroken = true;
        return isBroken ? 0 : (long)value;
    }

    private ulong Unsigned()
    {
        ulong value = 0;
        for (var i = 0; i < 10 && i < left.Length; i++)
        {
            var next = left[i];
            if (i == 9 && next > 1)
                break;
            value |= (ulong)(next & 0x7F) << (7 * i);
            if (next >= 0x80)
                continue;
            left = left[(i + 1)..];
            return value;
        }
        isBroken = true;
        return 0;
    }

    private byte Byte()
    {
        if (left.IsEmpty)
        {
            isBroken = true;
            return 0;
        }
        var value = left[0];
        left = left[1..];
        return value;
    }
}
