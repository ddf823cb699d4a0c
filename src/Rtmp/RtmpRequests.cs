namespace Millrace.Rtmp;

/// <summary>A client's connect command (RTMP 1.0 §7.2.1.1).</summary>
/// <param name="App">Application, as sent; may hold a query.</param>
/// <param name="TcUrl">Address that the client says it connected to; empty when it did not.</param>
/// <param name="FlashVersion">The client's name and version; empty when it did not say.</param>
/// <param name="Capabilities">Enhanced RTMP capabilities.</param>
public sealed record ConnectRequest(string App, string TcUrl, string FlashVersion, RtmpCapabilities Capabilities);

/// <summary>What a publisher asks the server to do with the stream.</summary>
public enum PublishType
{
    /// <summary>Only live.</summary>
    Live,

    /// <summary>Live, and record.</summary>
    Record,

    /// <summary>Live, and append to the recording.</summary>
    Append,
}

/// <summary>A client's publish command (RTMP 1.0 §7.2.2.6).</summary>
/// <param name="Connection">The connect command before it.</param>
/// <param name="StreamName">Name with its query, as sent. Any text: secret in the common case, and not checked here.</param>
/// <param name="Type">Kind of publishing; live when the client said none or an unknown one.</param>
public sealed record PublishRequest(ConnectRequest Connection, string StreamName, PublishType Type)
{
    /// <summary>Leaves the stream name out, because it holds the key.</summary>
    public override string ToString() => $"publish to {Connection.App} ({Type})";
}

/// <summary>How a publisher ended its stream by itself.</summary>
public enum UnpublishReason
{
    /// <summary>FCUnpublish.</summary>
    FCUnpublish,

    /// <summary>closeStream, or publish(false).</summary>
    CloseStream,

    /// <summary>deleteStream.</summary>
    DeleteStream,
}
