using Microsoft.Extensions.Logging;

namespace Millrace.Push;

/// <summary>What the pushing side says. Event ids 12000 to 12999.</summary>
internal static partial class Log
{
    [LoggerMessage(12001, LogLevel.Information, "Pushing {Channel} (broadcast {Broadcast}) to {Origin}")]
    public static partial void Pushing(this ILogger logger, string channel, string broadcast, string origin);

    [LoggerMessage(12002, LogLevel.Warning, "{Origin} does not take {Channel} (broadcast {Broadcast}): {Reason}; it is tried again and again")]
    public static partial void OriginFailing(this ILogger logger, string origin, string channel, string broadcast, string reason);

    [LoggerMessage(12003, LogLevel.Information, "{Origin} takes {Channel} (broadcast {Broadcast}) again")]
    public static partial void OriginBack(this ILogger logger, string origin, string channel, string broadcast);

    [LoggerMessage(12004, LogLevel.Warning, "{Origin} refused {Channel} (broadcast {Broadcast}) for good: {Reason}")]
    public static partial void OriginRefused(this ILogger logger, string origin, string channel, string broadcast, string reason);

    [LoggerMessage(12006, LogLevel.Warning, "{Origin} was not reached to take broadcast {Broadcast} down ({Reason}): it may be served there until that is back and has heard")]
    public static partial void NotTakenDown(this ILogger logger, string origin, string broadcast, string reason);

    [LoggerMessage(12005, LogLevel.Error, "Pushing {Channel} (broadcast {Broadcast}) to {Origin} met a fault of ours; the origin is asked where it is, and it goes on from there")]
    public static partial void PushFault(this ILogger logger, Exception fault, string channel, string broadcast, string origin);

    [LoggerMessage(12011, LogLevel.Information, "{Origin} has heard now that broadcast {Broadcast} was taken down")]
    public static partial void TakenDownLater(this ILogger logger, string origin, string broadcast);

    [LoggerMessage(12007, LogLevel.Warning, "{Origin} takes {Channel} (broadcast {Broadcast}) from another ingest node now: it is given up here")]
    public static partial void TakenOver(this ILogger logger, string origin, string channel, string broadcast);

    [LoggerMessage(12008, LogLevel.Information, "{Channel} goes on (broadcast {Broadcast}) behind what {Origins} origins have, with segment {Segment}")]
    public static partial void GoesOn(this ILogger logger, string channel, string broadcast, int origins, long segment);

    [LoggerMessage(12009, LogLevel.Error, "{Channel} (broadcast {Broadcast}) cannot go on behind what origins have ({Reason}): it begins anew")]
    public static partial void NotGoneOn(this ILogger logger, string channel, string broadcast, string reason);

    [LoggerMessage(12010, LogLevel.Warning, "{Origin} did not take all of {Channel} (broadcast {Broadcast}) before this node stopped: the rest is missing there")]
    public static partial void NotBroughtOver(this ILogger logger, string origin, string channel, string broadcast);
}
