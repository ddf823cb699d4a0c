using Millrace.Transcoding;

namespace Millrace.Ingest;

/// <summary>The renditions of all ladders at one moment, by how they do.</summary>
/// <param name="Running">Made now.</param>
/// <param name="Starting">Their first ffmpeg has given nothing out yet.</param>
/// <param name="Restarting">Their ffmpeg died or hung, and another one takes over.</param>
/// <param name="Withdrawn">Not made, because ffmpeg failed again and again.</param>
/// <param name="Shed">Not made, because the machine did not keep up.</param>
/// <param name="OverBudget">Not made, because the budget has no room for them.</param>
/// <param name="Speed">Of the slowest running ladder, media time per wall-clock time; 0 while there is none, or it is not known.</param>
/// <param name="Lag">Of the ladder that is furthest behind its source.</param>
public readonly record struct LadderCounts(
    int Running, int Starting, int Restarting, int Withdrawn, int Shed, int OverBudget, double Speed, TimeSpan Lag)
{
    /// <summary>With a further ladder.</summary>
    public LadderCounts With(LadderHealth ladder)
    {
        var made = ladder.Rungs.Count;
        return this with
        {
            Running = Running + (ladder.State is TranscoderState.Running ? made : 0),
            Starting = Starting + (ladder.State is TranscoderState.Starting ? made : 0),
            Restarting = Restarting + (ladder.State is TranscoderState.Restarting ? made : 0),
            Withdrawn = Withdrawn + ladder.Withdrawn,
            Shed = Shed + ladder.Shed,
            OverBudget = OverBudget + ladder.OverBudget,
            Speed = ladder is { State: TranscoderState.Running, Speed: > 0 } && (Speed == 0 || ladder.Speed < Speed) ? ladder.Speed : Speed,
            Lag = ladder.Lag > Lag ? ladder.Lag : Lag,
        };
    }
}
