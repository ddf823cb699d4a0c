using System.Buffers;
using System.Buffers.Binary;

namespace Millrace.Media;

/// <summary>Writes the payloads that <see cref="FlvVideoTag"/> and <see cref="FlvAudioTag"/> read: for publishing, tests and benchmarks.</summary>
public static class FlvTagWriter
{
    /// <summary>Writes a video payload; <paramref name="legacy"/> for codec id 7 (AVC) or 12 (HEVC) instead of Enhanced RTMP.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="codec">AVC, HEVC, AV1 or VP9.</param>
    /// <param name="kind">SequenceStart, CodedFrames, SequenceEnd or Metadata (enhanced only).</param>
    /// <param name="frameType">Key for configurations.</param>
    /// <param name="compositionTime">In milliseconds, 24 bits signed; must be 0 for AV1 and VP9.</param>
    /// <param name="body">Configuration or access unit.</param>
    /// <param name="legacy">In the form of FLV 10.1.</param>
    /// <param name="nanosecondOffset">0 to 999,999; more than 0 puts a ModEx packet in front (enhanced only).</param>
    public static void WriteVideo(IBufferWriter<byte> output, Codec codec, FlvPacketKind kind, FlvFrameType frameType,
        int compositionTime, ReadOnlySpan<byte> body, bool legacy = false, int nanosecondOffset = 0)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentOutOfRangeException.ThrowIfNotEqual(compositionTime << 8 >> 8, compositionTime);
        var header = output.GetSpan(16);
        var length = 0;
        if (legacy)
        {
            header[0] = (byte)((int)frameType << 4 | (codec == Codec.Avc ? 7 : 12));
            header[1] = kind switch
            {
                FlvPacketKind.SequenceStart => 0,
                FlvPacketKind.CodedFrames => 1,
                FlvPacketKind.SequenceEnd => 2,
                _ => throw new ArgumentOutOfRangeException(nameof(kind)),
            };
            WriteInt24(header[2..], compositionTime);
            length = 5;
        }
        else
        {
            var withTime = kind == FlvPacketKind.CodedFrames && compositionTime != 0;
            var packetType = kind switch
            {
                FlvPacketKind.SequenceStart => 0,
                FlvPacketKind.CodedFrames when withTime || codec is Codec.Av1 or Codec.Vp9 => 1,
                FlvPacketKind.CodedFrames => 3,
                FlvPacketKind.SequenceEnd => 2,
                FlvPacketKind.Metadata => 4,
                _ => throw new ArgumentOutOfRangeException(nameof(kind)),
            };
            length = WriteExHeader(header, 0x80 | (int)frameType << 4, packetType, nanosecondOffset, codec);
            if (withTime)
            {
                WriteInt24(header[length..], compositionTime);
                length += 3;
            }
        }
        output.Advance(length);
        output.Write(body);
    }

    /// <summary>Writes an audio payload; <paramref name="legacy"/> for sound format 10 (AAC) or 2 (MP3) instead of Enhanced RTMP.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="codec">Any audio codec.</param>
    /// <param name="kind">SequenceStart, CodedFrames, SequenceEnd (enhanced only) or MultichannelConfig (enhanced only).</param>
    /// <param name="body">Configuration or frame.</param>
    /// <param name="legacy">In the form of FLV 10.1.</param>
    /// <param name="nanosecondOffset">0 to 999,999; more than 0 puts a ModEx packet in front (enhanced only).</param>
    public static void WriteAudio(IBufferWriter<byte> output, Codec codec, FlvPacketKind kind, ReadOnlySpan<byte> body,
        bool legacy = false, int nanosecondOffset = 0)
    {
        ArgumentNullException.ThrowIfNull(output);
        var header = output.GetSpan(16);
        int length;
        if (legacy)
        {
            header[0] = codec == Codec.Aac ? (byte)0xAF : (byte)0x2F;
            header[1] = kind == FlvPacketKind.SequenceStart ? (byte)0 : (byte)1;
            length = codec == Codec.Aac ? 2 : 1;
        }
        else
        {
            var packetType = kind switch
            {
                FlvPacketKind.SequenceStart => 0,
                FlvPacketKind.CodedFrames => 1,
                FlvPacketKind.SequenceEnd => 2,
                FlvPacketKind.MultichannelConfig => 4,
                _ => throw new ArgumentOutOfRangeException(nameof(kind)),
            };
            length = WriteExHeader(header, 0x90, packetType, nanosecondOffset, codec);
        }
        output.Advance(length);
        output.Write(body);
    }

    private static int WriteExHeader(Span<byte> header, int first, int packetType, int nanosecondOffset, Codec codec)
    {
        var length = 0;
        if (nanosecondOffset > 0)
        {
            header[length++] = (byte)(first | 7);
            header[length++] = 2;
            WriteInt24(header[length..], nanosecondOffset);
            length += 3;
            header[length++] = (byte)packetType;
        }
        else
        {
            header[length++] = (byte)(first | packetType);
        }
        BinaryPrimitives.WriteUInt32BigEndian(header[length..], FlvFourCc.Of(codec));
        return length + 4;
    }

    private static void WriteInt24(Span<byte> output, int value)
    {
        output[0] = (byte)(value >> 16);
        output[1] = (byte)(value >> 8);
        output[2] = (byte)value;
    }
}
