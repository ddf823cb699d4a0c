namespace Millrace.Ingest;

/// <summary>
/// Watches where decoding can begin in a session's pictures: how far these places are apart, and whether what the encoder calls
/// key frames are such places. It forgets slowly, for a change of mind costs viewers a discontinuity. Pure; one owner.
/// </summary>
/// <remarks>All times are seconds of the session's clock, which only goes forward.</remarks>
/// <param name="limit">Longest distance that is not too long.</param>
internal sealed class KeyFrameWatch(double limit)
{
    /// <summary>How long a distance that was too long counts: encoders without a fixed interval make long and short ones in turn.</summary>
    public const double Memory = 120;

    /// <summary>The memory doubles each time that it was too short, up to so many times.</summary>
    private const int MaxDoublings = 4;

    /// <summary>Between two pictures; encoders of slides send one a second at least.</summary>
    private const double Hole = 1.1;

    private double keyAt = double.NaN;
    private double newest = double.NaN;
    private double last;
    private double longest;
    private double tooLongAt = double.NaN;
    private double forgotAt = double.NaN;
    private double leadingAt = double.NaN;
    private double falseKeyAt = double.NaN;
    private int doublings;

    /// <summary>
    /// The longest distance that counts: of those that were too long lately, the one that still runs included; else the last one.
    /// </summary>
    public double GopSeconds => double.IsNaN(tooLongAt) ? last : longest;

    /// <summary>
    /// The encoder's key frames are no places to switch at: they refer to pictures in front of them, and true ones come too
    /// seldom; or there are pictures behind them that do (open GOP).
    /// </summary>
    public bool HasUnusableKeyFrames { get; private set; }

    private double Remembers => Memory * (1 << doublings);

    /// <summary>The next picture in decode order.</summary>
    /// <param name="seconds">Its decode time.</param>
    /// <param name="isRandomAccess">Decoding can begin with it.</param>
    /// <param name="isFalseKeyFrame">It is called a key frame, or a recovery point, and is no place to begin.</param>
    /// <param name="isLeading">It cannot be shown when decoding began at the key frame before it.</param>
    public void Add(double seconds, bool isRandomAccess, bool isFalseKeyFrame, bool isLeading)
    {
        // The camera or the network stopped: that says nothing of the encoder's intervals.
        if (seconds - newest > Hole)
            keyAt += seconds - newest;
        if (!double.IsNaN(keyAt) && seconds - keyAt > limit)
            NoteTooLong(seconds, seconds - keyAt);
        else if (!double.IsNaN(tooLongAt) && seconds - tooLongAt > Remembers)
            Forget(seconds);
        if (isRandomAccess)
        {
            if (!double.IsNaN(keyAt) && seconds > keyAt)
                last = seconds - keyAt;
            keyAt = seconds;
        }
        if (isFalseKeyFrame)
            falseKeyAt = seconds;
        if (isLeading)
            leadingAt = seconds;
        newest = seconds;
        HasUnusableKeyFrames = IsRecent(leadingAt) || IsRecent(falseKeyAt) && !double.IsNaN(tooLongAt);
    }

    private bool IsRecent(double at) => newest - at <= Remembers;

    private void NoteTooLong(double now, double length)
    {
        if (double.IsNaN(tooLongAt) && now - forgotAt < Remembers)
            doublings = Math.Min(MaxDoublings, doublings + 1);
        tooLongAt = now;
        longest = Math.Max(longest, length);
    }

    private void Forget(double now)
    {
        tooLongAt = double.NaN;
        longest = 0;
        forgotAt = now;
    }
}
