namespace Millrace.Delivery;

/// <summary>How far back viewers may go, and with it what is kept: section <c>Dvr</c>. Read when a broadcast goes on air.</summary>
public sealed class DvrOptions
{
    /// <summary>
    /// <c>off</c> (the live window, <c>Packaging:Window</c>), <c>window</c> (the last <see cref="Window"/>) or <c>full</c> (from
    /// the beginning). Default off: recording takes a disk that the operator has thought about. With window and full an ended
    /// broadcast stays as a replay until <c>Retention</c> removes it.
    /// </summary>
    public DvrMode Mode { get; set; } = DvrMode.Off;

    /// <summary>
    /// With <c>window</c>: how far back, 1 min to 24 h. Default 2 h: a match, and 2 GB of a 2.5 Mbit/s stream. At least
    /// <c>Packaging:Window</c>. As long again stays on disk behind it, for players whose playlist is old.
    /// </summary>
    public TimeSpan Window { get; set; } = TimeSpan.FromHours(2);
}

/// <summary>How far back viewers may go.</summary>
public enum DvrMode
{
    /// <summary>The live window.</summary>
    Off,
    /// <summary>Some time.</summary>
    Window,
    /// <summary>The beginning.</summary>
    Full,
}
