using System.Buffers;
using System.Buffers.Binary;
using Millrace.Media;
using Millrace.Rtmp;

namespace Millrace.Pipeline;

/// <summary>
/// An encoder's bytes on the wire: 720p30 H.264 of 2.5 Mbit/s with a GOP of 2 s, and 48 kHz AAC. Eight seconds are the
/// shortest time that both frame rates fill; their chunk headers hold deltas only, so the same bytes go on for ever.
/// </summary>
internal sealed class EncoderLoop
{
    public const int Seconds = 8;
    private const int FrameRate = 30;
    private const int SamplesPerFrame = 1024;
    private const int SampleRate = 48000;
    private const int KeyBytes = 60_000;
    private const int InterBytes = 8_500;
    private const int AudioBytes = 340;

    /// <summary>Access units in one turn.</summary>
    public const int AccessUnits = Seconds * FrameRate + Seconds * SampleRate / SamplesPerFrame;

    private EncoderLoop(byte[] login, byte[] turn)
    {
        Login = login;
        Turn = turn;
    }

    /// <summary>Handshake, connect, publish, sequence headers and a first turn.</summary>
    public byte[] Login { get; }

    /// <summary>One turn, to be repeated.</summary>
    public byte[] Turn { get; }

    /// <summary>Lets <paramref name="publisher"/> log in at <paramref name="server"/>, and records what it would send.</summary>
    public static EncoderLoop Record(RtmpPublisher publisher, RtmpServerSession server)
    {
        publisher.Start(0);
        while (publisher.State != RtmpPublisherState.Publishing)
        {
            Demand(server.Receive(publisher.PendingOutput.Span, 0));
            publisher.ConsumeOutput(publisher.PendingOutput.Length);
            Demand(publisher.Receive(server.PendingOutput.Span));
            server.ConsumeOutput(server.PendingOutput.Length);
        }
        var first = new ArrayBufferWriter<byte>();
        var tag = new ArrayBufferWriter<byte>();
        FlvTagWriter.WriteVideo(
            tag, Codec.Avc, FlvPacketKind.SequenceStart, FlvFrameType.Key, 0,
            Convert.FromHexString("01f4001fffe1001967f4001f9196805005bb0110000003001000000303c0f1832a01000568ce0f1920fff8f800"), legacy: true);
        publisher.WriteVideo(first, 0, tag.WrittenSpan);
        tag.ResetWrittenCount();
        FlvTagWriter.WriteAudio(tag, Codec.Aac, FlvPacketKind.SequenceStart, [0x11, 0x90], legacy: true);
        publisher.WriteAudio(first, 0, tag.WrittenSpan);
        WriteTurn(publisher, first, 0);
        var turn = new ArrayBufferWriter<byte>();
        WriteTurn(publisher, turn, Seconds * 1000);
        return new EncoderLoop(first.WrittenSpan.ToArray(), turn.WrittenSpan.ToArray());
    }

    private static void WriteTurn(RtmpPublisher publisher, ArrayBufferWriter<byte> output, uint start)
    {
        var tag = new ArrayBufferWriter<byte>();
        var audio = 0;
        for (var picture = 0; picture < Seconds * FrameRate; picture++)
        {
            for (; (long)audio * SamplesPerFrame * FrameRate <= (long)picture * SampleRate; audio++)
                WriteAudio(audio);
            var isKey = picture % (2 * FrameRate) == 0;
            var unit = new byte[isKey ? KeyBytes : InterBytes];
            BinaryPrimitives.WriteInt32BigEndian(unit, unit.Length - 4);
            unit[4] = (byte)(isKey ? 0x65 : 0x41);
            tag.ResetWrittenCount();
            FlvTagWriter.WriteVideo(
                tag, Codec.Avc, FlvPacketKind.CodedFrames, isKey ? FlvFrameType.Key : FlvFrameType.Inter, 0, unit, legacy: true);
            publisher.WriteVideo(output, start + (uint)Math.Round(picture * 1000.0 / FrameRate), tag.WrittenSpan);
        }
        for (; audio < Seconds * SampleRate / SamplesPerFrame; audio++)
            WriteAudio(audio);

        void WriteAudio(int frame)
        {
            tag.ResetWrittenCount();
            FlvTagWriter.WriteAudio(tag, Codec.Aac, FlvPacketKind.CodedFrames, new byte[AudioBytes], legacy: true);
            publisher.WriteAudio(output, start + (uint)Math.Round(frame * 1000.0 * SamplesPerFrame / SampleRate), tag.WrittenSpan);
        }
    }

    private static void Demand(RtmpViolation? violation)
    {
        if (violation is not null)
            throw new InvalidOperationException(violation.ToString());
    }
}
