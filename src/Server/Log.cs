using Microsoft.Extensions.Logging;

namespace Millrace.Server;

/// <summary>What the shell says. Event ids 11000 to 11499; the RTMP listener has 11500 and up.</summary>
internal static partial class Log
{
    [LoggerMessage(11001, LogLevel.Warning, "The demo channel {Channel} stopped ({Reason}); it starts again in {Seconds} s")]
    public static partial void DemoStopped(this ILogger logger, string channel, string reason, double seconds);
}
