using Millrace.Core;

namespace Millrace.Rtmp;

/// <summary>What a publisher's connection leads to: the boundary between protocol and ingest.</summary>
/// <remarks>
/// Called inside <see cref="RtmpServerSession.Receive"/> and <see cref="RtmpServerSession.AcceptPublish"/>, on the owner's
/// thread. Implementations do not block; they may call the session's methods, but not Receive.
/// </remarks>
public interface IRtmpServerEvents
{
    /// <summary>The client connected. Answered with success by the session itself.</summary>
    void OnConnect(ConnectRequest request);

    /// <summary>
    /// The client asks to publish. Answered at any later time, or within this call, by
    /// <see cref="RtmpServerSession.AcceptPublish"/> or <see cref="RtmpServerSession.RejectPublish"/>.
    /// </summary>
    void OnPublish(PublishRequest request);

    /// <summary>The body of an FLV audio tag, at least one byte. The reference passes to the receiver.</summary>
    /// <param name="payload">The bytes.</param>
    /// <param name="timestamp">Milliseconds, modulo 2^32.</param>
    void OnAudio(MediaBuffer payload, uint timestamp);

    /// <summary>The body of an FLV video tag, at least one byte. The reference passes to the receiver.</summary>
    /// <param name="payload">The bytes.</param>
    /// <param name="timestamp">Milliseconds, modulo 2^32: decode time.</param>
    void OnVideo(MediaBuffer payload, uint timestamp);

    /// <summary>A data message. Copy what is kept of <see cref="DataMessage.Raw"/>.</summary>
    void OnData(scoped in DataMessage message);

    /// <summary>A data message was left out because it is not AMF; the stream goes on. Count it, log it once.</summary>
    void OnDataRefused(RtmpViolation violation);

    /// <summary>
    /// The publisher ended the stream politely; the connection stays. Not called for what the shell knows by itself: a
    /// violation, a lost connection, <see cref="RtmpServerSession.ClosePublish"/>.
    /// </summary>
    void OnUnpublish(UnpublishReason reason);
}
