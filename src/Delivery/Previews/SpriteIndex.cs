using System.Globalization;
using System.Text;

namespace Millrace.Delivery.Previews;

/// <summary>One tile of a sheet.</summary>
/// <param name="Sheet">The sheet's number.</param>
/// <param name="Position">Its place in the sheet, row by row, from 0.</param>
/// <param name="Seconds">Where its picture stands: seconds from the beginning of the broadcast's DVR timeline.</param>
internal readonly record struct SpriteTile(long Sheet, int Position, double Seconds);

/// <summary>One sheet as it is now.</summary>
/// <param name="Number">Counted over the broadcast, from 0.</param>
/// <param name="Count">Its tiles.</param>
/// <param name="Tile">The size of each.</param>
internal sealed record SpriteSheet(long Number, int Count, PictureSize Tile)
{
    /// <summary>No tile comes to it any more, and its name says no count.</summary>
    public bool IsFull => Count == SpriteSheets.Capacity;

    /// <summary>Its name in the directory of sheets; each name stands for the same bytes for ever.</summary>
    public string Name => NameOf(Number, IsFull ? 0 : Count);

    /// <summary>The name of a sheet with so many tiles; 0 when it is full.</summary>
    public static string NameOf(long number, int count) => count == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{number}.jpg")
        : string.Create(CultureInfo.InvariantCulture, $"{number}.{count}.jpg");
}

/// <summary>
/// Which tile of which sheet shows which moment: what <c>sprites.vtt</c> says, and which sheets can be fetched. Immutable; one
/// object per change.
/// </summary>
internal sealed class SpriteIndex
{
    /// <summary>Nothing yet.</summary>
    public static readonly SpriteIndex Empty = new([], [], [], 0);

    private readonly SpriteSheet[] sheets;
    private readonly string[] superseded;
    private readonly SpriteTile[] tiles;
    private readonly double end;

    /// <param name="sheets">In the order of their numbers.</param>
    /// <param name="superseded">Names of older versions that are still there.</param>
    /// <param name="tiles">In the order of time; each one's sheet is among them.</param>
    /// <param name="end">Until when the last tile is shown, in seconds.</param>
    public SpriteIndex(SpriteSheet[] sheets, string[] superseded, SpriteTile[] tiles, double end)
    {
        this.sheets = sheets;
        this.superseded = superseded;
        this.tiles = tiles;
        this.end = end;
    }

    /// <summary>There is no tile.</summary>
    public bool IsEmpty => tiles.Length == 0;

    /// <summary>The sheet of that number, which a tile names.</summary>
    public SpriteSheet Sheet(long number) => sheets[number - sheets[0].Number];

    /// <summary>The tiles of a stretch of the broadcast's clock, in seconds; when there is none in it, the one in front.</summary>
    public SpriteTile[] Between(double from, double to)
    {
        SpriteTile[] within = [.. tiles.Where(tile => tile.Seconds >= from && tile.Seconds < to)];
        return within.Length > 0 ? within : [.. tiles.Where(tile => tile.Seconds < from).TakeLast(1)];
    }

    /// <summary>The file name of a sheet that can be fetched, or null. <paramref name="count"/> is 0 for a full one.</summary>
    public string? Find(long number, int count)
    {
        var name = SpriteSheet.NameOf(number, count);
        // Numbers have no holes.
        var place = sheets.Length == 0 ? -1 : number - sheets[0].Number;
        return (place >= 0 && place < sheets.Length && sheets[place].Name == name) || Array.IndexOf(superseded, name) >= 0 ? name : null;
    }

    /// <summary>
    /// The WebVTT text (W3C WebVTT §4): a cue from each tile's moment to the next one's, whose text is the sheet's address,
    /// relative to the index, with the tile's place as a media fragment (Media Fragments URI 1.0 §4.2.2).
    /// </summary>
    public static byte[] Write(SpriteIndex index)
    {
        var text = new StringBuilder("WEBVTT\n");
        for (var i = 0; i < index.tiles.Length; i++)
        {
            var tile = index.tiles[i];
            var sheet = index.sheets[tile.Sheet - index.sheets[0].Number];
            var until = i + 1 < index.tiles.Length ? index.tiles[i + 1].Seconds : Math.Max(index.end, tile.Seconds + 0.001);
            var x = tile.Position % SpriteSheets.Columns * sheet.Tile.Width;
            var y = tile.Position / SpriteSheets.Columns * sheet.Tile.Height;
            text.Append('\n');
            AppendTime(text, tile.Seconds);
            text.Append(" --> ");
            AppendTime(text, until);
            text.Append(CultureInfo.InvariantCulture, $"\nsprites/{sheet.Name}#xywh={x},{y},{sheet.Tile.Width},{sheet.Tile.Height}\n");
        }
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    private static void AppendTime(StringBuilder text, double seconds)
    {
        var milliseconds = (long)Math.Round(Math.Max(0, seconds) * 1000);
        text.Append(CultureInfo.InvariantCulture,
            $"{milliseconds / 3_600_000:00}:{milliseconds / 60_000 % 60:00}:{milliseconds / 1000 % 60:00}.{milliseconds % 1000:000}");
    }
}
