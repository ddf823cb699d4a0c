using Microsoft.Extensions.Logging;

namespace Millrace.Server.Cmaf;

/// <summary>What the way in for other packagers says. Event ids 11300 to 11399.</summary>
internal static partial class Log
{
    [LoggerMessage(11301, LogLevel.Information, "{Channel}: a packager sends the track {Track}. Broadcast {Broadcast}")]
    public static partial void CmafStarted(this ILogger logger, string channel, string broadcast, string track);

    [LoggerMessage(11302, LogLevel.Information, "{Channel}: the track {Track} of a packager ended: {Why} Broadcast {Broadcast}")]
    public static partial void CmafEnded(this ILogger logger, string channel, string broadcast, string track, string why);

    [LoggerMessage(11303, LogLevel.Warning, "A packager for {Channel} was refused with {Status}: {Reason}{More}")]
    public static partial void CmafRefused(this ILogger logger, string channel, int status, string reason, string more);
}
