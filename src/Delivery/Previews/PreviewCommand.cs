using System.Globalization;
using Millrace.Media;

namespace Millrace.Delivery.Previews;

/// <summary>
/// What ffmpeg is told: one fragmented MP4 with one key frame on standard input, every picture that is made of it as a stream
/// of one AVI on standard output. One decode, one process; its start is nearly all of the cost.
/// </summary>
internal static class PreviewCommand
{
    /// <summary>Streams of the output, in order: large, small, tile, and the sheet.</summary>
    public const int Pictures = 4;

    /// <summary>8192 × 4320; a frame of that takes 50 MB in ffmpeg.</summary>
    public const long MaxPixels = 8192L * 4320;

    /// <summary>The arguments for a picture of <paramref name="format"/>, shown as <paramref name="shown"/>.</summary>
    /// <param name="format">The key frame's own format.</param>
    /// <param name="shown">The format that decides the shape.</param>
    /// <param name="tiles">The sheet's tiles so far, JPEG behind JPEG in a file; null when this is its first.</param>
    /// <param name="count">Tiles of the sheet with this one.</param>
    public static IReadOnlyList<string> Arguments(VideoFormat format, VideoFormat shown, string? tiles, int count)
    {
        var tile = Size(shown, SpriteSheets.TileLongest);
        var rows = (count + SpriteSheets.Columns - 1) / SpriteSheets.Columns;
        // JPEG is full range and BT.601 by definition (JFIF); video of today says which it is, or follows its height.
        var matrix = format.Color is { Matrix: not 2 } ? "auto" : format.Height >= 720 ? "bt709" : "bt601";
        var picture = $"[0:v:0]trim=end_frame=1,scale={Size(shown, PreviewPicture.LargeLongest)}:flags=area:in_color_matrix={matrix}"
            + ":out_color_matrix=bt601:out_range=pc,setsar=1,format=yuvj420p,setpts=0,split=3[large][b][c]"
            // Sizes are even, so that the smaller ones may have another shape by a little; tiles that have not all the same one make no sheet.
            + $";[b]scale={Size(shown, PreviewPicture.SmallLongest)}:flags=area,setsar=1[small]"
            + $";[c]scale={tile}:flags=area,setsar=1,split=2[tile][new]";
        var sheet = tiles is null ? ";[new]" : ";[1:v:0]setsar=1,format=yuvj420p[old];[old][new]concat=n=2:v=1,";
        var grid = string.Create(CultureInfo.InvariantCulture, $"tile={SpriteSheets.Columns}x{rows}:nb_frames={count},setpts=0[sheet]");
        return
        [
            "-hide_banner", "-nostdin", "-loglevel", "error",
            // The stream is a stranger's: it can name no file, and no size that takes all memory.
            "-protocol_whitelist", "pipe", "-max_pixels", MaxPixels.ToString(CultureInfo.InvariantCulture),
            "-fpsprobesize", "0", "-threads", "1", "-skip_frame", "nokey", "-f", "mp4", "-i", "pipe:0",
            .. tiles is null ? Array.Empty<string>() : ["-protocol_whitelist", "file", "-threads", "1", "-f", "mjpeg", "-i", "file:" + tiles],
            // Not -frames:v 1: the first stream to have its one would end the others.
            "-filter_complex_threads", "1", "-filter_complex", picture + sheet + grid,
            "-map", "[large]", "-map", "[small]", "-map", "[tile]", "-map", "[sheet]",
            "-c:v", "mjpeg", "-threads", "1", "-q:v", "4", "-fflags", "+bitexact", "-f", "avi", "pipe:1",
        ];
    }

    private static string Size(VideoFormat shown, int longest)
    {
        var size = PictureSize.Fit(shown, longest);
        return string.Create(CultureInfo.InvariantCulture, $"{size.Width}:{size.Height}");
    }
}
