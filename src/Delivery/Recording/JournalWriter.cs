using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Millrace.Core;
using Millrace.Media;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// Writes journal records: <c>u32 length, u32 CRC-32C, body</c>, both little endian, length and checksum of the body; the
/// body is a type byte and fields. Numbers are LEB128, signed ones zigzag; texts and blocks have their length in front.
/// The twin of <see cref="JournalReader"/>.
/// </summary>
internal static partial class JournalWriter
{
    /// <summary>Version of the format, in the first record.</summary>
    public const int Version = 1;

    /// <summary>Beside the mode of the first record: the broadcast is pushed here.</summary>
    public const int PushedFlag = 0x80;

    /// <summary>Bytes in front of a record's body.</summary>
    public const int HeaderBytes = 8;

    /// <summary>Appends a record.</summary>
    public static void Write(ArrayBufferWriter<byte> output, JournalRecord record)
    {
        var header = output.WrittenCount;
        output.GetSpan(HeaderBytes)[..HeaderBytes].Clear();
        output.Advance(HeaderBytes);
        WriteBody(output, record);
        var written = System.Runtime.InteropServices.MemoryMarshal.AsMemory(output.WrittenMemory).Span[header..];
        var body = written[HeaderBytes..];
        BinaryPrimitives.WriteUInt32LittleEndian(written, (uint)body.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(written[4..], Crc32C.Of(body));
    }

    private static void WriteBody(IBufferWriter<byte> output, JournalRecord record)
    {
        switch (record)
        {
            case JournalRecord.Opened opened:
                Byte(output, 1);
                Number(output, Version);
                Text(output, opened.Channel.Value);
                Text(output, opened.Id.Value);
                Signed(output, opened.StartedAt.UtcTicks);
                Number(output, opened.Contract.TargetDuration);
                Time(output, opened.Contract.PartTarget);
                Byte(output, (byte)((int)opened.Mode | (opened.IsPushed ? PushedFlag : 0)));
                break;
            case JournalRecord.PeriodBegan { Period: var period }:
                Byte(output, 2);
                Number(output, period.FirstSegment);
                Time(output, period.Start);
                Signed(output, period.WallClock.UtcTicks);
                Number(output, period.Renditions.Count);
                foreach (var rendition in period.Renditions)
                {
                    Text(output, rendition.Name);
                    Format(output, rendition.Format);
                    Block(output, rendition.InitSegment.Span);
                    Byte(output, rendition.IsDerived ? (byte)1 : (byte)0);
                    Number(output, rendition.TargetBitsPerSecond);
                }
                break;
            case JournalRecord.SegmentEnded ended:
                Byte(output, 3);
                Segment(output, ended);
                break;
            case JournalRecord.DateRangeAdded { Range: var range }:
                Byte(output, 4);
                Range(output, range);
                break;
            case JournalRecord.SegmentBegan began:
                Byte(output, 5);
                Number(output, began.Segment);
                break;
            case JournalRecord.Removed removed:
                Byte(output, 6);
                Number(output, removed.Before);
                break;
            case JournalRecord.Suspended:
                Byte(output, 7);
                break;
            case JournalRecord.Ended ended:
                Byte(output, 8);
                Signed(output, ended.At.UtcTicks);
                Number(output, ended.Duration.Ticks);
                break;
            case JournalRecord.Lost lost:
                Byte(output, 9);
                Text(output, lost.Rendition);
                Number(output, lost.Segment);
                break;
            case JournalRecord.InitSet set:
                Byte(output, 10);
                Number(output, set.Rendition);
                Format(output, set.Format);
                Block(output, set.Init.Span);
                break;
            case JournalRecord.Joined joined:
                Byte(output, 11);
                Number(output, joined.Segment);
                Number(output, joined.Renditions.Length);
                foreach (var rendition in joined.Renditions)
                    Join(output, rendition);
                break;
            case JournalRecord.ClipOf { Clip: var clip }:
                Byte(output, 12);
                Text(output, clip.Name);
                Text(output, clip.Of.Value);
                Number(output, clip.From.Ticks);
                Number(output, clip.To.Ticks);
                Signed(output, clip.CreatedAt.UtcTicks);
                break;
            case JournalRecord.CheckpointBegan began:
                Byte(output, 13);
                Number(output, began.Generation);
                break;
            case JournalRecord.Kept kept:
                Byte(output, 14);
                Kept(output, kept);
                break;
            case JournalRecord.CheckpointEnded ended:
                Byte(output, 15);
                Checkpoint(output, ended);
                break;
            default:
                throw new InvalidOperationException($"The journal has no type for {record.GetType().Name}.");
        }
    }

    private static void Segment(IBufferWriter<byte> output, JournalRecord.SegmentEnded ended)
    {
        var segment = ended.Segment;
        Number(output, segment.Rendition);
        Number(output, segment.Segment);
        Time(output, segment.Start);
        Number(output, segment.Duration.Ticks);
        Byte(output, (byte)((segment.IsIndependent ? 1 : 0) | (segment.IsGap ? 2 : 0) | (ended.PresentationDelay != 0 ? 4 : 0)));
        if (ended.PresentationDelay != 0)
            Signed(output, ended.PresentationDelay);
        if (segment.IsGap)
            return;
        // 0 is nowhere.
        Number(output, ended.Place.File + 1L);
        Number(output, ended.Place.Offset);
        Number(output, ended.Place.Checksum);
        Number(output, ended.Parts.Length);
        var expected = segment.Start.Ticks;
        foreach (var part in ended.Parts)
        {
            // Nearly always 0: a part begins where the one before ended.
            Signed(output, part.Start - expected);
            Number(output, part.DurationTicks);
            Number(output, part.ByteLength);
            Number(output, (long)part.SampleCount << 1 | (part.IsIndependent ? 1L : 0));
            expected = part.Start + part.DurationTicks;
        }
    }

    private static void Format(IBufferWriter<byte> output, TrackFormat format)
    {
        Byte(output, (byte)format.Codec);
        Text(output, format.CodecString);
        Block(output, format.Configuration.Span);
        switch (format)
        {
            case VideoFormat video:
                Byte(output, (byte)(1 | (video.Color is null ? 0 : 2) | (video.Hdr is null ? 0 : 4)));
                Number(output, video.Width);
                Number(output, video.Height);
                Number(output, video.SampleAspectRatio.Horizontal);
                Number(output, video.SampleAspectRatio.Vertical);
                Number(output, BitConverter.DoubleToInt64Bits(video.DeclaredFrameRate));
                if (video.Color is { } color)
                    Block(output, [color.Primaries, color.Transfer, color.Matrix, color.FullRange ? (byte)1 : (byte)0]);
                if (video.Hdr is { } hdr)
                {
                    Block(output, hdr.MasteringDisplay.Span);
                    Block(output, hdr.ContentLight.Span);
                }
                break;
            case AudioFormat audio:
                Byte(output, 0);
                Number(output, audio.SampleRate);
                Number(output, audio.Channels);
                Number(output, audio.SamplesPerFrame);
                break;
        }
    }

    private static void Join(IBufferWriter<byte> output, RenditionJoin join)
    {
        Signed(output, join.PresentationDelay);
        Byte(output, (byte)(join.Run is null ? 0 : join.Run.IsGap ? 3 : 1));
        if (join.Run is not { } run)
            return;
        Number(output, run.FirstSegment);
        Time(output, run.Start);
    }

    private static void Range(IBufferWriter<byte> output, DateRange range)
    {
        Text(output, range.Id);
        Signed(output, range.Start.UtcTicks);
        Byte(output, (byte)((range.Class is null ? 0 : 1) | (range.Duration is null ? 0 : 2) | (range.PlannedDuration is null ? 0 : 4) | (range.EndOnNext ? 8 : 0)));
        if (range.Class is { } name)
            Text(output, name);
        if (range.Duration is { } duration)
            Number(output, duration.Ticks);
        if (range.PlannedDuration is { } planned)
            Number(output, planned.Ticks);
        Number(output, range.Attributes.Count);
        foreach (var attribute in range.Attributes)
        {
            Text(output, attribute.Name);
            Text(output, attribute.Value);
            Byte(output, attribute.IsHexadecimal ? (byte)1 : (byte)0);
        }
    }

    private static void Time(IBufferWriter<byte> output, MediaTime time)
    {
        Signed(output, time.Ticks);
        Number(output, time.Timescale);
    }

    private static void Text(IBufferWriter<byte> output, string text) => Block(output, Encoding.UTF8.GetBytes(text));

    private static void Block(IBufferWriter<byte> output, ReadOnlySpan<byte> bytes)
    {
        Number(output, bytes.Length);
        output.Write(bytes);
    }

    private static void Signed(IBufferWriter<byte> output, long value) => Number(output, value << 1 ^ value >> 63);

    private static void Number(IBufferWriter<byte> output, long value)
    {
        var left = (ulong)value;
        var space = output.GetSpan(10);
        var used = 0;
        for (; left >= 0x80; left >>= 7)
            space[used++] = (byte)(left | 0x80);
        space[used++] = (byte)left;
        output.Advance(used);
    }

    private static void Byte(IBufferWriter<byte> output, byte value)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
    }
}
