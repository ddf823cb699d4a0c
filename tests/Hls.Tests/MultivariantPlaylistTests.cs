using System.Text;
using Millrace.Tests;

namespace Millrace.Hls.Tests;

public class MultivariantPlaylistTests
{
    private static string Write(ScriptedBroadcast broadcast, string basePath = "") => Encoding.UTF8.GetString(
        MultivariantPlaylist.Write(broadcast.Timeline.Read(), new MultivariantPlaylistOptions { BasePath = basePath }));

    [Fact]
    public void Write_VideoAndAudio_IsExactlyThis()
    {
        Assert.Equal(
            """
            #EXTM3U
            #EXT-X-VERSION:6
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/live.m3u8"
            #EXT-X-STREAM-INF:BANDWIDTH=81600,AVERAGE-BANDWIDTH=81600,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,VIDEO-RANGE=SDR,AUDIO="audio"
            source/live.m3u8

            """,
            Write(new ScriptedBroadcast().Begin().Segments(3)), ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Write_BeforeTheFirstSegmentIsComplete_MeasuresItsParts() =>
        Assert.Contains("BANDWIDTH=81600,", Write(new ScriptedBroadcast().Begin().Parts(1)), StringComparison.Ordinal);

    [Fact]
    public void Write_AudioOnly_OffersTheAudioAsAVariant()
    {
        var playlist = Write(new ScriptedBroadcast().Begin(video: false).Segments(1));

        Assert.DoesNotContain("EXT-X-MEDIA", playlist, StringComparison.Ordinal);
        Assert.EndsWith(
            "#EXT-X-STREAM-INF:BANDWIDTH=9600,AVERAGE-BANDWIDTH=9600,CODECS=\"mp4a.40.2\"\naudio/live.m3u8\n", playlist, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_FromTheChannelsPath_LeadsToTheBroadcast()
    {
        var playlist = Write(new ScriptedBroadcast().Begin().Segments(1), "/b/xyz/");

        Assert.Contains("URI=\"/b/xyz/audio/live.m3u8\"", playlist, StringComparison.Ordinal);
        Assert.EndsWith("\n/b/xyz/source/live.m3u8\n", playlist, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_AudioGoneInTheNewestPeriod_OffersItNoMoreUntilTheEnd()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1).Begin(audio: false).Segments(1);
        Assert.DoesNotContain("audio", Write(broadcast), StringComparison.Ordinal);

        broadcast.Timeline.End();

        Assert.Contains("AUDIO=\"audio\"", Write(broadcast), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Write_Independence_IsClaimedOnceNothingCanContradictIt(bool independent)
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1).Segments(1, independent);
        Assert.DoesNotContain("INDEPENDENT", Write(broadcast), StringComparison.Ordinal);

        broadcast.Timeline.End();

        Assert.Equal(independent, Write(broadcast).Contains("#EXT-X-INDEPENDENT-SEGMENTS\n", StringComparison.Ordinal));
    }
}
