namespace Millrace.Server.Rtmp;

/// <summary>
/// How a connection's bytes leave: by a read loop's own socket calls, or by a stream (TLS, and systems without epoll).
/// Called under the connection's lock.
/// </summary>
internal interface ITransport
{
    /// <summary>Sends or queues the bytes. False when the peer takes nothing and the bound on queued bytes is reached.</summary>
    bool Send(ReadOnlySpan<byte> bytes);

    /// <summary>Closes after what is queued was sent, or at once when it cannot be. The owner hears of it by <see cref="RtmpConnection.Dispose"/>.</summary>
    void Close();
}
