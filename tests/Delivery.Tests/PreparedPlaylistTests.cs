using System.IO.Compression;
using System.Text;
using Millrace.Hls;
using Millrace.Timeline;

namespace Millrace.Delivery.Tests;

public sealed class PreparedPlaylistTests
{
    [Theory]
    [InlineData(DvrMode.Full, 1)]
    [InlineData(DvrMode.Full, 2)]
    [InlineData(DvrMode.Window, 3)]
    [InlineData(DvrMode.Window, 4)]
    public void Get_EveryVersionOfABroadcast_IsThePlaylistInBothEncodings(DvrMode mode, int seed)
    {
        using var origin = new Origin(dvr: new DvrOptions { Mode = mode, Window = TimeSpan.FromSeconds(150) });
        using var arena = new Core.MediaArena(origin.Pool);
        var broadcast = origin.OpenBroadcast("studio-two", begin: false);
        var script = new RandomBroadcast(broadcast, arena, seed);
        script.BeginPeriod();
        var prepared = new PreparedPlaylist(MediaPlaylistOptions.Dvr);
        for (var step = 0; step < 250; step++)
        {
            script.Step();
            if (step == 200)
                broadcast.Timeline.Lose("source", script.Next - 20);
            Demand(broadcast.Timeline.Read("source")!, prepared);
        }
        broadcast.End();
        Demand(broadcast.Timeline.Read("source")!, prepared);
    }

    [Fact]
    public void Get_TwelveHours_WritesEachStretchOnce()
    {
        const int Segments = 21_600;
        var timeline = new BroadcastTimeline(new TimelineContract(2, new Core.MediaTime(35, 100)));
        timeline.BeginPeriod(new NewPeriod(0, new Core.MediaTime(0, 90000), DateTimeOffset.UnixEpoch,
            [new NewRendition("source", new Media.VideoFormat(Media.Codec.Avc, "avc1.64001f", [1], 1280, 720), new byte[] { 1 })]));
        var prepared = new PreparedPlaylist(MediaPlaylistOptions.Dvr);
        EncodedText? newest = null;
        for (var number = 0; number < Segments; number++)
        {
            var start = new Core.MediaTime(number * 180_000L, 90000);
            timeline.AppendPart(new NewPart(0, number, 0, start, new Core.MediaTime(180_000, 90000), true, 600_000, 60));
            newest = prepared.Get(timeline.Read("source")!);
            timeline.EndSegment(new NewSegment(0, number, start, new Core.MediaTime(180_000, 90000), true, false));
            newest = prepared.Get(timeline.Read("source")!);
        }
        // One for every 32 segments, and the newest few are in the tail.
        Assert.Equal(Segments / OriginBroadcast.SlideSegments - 1, prepared.Written);
        Assert.Equal(MediaPlaylist.Write(timeline.Read("source")!, MediaPlaylistOptions.Dvr, PlaylistSkip.None), newest!.Bytes(ContentCoding.Identity));
        // A delta update is as short as ever.
        Assert.InRange(MediaPlaylist.Write(timeline.Read("source")!, MediaPlaylistOptions.Dvr, PlaylistSkip.Segments).Length, 300, 1500);
    }

    private static void Demand(RenditionSnapshot snapshot, PreparedPlaylist prepared)
    {
        if (!snapshot.HasMedia)
            return;
        var text = prepared.Get(snapshot);
        var wanted = Encoding.UTF8.GetString(MediaPlaylist.Write(snapshot, MediaPlaylistOptions.Dvr, PlaylistSkip.None));
        Assert.Equal(wanted, Encoding.UTF8.GetString(Join(text.Pieces(ContentCoding.Identity))));
        using var gzip = new GZipStream(new MemoryStream(Join(text.Pieces(ContentCoding.Gzip))), CompressionMode.Decompress);
        using var reader = new StreamReader(gzip, Encoding.UTF8);
        Assert.Equal(wanted, reader.ReadToEnd());
    }

    private static byte[] Join(ReadOnlyMemory<byte>[] pieces) => [.. pieces.SelectMany(piece => piece.ToArray())];
}
