using System.Text;
using Millrace.Delivery.Previews;

namespace Millrace.Delivery.Tests.Previews;

public sealed class SpriteSheetsTests : IDisposable
{
    private static readonly PictureSize Wide = new(160, 90);
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("millrace-sprites-");
    private readonly SpriteSheets sheets;
    private int added;

    public SpriteSheetsTests() => sheets = new SpriteSheets(Path.Combine(directory.FullName, "b", "sprites"));

    [Fact]
    public void Add_ThreeTiles_IndexSaysWhichTileShowsWhichMoment()
    {
        Add(3);
        Assert.Equal("""
            WEBVTT

            00:00:00.000 --> 00:00:10.000
            sprites/0.3.jpg#xywh=0,0,160,90

            00:00:10.000 --> 00:00:20.000
            sprites/0.3.jpg#xywh=160,0,160,90

            00:00:20.000 --> 00:00:30.000
            sprites/0.3.jpg#xywh=320,0,160,90

            """, Text());
    }

    [Fact]
    public void Add_MoreThanASheetHolds_FullOneLosesItsCountAndStays()
    {
        Add(SpriteSheets.Capacity + 2);
        var text = Text();
        Assert.Contains("sprites/0.jpg#xywh=0,0,160,90\n", text, StringComparison.Ordinal);
        Assert.Contains("sprites/0.jpg#xywh=640,360,160,90\n", text, StringComparison.Ordinal);
        Assert.Contains("00:04:20.000 --> 00:04:30.000\nsprites/1.2.jpg#xywh=160,0,160,90\n", text, StringComparison.Ordinal);
        Assert.Equal(SpriteSheets.Capacity, Content(0, 0));
        Assert.Equal(SpriteSheets.Capacity + 2, Content(1, 2));
        // Whoever holds an index of a moment ago gets what it names.
        Assert.Equal(SpriteSheets.Capacity + 1, Content(1, 1));
        Assert.Equal(SpriteSheets.Capacity - 1, Content(0, 24));
        Assert.Null(sheets.Index.Find(0, 22));
        Assert.Null(sheets.Index.Find(0, 1));
        Assert.Null(sheets.Index.Find(2, 1));
        Assert.Equal(["0.23.jpg", "0.24.jpg", "0.jpg", "1.1.jpg", "1.2.jpg", "1.tiles", "tiles.txt"], Files());
    }

    [Fact]
    public void Next_TilesSoFar_AreInOneFile()
    {
        Assert.Equal((null, 1), sheets.Next(Wide));
        Add(2);
        var (path, count) = sheets.Next(Wide);
        Assert.Equal(3, count);
        Assert.Equal([1, 2], File.ReadAllBytes(path!));
    }

    [Fact]
    public void Next_TilesOfAnotherSize_BeginASheet()
    {
        Add(2);
        Assert.Equal((null, 1), sheets.Next(new PictureSize(90, 160)));
        sheets.Add([9], new PictureSize(90, 160), [9], 20, 30, 0);
        var text = Text();
        Assert.Contains("sprites/0.2.jpg#xywh=160,0,160,90\n", text, StringComparison.Ordinal);
        Assert.Contains("sprites/1.1.jpg#xywh=0,0,90,160\n", text, StringComparison.Ordinal);
        Assert.Equal(2, Content(0, 2));
    }

    [Fact]
    public void Add_WindowSlides_OnlyWhatItShowsIsKept()
    {
        for (var i = 0; i < 10 * SpriteSheets.Capacity; i++)
            Add(1, earliest: (added * 10) - 55);
        var text = Text();
        // The tile that shows the earliest moment was taken before it.
        Assert.StartsWith("WEBVTT\n\n00:40:30.000 -->", text, StringComparison.Ordinal);
        Assert.DoesNotContain("sprites/8", text, StringComparison.Ordinal);
        Assert.InRange(Files().Count, 1, 6);
    }

    [Fact]
    public void Add_DiskDoesNotTakeIt_NextTileBeginsANewSheet()
    {
        Add(2);
        var path = Path.Combine(directory.FullName, "b", "sprites");
        Directory.Move(path, path + ".away");
        File.WriteAllText(path, "in the way");
        Assert.ThrowsAny<IOException>(() => Add(1));
        File.Delete(path);
        Directory.Move(path + ".away", path);

        Assert.Equal((null, 1), sheets.Next(Wide));
        Add(1);
        Assert.Equal(2, Content(0, 2));
        Assert.Equal(4, Content(1, 1));
        Assert.Contains("00:00:30.000 --> 00:00:40.000\nsprites/1.1.jpg", Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void Sheets_AfterARestart_AreThereAndNoNameIsUsedTwice()
    {
        Add(SpriteSheets.Capacity + 2);
        var before = Text();
        var path = Path.Combine(directory.FullName, "b", "sprites");
        // A kill in the middle of a line.
        File.AppendAllText(Path.Combine(path, "tiles.txt"), "1 3 160 9");

        var again = new SpriteSheets(path);
        Assert.Equal(before, Encoding.ASCII.GetString(SpriteIndex.Write(again.Index)));
        Assert.Equal((null, 1), again.Next(Wide));
        again.Add([9], Wide, [99], 300, 310, 0);
        var text = Encoding.ASCII.GetString(SpriteIndex.Write(again.Index));
        Assert.Contains("sprites/1.2.jpg#xywh=160,0,160,90\n", text, StringComparison.Ordinal);
        Assert.Contains("sprites/2.1.jpg#xywh=0,0,160,90\n", text, StringComparison.Ordinal);
        Assert.Equal(99, Assert.Single(File.ReadAllBytes(again.PathOf(again.Index.Find(2, 1)!))));
        Assert.Equal(text, Encoding.ASCII.GetString(SpriteIndex.Write(new SpriteSheets(path).Index)));
    }

    public void Dispose() => directory.Delete(recursive: true);

    /// <summary>Tiles ten seconds apart; the byte of each, and of its sheet, is its number from 1.</summary>
    private void Add(int count, double earliest = 0)
    {
        for (var i = 0; i < count; i++)
        {
            sheets.Next(Wide);
            var at = 10 * added++;
            sheets.Add([(byte)added], Wide, [(byte)added], at, at + 10, earliest);
        }
    }

    private string Text() => Encoding.ASCII.GetString(SpriteIndex.Write(sheets.Index));

    private int Content(long number, int count) => Assert.Single(File.ReadAllBytes(sheets.PathOf(sheets.Index.Find(number, count)!)));

    private List<string> Files() =>
        [.. Directory.GetFiles(Path.Combine(directory.FullName, "b", "sprites")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
}
