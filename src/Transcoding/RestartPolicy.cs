namespace Millrace.Transcoding;

/// <summary>When a child that ended is followed by another one. Pure.</summary>
internal sealed class RestartPolicy
{
    /// <summary>A child that gave something out and lived so long was well; its end says little about the next one.</summary>
    public static readonly TimeSpan WellAfter = TimeSpan.FromSeconds(3);

    /// <summary>Quick deaths in a row after which it is given up.</summary>
    public const int MaxQuickDeaths = 6;

    private static readonly double[] BackOffSeconds = [0, 0.5, 1, 2, 4];

    private int quickDeaths;

    /// <summary>Takes the end of a child; false when there is to be no other.</summary>
    public bool TryNext(TimeSpan lived, bool gaveOutput, out TimeSpan delay)
    {
        delay = TimeSpan.Zero;
        if (gaveOutput && lived >= WellAfter)
        {
            quickDeaths = 0;
            return true;
        }
        if (++quickDeaths >= MaxQuickDeaths)
            return false;
        delay = TimeSpan.FromSeconds(BackOffSeconds[quickDeaths - 1]);
        return true;
    }
}
