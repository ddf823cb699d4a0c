using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;

namespace Millrace.Push;

/// <summary>Writes frames: the twin of <see cref="PushFrameReader"/>. Integers are big-endian; docs/push.md has the layout.</summary>
public static class PushFrameWriter
{
    /// <summary>The protocol and its version.</summary>
    internal static ReadOnlySpan<byte> Magic => "MRP1"u8;

    /// <summary>Bytes in front of a request's first frame.</summary>
    public const int PreambleBytes = 12;

    /// <summary>Kind and length.</summary>
    internal const int HeadBytes = 5;

    /// <summary>What stands in a part's frame in front of its bytes.</summary>
    internal const int PartBytes = 52;

    internal const int OpenBytes = 23;
    internal const int SegmentEndBytes = 34;
    internal const int BeginBytes = 13;
    internal const int JoinBytes = 9;
    internal const int JoinRenditionBytes = 29;
    internal const int ResumeBytes = 13;
    internal const int TailBytes = 17;
    internal const int TailSegmentBytes = 23;

    /// <summary>Writes what stands in front of a request's first frame: the protocol, and which pusher it is.</summary>
    public static void WritePreamble(IBufferWriter<byte> output, ulong generation)
    {
        ArgumentNullException.ThrowIfNull(output);
        var span = output.GetSpan(PreambleBytes);
        Magic.CopyTo(span);
        BinaryPrimitives.WriteUInt64BigEndian(span[4..], generation);
        output.Advance(PreambleBytes);
    }

    /// <summary>Writes a frame; of a part all but its bytes, which the caller sends behind it.</summary>
    public static void Write(IBufferWriter<byte> output, PushFrame frame)
    {
        ArgumentNullException.ThrowIfNull(output);
        switch (frame)
        {
            case PushOpen open:
                var writer = new Fields(output, PushFrameKind.Open, OpenBytes);
                writer.Byte(open.IsAnew ? (byte)1 : (byte)0);
                writer.UInt16((ushort)open.Contract.TargetDuration);
                writer.Time(open.Contract.PartTarget);
                writer.Clock(open.StartedAt);
                writer.Finish();
                break;
            case PushPeriod period:
                WritePeriod(output, period);
                break;
            case PushPart part:
                WritePart(output, part);
                break;
            case PushSegmentEnd end:
                WriteSegmentEnd(output, end);
                break;
            case PushJoin join:
                WriteJoin(output, join);
                break;
            case PushInit init:
                WriteInit(output, init);
                break;
            case PushBegin begin:
                writer = new Fields(output, PushFrameKind.Begin, BeginBytes);
                writer.UInt32((uint)begin.Period);
                writer.Byte((byte)begin.Rendition);
                writer.Int64(begin.Segment);
                writer.Finish();
                break;
            case PushSuspend suspend:
                writer = new Fields(output, PushFrameKind.Suspend, 4);
                writer.UInt32((uint)suspend.Period);
                writer.Finish();
                break;
            case PushEnd end:
                writer = new Fields(output, PushFrameKind.End, 4);
                writer.UInt32((uint)end.Period);
                writer.Finish();
                break;
            case PushResume resume:
                WriteResume(output, resume);
                break;
            case PushCaughtUp:
                writer = new Fields(output, PushFrameKind.CaughtUp, 0);
                writer.Finish();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(frame));
        }
    }

    /// <summary>Bytes of a period's frame without its head; the caller holds it against <see cref="PushLimits.MaxPeriodBytes"/>.</summary>
    public static int Measure(PushPeriod period)
    {
        ArgumentNullException.ThrowIfNull(period);
        var length = 33;
        foreach (var rendition in period.Description.Renditions)
        {
            length += 1 + 1 + rendition.Name.Length + (ColorOf(rendition.Format) is null ? 0 : 4);
            length += rendition.IsDerived ? 8 + MeasureFormat(rendition.Format) : 4 + rendition.InitSegment.Length;
        }
        return length;
    }

    private static void WritePeriod(IBufferWriter<byte> output, PushPeriod period)
    {
        var description = period.Description;
        var writer = new Fields(output, PushFrameKind.Period, Measure(period));
        writer.UInt32((uint)period.Index);
        writer.Int64(description.FirstSegment);
        writer.Time(description.Start);
        writer.Clock(description.WallClock);
        writer.Byte((byte)description.Renditions.Count);
        foreach (var rendition in description.Renditions)
        {
            var color = ColorOf(rendition.Format);
            writer.Byte((byte)((color is null ? 0 : 1) | (rendition.IsDerived ? 2 : 0)));
            writer.Byte((byte)rendition.Name.Length);
            writer.Ascii(rendition.Name);
            writer.Color(color);
            if (rendition.IsDerived)
            {
                writer.Int64(rendition.TargetBitsPerSecond);
                WriteFormat(ref writer, rendition.Format);
                continue;
            }
            writer.UInt32((uint)rendition.InitSegment.Length);
            writer.Bytes(rendition.InitSegment.Span);
        }
        writer.Finish();
    }

    /// <summary>A format that is predicted: there is no init segment to read it from.</summary>
    private static void WriteFormat(ref Fields writer, TrackFormat format)
    {
        writer.Byte((byte)format.Codec);
        writer.Byte((byte)format.CodecString.Length);
        writer.Ascii(format.CodecString);
        if (format is VideoFormat video)
        {
            writer.UInt16((ushort)video.Width);
            writer.UInt16((ushort)video.Height);
            writer.UInt32((uint)video.SampleAspectRatio.Horizontal);
            writer.UInt32((uint)video.SampleAspectRatio.Vertical);
            writer.Int64(BitConverter.DoubleToInt64Bits(video.DeclaredFrameRate));
        }
        else
        {
            var audio = (AudioFormat)format;
            writer.UInt32((uint)audio.SampleRate);
            writer.Byte((byte)audio.Channels);
            writer.UInt16((ushort)audio.SamplesPerFrame);
        }
    }

    private static int MeasureFormat(TrackFormat format) => 2 + format.CodecString.Length + (format is VideoFormat ? 20 : 7);

    private static void WriteInit(IBufferWriter<byte> output, PushInit init)
    {
        var color = ColorOf(init.Format);
        var writer = new Fields(output, PushFrameKind.Init, 6 + (color is null ? 0 : 4) + init.Init.Length);
        writer.UInt32((uint)init.Period);
        writer.Byte((byte)init.Rendition);
        writer.Byte(color is null ? (byte)0 : (byte)1);
        writer.Color(color);
        writer.Bytes(init.Init.Span);
        writer.Finish();
    }

    private static ColorDescription? ColorOf(TrackFormat format) => (format as VideoFormat)?.Color;

    private static void WritePart(IBufferWriter<byte> output, PushPart part)
    {
        var description = part.Description;
        var writer = new Fields(output, PushFrameKind.Part, PartBytes, part.Bytes);
        writer.UInt32((uint)part.Period);
        writer.Byte((byte)description.Rendition);
        writer.Byte((byte)((description.IsIndependent ? 1 : 0) | (description.EndsSegment ? 2 : 0)));
        writer.Int64(description.Segment);
        writer.UInt16((ushort)description.Part);
        writer.Time(description.Start);
        writer.UInt32((uint)description.Duration.Ticks);
        writer.Clock(description.WallClock);
        writer.UInt32((uint)description.SampleCount);
        writer.Int64(description.PresentationDelay);
        writer.Finish();
    }

    private static void WriteSegmentEnd(IBufferWriter<byte> output, PushSegmentEnd end)
    {
        var description = end.Description;
        var writer = new Fields(output, PushFrameKind.SegmentEnd, SegmentEndBytes);
        writer.UInt32((uint)end.Period);
        writer.Byte((byte)description.Rendition);
        writer.Byte((byte)((description.IsIndependent ? 1 : 0) | (description.IsGap ? 2 : 0)));
        writer.Int64(description.Segment);
        writer.Time(description.Start);
        writer.Int64(description.Duration.Ticks);
        writer.Finish();
    }

    private static void WriteJoin(IBufferWriter<byte> output, PushJoin join)
    {
        var writer = new Fields(output, PushFrameKind.Join, JoinBytes + join.Renditions.Count * JoinRenditionBytes);
        writer.Int64(join.Segment);
        writer.Byte((byte)join.Renditions.Count);
        foreach (var rendition in join.Renditions)
        {
            writer.Byte((byte)(rendition.Run is null ? 0 : rendition.Run.IsGap ? 3 : 1));
            writer.Int64(rendition.PresentationDelay);
            writer.Int64(rendition.Run?.FirstSegment ?? 0);
            writer.Time(rendition.Run?.Start ?? new MediaTime(0, 1));
        }
        writer.Finish();
    }

    private static void WriteResume(IBufferWriter<byte> output, PushResume resume)
    {
        var length = ResumeBytes;
        foreach (var tail in resume.Renditions)
            length += TailBytes + tail.Segments.Count * TailSegmentBytes;
        var writer = new Fields(output, PushFrameKind.Resume, length);
        writer.UInt32((uint)resume.Period);
        writer.Int64(resume.FirstSegment);
        writer.Byte((byte)resume.Renditions.Count);
        foreach (var tail in resume.Renditions)
        {
            writer.Int64(tail.NextSegment);
            writer.Int64(tail.PresentationDelay);
            writer.Byte((byte)tail.Segments.Count);
            foreach (var segment in tail.Segments)
            {
                writer.Byte(segment.IsIndependent ? (byte)1 : (byte)0);
                writer.UInt16((ushort)segment.Parts);
                writer.Time(segment.Start);
                writer.Int64(segment.DurationTicks);
            }
        }
        writer.Finish();
    }

    private ref struct Fields
    {
        private readonly IBufferWriter<byte> output;
        private readonly Span<byte> span;
        private int used;

        public Fields(IBufferWriter<byte> output, PushFrameKind kind, int length, int bytesBehind = 0)
        {
            this.output = output;
            span = output.GetSpan(HeadBytes + length)[..(HeadBytes + length)];
            Byte((byte)kind);
            UInt32((uint)(length + bytesBehind));
        }

        public void Byte(byte value) => span[used++] = value;

        public void UInt16(ushort value)
        {
            BinaryPrimitives.WriteUInt16BigEndian(span[used..], value);
            used += 2;
        }

        public void UInt32(uint value)
        {
            BinaryPrimitives.WriteUInt32BigEndian(span[used..], value);
            used += 4;
        }

        public void Int64(long value)
        {
            BinaryPrimitives.WriteInt64BigEndian(span[used..], value);
            used += 8;
        }

        public void Time(MediaTime time)
        {
            Int64(time.Ticks);
            UInt32(time.Timescale);
        }

        public void Clock(DateTimeOffset moment) => Int64(moment.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks);

        public void Color(ColorDescription? color)
        {
            if (color is not { } known)
                return;
            Byte(known.Primaries);
            Byte(known.Transfer);
            Byte(known.Matrix);
            Byte(known.FullRange ? (byte)1 : (byte)0);
        }

        public void Ascii(string text) => used += Encoding.ASCII.GetBytes(text, span[used..]);

        public void Bytes(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(span[used..]);
            used += bytes.Length;
        }

        public readonly void Finish()
        {
            if (used != span.Length)
                throw new InvalidOperationException($"A frame of {span.Length} bytes was written with {used}.");
            output.Advance(used);
        }
    }
}
