using System.Buffers.Binary;

namespace Millrace.Media;

/// <summary>
/// The header of one RTMP video message (an FLV video tag), legacy or Enhanced RTMP v2. It refers to the payload by
/// offsets, so that the body can be shared without a copy.
/// </summary>
public readonly record struct FlvVideoTag
{
    /// <summary>Most ModEx packets in front of one tag; one is in use (TimestampOffsetNano).</summary>
    internal const int MaxModEx = 16;

    private readonly bool sharesCodec;
    private readonly byte packetType;

    private FlvVideoTag(FlvPacketKind kind, FlvFrameType frameType, byte packetType, Codec codec, int nanosecondOffset,
        FlvMultitrack multitrack, byte trackId, int bodyOffset, int bodyLength, int compositionTime, bool sharesCodec)
    {
        Kind = kind;
        FrameType = frameType;
        this.packetType = packetType;
        Codec = codec;
        NanosecondOffset = nanosecondOffset;
        Multitrack = multitrack;
        TrackId = trackId;
        BodyOffset = bodyOffset;
        BodyLength = bodyLength;
        CompositionTimeMilliseconds = compositionTime;
        this.sharesCodec = sharesCodec;
    }

    /// <summary>What the body is; the same for every track of a multitrack tag.</summary>
    public FlvPacketKind Kind { get; }

    /// <summary>The publisher's word on the frame. Meaningless for <see cref="FlvPacketKind.Metadata"/>.</summary>
    public FlvFrameType FrameType { get; }

    /// <summary>The codec. Meaningless for Empty and Command, and for ManyTracksManyCodecs before a track is chosen.</summary>
    public Codec Codec { get; }

    /// <summary>Presentation minus decode time in milliseconds, −8388608 to 8388607; 0 where the packet has none.</summary>
    public int CompositionTimeMilliseconds { get; }

    /// <summary>Nanoseconds to add to the message's timestamp for presentation, 0 to 999,999 (ModEx TimestampOffsetNano).</summary>
    public int NanosecondOffset { get; }

    /// <summary>How tracks share this tag. Anything but None: choose with <see cref="TryGetTrack"/> or <see cref="Tracks"/>.</summary>
    public FlvMultitrack Multitrack { get; }

    /// <summary>The track; 0 is the default one.</summary>
    public byte TrackId { get; }

    /// <summary>First byte of the body in the payload.</summary>
    public int BodyOffset { get; }

    /// <summary>Bytes of the body: the configuration, the access unit, or AMF; of a multitrack tag all its tracks.</summary>
    public int BodyLength { get; }

    /// <summary>Reads a video message's payload. On false <paramref name="fault"/> says why, and the tag is empty.</summary>
    /// <remarks>
    /// <code>
    /// legacy    | 0 | frameType:3 | codecId:4 |  packetType:8 | compositionTime:24 | body     (FLV 10.1 §E.4.3)
    /// enhanced  | 1 | frameType:3 | packetType:4 |  ModEx…  | fourCc:32 | [compositionTime:24] | body
    /// </code>
    /// Codec id 12 with the layout of AVC is HEVC, as encoders sent it before Enhanced RTMP had a word for it.
    /// All tracks of a multitrack tag are checked here, so enumerating them cannot fail.
    /// </remarks>
    public static bool TryRead(ReadOnlySpan<byte> payload, out FlvVideoTag tag, out FlvFault fault)
    {
        tag = default;
        fault = default;
        if (payload.IsEmpty)
            return true;
        return (payload[0] & 0x80) == 0
            ? TryReadLegacy(payload, out tag, out fault)
            : TryReadEnhanced(payload, out tag, out fault);
    }

    /// <summary>The tracks of a multitrack tag, in order; of any other tag the tag itself. Tracks of unknown codecs are left out.</summary>
    /// <param name="payload">The payload that the tag was read from.</param>
    public FlvVideoTracks Tracks(ReadOnlySpan<byte> payload) => new(this, payload);

    /// <summary>Takes the tag of one track out of a multitrack tag; of any other tag the tag itself when its track is asked for.</summary>
    public bool TryGetTrack(ReadOnlySpan<byte> payload, byte trackId, out FlvVideoTag track)
    {
        foreach (var candidate in Tracks(payload))
        {
            if (candidate.TrackId == trackId)
            {
                track = candidate;
                return true;
            }
        }
        track = default;
        return false;
    }

    private static FlvFrameType FrameTypeOf(int bits) => bits is >= 1 and <= 5 ? (FlvFrameType)bits : FlvFrameType.None;

    private static bool TryReadLegacy(ReadOnlySpan<byte> payload, out FlvVideoTag tag, out FlvFault fault)
    {
        tag = default;
        fault = default;
        var frameType = FrameTypeOf(payload[0] >> 4);
        if (frameType == FlvFrameType.Command)
        {
            tag = new(FlvPacketKind.Command, frameType, 0, default, 0, FlvMultitrack.None, 0, 1, payload.Length - 1, 0, true);
            return true;
        }
        Codec codec;
        switch (payload[0] & 15)
        {
            case 7:
                codec = Codec.Avc;
                break;
            case 12:
                codec = Codec.Hevc;
                break;
            case var id:
                fault = FlvFault.Codec(LegacyName(id));
                return false;
        }
        if (payload.Length < 2)
        {
            fault = FlvFault.Truncated("video tag ends before its packet type");
            return false;
        }
        // Encoders end a sequence with two bytes or with five.
        if (payload[1] == 2)
        {
            tag = new(FlvPacketKind.SequenceEnd, frameType, 2, codec, 0, FlvMultitrack.None, 0, payload.Length, 0, 0, true);
            return true;
        }
        if (payload.Length < 5)
        {
            fault = FlvFault.Truncated("video tag ends before its composition time");
            return false;
        }
        if (payload[1] > 1)
        {
            fault = FlvFault.Packet("video packet type beyond 2");
            return false;
        }
        var isConfiguration = payload[1] == 0;
        tag = new(isConfiguration ? FlvPacketKind.SequenceStart : FlvPacketKind.CodedFrames, frameType, payload[1], codec, 0,
            FlvMultitrack.None, 0, 5, payload.Length - 5, isConfiguration ? 0 : ReadInt24(payload[2..]), true);
        return true;
    }

    private static bool TryReadEnhanced(ReadOnlySpan<byte> payload, out FlvVideoTag tag, out FlvFault fault)
    {
        tag = default;
        fault = default;
        var frameType = FrameTypeOf((payload[0] >> 4) & 7);
        var packetType = (byte)(payload[0] & 15);
        if (!FlvModEx.TrySkip(payload, 1, ref packetType, out var position, out var nanoseconds, out fault))
            return false;
        if (packetType != 4 && frameType == FlvFrameType.Command)
        {
            tag = new(FlvPacketKind.Command, frameType, packetType, default, nanoseconds, FlvMultitrack.None, 0,
                position, payload.Length - position, 0, true);
            return true;
        }

        var multitrack = FlvMultitrack.None;
        if (packetType == 6
            && !FlvModEx.TryReadMultitrack(payload, ref position, out multitrack, out packetType, out fault))
        {
            return false;
        }
        FlvPacketKind kind;
        switch (packetType)
        {
            case 0:
                kind = FlvPacketKind.SequenceStart;
                break;
            case 1 or 3:
                kind = FlvPacketKind.CodedFrames;
                break;
            case 2:
                kind = FlvPacketKind.SequenceEnd;
                break;
            case 4:
                kind = FlvPacketKind.Metadata;
                break;
            case 5:
                fault = FlvFault.Packet("MPEG-2 TS sequence start");
                return false;
            default:
                fault = FlvFault.Packet("reserved or nested video packet type");
                return false;
        }

        if (multitrack == FlvMultitrack.ManyTracksManyCodecs)
        {
            tag = new(kind, frameType, packetType, default, nanoseconds, multitrack, 0, position, payload.Length - position, 0, false);
            return CheckTracks(payload, ref tag, out fault);
        }
        if (payload.Length - position < 4)
        {
            fault = FlvFault.Truncated("video tag ends before its codec");
            return false;
        }
        var fourCc = BinaryPrimitives.ReadUInt32BigEndian(payload[position..]);
        if (!FlvFourCc.TryVideo(fourCc, out var codec))
        {
            fault = FlvFault.Codec(FlvFourCc.Name(fourCc));
            return false;
        }
        position += 4;
        tag = new(kind, frameType, packetType, codec, nanoseconds, multitrack, 0, position, payload.Length - position, 0, true);
        if (multitrack != FlvMultitrack.None)
            return CheckTracks(payload, ref tag, out fault);
        return tag.TryWithBody(payload, codec, 0, position, payload.Length - position, out tag, out fault);
    }

    private static bool CheckTracks(ReadOnlySpan<byte> payload, ref FlvVideoTag tag, out FlvFault fault)
    {
        var position = tag.BodyOffset;
        do
        {
            if (!tag.TryReadTrack(payload, ref position, out _, out var trackId, out fault)
                && (fault.Kind != FlvFaultKind.UnsupportedCodec || trackId == 0))
            {
                tag = default;
                return false;
            }
        }
        while (position < payload.Length);
        fault = default;
        return true;
    }

    /// <summary>Reads the track at <paramref name="position"/> and advances behind it, also when only its codec is unknown.</summary>
    internal bool TryReadTrack(ReadOnlySpan<byte> payload, ref int position, out FlvVideoTag track, out byte trackId, out FlvFault fault)
    {
        track = default;
        if (!FlvModEx.TryReadTrackHeader(payload, ref position, Multitrack, out var fourCc, out trackId, out var length, out fault))
            return false;
        var start = position;
        position += length;
        var codec = Codec;
        if (!sharesCodec && !FlvFourCc.TryVideo(fourCc, out codec))
        {
            fault = FlvFault.Codec(FlvFourCc.Name(fourCc));
            return false;
        }
        return TryWithBody(payload, codec, trackId, start, length, out track, out fault);
    }

    private bool TryWithBody(ReadOnlySpan<byte> payload, Codec codec, byte trackId, int start, int length, out FlvVideoTag tag, out FlvFault fault)
    {
        fault = default;
        var compositionTime = 0;
        // Only AVC and HEVC have pictures out of order that their own headers don't time.
        if (packetType == 1 && (codec is Codec.Avc or Codec.Hevc))
        {
            if (length < 3)
            {
                tag = default;
                fault = FlvFault.Truncated("video tag ends before its composition time");
                return false;
            }
            compositionTime = ReadInt24(payload[start..]);
            start += 3;
            length -= 3;
        }
        if (Kind == FlvPacketKind.SequenceEnd)
            length = 0;
        tag = new(Kind, FrameType, packetType, codec, NanosecondOffset, FlvMultitrack.None, trackId, start, length, compositionTime, true);
        return true;
    }

    private static int ReadInt24(ReadOnlySpan<byte> bytes) => (sbyte)bytes[0] << 16 | bytes[1] << 8 | bytes[2];

    private static string LegacyName(int codecId) => codecId switch
    {
        2 => "Sorenson H.263",
        3 => "Screen video",
        4 => "On2 VP6",
        5 => "On2 VP6 with alpha",
        6 => "Screen video 2",
        _ => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"video codec id {codecId}"),
    };
}

/// <summary>The tracks of one video tag; see <see cref="FlvVideoTag.Tracks"/>.</summary>
public ref struct FlvVideoTracks
{
    private readonly FlvVideoTag tag;
    private readonly ReadOnlySpan<byte> payload;
    private FlvVideoTag current;
    private int position;
    private bool begun;

    internal FlvVideoTracks(FlvVideoTag tag, ReadOnlySpan<byte> payload)
    {
        this.tag = tag;
        this.payload = payload;
        position = tag.BodyOffset;
    }

    /// <summary>The track's tag: never multitrack itself, its body the track's own.</summary>
    public readonly FlvVideoTag Current => current;

    /// <summary>For <c>foreach</c>.</summary>
    public readonly FlvVideoTracks GetEnumerator() => this;

    /// <summary>Advances to the next track; false behind the last.</summary>
    public bool MoveNext()
    {
        if (tag.Multitrack == FlvMultitrack.None)
        {
            current = tag;
            return !begun && (begun = true);
        }
        while (position < payload.Length)
        {
            if (tag.TryReadTrack(payload, ref position, out current, out _, out var fault))
                return true;
            if (fault.Kind != FlvFaultKind.UnsupportedCodec)
                return false;
        }
        return false;
    }
}
