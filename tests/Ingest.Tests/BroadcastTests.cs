using Millrace.Media;
using Millrace.Packaging;
using Millrace.Rtmp;

namespace Millrace.Ingest.Tests;

public sealed class BroadcastTests
{
    [Theory]
    [InlineData(30, 2, 342)]
    [InlineData(25, 4, 320)]
    [InlineData(60, 8.333333, 342)]
    [InlineData(5, 2, 406)]
    public void Publish_SteadyStream_KeepsTheContract(double rate, double gop, int partTarget)
    {
        using var node = new TestNode(new IngestOptions { OnStop = StopPolicy.End });
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(20, rate: rate, gop: gop);
        Assert.Null(publisher.Rejection);
        publisher.Close();
        node.DemandNothingHeld();
        Assert.Equal(new LowLatencyContract(2, new Core.MediaTime(partTarget, 1000)), node.Sink.Contract);
        node.Sink.DemandRules(alignment: 0.0225);
        Assert.Equal(1, node.Sink.Opened);
        Assert.Equal(1, node.Sink.Ended);
        Assert.Equal("end", node.Sink.Calls[^1]);
        Assert.Equal((int)(20 * rate), node.Sink.PartsOf(0, 0).Sum(p => p.SampleCount));
    }

    [Fact]
    public void Publish_BothHeadersFirst_FirstPartComesWithinAPart()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        var start = node.Time.GetUtcNow();
        var first = TimeSpan.MaxValue;
        node.Sink.OnPart = _ => first = first == TimeSpan.MaxValue ? node.Time.GetUtcNow() - start : first;
        publisher.Play(3);
        Assert.True(first <= TimeSpan.FromMilliseconds(400), $"The first part came after {first}.");
    }

    [Fact]
    public void Publish_WithoutMetadata_VideoAloneGoesOnAirAfterASecond()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.VideoHeader(TestPublisher.Avc720);
        publisher.Play(5, audio: false);
        publisher.Close();
        node.DemandNothingHeld();
        node.Sink.DemandRules();
        Assert.Single(node.Sink.Periods[0].Renditions);
        Assert.Equal(150, node.Sink.PartsOf(0, 0).Sum(p => p.SampleCount));
    }

    [Fact]
    public void Publish_AudioAlone_Leads()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Metadata(video: false, audio: true);
        publisher.AudioHeader(TestPublisher.Aac44Mono);
        publisher.Play(10, video: false, sampleRate: 44100);
        publisher.Close();
        node.DemandNothingHeld();
        node.Sink.DemandRules();
        Assert.Equal("audio", node.Sink.Periods[0].Renditions.Single().Name);
    }

    [Fact]
    public void Publish_AudioConfigurationComesLate_JoinsBehindADiscontinuity()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.VideoHeader(TestPublisher.Avc720);
        publisher.Play(5, audio: false);
        publisher.AudioHeader(TestPublisher.Aac48);
        publisher.Play(7, from: 5);
        publisher.Close();
        node.DemandNothingHeld();
        node.Sink.DemandRules(alignment: 0.0225);
        Assert.Equal([1, 2], node.Sink.Periods.Select(p => p.Renditions.Count));
        Assert.Equal(1, node.Sink.Opened);
    }

    [Fact]
    public void Publish_AudioStartsThreeSecondsLate_SilenceStandsBefore()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(12, audioIs: t => t >= 3);
        publisher.Close();
        var health = publisher.Session.Broadcast.ReadHealth();
        node.DemandNothingHeld();
        node.Sink.DemandRules(alignment: 0.0225);
        Assert.InRange(health.Packaging.SilentFrames, 138, 143);
    }

    [Fact]
    public void Publish_VideoStartsLate_WaitsForIt()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(12, videoIs: t => t >= 4);
        publisher.Close();
        node.DemandNothingHeld();
        node.Sink.DemandRules(alignment: 0.0225);
        Assert.Equal(2, node.Sink.Periods.Single().Renditions.Count);
    }

    [Fact]
    public void Publish_ResolutionChanges_NewPeriodAtTheKeyFrame()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(5);
        publisher.VideoHeader(TestPublisher.Avc360);
        publisher.Play(5, from: 5);
        publisher.Close();
        node.DemandNothingHeld();
        node.Sink.DemandRules(alignment: 0.03);
        Assert.Equal([1280, 640], node.Sink.Periods.Select(p => ((VideoFormat)p.Renditions[0].Format).Width));
        Assert.NotEqual(node.Sink.Periods[0].Renditions[0].InitSegment.ToArray(), node.Sink.Periods[1].Renditions[0].InitSegment.ToArray());
        Assert.Equal(node.Sink.Periods[0].Renditions[1].InitSegment.ToArray(), node.Sink.Periods[1].Renditions[1].InitSegment.ToArray());
    }

    [Fact]
    public void Publish_VideoStopsForGood_AudioGoesOnAloneAndVideoMayComeBack()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(60, videoIs: t => t is < 5 or > 50.5);
        publisher.Close();
        node.DemandNothingHeld();
        // Audio has no hole anywhere, and the period without video has no gap.
        Assert.Equal([2, 1, 2], node.Sink.Periods.Select(p => p.Renditions.Count));
        Assert.Equal(35, node.Sink.Periods[1].Start.Seconds, 0.1);
        Assert.Equal(52, node.Sink.Periods[2].Start.Seconds, 0.1);
        Assert.DoesNotContain(node.Sink.Segments, s => s.Period == 1 && s.Description.IsGap);
        var audio = node.Sink.PartsOf(0, 1).Concat(node.Sink.PartsOf(1, 0)).Concat(node.Sink.PartsOf(2, 1));
        Assert.InRange(audio.Sum(p => p.Duration.Seconds), 59.5, 60.1);
        Assert.InRange(node.Sink.PartsOf(2, 0).Sum(p => p.SampleCount), 235, 245);
    }

    [Fact]
    public void Publish_VideoAnnouncedWithoutAPicture_AudioGoesOnAir()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(40, video: false);
        // The header once more, and still no picture: the audio stays as it is.
        publisher.VideoHeader(TestPublisher.Avc720);
        publisher.Play(40, from: 40, video: false);
        publisher.Close();
        node.DemandNothingHeld();
        Assert.Single(node.Sink.Periods);
        Assert.Single(node.Sink.Periods[0].Renditions);
        Assert.InRange(node.Sink.PartsOf(0, 0).Sum(p => p.Duration.Seconds), 79.5, 80.1);
    }

    [Fact]
    public void Publish_SameHeaderAgain_ChangesNothing()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(4);
        publisher.VideoHeader(TestPublisher.Avc720);
        publisher.AudioHeader(TestPublisher.Aac48);
        publisher.Play(4, from: 4);
        Assert.Single(node.Sink.Periods);
    }

    [Fact]
    public void Reconnect_InTheGracePeriod_ContinuesTheBroadcast()
    {
        using var node = new TestNode();
        var first = node.Publish();
        first.Headers();
        first.Play(7);
        first.Close();
        Assert.Equal(1, node.Sink.Suspended);
        Assert.Equal(BroadcastState.Suspended, first.Session.Broadcast.ReadHealth().State);
        node.Time.Advance(TimeSpan.FromSeconds(20));

        var second = node.Publish();
        Assert.Same(first.Session.Broadcast, second.Session.Broadcast);
        second.Headers();
        second.Play(7);
        node.Time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(0, node.Sink.Ended);
        second.Close();
        node.Time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(1, node.Sink.Ended);
        Assert.Null(node.Directory.Find(TestNode.Channel));
        node.DemandNothingHeld();

        node.Sink.DemandRules(alignment: 0.0225);
        Assert.Equal(1, node.Sink.Opened);
        Assert.Equal(2, node.Sink.Periods.Count);
        var skipped = node.Sink.Periods[1].WallClock - node.Sink.Periods[0].WallClock;
        Assert.InRange(skipped.TotalSeconds, 27, 27.1);
        // Media time goes right on.
        Assert.InRange(node.Sink.Periods[1].Start.Seconds, 7, 7.05);
    }

    [Fact]
    public void Period_EncoderSendsWhatItHasAtOnce_IsDatedByTheNewest()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        var connected = node.Time.GetUtcNow();
        // 700 ms of pictures that were made before the connection stood, then the picture of each moment.
        for (var i = 0; i < 21; i++)
            publisher.Picture((uint)(i * 100 / 3), key: i == 0);
        for (var i = 21; i < 90; i++)
        {
            node.Time.Advance(TimeSpan.FromSeconds(1 / 30.0));
            publisher.Picture((uint)(i * 100 / 3), key: i % 60 == 0);
        }
        publisher.Close();

        var early = connected - node.Sink.Periods[0].WallClock;
        Assert.InRange(early.TotalMilliseconds, 650, 700);
    }

    [Fact]
    public void Reconnect_WithBFrames_JoinsWhatWasShown()
    {
        using var node = new TestNode();
        for (var session = 0; session < 3; session++)
        {
            var publisher = node.Publish();
            publisher.Headers();
            publisher.Play(5, composition: 67);
            publisher.Close();
            node.Time.Advance(TimeSpan.FromSeconds(5));
        }
        node.DemandNothingHeld();
        node.Sink.DemandRules(alignment: 0.0225);
        for (var period = 1; period < 3; period++)
        {
            Assert.InRange(node.Sink.Periods[period].Start.Seconds, period * 5 + 0.066, period * 5 + 0.069);
            var first = node.Sink.SegmentsOf(period, 0).First();
            var before = node.Sink.SegmentsOf(period - 1, 0).Last();
            Assert.True(first.Start.Ticks >= before.Start.Ticks + before.Duration.Ticks, "Decode time runs backwards.");
        }
    }

    [Fact]
    public void Reconnect_WithAnotherTrackSet_NewPeriodWithThatSet()
    {
        using var node = new TestNode();
        var first = node.Publish();
        first.Headers();
        first.Play(5);
        first.Close();
        var second = node.Publish();
        second.Metadata(video: true, audio: false);
        second.VideoHeader(TestPublisher.Avc360);
        second.Play(5, audio: false);
        second.Close();
        node.DemandNothingHeld();
        node.Sink.DemandRules(alignment: 0.0225);
        Assert.Equal([2, 1], node.Sink.Periods.Select(p => p.Renditions.Count));
    }

    [Fact]
    public void Disconnect_BeforeAnyMedia_LeavesNothing()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Picture(0, key: true);
        publisher.Close();
        Assert.Null(node.Directory.Find(TestNode.Channel));
        Assert.Equal(0, node.Sink.Opened);
        node.DemandNothingHeld();
    }

    [Fact]
    public void Duplicate_Replace_TheOldOneIsTold()
    {
        using var node = new TestNode();
        var old = node.Publish();
        old.Headers();
        old.Play(5);
        var next = node.Publish();
        Assert.Equal(PublishRejectionReason.Replaced, Assert.Single(old.Evicted).Reason);
        // What the old one still sends goes nowhere, and its end ends nothing.
        old.Play(1, from: 5);
        old.Close();
        next.Headers();
        next.Play(5);
        next.Close();
        node.DemandNothingHeld();
        node.Sink.DemandRules(alignment: 0.0225);
        Assert.Equal(2, node.Sink.Periods.Count);
        Assert.Equal(300, node.Sink.Parts.Where(p => p.Description.Rendition == 0).Sum(p => p.Description.SampleCount));
    }

    [Fact]
    public void Duplicate_Reject_OnlyADeadOneGivesWay()
    {
        using var node = new TestNode(new IngestOptions { OnDuplicate = DuplicatePolicy.Reject });
        var old = node.Publish();
        old.Headers();
        old.Play(3);
        var (session, rejection) = node.Directory.Publish(TestNode.Channel, _ => { });
        Assert.Null(session);
        Assert.Equal("NetStream.Publish.BadName", rejection!.Code);
        node.Time.Advance(TimeSpan.FromSeconds(6));
        var next = node.Publish();
        Assert.Single(old.Evicted);
        old.Close();
        next.Close();
        node.DemandNothingHeld();
    }

    [Fact]
    public void Media_BeforeItsHeader_IsDroppedAndCounted()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Play(1);
        publisher.Headers();
        publisher.Play(5, from: 1);
        var counters = publisher.Session.Broadcast.ReadHealth().Ingest;
        publisher.Close();
        Assert.Equal(30 + 47, counters.BeforeConfiguration);
        node.DemandNothingHeld();
        node.Sink.DemandRules(alignment: 0.0225);
    }

    [Fact]
    public void Media_NalUnitLongerThanItsTag_IsDroppedAndTheStreamLives()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(2);
        for (uint i = 0; i < 10; i++)
            publisher.RawPicture(2000 + i * 33, key: false, [0, 0, 0xff, 0xff, 0x41, 1, 2, 3]);
        publisher.Play(4, from: 2.4);
        Assert.Null(publisher.Rejection);
        Assert.Equal(10, publisher.Session.Broadcast.ReadHealth().Ingest.Damaged);
        publisher.Close();
        node.DemandNothingHeld();
    }

    [Fact]
    public void Media_DamagedWithoutEnd_IsClosed()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        for (uint i = 0; i < 200; i++)
            publisher.RawPicture(i * 33, key: false, [0, 0, 0xff, 0xff, 0x41, 1, 2, 3]);
        Assert.Equal(PublishRejectionReason.BrokenMedia, publisher.Rejection?.Reason);
        publisher.Close();
        node.DemandNothingHeld();
    }

    [Fact]
    public void Media_BrokenConfiguration_IsRefusedByName()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.VideoHeader([1, 2, 3]);
        Assert.Equal(PublishRejectionReason.BrokenConfiguration, publisher.Rejection?.Reason);
        Assert.Contains("Avc", publisher.Rejection!.Description, StringComparison.Ordinal);
        publisher.Close();
        node.DemandNothingHeld();
    }

    [Theory]
    [InlineData(new byte[] { 0x12, 0, 0, 0, 0, 0 }, true, "Sorenson H.263")]
    [InlineData(new byte[] { 0xb2, 0, 0, 0, 0, 0 }, false, "Speex")]
    public void Media_UnsupportedCodec_IsRefusedByName(byte[] tag, bool isVideo, string name)
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        if (isVideo)
            publisher.RawVideo(0, tag);
        else
            publisher.RawAudio(0, tag);
        Assert.Equal(PublishRejectionReason.UnsupportedCodec, publisher.Rejection?.Reason);
        Assert.Contains(name, publisher.Rejection!.Description, StringComparison.OrdinalIgnoreCase);
        publisher.Close();
        node.DemandNothingHeld();
    }

    [Fact]
    public void Media_OverTheBitrate_IsClosedWithTheLimit()
    {
        using var node = new TestNode(new IngestOptions { MaxBitrate = 1_000_000 });
        var publisher = node.Publish();
        publisher.Headers();
        for (uint i = 0; i < 100 && publisher.Rejection is null; i++)
            publisher.Picture(i * 33, i == 0, size: 10_000);
        Assert.Equal(PublishRejectionReason.BitrateTooHigh, publisher.Rejection?.Reason);
        Assert.Contains("1 Mbit/s", publisher.Rejection!.Description, StringComparison.Ordinal);
        publisher.Close();
        node.DemandNothingHeld();
    }

    [Fact]
    public void Media_TimestampsStandStill_IsClosedBeforeASegmentGrowsWithoutEnd()
    {
        using var node = new TestNode(new IngestOptions { MaxBitrate = 1_000_000 });
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(2);
        // Slow enough for the limit by the wall clock, for ever at the same moment of media.
        for (var i = 0; i < 1000 && publisher.Rejection is null; i++)
        {
            node.Time.Advance(TimeSpan.FromSeconds(1));
            publisher.Picture(2000, key: true, size: 50_000);
        }
        Assert.Equal(PublishRejectionReason.BitrateTooHigh, publisher.Rejection?.Reason);
        Assert.True(node.Pool.UsedBytes < 4_000_000, $"{node.Pool.UsedBytes} bytes are held.");
        publisher.Close();
        node.DemandNothingHeld();
    }

    [Fact]
    public void Media_TimestampsStandStillAmongIgnoredMessages_IsClosedAsWell()
    {
        using var node = new TestNode(new IngestOptions { MaxBitrate = 1_000_000 });
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(2);
        // A picture of a few bytes holds a block of memory; what fills the block is another track's.
        var other = new byte[60_000];
        new byte[] { 0x96, 0x01, (byte)'a', (byte)'v', (byte)'c', (byte)'1', 1 }.CopyTo(other, 0);
        for (var i = 0; i < 1000 && publisher.Rejection is null; i++)
        {
            node.Time.Advance(TimeSpan.FromSeconds(1));
            publisher.RawVideo(2000, other);
            publisher.Picture(2000, key: true);
        }
        Assert.Equal(PublishRejectionReason.BitrateTooHigh, publisher.Rejection?.Reason);
        Assert.True(node.Pool.UsedBytes < 4_000_000, $"{node.Pool.UsedBytes} bytes are held.");
        publisher.Close();
        node.DemandNothingHeld();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Media_TimestampsRace_IsClosedBeforeHoursAreFilled(bool video)
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(2);
        for (uint time = 2000; time < 10_000_000 && publisher.Rejection is null; time += 9_900)
        {
            if (video)
                publisher.Picture(time, key: true);
            else
                publisher.Sound(time);
        }
        Assert.Equal(PublishRejectionReason.BrokenMedia, publisher.Rejection?.Reason);
        Assert.Contains("-re", publisher.Rejection!.Description, StringComparison.Ordinal);
        publisher.Close();
        node.DemandNothingHeld();
        Assert.InRange(node.Sink.Segments.Max(s => s.Description.Segment), 1, 400);
    }

    [Fact]
    public void Media_PushedFasterThanTime_ShortFilePasses()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        for (uint i = 0; i < 9 * 60 * 5; i++)
            publisher.Picture(i * 200, i % 10 == 0);
        Assert.Null(publisher.Rejection);
        publisher.Close();
        node.DemandNothingHeld();
    }

    [Fact]
    public void Media_CompositionTimeOfHours_IsDroppedAndTheStreamLives()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(2);
        publisher.Picture(2000, key: true, composition: 8_000_000);
        publisher.Play(4, from: 2.1);
        Assert.Null(publisher.Rejection);
        Assert.Equal(1, publisher.Session.Broadcast.ReadHealth().Ingest.Damaged);
        publisher.Close();
        node.DemandNothingHeld();
        node.Sink.DemandRules(alignment: 0.0225);
        Assert.All(node.Sink.Segments, s => Assert.InRange(s.Description.Start.Seconds, 0, 7));
    }

    [Fact]
    public void Media_ConfigurationChangesWithoutEnd_IsClosed()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(2);
        for (uint i = 0; i < 1000 && publisher.Rejection is null; i++)
        {
            publisher.VideoHeader(i % 2 == 0 ? TestPublisher.Avc360 : TestPublisher.Avc720);
            publisher.Picture(2000 + i, key: true);
        }
        Assert.Equal(PublishRejectionReason.BrokenMedia, publisher.Rejection?.Reason);
        Assert.InRange(node.Sink.Periods.Count, 50, 110);
        publisher.Close();
        node.DemandNothingHeld();
    }

    [Fact]
    public void Hdr_MetadataPacket_ReachesTheFormatAndIsTakenBack()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.ColorInfo(AmfValue.Object(
            ("colorConfig", AmfValue.Object(
                ("colorPrimaries", AmfValue.Of(9)), ("transferCharacteristics", AmfValue.Of(16)), ("matrixCoefficients", AmfValue.Of(9)))),
            ("hdrCll", AmfValue.Object(("maxCLL", AmfValue.Of(1000)), ("maxFall", AmfValue.Of(400))))));
        publisher.Play(4);
        // A packet about something else, and the same header once more, change nothing.
        publisher.VideoMetadata("somethingElse", AmfValue.Of(1));
        publisher.VideoHeader(TestPublisher.Avc720);
        publisher.Play(4, from: 4);
        Assert.Single(node.Sink.Periods);
        publisher.ColorInfo(AmfValue.Undefined);
        publisher.Play(4, from: 8);
        publisher.Close();
        node.DemandNothingHeld();

        Assert.Equal(2, node.Sink.Periods.Count);
        var first = (VideoFormat)node.Sink.Periods[0].Renditions[0].Format;
        Assert.Equal("PQ", first.Color?.VideoRange);
        Assert.Equal([0x03, 0xe8, 0x01, 0x90], first.Hdr!.ContentLight.ToArray());
        Assert.True(first.Hdr.MasteringDisplay.IsEmpty);
        var second = (VideoFormat)node.Sink.Periods[1].Renditions[0].Format;
        Assert.Null(second.Hdr);
        Assert.NotEqual("PQ", second.Color?.VideoRange);
    }

    [Fact]
    public void Data_EveryKind_ReachesOnePlace()
    {
        using var node = new TestNode();
        var all = new List<StreamData>();
        node.Directory.DataReceived += (_, data) => all.Add(data);
        var publisher = node.Publish();
        publisher.Metadata(video: true, audio: true);
        publisher.Data("onTextData", AmfValue.Object(("text", AmfValue.Of("hello")), ("language", AmfValue.Of("eng"))));
        publisher.Data("onCuePoint", AmfValue.Object(("name", AmfValue.Of("goal")), ("time", AmfValue.Of(1.5))));
        publisher.Data("onCaptionInfo", AmfValue.Object(("type", AmfValue.Of("708")), ("data", AmfValue.Of("AAA="))));
        publisher.Data("onSomething", AmfValue.Of(1));
        publisher.Data("onMetaData");
        Assert.True(Assert.IsType<StreamMetadata>(all[0]).HasVideo);
        Assert.Equal("hello", Assert.IsType<StreamText>(all[1]).Text);
        Assert.Equal(1.5, Assert.IsType<StreamCuePoint>(all[2]).Seconds);
        Assert.Equal("AAA=", Assert.IsType<StreamCaptionInfo>(all[3]).Data);
        Assert.Equal("onSomething", Assert.IsType<UnknownStreamData>(all[4]).Name);
        Assert.Null(Assert.IsType<StreamMetadata>(all[5]).HasVideo);
        publisher.Close();
    }

    [Fact]
    public void Health_OfARunningStream_IsMeasured()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(10);
        var health = publisher.Session.Broadcast.ReadHealth();
        Assert.Equal(BroadcastState.OnAir, health.State);
        Assert.Equal(30, health.FrameRate, 1);
        Assert.Equal(2, health.GopSeconds, 2);
        Assert.Equal((1280, 720), (health.Width, health.Height));
        Assert.True(health.BitsPerSecond > 0);
        publisher.Close();
    }

    [Theory]
    [InlineData(StopPolicy.Wait, 30, 0)]
    [InlineData(StopPolicy.End, 30, 1)]
    // Nobody could come back to it.
    [InlineData(StopPolicy.Wait, 0, 1)]
    public async Task Stop_WithPublishers_TellsThemAndEndsTheSegmentsAndOnlyWhenAskedTheBroadcasts(StopPolicy policy, int grace, int ended)
    {
        using var node = new TestNode(new IngestOptions { OnStop = policy, ReconnectGrace = TimeSpan.FromSeconds(grace) });
        var publisher = node.Publish();
        publisher.Headers();
        publisher.Play(3);
        var open = node.Sink.SegmentsOf(0, 0).Count();
        await node.Directory.StopAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(PublishRejectionReason.ShuttingDown, Assert.Single(publisher.Evicted).Reason);
        publisher.Close();
        Assert.Equal((ended, 1), (node.Sink.Ended, node.Sink.Suspended));
        Assert.Equal(open + 1, node.Sink.SegmentsOf(0, 0).Count());
        Assert.NotNull(node.Directory.Publish(TestNode.Channel, _ => { }).Rejection);
        Assert.Empty(node.Directory.List());
        // The grace period is the next start's, or another node's.
        node.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(ended, node.Sink.Ended);
        node.DemandNothingHeld();
    }

    [Fact]
    public async Task Stop_PublisherIsAwayOrNothingWasOnAir_NothingEnds()
    {
        using var node = new TestNode();
        var away = node.Publish();
        away.Headers();
        away.Play(3);
        away.Close();
        var silent = node.Publish(TestNode.Name("bob"));
        await node.Directory.StopAsync(TimeSpan.FromSeconds(1));
        silent.Close();
        Assert.Equal((0, 1), (node.Sink.Ended, node.Sink.Suspended));
        node.DemandNothingHeld();
    }
}
