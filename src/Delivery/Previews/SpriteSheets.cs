namespace Millrace.Delivery.Previews;

/// <summary>
/// The sprite sheets of one broadcast, as files in a directory of its own: sheets of 5 × 5 tiles, full ones as
/// <c>{n}.jpg</c>, the one in progress as <c>{n}.{count}.jpg</c>. Written by one thread at a time; <see cref="Index"/> is for
/// any, and never waits for the disk.
/// </summary>
/// <remarks>
/// Memory holds 24 bytes for each tile. The newest few versions of the sheet in progress stay, because players have an
/// index that names them. <c>{n}.tiles</c> holds the tiles of the sheet in progress, for the next version;
/// <see cref="SpriteLog"/> brings everything back after a restart, and the next tile then begins a new sheet.
/// </remarks>
internal sealed class SpriteSheets
{
    /// <summary>The longer side of a tile in samples: what fits above a seek bar.</summary>
    public const int TileLongest = 160;

    /// <summary>Tiles beside each other.</summary>
    public const int Columns = 5;

    /// <summary>
    /// Tiles of a full sheet: about 80 KB, four minutes at the default interval. Larger ones save requests, but the one in
    /// progress is sent anew with each tile.
    /// </summary>
    public const int Capacity = Columns * Columns;

    /// <summary>Two and a quarter days at the default interval; an index of 1.5 MB before compression.</summary>
    private const int MaxTiles = 20_000;

    /// <summary>Versions of the sheet in progress that stay beside the newest: three intervals for whoever holds an old index.</summary>
    private const int OldVersions = 3;

    private readonly string directory;
    private readonly List<SpriteSheet> sheets = [];
    private readonly List<SpriteTile> tiles = [];
    private readonly Queue<string> superseded = [];
    private SpriteIndex index = SpriteIndex.Empty;
    private SpriteSheet? open;
    private long nextNumber;

    /// <param name="directory">Made with the first sheet; nobody else writes to it. What an earlier run left there is taken up.</param>
    public SpriteSheets(string directory)
    {
        this.directory = directory;
        var end = 0.0;
        foreach (var entry in SpriteLog.Read(directory, 2 * MaxTiles))
        {
            nextNumber = entry.Sheet.Number + 1;
            end = entry.End;
            if (sheets is [.., var last] && last.Number == entry.Sheet.Number)
                sheets[^1] = entry.Sheet;
            else
                sheets.Add(entry.Sheet);
            tiles.Add(new SpriteTile(entry.Sheet.Number, entry.Sheet.Count - 1, entry.Seconds));
        }
        sheets.RemoveAll(sheet => !File.Exists(PathOf(sheet.Name)));
        var left = sheets.Select(sheet => sheet.Number).ToHashSet();
        tiles.RemoveAll(tile => !left.Contains(tile.Sheet));
        if (tiles.Count > 0)
            index = new SpriteIndex([.. sheets], [], [.. tiles], end);
    }

    /// <summary>What there is now.</summary>
    public SpriteIndex Index => Volatile.Read(ref index);

    /// <summary>Where the next tile of that size goes: the sheet's tiles so far, as a file or null, and how many there will be.</summary>
    public (string? Tiles, int Count) Next(PictureSize tile)
    {
        // A sheet has tiles of one size: the source's shape has changed.
        if (open is not null && open.Tile != tile)
            Close();
        return open is null ? (null, 1) : (TilesPath(open), open.Count + 1);
    }

    /// <summary>
    /// Takes the tile that <see cref="Next"/> was asked for, and the sheet with it. Throws what the file system throws; then the
    /// tile is not there, and the next one begins a new sheet.
    /// </summary>
    /// <param name="tile">The JPEG of the tile alone.</param>
    /// <param name="size">Its size.</param>
    /// <param name="sheet">The JPEG of the sheet with it.</param>
    /// <param name="seconds">Its moment.</param>
    /// <param name="end">Until when it is shown unless another one follows.</param>
    /// <param name="earliest">How far back the broadcast can be rewound: what shows only what was before goes.</param>
    public void Add(byte[] tile, PictureSize size, byte[] sheet, double seconds, double end, double earliest)
    {
        var next = open is null ? new SpriteSheet(nextNumber, 1, size) : open with { Count = open.Count + 1 };
        try
        {
            Directory.CreateDirectory(directory);
            File.WriteAllBytes(PathOf(next.Name), sheet);
            if (!next.IsFull)
                File.AppendAllBytes(TilesPath(next), tile);
            SpriteLog.Append(directory, new SpriteEntry(next, seconds, end));
        }
        catch
        {
            Close();
            throw;
        }
        if (open is null)
        {
            sheets.Add(next);
            nextNumber++;
        }
        else
        {
            superseded.Enqueue(open.Name);
            sheets[^1] = next;
        }
        open = next;
        tiles.Add(new SpriteTile(next.Number, next.Count - 1, seconds));
        if (next.IsFull)
            Close();
        List<string> gone = [];
        if (superseded.Count > OldVersions)
            gone.Add(superseded.Dequeue());
        Trim(earliest, gone);
        Volatile.Write(ref index, new SpriteIndex([.. sheets], [.. superseded], [.. tiles], end));
        // Behind the index, so that nobody is sent to what is gone.
        gone.ForEach(name => Delete(PathOf(name)));
    }

    /// <summary>Where a sheet's file is.</summary>
    public string PathOf(string name) => Path.Combine(directory, name);

    /// <summary>The tiles so far are of no use: the next one begins a new sheet.</summary>
    public void Close()
    {
        if (open is not null)
            Delete(TilesPath(open));
        open = null;
    }

    /// <summary>A tile is shown until the next one's moment, so the last one from before the earliest moment stays.</summary>
    private void Trim(double earliest, List<string> gone)
    {
        var first = 0;
        while (first < tiles.Count - 1 && (tiles[first + 1].Seconds <= earliest || tiles.Count - first > MaxTiles))
            first++;
        tiles.RemoveRange(0, first);
        var empty = 0;
        while (sheets[empty].Number < tiles[0].Sheet)
            gone.Add(sheets[empty++].Name);
        sheets.RemoveRange(0, empty);
    }

    private string TilesPath(SpriteSheet sheet) => Path.Combine(directory, FormattableString.Invariant($"{sheet.Number}.tiles"));

    private static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It goes with the broadcast's directory.
        }
    }
}
