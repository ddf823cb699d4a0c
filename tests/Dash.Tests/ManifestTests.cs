using System.Globalization;
using System.Text;
using Millrace.Tests;
using Millrace.Timeline;

namespace Millrace.Dash.Tests;

public class ManifestTests
{
    private static readonly ManifestOptions Window20 = new() { Window = TimeSpan.FromSeconds(20) };

    private static byte[] Write(ScriptedBroadcast broadcast) => Manifest.Write(broadcast.Timeline.Read(), Window20);

    private static ManifestReader Read(ScriptedBroadcast broadcast) => ManifestReader.Read(Write(broadcast));

    [Fact]
    public void Write_SmallBroadcast_IsExactlyThis()
    {
        Assert.Equal(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="dynamic" availabilityStartTime="2026-01-02T03:04:05.000Z" publishTime="2026-01-02T03:04:09.333Z" minimumUpdatePeriod="PT1.0S" timeShiftBufferDepth="PT20.0S" suggestedPresentationDelay="PT6.0S" maxSegmentDuration="PT2.0S" minBufferTime="PT2.0S">
            <ServiceDescription id="0"><Latency referenceId="0" target="3050" min="2287" max="6100"/><PlaybackRate min="0.96" max="1.04"/></ServiceDescription>
            <Period id="p0" start="PT0.0S">
            <AdaptationSet id="0" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
            <ProducerReferenceTime id="0" type="encoder" inband="true" wallClockTime="2026-01-02T03:04:05.000Z" presentationTime="0"><UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/api/v1/time"/></ProducerReferenceTime>
            <Representation id="source" bandwidth="72000" codecs="avc1.64001f" width="1280" height="720" sar="1:1" frameRate="30">
            <SegmentTemplate timescale="90000" presentationTimeOffset="0" startNumber="0" initialization="$RepresentationID$/0-init.mp4" media="$RepresentationID$/$Number$.m4s" availabilityTimeOffset="1.65" availabilityTimeComplete="false">
            <SegmentTimeline>
            <S t="0" d="180000" r="2"/>
            </SegmentTimeline>
            </SegmentTemplate>
            </Representation>
            </AdaptationSet>
            <AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
            <ProducerReferenceTime id="0" type="encoder" inband="true" wallClockTime="2026-01-02T03:04:05.000Z" presentationTime="0"><UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/api/v1/time"/></ProducerReferenceTime>
            <Representation id="audio" bandwidth="9600" codecs="mp4a.40.2" audioSamplingRate="48000">
            <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
            <SegmentTemplate timescale="48000" presentationTimeOffset="0" startNumber="0" initialization="$RepresentationID$/0-init.mp4" media="$RepresentationID$/$Number$.m4s" availabilityTimeOffset="1.65" availabilityTimeComplete="false">
            <SegmentTimeline>
            <S t="0" d="96000" r="2"/>
            </SegmentTimeline>
            </SegmentTemplate>
            </Representation>
            </AdaptationSet>
            </Period>
            <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/api/v1/time"/>
            </MPD>

            """,
            Encoding.UTF8.GetString(Write(new ScriptedBroadcast().Begin().Segments(2).Parts(1))), ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Write_EveryStepOfALongBroadcast_NeverMovesWhatWasAnnounced()
    {
        var broadcast = new ScriptedBroadcast().Begin();
        var starts = new Dictionary<string, (TimeSpan, long)>();
        var announced = new Dictionary<(string, long), long>();
        for (var segment = 0; segment < 40; segment++)
        {
            if (segment is 17 or 23)
                broadcast.Begin(width: segment == 17 ? 640 : 1280, absentSeconds: 3);
            broadcast.Parts(3);
            Check();
            broadcast.Segments(1);
            Check();
            broadcast.Timeline.RemoveBefore(broadcast.Next - 15);
            Check();
        }
        Assert.Equal(["p0", "p17", "p23"], starts.Keys);
        Assert.Equal(40 * 2, announced.Count);

        void Check()
        {
            var manifest = Read(broadcast);
            Assert.Equal("2026-01-02T03:04:05.000Z", manifest["availabilityStartTime"]);
            foreach (var period in manifest.Periods)
            {
                foreach (var track in period.Tracks)
                {
                    var frame = (period.Start, track.Offset * 90000 / track.Timescale);
                    Assert.Equal(starts.TryAdd(period.Id, frame) ? frame : starts[period.Id], frame);
                    foreach (var (number, start, _) in track.Segments)
                        Assert.Equal(announced.TryAdd((track.Id, number), start) ? start : announced[(track.Id, number)], start);
                }
            }
        }
    }

    [Fact]
    public void Write_SameSnapshotTwice_IsTheSameBytes()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(12).Begin().Parts(3);

        Assert.Equal(Write(broadcast), Write(broadcast));
    }

    [Fact]
    public void Write_RunningSegment_IsListedWithAPredictedDuration()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(3);
        Assert.Equal(3, Read(broadcast).Periods[0].Tracks[0].Segments.Count);

        broadcast.Parts(1);
        Assert.Equal((3, 540000, 180000), Read(broadcast).Periods[0].Tracks[0].Segments[^1]);

        broadcast.Parts(1).EndSegment();
        Assert.Equal((3, 540000, 60000), Read(broadcast).Periods[0].Tracks[0].Segments[^1]);
    }

    [Fact]
    public void Write_ShortFirstSegment_LeavesTheOthersAsEarlyAsTheyAre()
    {
        var broadcast = new ScriptedBroadcast().Begin().Parts(2).EndSegment().Segments(2);
        Assert.Equal(1.65, Offset());

        broadcast.Parts(5).EndSegment();
        Assert.Equal(1.316, Offset());

        double Offset() => (double)Read(broadcast).Root.Descendants().First(element => element.Name.LocalName == "SegmentTemplate").Attribute("availabilityTimeOffset")!;
    }

    [Fact]
    public void Write_PublisherWasAway_BeginsThePeriodWhereTheClockStands()
    {
        var manifest = Read(new ScriptedBroadcast().Begin().Segments(2).Begin(width: 640, absentSeconds: 7.5).Segments(2));

        Assert.Equal([TimeSpan.Zero, TimeSpan.FromSeconds(11.5)], manifest.Periods.Select(period => period.Start));
        Assert.Equal("$RepresentationID$/1-init.mp4", manifest.Periods[1].Tracks[0].Initialization);
        Assert.Equal("$RepresentationID$/0-init.mp4", manifest.Periods[1].Tracks[1].Initialization);
        Assert.Equal(360000, manifest.Periods[1].Tracks[0].Offset);
        Assert.Equal([2L, 3], manifest.Periods[1].Tracks[1].Segments.Select(segment => segment.Number));
    }

    [Fact]
    public void Write_TrackSilentInBetween_LeavesItsSegmentsOutWithoutBreakingNumbers()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(2).Segments(2, silent: "audio").Segments(3);

        var manifest = Read(broadcast);

        Assert.Equal(["p0", "p2", "p4"], manifest.Periods.Select(period => period.Id));
        Assert.Equal([2, 1, 2], manifest.Periods.Select(period => period.Tracks.Count));
        Assert.Equal([2d, 4, 8], new[] { 2d, manifest.Periods[1].Start.TotalSeconds, manifest.Periods[2].Start.TotalSeconds });
        Assert.Equal([4L, 5, 6], manifest.Periods[2].Tracks[1].Segments.Select(segment => segment.Number));
        Assert.Equal(8 * 48000, manifest.Periods[2].Tracks[1].Offset);

        // The first segments of the run leave; the period keeps its name, start and offset.
        broadcast.Segments(12);
        var later = Read(broadcast).Periods.Single();
        Assert.Equal(("p4", TimeSpan.FromSeconds(8)), (later.Id, later.Start));
    }

    [Fact]
    public void Write_AudioComesLate_AnnouncesThePeriodOnceItIsWhole()
    {
        var broadcast = new ScriptedBroadcast().Begin().Parts(3, silent: "audio");
        Assert.False(broadcast.Timeline.Read().HasMedia);
        Assert.Throws<InvalidOperationException>(() => Write(broadcast));

        broadcast.Parts(3, silent: "audio").EndSegment(silent: "audio").Segments(1);

        Assert.Equal(["p0", "p1"], Read(broadcast).Periods.Select(period => period.Id));
    }

    [Fact]
    public void Write_AudioTurnsOutToBeAGap_NeverMovesASegmentToAnotherPeriod()
    {
        var broadcast = new ScriptedBroadcast().Begin();
        var periodOf = new Dictionary<(string, long), string>();
        for (var segment = 0; segment < 6; segment++)
        {
            string[] silent = segment is 2 or 3 ? ["audio"] : [];
            broadcast.Parts(3, silent: silent);
            Check();
            broadcast.Parts(3, silent: silent).EndSegment(silent: silent);
            Check();
        }
        Assert.Equal("p2", periodOf[("source", 3)]);
        Assert.Equal("p4", periodOf[("audio", 5)]);

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
    public void Write_AllThatIsKnownAreGaps_StillShowsWhatRuns()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(2, silent: ["source", "audio"]).Parts(1, silent: "audio");
        Assert.True(broadcast.Timeline.Read().HasMedia);

        Assert.Equal([2L], Read(broadcast).Periods.Single().Tracks.Single().Segments.Select(segment => segment.Number));
    }

    [Fact]
    public void Write_RenditionMissingInAPeriod_IsMissingThere()
    {
        var manifest = Read(new ScriptedBroadcast().Begin().Segments(2).Begin(audio: false).Segments(2).Begin().Segments(1));

        Assert.Equal([2, 1, 2], manifest.Periods.Select(period => period.Tracks.Count));
    }

    [Fact]
    public void Write_SegmentCutInsideAGop_DoesNotClaimStartWithSap()
    {
        var text = Encoding.UTF8.GetString(Write(new ScriptedBroadcast().Begin().Segments(1).Segments(1, independent: false)));

        Assert.DoesNotContain("startWithSAP", text[..text.IndexOf("contentType=\"audio\"", StringComparison.Ordinal)], StringComparison.Ordinal);
    }

    [Fact]
    public void Write_Ended_IsStaticWithItsDuration()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(3).Begin(absentSeconds: 4).Segments(2);
        broadcast.Timeline.End();

        var manifest = Read(broadcast);

        Assert.Equal(("static", "PT14.0S"), (manifest["type"], manifest["mediaPresentationDuration"]));
        Assert.Null(manifest["availabilityStartTime"]);
        Assert.Null(manifest["minimumUpdatePeriod"]);
        Assert.DoesNotContain("availabilityTime", manifest.Root.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_FromTheChannelsPath_LeadsToTheBroadcast()
    {
        var options = Window20 with { BasePath = "/b/xyz/", Now = ScriptedBroadcast.Origin };
        var text = Encoding.UTF8.GetString(Manifest.Write(new ScriptedBroadcast().Begin().Segments(1).Timeline.Read(), options));

        Assert.Contains("initialization=\"/b/xyz/$RepresentationID$/0-init.mp4\" media=\"/b/xyz/$RepresentationID$/$Number$.m4s\"", text, StringComparison.Ordinal);
        Assert.Contains("utc:direct:2014\" value=\"2026-01-02T03:04:05.000Z\"", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(29.97002997, "30000/1001")]
    [InlineData(59.94005994, "60000/1001")]
    [InlineData(25, "25")]
    [InlineData(14.2, "14200/1000")]
    public void WriteFrameRate_AsTheSchemaWantsIt(double framesPerSecond, string expected)
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        var writer = new Core.Utf8Writer(output);
        writer.WriteFrameRate(framesPerSecond);
        writer.Flush();

        Assert.Equal(expected, Encoding.UTF8.GetString(output.WrittenSpan));
        Assert.Equal(framesPerSecond, expected.Split('/') is [var n, var d]
            ? double.Parse(n, CultureInfo.InvariantCulture) / double.Parse(d, CultureInfo.InvariantCulture)
            : double.Parse(expected, CultureInfo.InvariantCulture), 0.001);
    }
}
