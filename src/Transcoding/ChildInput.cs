using System.Buffers;
using Millrace.Cmaf;
using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>Writes access units as the fragmented MP4 that a child reads: one fragment a unit, for nothing may wait. One thread.</summary>
internal sealed class ChildInput
{
    private readonly Stream stream;
    private readonly TrackFormat[] formats;
    private readonly ArrayBufferWriter<byte> header = new(1024);
    private readonly long[] lastDecodeTime;
    private readonly uint[] lastDuration;
    private readonly int[] shift;
    private uint sequenceNumber;

    /// <param name="stream">The child's standard input. The caller disposes it.</param>
    /// <param name="formats">The tracks: video first, when both are wanted.</param>
    public ChildInput(Stream stream, params TrackFormat[] formats)
    {
        this.stream = stream;
        this.formats = formats;
        lastDecodeTime = new long[formats.Length];
        lastDuration = new uint[formats.Length];
        shift = [.. formats.Select(format => format.Kind == MediaKind.Video ? (int)format.Timescale / 2 : 0)];
        Array.Fill(lastDecodeTime, -1);
    }

    /// <summary>Writes <c>ftyp</c> and <c>moov</c>. Blocks as long as the pipe is full.</summary>
    public void WriteFormats()
    {
        header.ResetWrittenCount();
        InitSegmentWriter.Write(header, formats);
        stream.Write(header.WrittenSpan);
        stream.Flush();
    }

    /// <summary>Writes one access unit; its payload stays the caller's. Blocks as long as the pipe is full. False when there is no such track.</summary>
    public bool TryWrite(MediaKind kind, in AccessUnit unit)
    {
        var track = Array.FindIndex(formats, format => format.Kind == kind);
        if (track < 0)
            return false;
        // Only the next unit tells how long a picture lasts; the distance to the one before is a fair guess, and none is needed.
        var last = lastDecodeTime[track];
        if (last >= 0 && unit.DecodeTime > last)
            lastDuration[track] = (uint)Math.Min(unit.DecodeTime - last, formats[track].Timescale);
        lastDecodeTime[track] = unit.DecodeTime;
        var duration = unit.Duration != 0 ? unit.Duration : lastDuration[track] != 0 ? lastDuration[track] : formats[track].Timescale / 30;

        // ffmpeg 5.1 shifts presentation times when it meets a negative offset in a fragment; so decoding is said to be half a
        // second earlier than it is, and offsets are positive. A decoder looks at neither.
        shift[track] = Math.Max(shift[track], -unit.CompositionOffset);
        var decodeTime = Math.Max(0, unit.DecodeTime + FfmpegArguments.LeadSeconds * formats[track].Timescale - shift[track]);
        Span<Sample> sample = [new Sample(unit.Payload.Length, duration, unit.CompositionOffset + shift[track], unit.IsRandomAccess)];
        header.ResetWrittenCount();
        ChunkHeaderWriter.Write(header, new ChunkHeader(++sequenceNumber, decodeTime, false, 0, (uint)track + InitSegmentWriter.TrackId), sample);
        stream.Write(header.WrittenSpan);
        stream.Write(unit.Payload.Span);
        stream.Flush();
        return true;
    }
}
