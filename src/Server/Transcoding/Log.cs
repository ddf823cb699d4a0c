using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Ingest;

namespace Millrace.Server.Transcoding;

/// <summary>What the start says of transcoding. Event ids 11100 to 11199.</summary>
internal static partial class Log
{
    [LoggerMessage(11101, LogLevel.Warning, "No further renditions are made, viewers get the publisher's own: {Fault}")]
    public static partial void NoTranscoder(this ILogger logger, string fault);

    [LoggerMessage(11102, LogLevel.Warning, "{Channel}: {Reason}")]
    private static partial void LadderRestarting(this ILogger logger, ChannelName channel, string reason);

    [LoggerMessage(11103, LogLevel.Error, "{Channel} has no further renditions for now: {Reason}")]
    private static partial void LadderFailed(this ILogger logger, ChannelName channel, string reason);

    [LoggerMessage(11104, LogLevel.Warning, "{Channel} gives up its most expensive rendition: {Reason}")]
    private static partial void LadderShed(this ILogger logger, ChannelName channel, string reason);

    [LoggerMessage(11105, LogLevel.Information, "{Channel} gets a rendition back: {Reason}")]
    private static partial void LadderRestored(this ILogger logger, ChannelName channel, string reason);

    [LoggerMessage(11108, LogLevel.Information, "{Channel} gets other renditions: {Reason}")]
    private static partial void LadderRefitted(this ILogger logger, ChannelName channel, string reason);

    public static void Say(this ILogger logger, LadderEvent happened)
    {
        switch (happened.Kind)
        {
            case LadderEventKind.Restarting:
                logger.LadderRestarting(happened.Channel, happened.Reason);
                break;
            case LadderEventKind.Failed:
                logger.LadderFailed(happened.Channel, happened.Reason);
                break;
            case LadderEventKind.Shed:
                logger.LadderShed(happened.Channel, happened.Reason);
                break;
            case LadderEventKind.Refitted:
                logger.LadderRefitted(happened.Channel, happened.Reason);
                break;
            default:
                logger.LadderRestored(happened.Channel, happened.Reason);
                break;
        }
    }

    [LoggerMessage(11106, LogLevel.Information, "Transcoding: {Note}")]
    public static partial void EncodersChosen(this ILogger logger, string note);

    [LoggerMessage(11107, LogLevel.Information, "Further renditions may take {PixelsPerSecond} pixels a second: so much of this machine was measured and is given out. Transcoding:MaxPixelsPerSecond sets another budget.")]
    public static partial void BudgetMeasured(this ILogger logger, long pixelsPerSecond);
}
