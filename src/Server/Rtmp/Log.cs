using System.Net;
using Microsoft.Extensions.Logging;
using Millrace.Ingest;
using Millrace.Rtmp;

namespace Millrace.Server.Rtmp;

/// <summary>What the RTMP listeners say. Event ids 11500 to 11999.</summary>
internal static partial class Log
{
    [LoggerMessage(11501, LogLevel.Information, "{Channel} is published by {Remote} ({Encoder}), broadcast {Broadcast}")]
    public static partial void PublishStarted(this ILogger logger, string channel, string broadcast, IPEndPoint remote, string encoder);

    [LoggerMessage(11502, LogLevel.Information, "{Channel} is no longer published by {Remote}: {Why}; broadcast {Broadcast}")]
    public static partial void PublishEnded(this ILogger logger, string channel, string broadcast, IPEndPoint remote, string why);

    [LoggerMessage(11503, LogLevel.Warning, "Publish from {Remote} rejected, {Reason}: {Description}{More}")]
    public static partial void PublishRejected(this ILogger logger, IPEndPoint remote, PublishRejectionReason reason, string description, string more);

    [LoggerMessage(11504, LogLevel.Warning, "{Remote} broke RTMP, {Violation}{More}")]
    public static partial void ProtocolViolated(this ILogger logger, IPEndPoint remote, RtmpViolation violation, string more);

    [LoggerMessage(11505, LogLevel.Warning, "{Remote} was disconnected: {Why}{More}")]
    public static partial void ConnectionTimedOut(this ILogger logger, IPEndPoint remote, string why, string more);

    [LoggerMessage(11506, LogLevel.Warning, "{Count} RTMP connections refused, the last from {Address}: {Open} are open; see Rtmp:MaxConnections and Rtmp:MaxConnectionsPerAddress")]
    public static partial void ConnectionsRefused(this ILogger logger, long count, IPAddress address, int open);

    [LoggerMessage(11507, LogLevel.Warning, "{Count} RTMPS handshakes failed, the last one: {Reason}")]
    public static partial void TlsFailed(this ILogger logger, long count, string reason);

    [LoggerMessage(11508, LogLevel.Error, "An RTMP connection failed by our fault")]
    public static partial void ConnectionFailed(this ILogger logger, Exception fault);

    [LoggerMessage(11509, LogLevel.Error, "A stream key could not be checked")]
    public static partial void AdmissionFailed(this ILogger logger, Exception fault);

    [LoggerMessage(11510, LogLevel.Warning, "{Channel}: the publisher {Remote} was closed, {Reason}: {Description} Broadcast {Broadcast}")]
    public static partial void PublishClosed(
        this ILogger logger, string channel, string broadcast, IPEndPoint remote, PublishRejectionReason reason, string description);
}
