namespace Millrace.Transcoding;

/// <summary>How a transcoder does, for health, metrics and <see cref="LoadJudge"/>.</summary>
/// <param name="State">Where it is.</param>
/// <param name="Reason">Of the state; null when there is none.</param>
/// <param name="Lag">Newest media fed minus newest media that every rung has given out; zero until there is both.</param>
/// <param name="Speed">Media given out per wall-clock time over the last ten seconds or so; 1 keeps up. 0 until it is known.</param>
/// <param name="Restarts">Children that were started in place of one that ended.</param>
/// <param name="DroppedUnits">Access units that ffmpeg never got, because it took too long.</param>
/// <param name="OutputUnits">Access units that the sink got.</param>
/// <param name="LastErrors">The last lines that ffmpeg wrote to standard error, of the child before as well.</param>
public sealed record TranscoderStatus(
    TranscoderState State, string? Reason, TimeSpan Lag, double Speed, int Restarts, long DroppedUnits, long OutputUnits, IReadOnlyList<string> LastErrors)
{
    /// <summary>ffmpeg has called something an error within the last ten seconds: mostly pictures that it cannot decode.</summary>
    public bool HasRecentErrors { get; init; }
}
