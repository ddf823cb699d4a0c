namespace Millrace.Delivery.Downloads;

/// <summary>
/// Reads a complete segment's bytes, wherever they are: the one place where downloads and clips touch recorded media. Keeps
/// the piece that it read last, so that a segment in a file is opened once. One user at a time.
/// </summary>
internal sealed class SegmentReader : IDisposable
{
    private readonly StoredSegment segment;
    private readonly int length;
    private SegmentBytes? piece;
    private int pieceFrom;

    private SegmentReader(StoredSegment segment, int length)
    {
        this.segment = segment;
        this.length = length;
    }

    /// <summary>Of that segment; null when it is gone, or is not of that length: it is not what was planned with.</summary>
    public static SegmentReader? Open(RenditionMedia media, long number, long length) =>
        media.TryFind(number, out var segment, out var found, out var isComplete) && isComplete && found == length
            ? new SegmentReader(segment, found) : null;

    /// <summary>Opens its beginning. False when that is not to be had; nothing is read from a disk that has it.</summary>
    public async ValueTask<bool> OpenAsync()
    {
        piece ??= await segment.Rendition.OpenAsync(segment, 0, length).ConfigureAwait(false);
        return piece is not null;
    }

    /// <summary>Fills <paramref name="into"/> from <paramref name="from"/> on. False when the segment is gone or cannot be read.</summary>
    public async ValueTask<bool> ReadAsync(int from, Memory<byte> into)
    {
        while (!into.IsEmpty)
        {
            if (piece is not { } held || from < pieceFrom || from >= pieceFrom + held.Length)
            {
                piece?.Dispose();
                piece = await segment.Rendition.OpenAsync(segment, from, length).ConfigureAwait(false);
                pieceFrom = from;
                if (piece is not { } opened)
                    return false;
                held = opened;
            }
            var read = held.File is null ? Copy(held, from - pieceFrom, into) : await ReadFileAsync(held, from - pieceFrom, into).ConfigureAwait(false);
            if (read == 0)
                return false;
            from += read;
            into = into[read..];
        }
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        piece?.Dispose();
        piece = null;
    }

    private static int Copy(in SegmentBytes from, int skip, Memory<byte> into)
    {
        var copied = 0;
        foreach (var slice in from.Slices)
        {
            if (skip >= slice.Length)
            {
                skip -= slice.Length;
                continue;
            }
            var part = slice[skip..];
            part = part.Length > into.Length - copied ? part[..(into.Length - copied)] : part;
            part.CopyTo(into[copied..]);
            copied += part.Length;
            skip = 0;
            if (copied == into.Length)
                break;
        }
        return copied;
    }

    private static async ValueTask<int> ReadFileAsync(SegmentBytes from, int skip, Memory<byte> into)
    {
        try
        {
            var wanted = Math.Min(into.Length, from.Length - skip);
            return await RandomAccess.ReadAsync(from.File!, into[..wanted], from.FileOffset + skip).ConfigureAwait(false);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
