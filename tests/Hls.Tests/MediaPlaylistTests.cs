using System.Text;
using Millrace.Tests;
using Millrace.Timeline;

namespace Millrace.Hls.Tests;

public class MediaPlaylistTests
{
    private static readonly MediaPlaylistOptions Window20 = new() { Window = TimeSpan.FromSeconds(20) };

    private static byte[] Write(RenditionSnapshot rendition, PlaylistSkip skip = PlaylistSkip.None) =>
        MediaPlaylist.Write(rendition, Window20, skip);

    private static PlaylistReader Read(RenditionSnapshot rendition, PlaylistSkip skip = PlaylistSkip.None) =>
        PlaylistReader.Read(Write(rendition, skip));

    [Fact]
    public void Write_SmallBroadcast_IsExactlyThis()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1).Parts(2);

        Assert.Equal(
            """
            #EXTM3U
            #EXT-X-VERSION:10
            #EXT-X-TARGETDURATION:2
            #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,CAN-SKIP-DATERANGES=YES,HOLD-BACK=6.0,PART-HOLD-BACK=1.05
            #EXT-X-PART-INF:PART-TARGET=0.35
            #EXT-X-INDEPENDENT-SEGMENTS
            #EXT-X-MEDIA-SEQUENCE:0
            #EXT-X-MAP:URI="0-init.mp4"
            #EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.000Z
            #EXT-X-PART:DURATION=0.33333,URI="0.0.m4s",INDEPENDENT=YES
            #EXT-X-PART:DURATION=0.33333,URI="0.1.m4s"
            #EXT-X-PART:DURATION=0.33333,URI="0.2.m4s"
            #EXT-X-PART:DURATION=0.33333,URI="0.3.m4s"
            #EXT-X-PART:DURATION=0.33333,URI="0.4.m4s"
            #EXT-X-PART:DURATION=0.33333,URI="0.5.m4s"
            #EXTINF:2.0,
            0.m4s
            #EXT-X-PART:DURATION=0.33333,URI="1.0.m4s",INDEPENDENT=YES
            #EXT-X-PART:DURATION=0.33333,URI="1.1.m4s"
            #EXT-X-PRELOAD-HINT:TYPE=PART,URI="1.2.m4s"
            #EXT-X-RENDITION-REPORT:URI="../audio/live.m3u8",LAST-MSN=1,LAST-PART=1

            """,
            Encoding.UTF8.GetString(Write(broadcast.Source)), ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Write_EveryStepOfALongBroadcast_FollowsTheOneBefore()
    {
        var broadcast = new ScriptedBroadcast().Begin();
        PlaylistReader? before = null;
        for (var segment = 0; segment < 40; segment++)
        {
            if (segment is 17 or 23)
                broadcast.Begin(width: segment == 17 ? 640 : 1280, absentSeconds: 3);
            for (var part = 0; part < ScriptedBroadcast.PartsPerSegment; part++)
            {
                broadcast.Parts(1);
                var now = Read(broadcast.Source);
                if (before is not null)
                    now.CheckFollows(before);
                before = now;
                Assert.Equal($"{segment}.{part + 1}.m4s", now.Hint);
            }
            broadcast.EndSegment();
            broadcast.Timeline.RemoveBefore(broadcast.Next - 15);
            var complete = Read(broadcast.Source);
            complete.CheckFollows(before!);
            Assert.Equal($"{segment + 1}.0.m4s", complete.Hint);
            Assert.Equal(Math.Max(0, segment - 9), complete.MediaSequence);
        }
        Assert.Equal(2, before!.DiscontinuitySequence);
    }

    [Fact]
    public void Write_SameSnapshotTwice_IsTheSameBytes()
    {
        var source = new ScriptedBroadcast().Begin().Segments(12).Begin().Parts(3).Source;

        Assert.Equal(Write(source), Write(source));
    }

    [Fact]
    public void Write_OldSegments_KeepPartsForThreeTargetDurations()
    {
        var playlist = Read(new ScriptedBroadcast().Begin().Segments(10).Parts(3).Source);

        // The end is at 21 s; segment 7 ends at 16 s, five seconds before it, segment 6 seven.
        Assert.Equal([7L, 8, 9, 10], playlist.Entries.Where(entry => entry.Parts.Count > 0).Select(entry => entry.Number));
    }

    [Fact]
    public void Write_NewPeriodRuns_PutsDiscontinuityMapAndDateBeforeItsFirstPart()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(3).Begin(width: 640, absentSeconds: 4);
        Assert.Equal("3.0.m4s", Read(broadcast.Source).Hint);
        Assert.DoesNotContain("DISCONTINUITY", Encoding.UTF8.GetString(Write(broadcast.Source)), StringComparison.Ordinal);

        var running = Read(broadcast.Parts(1).Source).Entries[^1];

        Assert.Null(running.Uri);
        Assert.Equal(
            ["#EXT-X-DISCONTINUITY", "#EXT-X-MAP:URI=\"1-init.mp4\"", "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:15.000Z"],
            running.Lines);
    }

    [Fact]
    public void Write_DiscontinuitySlidOut_IsCounted()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(2).Begin(width: 640).Segments(12);

        var playlist = Read(broadcast.Source);

        Assert.Equal(1, playlist.DiscontinuitySequence);
        Assert.All(playlist.Entries, entry => Assert.Equal(1, entry.Discontinuity));
        Assert.Equal("1-init.mp4", playlist.Entries[0].Map);
        Assert.NotNull(playlist.Entries[0].Date);
    }

    [Fact]
    public void Write_RenditionMissingInAPeriod_ListsGapsAndHintsNothing()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(2).Begin(audio: false).Segments(2).Parts(1);

        var playlist = Read(broadcast.Sound);

        Assert.Equal([false, false, true, true], playlist.Entries.Select(entry => entry.IsGap));
        Assert.Equal([0, 0, 1, 1], playlist.Entries.Select(entry => entry.Discontinuity));
        Assert.Null(playlist.Hint);
        Assert.Equal(["URI=\"../source/live.m3u8\",LAST-MSN=4,LAST-PART=0"], playlist.Reports);
    }

    [Fact]
    public void Write_TrackSilentForASegment_ListsAGapWithinThePeriod()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(2).Segments(1, silent: "audio").Segments(1);

        var playlist = Read(broadcast.Sound);

        Assert.Equal([false, false, true, false], playlist.Entries.Select(entry => entry.IsGap));
        Assert.Empty(playlist.Entries[2].Parts);
        Assert.All(playlist.Entries, entry => Assert.Equal(0, entry.Discontinuity));
    }

    [Fact]
    public void Write_SegmentCutInsideAGop_DoesNotClaimIndependence()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(2);
        Assert.True(Read(broadcast.Source).IsIndependent);

        Assert.False(Read(broadcast.Parts(1, independent: false).Source).IsIndependent);
        Assert.False(Read(broadcast.Parts(5, independent: false).EndSegment(independent: false).Source).IsIndependent);
        Assert.True(Read(broadcast.Segments(12).Source).IsIndependent);
    }

    [Fact]
    public void Write_Suspended_KeepsHintAndReload()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(3);
        broadcast.Timeline.Suspend();

        Assert.Equal("3.0.m4s", Read(broadcast.Source).Hint);
        Assert.False(Read(broadcast.Source).IsEnded);
    }

    [Fact]
    public void Write_Ended_EndsTheListWithoutHint()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(3).Parts(2);
        broadcast.Timeline.End();

        var playlist = Read(broadcast.Source, PlaylistSkip.Segments);

        Assert.True(playlist.IsEnded);
        Assert.Equal(4, playlist.Complete.Count());
        Assert.Equal(0.66667, playlist.Entries[^1].Duration);
        Assert.Empty(playlist.Reports);
    }

    [Theory]
    [InlineData(PlaylistSkip.Segments)]
    [InlineData(PlaylistSkip.SegmentsAndDateRanges)]
    public void Write_DeltaUpdate_WithThePreviousPlaylistGivesTheWholeOne(PlaylistSkip skip)
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(9).Begin(width: 640).Segments(3);
        var previous = Read(broadcast.Source);
        broadcast.Parts(2);

        var whole = Read(broadcast.Source);
        var delta = Read(broadcast.Source, skip);

        Assert.True(delta.Skipped > 0);
        Assert.Equal(skip == PlaylistSkip.SegmentsAndDateRanges ? "" : null, delta.RemovedDateRanges);
        Assert.Equal(whole.MediaSequence, delta.MediaSequence);
        Assert.Equal(whole.DiscontinuitySequence, delta.DiscontinuitySequence);
        var carried = previous.Complete.Where(entry => entry.Number >= delta.MediaSequence && entry.Number < delta.MediaSequence + delta.Skipped);
        Assert.Equal(
            whole.Entries.Select(entry => (entry.Number, entry.Duration, entry.Parts.Count)),
            carried.Concat(delta.Entries).Select(entry => (entry.Number, entry.Duration, entry.Parts.Count)));
        // What is left reaches back at least to the Skip Boundary.
        Assert.True(delta.Entries.Sum(entry => entry.Uri is null ? entry.Parts.Sum(part => part.Duration) : entry.Duration) >= 12);
        // And it is the tail of the whole, letter for letter.
        var text = Encoding.UTF8.GetString(Write(broadcast.Source, skip));
        var tail = text[(text.IndexOf('\n', text.IndexOf("#EXT-X-SKIP", StringComparison.Ordinal)) + 1)..];
        Assert.EndsWith(tail, Encoding.UTF8.GetString(Write(broadcast.Source)), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_NothingOldEnough_IsWholeWithoutSkip()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(6);

        Assert.Equal(Write(broadcast.Source), Write(broadcast.Source, PlaylistSkip.Segments));
    }

    [Fact]
    public void Write_DateRanges_StandWhereTheyWereAddedAndAreSkippedOnlyByVersion2()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1);
        broadcast.Timeline.AddDateRange(new DateRange("early", ScriptedBroadcast.Origin.AddSeconds(2))
        {
            Class = "cue", Duration = TimeSpan.FromSeconds(60.5), Attributes = [new("X-NAME", "über"), new("SCTE35-OUT", "0xFC30", true)],
        });
        broadcast.Segments(9);
        broadcast.Timeline.AddDateRange(new DateRange("late", ScriptedBroadcast.Origin.AddSeconds(20)));
        broadcast.Segments(1);

        Assert.Contains(
            "#EXT-X-DATERANGE:ID=\"early\",CLASS=\"cue\",START-DATE=\"2026-01-02T03:04:07.000Z\",DURATION=60.5,X-NAME=\"über\",SCTE35-OUT=0xFC30\n"
            + "#EXT-X-MAP",
            Encoding.UTF8.GetString(Write(broadcast.Source)), StringComparison.Ordinal);
        Assert.Equal(["early", "late"], Read(broadcast.Source).DateRanges);
        Assert.Equal(["early", "late"], Read(broadcast.Source, PlaylistSkip.Segments).DateRanges);
        Assert.Equal(["late"], Read(broadcast.Source, PlaylistSkip.SegmentsAndDateRanges).DateRanges);
        Assert.Equal(["early", "late"], Read(broadcast.Sound).DateRanges);
    }

    [Fact]
    public void Write_DateRangeRemoved_IsNamedToClientsThatSkipDateRanges()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(1);
        broadcast.Timeline.AddDateRange(new DateRange("a", ScriptedBroadcast.Origin) { Duration = TimeSpan.FromSeconds(1) });
        broadcast.Timeline.AddDateRange(new DateRange("b", ScriptedBroadcast.Origin) { Duration = TimeSpan.FromSeconds(1) });
        broadcast.Segments(11);
        broadcast.Timeline.RemoveBefore(3);

        Assert.Equal("a\tb", Read(broadcast.Source, PlaylistSkip.SegmentsAndDateRanges).RemovedDateRanges);
        Assert.Null(Read(broadcast.Source, PlaylistSkip.Segments).RemovedDateRanges);

        broadcast.Segments(8);
        Assert.Equal("", Read(broadcast.Source, PlaylistSkip.SegmentsAndDateRanges).RemovedDateRanges);
    }

    [Fact]
    public void Write_Dvr_IsAnEventThatOnlyGrowsAndThenVideoOnDemand()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(30).Begin(width: 640).Segments(10);
        var playing = PlaylistReader.Read(MediaPlaylist.Write(broadcast.Source, MediaPlaylistOptions.Dvr, PlaylistSkip.None));
        broadcast.Timeline.End();
        var done = PlaylistReader.Read(MediaPlaylist.Write(broadcast.Source, MediaPlaylistOptions.Dvr, PlaylistSkip.Segments));

        Assert.Equal(("EVENT", 40), (playing.Type, playing.Complete.Count()));
        Assert.Equal(["URI=\"../audio/dvr.m3u8\",LAST-MSN=39,LAST-PART=5"], playing.Reports);
        Assert.Equal(("VOD", 40, true), (done.Type, done.Complete.Count(), done.IsEnded));
        Assert.Null(done.ServerControl);
        Assert.All(done.Entries, entry => Assert.Empty(entry.Parts));
    }

    [Fact]
    public void Write_DvrThatLostItsBeginning_IsNoEvent()
    {
        var broadcast = new ScriptedBroadcast().Begin().Segments(30);
        broadcast.Timeline.RemoveBefore(5);

        var playlist = PlaylistReader.Read(MediaPlaylist.Write(broadcast.Source, MediaPlaylistOptions.Dvr, PlaylistSkip.None));

        Assert.Null(playlist.Type);
        Assert.Equal(5, playlist.MediaSequence);
    }
}
