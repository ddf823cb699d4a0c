using System.Globalization;

namespace Millrace.Delivery.Previews;

/// <summary>One tile as the log of a broadcast's sheets remembers it: the sheet with it, and its moment.</summary>
/// <param name="Sheet">The sheet, this tile its last.</param>
/// <param name="Seconds">The tile's moment.</param>
/// <param name="End">Until when it is shown unless another one follows.</param>
internal readonly record struct SpriteEntry(SpriteSheet Sheet, double Seconds, double End);

/// <summary>
/// The file beside the sheets that says which tile is where, a line each, so that a recording has its sheets after a restart
/// and no name is used twice: <c>{sheet} {count} {width} {height} {seconds} {end}</c>.
/// </summary>
internal static class SpriteLog
{
    /// <summary>In the directory of the sheets.</summary>
    public const string Name = "tiles.txt";

    /// <summary>Adds a line, on a new one: a kill may have cut off the last. Throws what the file system throws.</summary>
    public static void Append(string directory, in SpriteEntry entry) => File.AppendAllText(Path.Combine(directory, Name), string.Create(
        CultureInfo.InvariantCulture,
        $"\n{entry.Sheet.Number} {entry.Sheet.Count} {entry.Sheet.Tile.Width} {entry.Sheet.Tile.Height} {entry.Seconds:0.000} {entry.End:0.000}\n"));

    /// <summary>The lines that are whole. Empty when there is no file, or none to be read.</summary>
    /// <param name="directory">Of the sheets.</param>
    /// <param name="most">Lines that are read at most.</param>
    public static List<SpriteEntry> Read(string directory, int most)
    {
        var entries = new List<SpriteEntry>();
        try
        {
            var path = Path.Combine(directory, Name);
            if (!File.Exists(path))
                return entries;
            foreach (var line in File.ReadLines(path))
            {
                if (entries.Count == most)
                    break;
                if (TryParse(line, out var entry))
                    entries.Add(entry);
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // What was read is good.
        }
        return entries;
    }

    private static bool TryParse(string line, out SpriteEntry entry)
    {
        entry = default;
        var words = line.Split(' ');
        if (words.Length != 6
            || !long.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || !Number(words[1], SpriteSheets.Capacity, out var count)
            || !Number(words[2], SpriteSheets.TileLongest, out var width)
            || !Number(words[3], SpriteSheets.TileLongest, out var height)
            || !double.TryParse(words[4], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            || !double.TryParse(words[5], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var end))
            return false;
        entry = new SpriteEntry(new SpriteSheet(number, count, new PictureSize(width, height)), seconds, end);
        return true;

        static bool Number(string word, int most, out int value) =>
            int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value > 0 && value <= most;
    }
}
