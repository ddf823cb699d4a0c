using Millrace.Core;

namespace Millrace.Ingest;

/// <summary>What happened to a channel's further renditions.</summary>
/// <param name="Channel">Whose.</param>
/// <param name="Kind">What.</param>
/// <param name="Reason">Why, in a sentence.</param>
public readonly record struct LadderEvent(ChannelName Channel, LadderEventKind Kind, string Reason);

/// <summary>Kinds of <see cref="LadderEvent"/>.</summary>
public enum LadderEventKind
{
    /// <summary>Another ffmpeg takes over from one that died or hung.</summary>
    Restarting,
    /// <summary>They are given up for now.</summary>
    Failed,
    /// <summary>The most expensive one is given up: the machine does not keep up.</summary>
    Shed,
    /// <summary>One comes back: the machine keeps up.</summary>
    Restored,
    /// <summary>Fewer or more are made: the source's bitrate is another one than they were planned for.</summary>
    Refitted,
}
