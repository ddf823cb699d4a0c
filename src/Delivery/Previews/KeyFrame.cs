using Millrace.Media;
using Millrace.Timeline;

namespace Millrace.Delivery.Previews;

/// <summary>
/// A random access point of a broadcast as it stands in the origin: the first part of an independent segment, which begins
/// with the key frame. Nothing is taken from ingest, and every codec that is packaged has one.
/// </summary>
internal sealed class KeyFrame
{
    /// <summary>Wide enough for the largest picture that is made of it.</summary>
    private const int WideEnough = PreviewPicture.LargeLongest;

    /// <summary>A second of the fastest stream that ingest takes in its default configuration, and more.</summary>
    private const int MaxBytes = 16 << 20;

    private readonly RenditionMedia media;

    private KeyFrame(RenditionMedia media, Segment segment, ReadOnlyMemory<byte> init, VideoFormat format, VideoFormat shown, double seconds)
    {
        this.media = media;
        Init = init;
        Number = segment.Number;
        Format = format;
        Shown = shown;
        Seconds = seconds;
    }

    /// <summary>Media sequence number of its segment.</summary>
    public long Number { get; }

    /// <summary>Seconds from the beginning of the broadcast's first period to its presentation, on the broadcast's clock.</summary>
    public double Seconds { get; }

    /// <summary>Its init segment.</summary>
    public ReadOnlyMemory<byte> Init { get; }

    /// <summary>Its own format.</summary>
    public VideoFormat Format { get; }

    /// <summary>The leading video's format in its period: what decides the picture's shape, whichever rendition it comes from.</summary>
    public VideoFormat Shown { get; }

    /// <summary>
    /// The newest one behind segment <paramref name="after"/>, of the smallest rendition that is large enough; null while there
    /// is none.
    /// </summary>
    public static KeyFrame? FindNewest(OriginBroadcast broadcast, long after)
    {
        var snapshot = broadcast.Timeline.Read();
        KeyFrame? best = null;
        foreach (var rendition in snapshot.Renditions)
        {
            if (rendition.Track.Format is not VideoFormat || NewestIndependent(rendition, after) is not { } segment)
                continue;
            if (segment.Track.Format is not VideoFormat format || broadcast.Find(rendition.Name) is not { } media)
                continue;
            if (best is not null && !IsCheaper(format, best.Format))
                continue;
            if (broadcast.Init(rendition.Name, segment.Track.Init) is not { } init)
                continue;
            var leader = snapshot.Renditions.FirstOrDefault(other => other.Name == segment.Track.Period.Leader);
            var shown = leader?.Track.Period == segment.Track.Period && leader.Track.Format is VideoFormat leading ? leading : format;
            best = new KeyFrame(media, segment, init, format, shown, segment.Start.Seconds - snapshot.Periods[0].Start.Seconds);
        }
        return best;
    }

    /// <summary>The first part's bytes, or null when they are gone or too many.</summary>
    public byte[]? Read()
    {
        if (!media.TryFindPart(Number, 0, out var segment, out var from, out var to) || to - from > MaxBytes)
            return null;
        var bytes = new byte[to - from];
        var done = 0;
        while (done < bytes.Length)
        {
            if (media.OpenLocal(segment, from + done, to) is not { } opened)
                return null;
            using var piece = opened;
            if (piece.File is { } file)
            {
                var read = RandomAccess.Read(file, bytes.AsSpan(done, piece.Length), piece.FileOffset);
                if (read == 0)
                    return null;
                done += read;
                continue;
            }
            foreach (var slice in piece.Slices)
            {
                slice.Span.CopyTo(bytes.AsSpan(done));
                done += slice.Length;
            }
        }
        return bytes;
    }

    private static Segment? NewestIndependent(RenditionSnapshot rendition, long after)
    {
        // The first part of the running segment is there as soon as viewers have it.
        if (rendition.Running is { IsIndependent: true, IsGap: false } running && running.Parts.Length > 0)
            return running.Number > after ? running : null;
        for (var i = rendition.Segments.Count - 1; i >= 0; i--)
        {
            var segment = rendition.Segments[i];
            if (segment.Number <= after)
                return null;
            if (segment is { IsIndependent: true, IsGap: false } && segment.Parts.Length > 0)
                return segment;
        }
        return null;
    }

    /// <summary>The smallest of those that need no enlarging, else the largest.</summary>
    private static bool IsCheaper(VideoFormat one, VideoFormat other)
    {
        var isOneEnough = Math.Max(one.Width, one.Height) >= WideEnough;
        var isOtherEnough = Math.Max(other.Width, other.Height) >= WideEnough;
        var isSmaller = (long)one.Width * one.Height < (long)other.Width * other.Height;
        return isOneEnough == isOtherEnough ? isSmaller == isOneEnough : isOneEnough;
    }
}
