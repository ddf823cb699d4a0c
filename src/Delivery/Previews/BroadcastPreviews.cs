namespace Millrace.Delivery.Previews;

/// <summary>
/// The pictures of one broadcast. <see cref="PreviewMaker"/> writes, one thread at a time; everything public inside the room may
/// be read by any.
/// </summary>
internal sealed class BroadcastPreviews
{
    /// <summary>So many in a row are no accident: the broadcast's health says so.</summary>
    public const int FailuresThatMatter = 3;

    private PreviewPicture? large;
    private PreviewPicture? small;
    private long madeAt;
    private int failures;
    private int isFinal;

    /// <param name="directory">The broadcast's own; the sheets are in its directory <c>sprites</c>.</param>
    public BroadcastPreviews(string directory)
    {
        Sprites = new SpriteSheets(Path.Combine(directory, "sprites"));
        Index = new PlaylistCache<SpriteIndex>(SpriteIndex.Write);
    }

    /// <summary>The newest picture, at most <see cref="PreviewPicture.LargeLongest"/> long; null while there is none.</summary>
    public PreviewPicture? Large => Volatile.Read(ref large);

    /// <summary>The same, at most <see cref="PreviewPicture.SmallLongest"/> long.</summary>
    public PreviewPicture? Small => Volatile.Read(ref small);

    /// <summary>When the newest picture was made, UTC; null while there is none.</summary>
    public DateTimeOffset? MadeAt => Volatile.Read(ref madeAt) is var ticks and not 0 ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    /// <summary>The sprite sheets.</summary>
    public SpriteSheets Sprites { get; }

    /// <summary>The text of their index.</summary>
    public PlaylistCache<SpriteIndex> Index { get; }

    /// <summary>Pictures in a row that could not be made.</summary>
    public int Failures
    {
        get => Volatile.Read(ref failures);
        set => Volatile.Write(ref failures, value);
    }

    /// <summary>Maker: why the last of them could not be made.</summary>
    public PreviewFailure LastFailure { get; set; }

    /// <summary>A sentence for whoever can change it, when pictures fail again and again; else null.</summary>
    public string? Problem => Failures < FailuresThatMatter ? null : LastFailure switch
    {
        PreviewFailure.TimedOut => "No thumbnail is made: ffmpeg gets too little of the processor. The server is overloaded.",
        PreviewFailure.NotStarted => "No thumbnail can be made: ffmpeg cannot be started. See the server's log.",
        PreviewFailure.TooLarge => "No thumbnail can be made: the picture is too large. Lower the resolution in the encoder.",
        _ => "No thumbnail can be made: ffmpeg cannot decode the key frames. Restart the stream in the encoder.",
    };

    /// <summary>The broadcast is over and no picture comes any more.</summary>
    public bool IsFinal => Volatile.Read(ref isFinal) != 0;

    /// <summary>Maker, under its lock: when the next picture is due, as a timestamp of its clock; 0 at once.</summary>
    public long Due { get; set; }

    /// <summary>Maker, under its lock: a picture is waited for or being made. Others may look: once the broadcast is over, it does not begin anew.</summary>
    public bool IsInWork { get; set; }

    /// <summary>Maker: media sequence number of the segment whose key frame was tried last.</summary>
    public long LastSegment { get; set; } = -1;

    /// <summary>A new picture is there.</summary>
    public void Show(byte[] largeJpeg, byte[] smallJpeg, DateTimeOffset now)
    {
        Volatile.Write(ref large, new PreviewPicture(largeJpeg));
        Volatile.Write(ref small, new PreviewPicture(smallJpeg));
        Volatile.Write(ref madeAt, now.UtcTicks);
    }

    /// <summary>No picture comes any more.</summary>
    public void Finish() => Volatile.Write(ref isFinal, 1);
}
