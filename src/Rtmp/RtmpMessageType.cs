namespace Millrace.Rtmp;

/// <summary>Message type ids (RTMP 1.0 §5.4, §6.2, §7.1).</summary>
public enum RtmpMessageType : byte
{
    /// <summary>Protocol control: chunk size of the sender (§5.4.1).</summary>
    SetChunkSize = 1,

    /// <summary>Protocol control: forget the unfinished message of a chunk stream (§5.4.2).</summary>
    Abort = 2,

    /// <summary>Protocol control: bytes received so far (§5.4.3).</summary>
    Acknowledgement = 3,

    /// <summary>Pings and stream events (§6.2, §7.1.7).</summary>
    UserControl = 4,

    /// <summary>Protocol control: bytes between acknowledgements (§5.4.4).</summary>
    WindowAcknowledgementSize = 5,

    /// <summary>Protocol control: limit of unacknowledged bytes (§5.4.5).</summary>
    SetPeerBandwidth = 6,

    /// <summary>One FLV audio tag body (§7.1.4).</summary>
    Audio = 8,

    /// <summary>One FLV video tag body (§7.1.5).</summary>
    Video = 9,

    /// <summary>Data in AMF3 framing (§7.1.2).</summary>
    DataAmf3 = 15,

    /// <summary>Shared object in AMF3 framing (§7.1.3).</summary>
    SharedObjectAmf3 = 16,

    /// <summary>Command in AMF3 framing (§7.1.1).</summary>
    CommandAmf3 = 17,

    /// <summary>Data (§7.1.2).</summary>
    DataAmf0 = 18,

    /// <summary>Shared object (§7.1.3).</summary>
    SharedObjectAmf0 = 19,

    /// <summary>Command (§7.1.1).</summary>
    CommandAmf0 = 20,

    /// <summary>Several messages in one, in the form of FLV tags (§7.1.6).</summary>
    Aggregate = 22,
}
