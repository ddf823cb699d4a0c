using System.Text;
using Millrace.Core;
using Millrace.Delivery.Previews;

namespace Millrace.Delivery.Tests.Previews;

/// <summary>A clip's sprite sheets show its range, each tile at its moment on the clip's own clock.</summary>
public sealed class ClipSpritesTests : IDisposable
{
    private static readonly PictureSize Wide = new(160, 90);
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("millrace-sprites-");

    [Fact]
    public void Range_OverThreeSheets_HasTheMiddleOneWholeAndCutsTheOthers()
    {
        var source = Source(60);
        // Tiles 23 to 52: two of the first sheet, all of the second, three of the third.
        var made = Write(source, 225, 525);
        var text = Encoding.ASCII.GetString(SpriteIndex.Write(made.Index));
        Assert.StartsWith("WEBVTT\n\n00:00:00.000 --> 00:00:15.000\nsprites/0.2.jpg#xywh=0,0,160,90\n\n00:00:15.000 --> 00:00:25.000\nsprites/0.2.jpg#xywh=160,0,160,90\n\n00:00:25.000 --> 00:00:35.000\nsprites/1.jpg#xywh=0,0,160,90\n", text, StringComparison.Ordinal);
        Assert.EndsWith("\n00:04:55.000 --> 00:05:00.000\nsprites/2.3.jpg#xywh=320,0,160,90\n", text, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(source.PathOf("1.jpg")), File.ReadAllBytes(made.PathOf("1.jpg")));
        foreach (var (name, position, tile) in ((string, int, int)[])[("0.2.jpg", 0, 23), ("0.2.jpg", 1, 24), ("1.jpg", 24, 49), ("2.3.jpg", 0, 50), ("2.3.jpg", 2, 52)])
        {
            var (width, _, red, _, _) = Ffmpeg.Look(File.ReadAllBytes(made.PathOf(name)), $"80:40:{position % 5 * 160 + 40}:{position / 5 * 90 + 20}");
            Assert.Equal(800, width);
            Assert.InRange(red, tile * 4 - 8, tile * 4 + 8);
        }
    }

    [Fact]
    public void Range_BetweenTwoTiles_HasTheOneInFront()
    {
        var made = Write(Source(3), 12, 16);
        Assert.Equal("WEBVTT\n\n00:00:00.000 --> 00:00:04.000\nsprites/0.1.jpg#xywh=0,0,160,90\n", Encoding.ASCII.GetString(SpriteIndex.Write(made.Index)));
        Assert.InRange(Ffmpeg.Look(File.ReadAllBytes(made.PathOf("0.1.jpg")), "80:40:40:20").Red, 0, 12);
    }

    [Fact]
    public void Range_OfABroadcastWithoutPictures_HasNone() => Assert.True(Write(Source(0), 0, 100).Index.IsEmpty);

    [Fact]
    public void Range_WhoseSheetHasGone_IsLeftOut()
    {
        var source = Source(30);
        File.Delete(source.PathOf("0.jpg"));
        var made = Write(source, 0, 300);
        Assert.Equal("0.5.jpg", made.Index.Find(0, 5));
        Assert.Contains("00:04:10.000 --> 00:04:20.000\nsprites/0.5.jpg#xywh=0,0,160,90", Encoding.ASCII.GetString(SpriteIndex.Write(made.Index)), StringComparison.Ordinal);
    }

    public void Dispose() => directory.Delete(recursive: true);

    private SpriteSheets Write(SpriteSheets source, double from, double to)
    {
        var path = Path.Combine(directory.FullName, "clip");
        new ClipSprites(source, path, FfmpegProgram.Find(""), TimeProvider.System).Write(from, to, TestContext.Current.CancellationToken);
        return new SpriteSheets(path);
    }

    /// <summary>So many tiles, 10 s apart, each redder than the one before.</summary>
    private SpriteSheets Source(int count)
    {
        var sheets = new SpriteSheets(Path.Combine(directory.FullName, "source"));
        for (var sheet = 0; sheet * SpriteSheets.Capacity < count; sheet++)
        {
            var first = sheet * SpriteSheets.Capacity;
            var tiles = Math.Min(SpriteSheets.Capacity, count - first);
            var picture = Ffmpeg.Sheet(first * 4, tiles, (tiles + 4) / 5);
            for (var tile = 0; tile < tiles; tile++)
                sheets.Add([1], Wide, picture, (first + tile) * 10, (first + tile) * 10 + 10, 0);
        }
        return sheets;
    }
}
