using Microsoft.Extensions.Logging;

namespace Millrace.Delivery;

/// <summary>What the origin says. Event ids 8000 to 8999.</summary>
internal static partial class Log
{
    [LoggerMessage(8001, LogLevel.Warning, "Media cannot be written to disk ({Reason}); live streams go on, what can be rewound to gets shorter")]
    public static partial void SpoolFailing(this ILogger logger, string reason);

    [LoggerMessage(8002, LogLevel.Information, "Media can be written to disk again; {Dropped} segments were lost")]
    public static partial void SpoolRecovered(this ILogger logger, long dropped);

    [LoggerMessage(8003, LogLevel.Information, "Found {Broadcasts} broadcasts that wait for their publishers, and {Replays} replays")]
    public static partial void Recovered(this ILogger logger, int broadcasts, int replays);

    [LoggerMessage(8004, LogLevel.Warning, "{Path} could not be deleted: {Reason}")]
    public static partial void SpoolNotDeleted(this ILogger logger, string path, string reason);

    [LoggerMessage(8005, LogLevel.Information, "Removed replay {Broadcast} of {Channel}: {Reason}")]
    public static partial void ReplayRemoved(this ILogger logger, string broadcast, string channel, string reason);

    [LoggerMessage(8006, LogLevel.Warning, "The disk is full; removed replay {Broadcast} of {Channel}, the oldest that nobody watches")]
    public static partial void RoomMadeByReplay(this ILogger logger, string broadcast, string channel);

    [LoggerMessage(8007, LogLevel.Warning, "The disk is full and there is no replay to remove; broadcast {Broadcast} of {Channel} cannot be rewound as far any more")]
    public static partial void RoomMadeByRewinding(this ILogger logger, string broadcast, string channel);

    [LoggerMessage(8008, LogLevel.Warning, "The journal of broadcast {Broadcast} could not be made shorter and is tried again when it has grown: {Reason}")]
    public static partial void JournalNotShortened(this ILogger logger, string broadcast, string reason);

    [LoggerMessage(8009, LogLevel.Error, "Something that was to be done on the disk ended in a fault of ours")]
    public static partial void SpoolFault(this ILogger logger, Exception fault);

    [LoggerMessage(8020, LogLevel.Warning, "The store does not take or hand out recordings ({Reason}); live streams go on, recordings stay on the disk, and it is tried again")]
    public static partial void ArchiveFailing(this ILogger logger, string reason);

    [LoggerMessage(8026, LogLevel.Warning, "The store does not say whether this node left broadcasts unfinished in it ({Reason}); those that it finds later become replays")]
    public static partial void OpenNotFetched(this ILogger logger, string reason);

    [LoggerMessage(8027, LogLevel.Information, "Broadcast {Broadcast} of {Channel}, which the disk had lost, was found in the store and is a replay")]
    public static partial void OpenFinished(this ILogger logger, string broadcast, string channel);

    [LoggerMessage(8021, LogLevel.Information, "The store answers again")]
    public static partial void ArchiveRecovered(this ILogger logger);

    [LoggerMessage(8022, LogLevel.Warning, "Replay {Broadcast} could not be fetched from the store: {Reason}")]
    public static partial void ReplayNotFetched(this ILogger logger, string broadcast, string reason);

    [LoggerMessage(8023, LogLevel.Information, "Replay {Broadcast} of {Channel} was taken down on another node")]
    public static partial void ReplayTakenDownElsewhere(this ILogger logger, string broadcast, string channel);

    [LoggerMessage(8024, LogLevel.Warning, "Storage:LocalLimit is reached and the store does not take media; of broadcast {Broadcast} of {Channel} segments that viewers could go back to are lost")]
    public static partial void LocalLimitReached(this ILogger logger, string broadcast, string channel);

    [LoggerMessage(8040, LogLevel.Information, "Made clip {Clip} of broadcast {Broadcast} of {Channel}")]
    public static partial void ClipMade(this ILogger logger, string clip, string broadcast, string channel);

    [LoggerMessage(8041, LogLevel.Warning, "A clip of broadcast {Broadcast} could not be written: {Reason}")]
    public static partial void ClipFailed(this ILogger logger, string broadcast, string reason);

    [LoggerMessage(8090, LogLevel.Error, "A media connection failed")]
    public static partial void DirectConnectionFailed(this ILogger logger, Exception exception);

    [LoggerMessage(8091, LogLevel.Warning, "HTTP connections wait a second: none can be accepted (errno {Error}); raise the limit of open files or lower Http:MaxConnections")]
    public static partial void DirectAcceptPaused(this ILogger logger, int error);

    [LoggerMessage(8101, LogLevel.Warning, "There are no thumbnails and no sprite sheets, because there is no ffmpeg: apt-get install ffmpeg, or name it with Transcoding:Ffmpeg; Preview:Interval=off wants none")]
    public static partial void PreviewsNeedFfmpeg(this ILogger logger);

    [LoggerMessage(8102, LogLevel.Warning, "No thumbnail of {Channel} can be made ({Reason}); it is tried less and less often, the stream is not concerned")]
    public static partial void PreviewFailing(this ILogger logger, string channel, string reason);

    [LoggerMessage(8103, LogLevel.Information, "Thumbnails of {Channel} can be made again")]
    public static partial void PreviewRecovered(this ILogger logger, string channel);

    [LoggerMessage(8206, LogLevel.Warning, "The disk cache in {Path} is not used any more until the next start ({Reason}); parents have everything that was in it")]
    public static partial void DiskCacheFailed(this ILogger logger, string path, string reason);

    [LoggerMessage(8401, LogLevel.Information, "Edge {Edge} is up: viewers may be sent there")]
    public static partial void EdgeUp(this ILogger logger, string edge);

    [LoggerMessage(8402, LogLevel.Information, "Edge {Edge} drains: viewers go to others")]
    public static partial void EdgeDraining(this ILogger logger, string edge);

    [LoggerMessage(8403, LogLevel.Warning, "Edge {Edge} is down ({Reason}): viewers go to others")]
    public static partial void EdgeDown(this ILogger logger, string edge, string reason);

    [LoggerMessage(8404, LogLevel.Information, "This node {What}")]
    public static partial void DrainChanged(this ILogger logger, string what);

    [LoggerMessage(8201, LogLevel.Warning, "The parent {Parent} is down ({Reason}); its broadcasts go to the other parents")]
    public static partial void ParentDown(this ILogger logger, string parent, string reason);

    [LoggerMessage(8202, LogLevel.Information, "The parent {Parent} is back")]
    public static partial void ParentUp(this ILogger logger, string parent);

    [LoggerMessage(8207, LogLevel.Error, "The parent {Parent} has this node among its own parents; it is asked for nothing until it has not (Relay:Parents)")]
    public static partial void ParentLoops(this ILogger logger, string parent);

    [LoggerMessage(8203, LogLevel.Error, "A fetch of {Path} ended in a fault of ours")]
    public static partial void FetchFault(this ILogger logger, string path, Exception fault);

    [LoggerMessage(8204, LogLevel.Information, "Purged {Prefix}: {Count} objects")]
    public static partial void Purged(this ILogger logger, string prefix, int count);

    [LoggerMessage(8205, LogLevel.Warning, "The parent {Parent} does not tell what is purged ({Reason}); Cluster:Secret must be the same on both")]
    public static partial void PurgesUnknown(this ILogger logger, string parent, string reason);

    [LoggerMessage(8301, LogLevel.Information, "{Channel} (broadcast {Broadcast}) is pushed here")]
    public static partial void PushOpened(this ILogger logger, string channel, string broadcast);

    [LoggerMessage(8302, LogLevel.Warning, "Nothing was heard of {Channel} (broadcast {Broadcast}) for {Seconds} s: it has ended here")]
    public static partial void PushLost(this ILogger logger, string channel, string broadcast, double seconds);

    [LoggerMessage(8303, LogLevel.Warning, "A push from {Peer} was refused with {Status}: {Reason} ({More} more like it since)")]
    public static partial void PushRefused(this ILogger logger, string peer, int status, string reason, long more);

    [LoggerMessage(8304, LogLevel.Warning, "Nobody has brought {Broadcasts} broadcasts of an earlier run up to date within {Seconds:0} s; this node is ready without")]
    public static partial void NotCaughtUp(this ILogger logger, int broadcasts, double seconds);
}
