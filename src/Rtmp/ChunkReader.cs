using System.Buffers;
using System.Buffers.Binary;
using Millrace.Core;

namespace Millrace.Rtmp;

/// <summary>Puts messages together from chunks (RTMP 1.0 §5.3).</summary>
/// <remarks>
/// <para>Takes all input it is given. Between two calls it keeps at most one partial header (18 bytes) and the messages
/// under way; a payload is copied once, from the input to the buffer of its final size.</para>
/// <para>Memory: audio and video take native memory of the declared length, which the system backs as bytes arrive;
/// other messages take an array that grows with what arrived. The sum of what is declared has a limit.</para>
/// </remarks>
internal sealed class ChunkReader : IDisposable
{
    /// <summary>Basic header 3, message header 11, extended timestamp 4.</summary>
    public const int MaxHeaderBytes = 18;

    /// <summary>Chunk size until the peer sets another (§5.4.1).</summary>
    public const int DefaultChunkBytes = 128;

    /// <summary>
    /// Largest time in a type 0 header that a following type 3 may mean as its delta, in milliseconds. The specification
    /// (§5.3.1.2.4) and ffmpeg take the type 0's time as delta, librtmp, GStreamer and nginx-rtmp take 0. The first only
    /// happens to senders whose first timestamp equals a frame's duration, so a longer time means 0.
    /// </summary>
    private const uint MaxImpliedDeltaMilliseconds = 250;

    private const uint ExtendedMark = 0xFFFFFF;

    private readonly RtmpLimits limits;
    private readonly MediaArena? arena;
    private readonly ChunkStream?[] near = new ChunkStream?[64];
    private readonly byte[] partialHeader = new byte[MaxHeaderBytes];
    private Dictionary<int, ChunkStream>? far;
    private int streamCount;
    private int partialLength;

    // Bytes taken for a header that were none: they come before the input. At the end of the array.
    private readonly byte[] held = new byte[3];
    private int heldStart;
    private int heldLength;

    private int chunkBytes = DefaultChunkBytes;
    private long unfinishedBytes;

    // The chunk whose payload is being read: null between two chunks.
    private ChunkStream? current;
    private int chunkLeft;

    /// <param name="limits">What the peer may declare.</param>
    /// <param name="arena">Where media goes; null drops it.</param>
    public ChunkReader(RtmpLimits limits, MediaArena? arena)
    {
        this.limits = limits;
        this.arena = arena;
    }

    /// <summary>Whether audio and video that start from now on are kept. Needs an arena.</summary>
    public bool KeepMedia { get; set; }

    /// <summary>The breach that ended reading, if one did.</summary>
    public RtmpViolation? Violation { get; private set; }

    /// <summary>Bytes declared by the messages under way that take memory.</summary>
    public long UnfinishedBytes => unfinishedBytes;

    /// <summary>
    /// Reads up to the end of the next message and advances <paramref name="input"/> past what it took. Done: a message,
    /// and perhaps more input. NeedMoreData: all input is taken. InvalidData: <see cref="Violation"/> says why.
    /// </summary>
    public OperationStatus Read(scoped ref ReadOnlySpan<byte> input, out ChunkMessage message)
    {
        while (true)
        {
            OperationStatus status;
            if (heldLength == 0)
            {
                status = ReadFrom(ref input, out message);
                if (heldLength > 0)
                    continue;
                return status;
            }
            ReadOnlySpan<byte> rest = held.AsSpan(heldStart, heldLength);
            heldLength = 0;
            status = ReadFrom(ref rest, out message);
            heldStart = held.Length - rest.Length;
            heldLength = rest.Length;
            if (status != OperationStatus.NeedMoreData)
                return status;
        }
    }

    /// <summary>Reads up to the end of the next message, or until bytes are held that come before the input.</summary>
    private OperationStatus ReadFrom(scoped ref ReadOnlySpan<byte> input, out ChunkMessage message)
    {
        message = default;
        if (Violation is not null)
            return OperationStatus.InvalidData;
        while (true)
        {
            if (current is null)
            {
                var status = ReadHeader(ref input);
                if (status != OperationStatus.Done)
                    return status;
                if (heldLength > 0)
                    return OperationStatus.NeedMoreData;
            }
            var stream = current!;
            if (stream.Target == ChunkTarget.Control && chunkLeft == stream.Length && input.Length >= chunkLeft)
            {
                // Whole in one chunk and in the input: nothing to copy.
                message = Finish(stream, input[..chunkLeft]);
                input = input[chunkLeft..];
                return OperationStatus.Done;
            }
            if (!Fill(stream, ref input))
                return OperationStatus.NeedMoreData;
            if (stream.Filled == stream.Length)
            {
                message = Finish(stream, stream.Control.AsSpan(0, stream.Target == ChunkTarget.Control ? stream.Length : 0));
                return OperationStatus.Done;
            }
            current = null;
        }
    }

    /// <summary>Sets the chunk size that the peer announced (§5.4.1).</summary>
    public bool SetChunkSize(uint bytes)
    {
        if (bytes == 0 || bytes > limits.MaxChunkBytes)
        {
            return Fail(RtmpFault.ChunkSize, "RTMP 1.0 §5.4.1",
                $"chunk size {bytes} is not within 1 to {limits.MaxChunkBytes}");
        }
        chunkBytes = (int)bytes;
        return true;
    }

    /// <summary>Forgets the message under way on a chunk stream (§5.4.2).</summary>
    public void Abort(uint chunkStreamId)
    {
        var stream = chunkStreamId < 64
            ? near[chunkStreamId]
            : far?.GetValueOrDefault((int)Math.Min(chunkStreamId, int.MaxValue));
        if (stream is { InMessage: true })
            Drop(stream);
    }

    /// <summary>Gives back the memory of messages under way.</summary>
    public void Dispose()
    {
        foreach (var stream in near)
            stream?.Drop();
        foreach (var stream in far?.Values ?? Enumerable.Empty<ChunkStream>())
            stream.Drop();
        unfinishedBytes = 0;
        current = null;
        Violation ??= new RtmpViolation(RtmpFault.ChunkHeader, "", "the reader is closed");
    }

    private ChunkMessage Finish(ChunkStream stream, ReadOnlySpan<byte> payload)
    {
        var message = new ChunkMessage
        {
            Type = stream.Type,
            Timestamp = stream.Timestamp,
            MessageStreamId = stream.MessageStreamId,
            Length = stream.Length,
            Media = stream.Media,
            Payload = payload,
        };
        if (stream.Target != ChunkTarget.None)
            unfinishedBytes -= stream.Length;
        stream.Clear();
        current = null;
        return message;
    }

    private void Drop(ChunkStream stream)
    {
        if (stream.Target != ChunkTarget.None)
            unfinishedBytes -= stream.Length;
        stream.Drop();
    }

    /// <summary>Copies payload to the end of the chunk, and of those behind it while they continue the same message.</summary>
    private bool Fill(ChunkStream stream, scoped ref ReadOnlySpan<byte> input)
    {
        var target = stream.Target switch
        {
            ChunkTarget.Media => stream.Writable.Span,
            ChunkTarget.Control => Grow(stream, input.Length),
            _ => default,
        };
        // The one-byte header of a type 3 chunk on this chunk stream; -1 when it may have an extended timestamp.
        var continuation = stream.Id < 64 && !stream.Extended ? 0xC0 | stream.Id : -1;
        var source = input;
        var filled = stream.Filled;
        var left = chunkLeft;
        while (true)
        {
            var count = Math.Min(left, source.Length);
            if (!target.IsEmpty)
                source[..count].CopyTo(target[filled..]);
            source = source[count..];
            filled += count;
            left -= count;
            if (left > 0 || filled == stream.Length || source.IsEmpty || source[0] != continuation)
                break;
            source = source[1..];
            left = Math.Min(chunkBytes, stream.Length - filled);
        }
        input = source;
        stream.Filled = filled;
        chunkLeft = left;
        return left == 0;
    }

    private static Span<byte> Grow(ChunkStream stream, int available)
    {
        var needed = (int)Math.Min(stream.Length, (long)stream.Filled + available);
        if (stream.Control.Length < needed)
            Array.Resize(ref stream.Control, Math.Min(stream.Length, Math.Max(needed, 2 * stream.Control.Length)));
        return stream.Control;
    }

    private OperationStatus ReadHeader(scoped ref ReadOnlySpan<byte> input)
    {
        if (partialLength == 0)
        {
            var status = ReadHeader(input, out var consumed);
            if (status == OperationStatus.NeedMoreData)
            {
                input.CopyTo(partialHeader);
                partialLength = input.Length;
                input = default;
            }
            else
            {
                input = input[consumed..];
            }
            return status;
        }
        var added = Math.Min(input.Length, MaxHeaderBytes - partialLength);
        input[..added].CopyTo(partialHeader.AsSpan(partialLength));
        var result = ReadHeader(partialHeader.AsSpan(0, partialLength + added), out var used);
        if (result == OperationStatus.NeedMoreData)
        {
            partialLength += added;
            input = input[added..];
            return result;
        }
        if (result == OperationStatus.Done)
        {
            // What looked like the start of a repeated extended timestamp was payload, and perhaps the next header.
            if (used < partialLength)
                Hold(partialHeader.AsSpan(used, partialLength - used));
            else
                input = input[(used - partialLength)..];
        }
        partialLength = 0;
        return result;
    }

    private void Hold(ReadOnlySpan<byte> bytes)
    {
        heldLength = bytes.Length;
        heldStart = held.Length - bytes.Length;
        bytes.CopyTo(held.AsSpan(heldStart));
    }

    //  0 1 2 3 4 5 6 7
    // +-+-+-+-+-+-+-+-+   fmt 0: timestamp 3, length 3, type 1, message stream id 4 (little endian)
    // |fmt|  cs id    |   fmt 1: delta 3, length 3, type 1
    // +-+-+-+-+-+-+-+-+   fmt 2: delta 3
    // cs id 0: one more byte, 64 + it; 1: two more bytes, 64 + first + 256 * second (§5.3.1.1).
    // A 3-byte time of 0xFFFFFF: four more bytes hold it (§5.3.1.3).
    private OperationStatus ReadHeader(ReadOnlySpan<byte> header, out int consumed)
    {
        consumed = 0;
        if (header.IsEmpty)
            return OperationStatus.NeedMoreData;
        var format = header[0] >> 6;
        var id = header[0] & 63;
        var position = 1;
        if (id < 2)
        {
            position = id + 2;
            if (header.Length < position)
                return OperationStatus.NeedMoreData;
            id = id == 0 ? 64 + header[1] : 64 + header[1] + (header[2] << 8);
        }
        var stream = id < 64 ? near[id] : far?.GetValueOrDefault(id);
        return format == 3
            ? ReadType3(header, position, stream, out consumed)
            : ReadTypes0To2(header, position, format, id, stream, out consumed);
    }

    private OperationStatus ReadTypes0To2(
        ReadOnlySpan<byte> header, int position, int format, int id, ChunkStream? stream, out int consumed)
    {
        consumed = 0;
        if (stream is { InMessage: true })
            return Invalid("§5.3.1.2.4", $"a type {format} chunk header stands inside a message");
        // librtmp opens chunk streams with type 1; the missing message stream id is 0 then.
        if (stream is null && format == 2)
            return Invalid("§5.3.1.2.3", "the first chunk of a chunk stream is of type 2");
        var end = position + (format == 0 ? 11 : format == 1 ? 7 : 3);
        if (header.Length < end)
            return OperationStatus.NeedMoreData;
        var field = UInt24(header[position..]);
        var extended = field == ExtendedMark;
        if (extended)
        {
            if (header.Length < end + 4)
                return OperationStatus.NeedMoreData;
            field = BinaryPrimitives.ReadUInt32BigEndian(header[end..]);
        }
        if (stream is null && (stream = Add(id)) is null)
            return OperationStatus.InvalidData;
        if (format <= 1)
        {
            stream.Length = (int)UInt24(header[(position + 3)..]);
            stream.Type = (RtmpMessageType)header[position + 6];
        }
        if (format == 0)
        {
            stream.MessageStreamId = BinaryPrimitives.ReadUInt32LittleEndian(header[(position + 7)..]);
            stream.Timestamp = field;
        }
        else
        {
            stream.Timestamp += field;
        }
        stream.TimestampField = field;
        stream.FieldIsAbsolute = format == 0;
        stream.Extended = extended;
        consumed = extended ? end + 4 : end;
        return Begin(stream);
    }

    private OperationStatus ReadType3(ReadOnlySpan<byte> header, int position, ChunkStream? stream, out int consumed)
    {
        consumed = 0;
        if (stream is null)
            return Invalid("§5.3.1.2.4", "the first chunk of a chunk stream is of type 3");
        if (stream.Extended && stream.Repeat != ExtendedRepeat.No)
        {
            var repeat = RepeatsExtended(header[position..], stream);
            if (repeat == ExtendedRepeat.Unknown)
                return OperationStatus.NeedMoreData;
            stream.Repeat = repeat;
            if (repeat == ExtendedRepeat.Yes)
                position += 4;
        }
        consumed = position;
        if (stream.InMessage)
        {
            current = stream;
            chunkLeft = Math.Min(chunkBytes, stream.Length - stream.Filled);
            return OperationStatus.Done;
        }
        stream.Timestamp += ImpliedDelta(stream);
        return Begin(stream);
    }

    private static uint ImpliedDelta(ChunkStream stream) =>
        !stream.FieldIsAbsolute || stream.TimestampField <= MaxImpliedDeltaMilliseconds ? stream.TimestampField : 0;

    /// <summary>
    /// Compares what follows a type 3 header with the time that a repeating sender would have put there: the last time
    /// field (ffmpeg, OBS, GStreamer) or the message's time. Unknown: the bytes at hand fit but are too few.
    /// </summary>
    private static ExtendedRepeat RepeatsExtended(ReadOnlySpan<byte> next, ChunkStream stream)
    {
        var count = Math.Min(next.Length, 4);
        if (stream.Repeat == ExtendedRepeat.Unknown)
        {
            var time = stream.InMessage ? stream.Timestamp : stream.Timestamp + ImpliedDelta(stream);
            Span<byte> field = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(field, stream.TimestampField);
            Span<byte> absolute = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(absolute, time);
            if (!next[..count].SequenceEqual(field[..count]) && !next[..count].SequenceEqual(absolute[..count]))
                return ExtendedRepeat.No;
        }
        return count < 4 ? ExtendedRepeat.Unknown : ExtendedRepeat.Yes;
    }

    private OperationStatus Begin(ChunkStream stream)
    {
        var media = ChunkMessage.IsMedia(stream.Type);
        var limit = media ? limits.MaxMediaMessageBytes : limits.MaxControlMessageBytes;
        if (stream.Length > limit)
        {
            Fail(RtmpFault.MessageLength,
                media ? nameof(limits.MaxMediaMessageBytes) : nameof(limits.MaxControlMessageBytes),
                $"a message of type {(byte)stream.Type} declares {stream.Length} bytes, {limit} are allowed");
            return OperationStatus.InvalidData;
        }
        stream.InMessage = true;
        stream.Filled = 0;
        stream.Target = !media ? ChunkTarget.Control
            : KeepMedia && arena is not null && stream.Length > 0 ? ChunkTarget.Media : ChunkTarget.None;
        if (stream.Target != ChunkTarget.None)
        {
            if (unfinishedBytes + stream.Length > limits.MaxUnfinishedBytes)
            {
                stream.Clear();
                Fail(RtmpFault.UnfinishedMessages, nameof(limits.MaxUnfinishedBytes),
                    $"unfinished messages declare more than {limits.MaxUnfinishedBytes} bytes");
                return OperationStatus.InvalidData;
            }
            unfinishedBytes += stream.Length;
            if (stream.Target == ChunkTarget.Media)
                stream.Media = arena!.Allocate(stream.Length, out stream.Writable);
        }
        current = stream;
        chunkLeft = Math.Min(chunkBytes, stream.Length);
        return OperationStatus.Done;
    }

    private ChunkStream? Add(int id)
    {
        if (streamCount >= limits.MaxChunkStreams)
        {
            Fail(RtmpFault.ChunkStreams, nameof(limits.MaxChunkStreams),
                $"more than {limits.MaxChunkStreams} chunk streams are in use");
            return null;
        }
        streamCount++;
        var stream = new ChunkStream(id);
        if (id < 64)
            near[id] = stream;
        else
            (far ??= [])[id] = stream;
        return stream;
    }

    private static uint UInt24(ReadOnlySpan<byte> bytes) => (uint)((bytes[0] << 16) | (bytes[1] << 8) | bytes[2]);

    private OperationStatus Invalid(string clause, string text)
    {
        Fail(RtmpFault.ChunkHeader, $"RTMP 1.0 {clause}", text);
        return OperationStatus.InvalidData;
    }

    private bool Fail(RtmpFault fault, string clause, string text)
    {
        Violation ??= new RtmpViolation(fault, clause, text);
        return false;
    }
}
