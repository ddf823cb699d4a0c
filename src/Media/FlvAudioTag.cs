using System.Buffers.Binary;

namespace Millrace.Media;

/// <summary>
/// The header of one RTMP audio message (an FLV audio tag), legacy or Enhanced RTMP v2. It refers to the payload by
/// offsets, so that the body can be shared without a copy.
/// </summary>
public readonly record struct FlvAudioTag
{
    private readonly bool sharesCodec;

    private FlvAudioTag(FlvPacketKind kind, Codec codec, int nanosecondOffset, FlvMultitrack multitrack, byte trackId,
        int bodyOffset, int bodyLength, bool sharesCodec)
    {
        Kind = kind;
        Codec = codec;
        NanosecondOffset = nanosecondOffset;
        Multitrack = multitrack;
        TrackId = trackId;
        BodyOffset = bodyOffset;
        BodyLength = bodyLength;
        this.sharesCodec = sharesCodec;
    }

    /// <summary>What the body is; the same for every track of a multitrack tag.</summary>
    public FlvPacketKind Kind { get; }

    /// <summary>The codec. Meaningless for Empty, and for ManyTracksManyCodecs before a track is chosen.</summary>
    public Codec Codec { get; }

    /// <summary>Nanoseconds to add to the message's timestamp for presentation, 0 to 999,999 (ModEx TimestampOffsetNano).</summary>
    public int NanosecondOffset { get; }

    /// <summary>How tracks share this tag. Anything but None: choose with <see cref="TryGetTrack"/> or <see cref="Tracks"/>.</summary>
    public FlvMultitrack Multitrack { get; }

    /// <summary>The track; 0 is the default one.</summary>
    public byte TrackId { get; }

    /// <summary>First byte of the body in the payload.</summary>
    public int BodyOffset { get; }

    /// <summary>Bytes of the body: the configuration or one frame; of a multitrack tag all its tracks.</summary>
    public int BodyLength { get; }

    /// <summary>Reads an audio message's payload. On false <paramref name="fault"/> says why, and the tag is empty.</summary>
    /// <remarks>
    /// <code>
    /// legacy    | soundFormat:4 | rate:2 | size:1 | type:1 | [AAC: packetType:8] | body         (FLV 10.1 §E.4.2)
    /// enhanced  | 9:4 | packetType:4 |  ModEx…  | fourCc:32 | body
    /// </code>
    /// The legacy rate, size and type are not read: AAC ignores them, and MP3 frames say it themselves.
    /// </remarks>
    public static bool TryRead(ReadOnlySpan<byte> payload, out FlvAudioTag tag, out FlvFault fault)
    {
        tag = default;
        fault = default;
        if (payload.IsEmpty)
            return true;
        switch (payload[0] >> 4)
        {
            case 9:
                return TryReadEnhanced(payload, out tag, out fault);
            case 2 or 14:
                tag = new(FlvPacketKind.CodedFrames, Codec.Mp3, 0, FlvMultitrack.None, 0, 1, payload.Length - 1, true);
                return true;
            case 10 when payload.Length < 2:
                fault = FlvFault.Truncated("audio tag ends before its packet type");
                return false;
            case 10 when payload[1] > 1:
                fault = FlvFault.Packet("AAC packet type beyond 1");
                return false;
            case 10:
                var kind = payload[1] == 0 ? FlvPacketKind.SequenceStart : FlvPacketKind.CodedFrames;
                tag = new(kind, Codec.Aac, 0, FlvMultitrack.None, 0, 2, payload.Length - 2, true);
                return true;
            case var format:
                fault = FlvFault.Codec(LegacyName(format));
                return false;
        }
    }

    /// <summary>The tracks of a multitrack tag, in order; of any other tag the tag itself. Tracks of unknown codecs are left out.</summary>
    /// <param name="payload">The payload that the tag was read from.</param>
    public FlvAudioTracks Tracks(ReadOnlySpan<byte> payload) => new(this, payload);

    /// <summary>Takes the tag of one track out of a multitrack tag; of any other tag the tag itself when its track is asked for.</summary>
    public bool TryGetTrack(ReadOnlySpan<byte> payload, byte trackId, out FlvAudioTag track)
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

    private static bool TryReadEnhanced(ReadOnlySpan<byte> payload, out FlvAudioTag tag, out FlvFault fault)
    {
        tag = default;
        var packetType = (byte)(payload[0] & 15);
        if (!FlvModEx.TrySkip(payload, 1, ref packetType, out var position, out var nanoseconds, out fault))
            return false;
        var multitrack = FlvMultitrack.None;
        if (packetType == 5
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
            case 1:
                kind = FlvPacketKind.CodedFrames;
                break;
            case 2:
                kind = FlvPacketKind.SequenceEnd;
                break;
            case 4:
                kind = FlvPacketKind.MultichannelConfig;
                break;
            default:
                fault = FlvFault.Packet("reserved or nested audio packet type");
                return false;
        }

        if (multitrack == FlvMultitrack.ManyTracksManyCodecs)
        {
            tag = new(kind, default, nanoseconds, multitrack, 0, position, payload.Length - position, false);
            return CheckTracks(payload, ref tag, out fault);
        }
        if (payload.Length - position < 4)
        {
            fault = FlvFault.Truncated("audio tag ends before its codec");
            return false;
        }
        var fourCc = BinaryPrimitives.ReadUInt32BigEndian(payload[position..]);
        if (!FlvFourCc.TryAudio(fourCc, out var codec))
        {
            fault = FlvFault.Codec(FlvFourCc.Name(fourCc));
            return false;
        }
        position += 4;
        tag = new(kind, codec, nanoseconds, multitrack, 0, position, payload.Length - position, true);
        return multitrack == FlvMultitrack.None || CheckTracks(payload, ref tag, out fault);
    }

    private static bool CheckTracks(ReadOnlySpan<byte> payload, ref FlvAudioTag tag, out FlvFault fault)
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
    internal bool TryReadTrack(ReadOnlySpan<byte> payload, ref int position, out FlvAudioTag track, out byte trackId, out FlvFault fault)
    {
        track = default;
        if (!FlvModEx.TryReadTrackHeader(payload, ref position, Multitrack, out var fourCc, out trackId, out var length, out fault))
            return false;
        var start = position;
        position += length;
        var codec = Codec;
        if (!sharesCodec && !FlvFourCc.TryAudio(fourCc, out codec))
        {
            fault = FlvFault.Codec(FlvFourCc.Name(fourCc));
            return false;
        }
        track = new(Kind, codec, NanosecondOffset, FlvMultitrack.None, trackId, start, length, true);
        return true;
    }

    private static string LegacyName(int soundFormat) => soundFormat switch
    {
        0 or 3 => "linear PCM",
        1 => "ADPCM",
        4 or 5 or 6 => "Nellymoser",
        7 => "G.711 A-law",
        8 => "G.711 mu-law",
        11 => "Speex",
        _ => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"audio format {soundFormat}"),
    };
}

/// <summary>The tracks of one audio tag; see <see cref="FlvAudioTag.Tracks"/>.</summary>
public ref struct FlvAudioTracks
{
    private readonly FlvAudioTag tag;
    private readonly ReadOnlySpan<byte> payload;
    private FlvAudioTag current;
    private int position;
    private bool begun;

    internal FlvAudioTracks(FlvAudioTag tag, ReadOnlySpan<byte> payload)
    {
        this.tag = tag;
        this.payload = payload;
        position = tag.BodyOffset;
    }

    /// <summary>The track's tag: never multitrack itself, its body the track's own.</summary>
    public readonly FlvAudioTag Current => current;

    /// <summary>For <c>foreach</c>.</summary>
    public readonly FlvAudioTracks GetEnumerator() => this;

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
