using System.Buffers;
using System.Buffers.Binary;

namespace Millrace.Rtmp;

/// <summary>Cuts messages into chunks (RTMP 1.0 §5.3); twin of the chunk reader. One owner, no lock.</summary>
/// <remarks>Takes the shortest header that the chunk stream's history allows. Allocates once per chunk stream.</remarks>
public sealed class ChunkWriter
{
    private const uint ExtendedMark = 0xFFFFFF;

    private readonly Dictionary<int, Header> headers = [];
    private int chunkBytes = ChunkReader.DefaultChunkBytes;

    private sealed class Header
    {
        public uint Timestamp;
        public uint Delta;
        public bool HasDelta;
        public int Length;
        public RtmpMessageType Type;
        public uint MessageStreamId;
    }

    /// <summary>
    /// Largest payload of a chunk, 1 to 16777215. The peer must learn of a change by a Set Chunk Size message before it.
    /// </summary>
    public int ChunkBytes
    {
        get => chunkBytes;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 0xFFFFFF);
            chunkBytes = value;
        }
    }

    /// <summary>
    /// Whether type 3 chunks repeat an extended timestamp, as §5.3.1.3 asks. False writes what older librtmp wrote.
    /// </summary>
    public bool RepeatExtendedTimestamp { get; init; } = true;

    /// <summary>Writes one message.</summary>
    /// <param name="output">Receives headers and payload.</param>
    /// <param name="chunkStreamId">2 to 65599.</param>
    /// <param name="type">Message type.</param>
    /// <param name="messageStreamId">0 for the connection itself.</param>
    /// <param name="timestamp">Milliseconds, modulo 2^32.</param>
    /// <param name="payload">At most 16777215 bytes.</param>
    public void Write(
        IBufferWriter<byte> output, int chunkStreamId, RtmpMessageType type, uint messageStreamId, uint timestamp,
        ReadOnlySpan<byte> payload)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentOutOfRangeException.ThrowIfLessThan(chunkStreamId, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(chunkStreamId, 65599);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, 0xFFFFFF, nameof(payload));

        var field = WriteHeader(output, chunkStreamId, type, messageStreamId, timestamp, payload.Length);
        while (payload.Length > chunkBytes)
        {
            output.Write(payload[..chunkBytes]);
            payload = payload[chunkBytes..];
            var span = output.GetSpan(7);
            var position = WriteBasicHeader(span, 3, chunkStreamId);
            if (field >= ExtendedMark && RepeatExtendedTimestamp)
            {
                BinaryPrimitives.WriteUInt32BigEndian(span[position..], field);
                position += 4;
            }
            output.Advance(position);
        }
        output.Write(payload);
    }

    private uint WriteHeader(
        IBufferWriter<byte> output, int chunkStreamId, RtmpMessageType type, uint messageStreamId, uint timestamp,
        int length)
    {
        var format = 0;
        var field = timestamp;
        var first = !headers.TryGetValue(chunkStreamId, out var last);
        if (first)
            headers[chunkStreamId] = last = new Header();
        // A step back needs a type 0; half of the range counts as back, as in serial number arithmetic.
        var delta = timestamp - last!.Timestamp;
        if (!first && last.MessageStreamId == messageStreamId && delta < 0x80000000)
        {
            field = delta;
            format = last.Type != type || last.Length != length ? 1
                : !last.HasDelta || last.Delta != delta ? 2 : 3;
        }
        // A type 3 that starts a message with an extended time is read differently by different peers.
        if (format == 3 && field >= ExtendedMark)
            format = 2;
        last.HasDelta = format != 0;
        last.Delta = delta;
        last.Timestamp = timestamp;
        last.Length = length;
        last.Type = type;
        last.MessageStreamId = messageStreamId;

        var span = output.GetSpan(ChunkReader.MaxHeaderBytes);
        var position = WriteBasicHeader(span, format, chunkStreamId);
        if (format <= 2)
        {
            UInt24(span[position..], Math.Min(field, ExtendedMark));
            position += 3;
        }
        if (format <= 1)
        {
            UInt24(span[position..], (uint)length);
            span[position + 3] = (byte)type;
            position += 4;
        }
        if (format == 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(span[position..], messageStreamId);
            position += 4;
        }
        if (field >= ExtendedMark)
        {
            BinaryPrimitives.WriteUInt32BigEndian(span[position..], field);
            position += 4;
        }
        output.Advance(position);
        return field;
    }

    private static int WriteBasicHeader(Span<byte> span, int format, int id)
    {
        var mark = (byte)(format << 6);
        switch (id)
        {
            case < 64:
                span[0] = (byte)(mark | id);
                return 1;
            case < 320:
                span[0] = mark;
                span[1] = (byte)(id - 64);
                return 2;
            default:
                span[0] = (byte)(mark | 1);
                span[1] = (byte)(id - 64);
                span[2] = (byte)((id - 64) >> 8);
                return 3;
        }
    }

    private static void UInt24(Span<byte> span, uint value)
    {
        span[0] = (byte)(value >> 16);
        span[1] = (byte)(value >> 8);
        span[2] = (byte)value;
    }
}
