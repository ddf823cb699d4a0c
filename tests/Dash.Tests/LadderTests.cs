using System.Text;
using Millrace.Core;
using Millrace.Media;
using Millrace.Tests;
using Millrace.Timeline;

namespace Millrace.Dash.Tests;

public class LadderTests
{
    private static string Text(BroadcastTimeline timeline) => Encoding.UTF8.GetString(Manifest.Write(timeline.Read(), new ManifestOptions()));

    private static ManifestReader Read(ScriptedBroadcast broadcast) =>
        ManifestReader.Read(Manifest.Write(broadcast.Timeline.Read(), new ManifestOptions()));

    private static string Newest(ScriptedBroadcast broadcast) => string.Join(
        ' ', Read(broadcast).Periods[^1].Tracks.Select(track => $"{track.Id}:{track.Segments[^1].Number}"));

    [Fact]
    public void Write_RungLags_SourceIsAnnouncedOnceTheRungHasBegun()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungInit().RungParts(6).RungEnds().Segments(1).Parts(1);
        Assert.Equal("source:0 480p:0 audio:0", Newest(broadcast));

        // Not with its first part: it has promised that one comes.
        broadcast.RungBegins();
        Assert.Equal("source:1 480p:0 audio:1", Newest(broadcast));

        broadcast.Segments(1).Parts(1);
        Assert.Equal("source:1 480p:0 audio:1", Newest(broadcast));
    }

    [Fact]
    public void Write_FirstSegment_DoesNotWaitForTheRung() =>
        Assert.Equal("source:0 audio:0", Newest(new ScriptedBroadcast().Begin(rung: true).Segments(1).Parts(1)));

    [Fact]
    public void Write_NewPeriod_AppearsWithItsRung()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungInit().RungParts(6).RungEnds().Segments(1);
        broadcast.Begin(rung: true, absentSeconds: 3).Parts(2).RungInit().RungBegins();
        Assert.Single(Read(broadcast).Periods);

        broadcast.RungParts(1);

        Assert.Equal("source:1 480p:1 audio:1", Newest(broadcast));
    }

    [Fact]
    public void Write_NewPeriodWithoutItsEncoder_AppearsWithTheLeadersEnd()
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true).RungInit().RungParts(6).RungEnds().Segments(1);
        broadcast.Begin(rung: true, absentSeconds: 3).Parts(6);
        Assert.Single(Read(broadcast).Periods);

        broadcast.RungEnds().EndSegment();

        Assert.Equal("source:1 audio:1", Newest(broadcast));
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(3, 6)]
    [InlineData(5, 5)]
    public void Write_RungDiesAndComesBack_NothingAnnouncedMovesToAnotherPeriod(int dies, int comesBack)
    {
        var broadcast = new ScriptedBroadcast().Begin(rung: true);
        var periodOf = new Dictionary<(string, long), string>();
        for (var segment = 0; segment < 9; segment++)
        {
            if (segment == (dies == 0 ? comesBack : 0))
                broadcast.RungInit();
            var lives = segment < dies || segment >= comesBack;
            broadcast.Parts(2);
            Check();
            if (lives)
            {
                broadcast.RungParts(1);
                Check();
            }
            broadcast.Parts(4);
            Check();
            if (!lives)
            {
                broadcast.RungEnds();
                Check();
            }
            broadcast.EndSegment();
            Check();
            if (lives)
            {
                broadcast.RungParts(5).RungEnds();
                Check();
            }
        }
        Assert.Equal(9 * 3 - (comesBack - dies), periodOf.Count);

        void Check()
        {
            foreach (var period in Read(broadcast).Periods)
            {
                foreach (var track in period.Tracks)
                {
                    foreach (var (number, _, _) in track.Segments)
                        Assert.Equal(periodOf.TryAdd((track.Id, number), period.Id) ? period.Id : periodOf[(track.Id, number)], period.Id);
                }
            }
        }
    }

    [Fact]
    public void Write_SameCodec_IsOneSetWithItsBounds()
    {
        var text = Text(new ScriptedBroadcast().Begin(rung: true).RungInit().RungParts(6).RungEnds().Segments(1).Timeline);

        Assert.Contains(
            "contentType=\"video\" mimeType=\"video/mp4\" segmentAlignment=\"true\" maxWidth=\"1280\" maxHeight=\"720\" par=\"16:9\" startWithSAP=\"1\"",
            text, StringComparison.Ordinal);
        Assert.Equal(2, text.Split("<AdaptationSet ").Length - 1);
        Assert.DoesNotContain("adaptation-set-switching", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_OtherCodec_AreSetsThatCanBeSwitched()
    {
        var timeline = new BroadcastTimeline(new TimelineContract(2, new MediaTime(2, 1)));
        timeline.BeginPeriod(new NewPeriod(0, new MediaTime(0, 90000), ScriptedBroadcast.Origin,
        [
            new NewRendition("source", new VideoFormat(Codec.Hevc, "hvc1.1.6.L93.B0", [1], 1280, 720), new byte[] { 1 }),
            new NewRendition("audio", ScriptedBroadcast.Audio(), new byte[] { 2 }),
            new NewRendition("480p", ScriptedBroadcast.Video(854, 480), default, IsDerived: true),
        ]));
        timeline.SetInit(2, ScriptedBroadcast.Video(854, 480), new byte[] { 3 });
        timeline.BeginSegment(2, 0);
        for (var i = 0; i < 3; i++)
            timeline.AppendPart(new NewPart(i, 0, 0, new MediaTime(0, i == 1 ? 48000u : 90000), new MediaTime(i == 1 ? 48000 : 90000, i == 1 ? 48000u : 90000), true, 100, 30));

        ManifestReader.Read(Manifest.Write(timeline.Read(), new ManifestOptions()));
        var sets = Text(timeline).Split("<AdaptationSet id=\"")[1..];

        Assert.Equal([true, false, true], sets.Select(set => set.Contains("urn:mpeg:dash:adaptation-set-switching:2016", StringComparison.Ordinal)));
        Assert.Contains("2016\" value=\"2\"/>", sets[0], StringComparison.Ordinal);
        Assert.Contains("2016\" value=\"0\"/>", sets[2], StringComparison.Ordinal);
    }
}
