namespace Millrace.Media;

/// <summary>What an FLV audio or video tag carries.</summary>
public enum FlvPacketKind
{
    /// <summary>A message without a byte: the publisher's silence message (Enhanced RTMP v2, Enhanced Audio); of video, nothing.</summary>
    Empty,
    /// <summary>A codec configuration, for <see cref="CodecConfiguration"/>.</summary>
    SequenceStart,
    /// <summary>One access unit.</summary>
    CodedFrames,
    /// <summary>The track pauses until its next sequence start. No body.</summary>
    SequenceEnd,
    /// <summary>AMF-encoded pairs of name and value, of which <c>colorInfo</c> (HDR) is defined. Video only.</summary>
    Metadata,
    /// <summary>Which speaker each channel belongs to. Audio only.</summary>
    MultichannelConfig,
    /// <summary>A seek command of one byte, for players: nothing to a server. Video only.</summary>
    Command,
}

/// <summary>Frame type of a video tag (FLV 10.1 §E.4.3.1).</summary>
public enum FlvFrameType
{
    /// <summary>Not stated, or a reserved value.</summary>
    None,
    /// <summary>A key frame, as the publisher says; see <see cref="NalUnits"/> for what it is worth.</summary>
    Key,
    /// <summary>A frame that needs others.</summary>
    Inter,
    /// <summary>A frame that no other frame needs.</summary>
    Disposable,
    /// <summary>A key frame made by a server.</summary>
    Generated,
    /// <summary>A command instead of a picture.</summary>
    Command,
}

/// <summary>Why a tag could not be read.</summary>
public enum FlvFaultKind
{
    /// <summary>No fault.</summary>
    None,
    /// <summary>It ends inside a field.</summary>
    Truncated,
    /// <summary>A field has a value that cannot be.</summary>
    Malformed,
    /// <summary>A codec that no CMAF track of ours can carry.</summary>
    UnsupportedCodec,
    /// <summary>A kind of packet that means nothing to us.</summary>
    UnsupportedPacket,
}

/// <summary>A tag's fault, for the publisher's status and the log.</summary>
/// <param name="Kind">Its class.</param>
/// <param name="Description">In words; names the codec when <paramref name="Kind"/> is UnsupportedCodec.</param>
public readonly record struct FlvFault(FlvFaultKind Kind, string Description)
{
    internal static FlvFault Truncated(string where) => new(FlvFaultKind.Truncated, where);
    internal static FlvFault Malformed(string what) => new(FlvFaultKind.Malformed, what);
    internal static FlvFault Codec(string name) => new(FlvFaultKind.UnsupportedCodec, name);
    internal static FlvFault Packet(string what) => new(FlvFaultKind.UnsupportedPacket, what);
}

/// <summary>How tracks share a tag (Enhanced RTMP v2, AvMultitrackType).</summary>
public enum FlvMultitrack
{
    /// <summary>A tag of the one default track.</summary>
    None,
    /// <summary>One track, with its id.</summary>
    OneTrack,
    /// <summary>Several tracks of one codec.</summary>
    ManyTracks,
    /// <summary>Several tracks, each with its codec.</summary>
    ManyTracksManyCodecs,
}
