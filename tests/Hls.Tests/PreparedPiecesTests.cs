using System.Buffers;
using System.Text;
using Millrace.Tests;
using Millrace.Timeline;

namespace Millrace.Hls.Tests;

public class PreparedPiecesTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void HeadSegmentsAndTail_CutAnywhere_AreTheWholePlaylist(int seed)
    {
        var random = new Random(seed);
        var broadcast = new ScriptedBroadcast().Begin();
        for (var step = 0; step < 60; step++)
        {
            switch (random.Next(8))
            {
                case 0:
                    broadcast.Segments(1).Begin(width: random.Next(2) == 0 ? 640 : 1280, absentSeconds: random.Next(5));
                    break;
                case 1:
                    broadcast.Segments(1).Segments(1, silent: "source");
                    break;
                case 2:
                    broadcast.Timeline.AddDateRange(new DateRange($"r{step}", ScriptedBroadcast.Origin.AddSeconds(step)) { Duration = TimeSpan.FromSeconds(3) });
                    break;
                case 3:
                    broadcast.Timeline.Lose("source", random.NextInt64(broadcast.Next + 1));
                    break;
                case 4:
                    broadcast.Timeline.RemoveBefore(random.NextInt64(broadcast.Next + 1) / 2);
                    break;
                default:
                    broadcast.Segments(random.Next(1, 4), independent: random.Next(6) > 0).Parts(random.Next(4));
                    break;
            }
            if (broadcast.Source.HasMedia)
                DemandTheSame(broadcast.Source, random);
        }
        broadcast.Timeline.End();
        DemandTheSame(broadcast.Source, random);
    }

    private static void DemandTheSame(RenditionSnapshot rendition, Random random)
    {
        var options = MediaPlaylistOptions.Dvr;
        var first = MediaPlaylist.FirstListed(rendition, options);
        var until = MediaPlaylist.FirstWithParts(rendition, options);
        var output = new ArrayBufferWriter<byte>();
        MediaPlaylist.WriteHead(rendition, options, output);
        var from = first;
        while (from < until && random.Next(4) > 0)
        {
            var to = random.NextInt64(from, until) + 1;
            MediaPlaylist.WriteSegments(rendition, from, to, from == first, output);
            from = to;
        }
        MediaPlaylist.WriteTail(rendition, options, from, output);
        Assert.Equal(
            Encoding.UTF8.GetString(MediaPlaylist.Write(rendition, options, PlaylistSkip.None)), Encoding.UTF8.GetString(output.WrittenSpan));
    }
}
