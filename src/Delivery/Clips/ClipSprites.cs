using System.Globalization;
using Millrace.Core;
using Millrace.Delivery.Previews;

namespace Millrace.Delivery;

/// <summary>
/// Gives a clip the sprite sheets of its range. A sheet that lies within it is copied; of one that begins or ends outside, ffmpeg
/// cuts out the tiles that belong to it. Used once, on a thread that may wait.
/// </summary>
/// <remarks>
/// The first tile is shown from the clip's beginning. When the range lies between two tiles, the one in front of it does. What
/// cannot be copied or cut is left out: a clip is worth having without.
/// </remarks>
internal sealed class ClipSprites(SpriteSheets source, string directory, FfmpegProgram ffmpeg, TimeProvider time)
{
    /// <summary>A sheet has 80 KB; noise of that size stays below it.</summary>
    private const int MaxSheetBytes = 2 << 20;

    private long written;

    /// <summary>Writes the sheets and their log; nothing when the broadcast has none there. Nothing is thrown but when it is cancelled.</summary>
    /// <param name="from">Where the clip begins, in seconds on the broadcast's clock.</param>
    /// <param name="to">Where it ends.</param>
    /// <param name="cancellation">Gives it up.</param>
    public void Write(double from, double to, CancellationToken cancellation)
    {
        var index = source.Index;
        var tiles = index.Between(from, to);
        for (var at = 0; at < tiles.Length;)
        {
            cancellation.ThrowIfCancellationRequested();
            var count = 1;
            while (at + count < tiles.Length && tiles[at + count].Sheet == tiles[at].Sheet)
                count++;
            try
            {
                Write(index.Sheet(tiles[at].Sheet), tiles, at, count, from, to, cancellation);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                // It left a moment ago, or the disk is full: the copy of the media says that.
            }
            at += count;
        }
    }

    private void Write(SpriteSheet sheet, SpriteTile[] tiles, int at, int count, double from, double to, CancellationToken cancellation)
    {
        // 1. The picture.
        var made = new SpriteSheet(written, count, sheet.Tile);
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, made.Name);
        if (count == sheet.Count)
            File.Copy(source.PathOf(sheet.Name), path);
        else if (Cut(sheet, tiles[at].Position, count, cancellation) is { } picture)
            File.WriteAllBytes(path, picture);
        else
            return;

        // 2. What it shows, tile by tile.
        for (var i = 0; i < count; i++)
        {
            var seconds = at + i == 0 ? 0 : tiles[at + i].Seconds - from;
            var end = at + i + 1 < tiles.Length ? tiles[at + i + 1].Seconds : to;
            SpriteLog.Append(directory, new SpriteEntry(made with { Count = i + 1 }, seconds, end - from));
        }
        written++;
    }

    /// <summary>A sheet of some of another's tiles; null when that fails.</summary>
    private byte[]? Cut(SpriteSheet sheet, int position, int count, CancellationToken cancellation)
    {
        if (ffmpeg.Path is not { } program)
            return null;
        var filter = string.Create(CultureInfo.InvariantCulture,
            $"untile={SpriteSheets.Columns}x{RowsOf(sheet.Count)},trim=start_frame={position}:end_frame={position + count},tile={SpriteSheets.Columns}x{RowsOf(count)}:nb_frames={count}");
        string[] arguments =
        [
            "-hide_banner", "-nostdin", "-loglevel", "error", "-protocol_whitelist", "pipe", "-threads", "1", "-f", "mjpeg", "-i", "pipe:0",
            "-filter_threads", "1", "-vf", filter, "-frames:v", "1", "-c:v", "mjpeg", "-threads", "1", "-q:v", "3", "-fflags", "+bitexact", "-f", "mjpeg", "pipe:1",
        ];
        var result = ChildProgram.Run(
            program, arguments, [File.ReadAllBytes(source.PathOf(sheet.Name))], MaxSheetBytes, PreviewMaker.ChildLimit, time, cancellation);
        return result is { End: ChildEnd.Good, Output.Length: > 0 } ? result.Output : null;
    }

    private static int RowsOf(int count) => (count + SpriteSheets.Columns - 1) / SpriteSheets.Columns;
}
