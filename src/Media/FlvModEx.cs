using System.Buffers.Binary;

namespace Millrace.Media;

/// <summary>What audio and video headers of Enhanced RTMP v2 have in common: ModEx packets and track headers.</summary>
internal static class FlvModEx
{
    private const byte ModEx = 7;

    /// <summary>
    /// Skips the ModEx packets from <paramref name="position"/> on, while <paramref name="packetType"/> says that one
    /// follows, and leaves the type of the packet behind them there.
    /// </summary>
    /// <remarks><code>| size−1:8 [255 → size−1:16] | data… | modExType:4 | packetType:4 |</code></remarks>
    public static bool TrySkip(ReadOnlySpan<byte> payload, int start, ref byte packetType, out int position,
        out int nanoseconds, out FlvFault fault)
    {
        position = start;
        nanoseconds = 0;
        fault = default;
        for (var count = 0; packetType == ModEx; count++)
        {
            if (count == FlvVideoTag.MaxModEx)
            {
                fault = FlvFault.Malformed("too many ModEx packets");
                return false;
            }
            if (payload.Length - position < 1)
                return Truncated(out fault);
            var size = payload[position++] + 1;
            if (size == 256)
            {
                if (payload.Length - position < 2)
                    return Truncated(out fault);
                size = BinaryPrimitives.ReadUInt16BigEndian(payload[position..]) + 1;
                position += 2;
            }
            if (payload.Length - position < size + 1)
                return Truncated(out fault);
            var data = payload.Slice(position, size);
            position += size;
            var types = payload[position++];
            packetType = (byte)(types & 15);
            // Other modifiers are left out, as the specification asks of what one does not know.
            if (types >> 4 != 0)
                continue;
            if (size < 3)
            {
                fault = FlvFault.Malformed("nanosecond offset of fewer than three bytes");
                return false;
            }
            nanoseconds = data[0] << 16 | data[1] << 8 | data[2];
            if (nanoseconds > 999_999)
            {
                fault = FlvFault.Malformed("nanosecond offset of a millisecond or more");
                return false;
            }
        }
        return true;

        static bool Truncated(out FlvFault fault)
        {
            fault = FlvFault.Truncated("tag ends inside a ModEx packet");
            return false;
        }
    }

    /// <summary>Reads <c>| multitrackType:4 | packetType:4 |</c>.</summary>
    public static bool TryReadMultitrack(ReadOnlySpan<byte> payload, ref int position, out FlvMultitrack multitrack,
        out byte packetType, out FlvFault fault)
    {
        multitrack = default;
        packetType = 0;
        fault = default;
        if (position >= payload.Length)
        {
            fault = FlvFault.Truncated("tag ends before its multitrack type");
            return false;
        }
        var types = payload[position++];
        packetType = (byte)(types & 15);
        if (types >> 4 > 2)
        {
            fault = FlvFault.Packet("reserved multitrack type");
            return false;
        }
        multitrack = FlvMultitrack.OneTrack + (types >> 4);
        return true;
    }

    /// <summary>Reads <c>[fourCc:32] | trackId:8 | [size:24]</c>; a length without size goes to the payload's end.</summary>
    public static bool TryReadTrackHeader(ReadOnlySpan<byte> payload, ref int position, FlvMultitrack multitrack,
        out uint fourCc, out byte trackId, out int length, out FlvFault fault)
    {
        fourCc = 0;
        trackId = 0;
        length = 0;
        fault = default;
        var manyCodecs = multitrack == FlvMultitrack.ManyTracksManyCodecs;
        var header = (manyCodecs ? 4 : 0) + 1 + (multitrack == FlvMultitrack.OneTrack ? 0 : 3);
        if (payload.Length - position < header)
        {
            fault = FlvFault.Truncated("tag ends inside a track's header");
            return false;
        }
        if (manyCodecs)
        {
            fourCc = BinaryPrimitives.ReadUInt32BigEndian(payload[position..]);
            position += 4;
        }
        trackId = payload[position++];
        if (multitrack == FlvMultitrack.OneTrack)
        {
            length = payload.Length - position;
            return true;
        }
        length = payload[position] << 16 | payload[position + 1] << 8 | payload[position + 2];
        position += 3;
        if (length > payload.Length - position)
        {
            fault = FlvFault.Truncated("a track is longer than its tag");
            return false;
        }
        return true;
    }
}
