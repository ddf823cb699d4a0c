using System.Text;
using Millrace.Core;
using Millrace.Media;
using Millrace.Tests;
using Millrace.Timeline;

namespace Millrace.Hls.Tests;

public class LadderTests
{
    private static string Write(BroadcastTimeline timeline) =>
        Encoding.UTF8.GetString(MultivariantPlaylist.Write(timeline.Read(), new MultivariantPlaylistOptions()));

    private static PlaylistReader Read(RenditionSnapshot rendition) =>
        PlaylistReader.Read(MediaPlaylist.Write(rendition, MediaPlaylistOptions.Live, PlaylistSkip.None));

    [Fact]
    public void Write_LadderBeforeItBegan_IsExactlyThis()
    {
        Assert.Equal(
            """
            #EXTM3U
            #EXT-X-VERSION:6
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/live.m3u8"
            #EXT-X-STREAM-INF:BANDWIDTH=1909600,AVERAGE-BANDWIDTH=1909600,SCORE=4,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,VIDEO-RANGE=SDR,AUDIO="audio"
            720p/live.m3u8
            #EXT-X-STREAM-INF:BANDWIDTH=8009616,AVERAGE-BANDWIDTH=8009616,SCORE=5,CODECS="avc1.64002a,mp4a.40.2",RESOLUTION=1920x1080,FRAME-RATE=30.000,VIDEO-RANGE=SDR,AUDIO="audio"
            source/live.m3u8
            #EXT-X-STREAM-INF:BANDWIDTH=909600,AVERAGE-BANDWIDTH=909600,SCORE=3,CODECS="avc1.64001e,mp4a.40.2",RESOLUTION=854x480,FRAME-RATE=30.000,VIDEO-RANGE=SDR,AUDIO="audio"
            480p/live.m3u8
            #EXT-X-STREAM-INF:BANDWIDTH=309600,AVERAGE-BANDWIDTH=309600,SCORE=2,CODECS="avc1.64000b,mp4a.40.2",RESOLUTION=284x160,FRAME-RATE=15.000,VIDEO-RANGE=SDR,AUDIO="audio"
            160p/live.m3u8
            #EXT-X-STREAM-INF:BANDWIDTH=9600,AVERAGE-BANDWIDTH=9600,SCORE=1,CODECS="mp4a.40.2",AUDIO="audio"
            audio/live.m3u8

            """,
            Write(Ladder(ScriptedBroadcast.Audio())), ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Write_SoundThatBrowsersCannotPlay_OffersEachRungWithBothGroups()
    {
        var playlist = Write(Ladder(new AudioFormat(Codec.Mp3, "mp4a.40.34", [], 48000, 2, 1152), withAac: true)).Split('\n');

        Assert.StartsWith("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",NAME=\"aac\",DEFAULT=YES", playlist[2], StringComparison.Ordinal);
        Assert.StartsWith("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"audio\",DEFAULT=YES", playlist[3], StringComparison.Ordinal);
        var variants = playlist.Where(line => line.StartsWith("#EXT-X-STREAM-INF", StringComparison.Ordinal)).ToArray();
        Assert.Equal(9, variants.Length);
        for (var i = 0; i < 8; i++)
        {
            Assert.EndsWith(i % 2 == 0 ? "AUDIO=\"aac\"" : "AUDIO=\"audio\"", variants[i], StringComparison.Ordinal);
            Assert.Contains(i % 2 == 0 ? ",mp4a.40.2\"" : ",mp4a.40.34\"", variants[i], StringComparison.Ordinal);
        }
        Assert.Equal("aac/live.m3u8", playlist[^2]);
        Assert.Contains("SCORE=1,CODECS=\"mp4a.40.2\",AUDIO=\"aac\"", playlist[^3], StringComparison.Ordinal);
    }

    [Fact]
    public void Write_SoundAloneThatBrowsersCannotPlay_BeginsWithWhatTheyCan()
    {
        var timeline = new BroadcastTimeline(new TimelineContract(2, new MediaTime(31500, 90000)));
        timeline.BeginPeriod(new NewPeriod(0, new MediaTime(0, 90000), ScriptedBroadcast.Origin,
        [
            new("audio", new AudioFormat(Codec.Mp3, "mp4a.40.34", [], 48000, 2, 1152), new byte[] { 2 }),
            new("aac", ScriptedBroadcast.Audio(), default, IsDerived: true, TargetBitsPerSecond: 128_000),
        ]));
        timeline.AppendPart(new NewPart(0, 0, 0, new MediaTime(0, 48000), new MediaTime(16000, 48000), true, 400, 16));

        var playlist = Write(timeline);

        Assert.Equal(["aac/live.m3u8", "audio/live.m3u8"], playlist.Split('\n').Where(line => line.EndsWith(".m3u8", StringComparison.Ordinal)));
    }

    [Fact]
    public void Write_EndedBeforeARungBegan_OffersOnlyWhatThereIs()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungEnds().Segments(1);
        Assert.Contains("480p/", Write(broadcast.Timeline), StringComparison.Ordinal);

        broadcast.Timeline.End();

        Assert.DoesNotContain("480p/", Write(broadcast.Timeline), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_RungBeganLate_ItsPlaylistBeginsThere()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungEnds().Segments(1).RungInit().RungParts(6).Segments(1).RungEnds();

        var playlist = Read(broadcast.Rung);

        Assert.Equal((1L, "0-init.mp4", "2.0.m4s"), (playlist.MediaSequence, playlist.Entries[0].Map, playlist.Hint));
        Assert.Equal("2026-01-02T03:04:07.000Z", playlist.Entries[0].Date);
    }

    [Fact]
    public void Write_RungDiesAndComesBack_GapsStandInBetweenAndNothingMoves()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungInit();
        PlaylistReader? before = null;
        for (var segment = 0; segment < 8; segment++)
        {
            if (segment is < 3 or >= 6)
            {
                broadcast.RungParts(6);
                Check();
            }
            broadcast.RungEnds().Segments(1);
            Check();
        }
        Assert.Equal([3L, 4, 5], before!.Complete.Where(entry => entry.IsGap).Select(entry => entry.Number));
        Assert.All(before.Complete, entry => Assert.Equal(0, entry.Discontinuity));
        Assert.True(before.IsIndependent);

        void Check()
        {
            var now = Read(broadcast.Rung);
            if (before is not null)
                now.CheckFollows(before);
            before = now;
        }
    }

    [Fact]
    public void Write_EncoderNotYetThereInANewPeriod_NamesNoInitOfIt()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungInit().RungParts(6).RungEnds().Segments(1);
        broadcast.Begin(rung: true, absentSeconds: 3).RungEnds().Segments(1);
        var early = Read(broadcast.Rung);
        Assert.Equal([false, true], early.Complete.Select(entry => entry.IsGap));
        Assert.DoesNotContain(early.Entries[1].Lines, line => line.StartsWith("#EXT-X-MAP", StringComparison.Ordinal));
        Assert.Contains("#EXT-X-DISCONTINUITY", early.Entries[1].Lines);

        broadcast.RungInit(8).RungParts(6).RungEnds().Segments(1);

        var late = Read(broadcast.Rung);
        late.CheckFollows(early);
        Assert.Contains("#EXT-X-MAP:URI=\"1-init.mp4\"", late.Entries[2].Lines);
        Assert.DoesNotContain("#EXT-X-DISCONTINUITY", late.Entries[2].Lines);
    }

    private static BroadcastTimeline Ladder(AudioFormat sound, bool withAac = false)
    {
        var timeline = new BroadcastTimeline(new TimelineContract(2, new MediaTime(31500, 90000)));
        var renditions = new List<NewRendition>
        {
            new("source", new VideoFormat(Codec.Avc, "avc1.64002a", [1], 1920, 1080), new byte[] { 1 }),
            new("audio", sound, new byte[] { 2 }),
            Rung("720p", "avc1.64001f", 1280, 720, 30, 1_900_000),
            Rung("480p", "avc1.64001e", 854, 480, 30, 900_000),
            Rung("160p", "avc1.64000b", 284, 160, 15, 300_000),
        };
        if (withAac)
            renditions.Add(new NewRendition("aac", ScriptedBroadcast.Audio(), default, IsDerived: true, TargetBitsPerSecond: 128_000));
        timeline.BeginPeriod(new NewPeriod(0, new MediaTime(0, 90000), ScriptedBroadcast.Origin, renditions));
        timeline.AppendPart(new NewPart(0, 0, 0, new MediaTime(0, 90000), new MediaTime(30000, 90000), true, 333_334, 10));
        timeline.AppendPart(new NewPart(1, 0, 0, new MediaTime(0, 48000), new MediaTime(16000, 48000), true, 400, 16));
        return timeline;

        static NewRendition Rung(string name, string codec, int width, int height, double rate, long target) => new(
            name, new VideoFormat(Codec.Avc, codec, [(byte)height], width, height) { DeclaredFrameRate = rate }, default, IsDerived: true, target);
    }
}
