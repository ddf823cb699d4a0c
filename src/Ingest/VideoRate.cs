namespace Millrace.Ingest;

/// <summary>
/// How many bits a second a session's video takes: what its encoder declares, held against what is measured from key frame to key
/// frame. The highest measure counts, for a picture that stands still moves later; so a ladder made by it does not come and go. Pure;
/// one owner.
/// </summary>
/// <param name="before">Bits per second of the session before, for as long as nothing is known of this one; 0 when unknown.</param>
internal sealed class VideoRate(long before)
{
    /// <summary>Seconds of a measure, to the next key frame: an encoder has found its rate by then.</summary>
    public const double Least = 5;

    /// <summary>Seconds after which a measure ends without a key frame.</summary>
    private const double Most = 15;

    /// <summary>Between two pictures; encoders of slides send one a second at least. What ran when the camera stopped measures nothing.</summary>
    private const double Hole = 1.1;

    /// <summary>A declared rate that is so many times the measured one, or the other way round, is not true.</summary>
    private const int Far = 2;

    /// <summary>
    /// Seconds of measures until they are believed where nothing was declared, and until too little is believed where something was:
    /// many begin with a picture that stands still.
    /// </summary>
    public const double Trial = 20, Patience = 60;

    private double start = double.NaN;
    private double newest = double.NaN;
    private double measured;
    private long bits;
    private long highest;

    /// <summary>What the encoder says; 0 when it says nothing.</summary>
    public long Declared { get; set; }

    /// <summary>Bits per second; 0 when unknown.</summary>
    public long BitsPerSecond
    {
        get
        {
            if (Declared == 0)
                return measured >= Trial ? highest : before;
            return highest > Declared * Far || measured >= Patience && highest * Far < Declared ? highest : Declared;
        }
    }

    /// <summary>The next picture in decode order.</summary>
    /// <param name="seconds">Its decode time, which only goes forward.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="isKey">It begins a GOP.</param>
    public void Add(double seconds, int bytes, bool isKey)
    {
        if (seconds - newest > Hole)
            start = double.NaN;
        newest = seconds;
        var length = seconds - start;
        if (length >= (isKey ? Least : Most))
        {
            highest = Math.Max(highest, (long)(bits / length));
            measured += length;
        }
        else if (!double.IsNaN(start) || !isKey)
        {
            bits += bytes * 8L;
            return;
        }
        start = seconds;
        bits = bytes * 8L;
    }
}
