using Microsoft.Extensions.Time.Testing;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Packaging.Tests;
using Millrace.Transcoding;
using Millrace.Transcoding.Tests;

namespace Millrace.Ingest.Tests;

/// <summary>Renditions of a broadcast by the real ffmpeg: under which names they come, what becomes of them, and what is given back.</summary>
public sealed class BroadcastLadderTests
{
    private static readonly Clip Film = Clip.Pictures("320x180", 25, 8, gop: 50, more: "-bf 0");

    [Fact]
    public void Ladder_OneRung_ComesOnTheBroadcastsClockAndLeavesNothing()
    {
        using var stage = new Stage(Wanting("96p@100k/ultrafast"));
        var publisher = stage.Publish(Film);
        publisher.Play(150, "96p");
        Assert.Single(stage.Sink.Periods);
        Assert.Equal(["source", "96p"], stage.Sink.Periods[0].Renditions.Select(rendition => rendition.Name));
        Assert.True(stage.Budget.Used > 0);
        stage.End();
        stage.Sink.DemandRules(fullParts: false, alignment: 0.001);
        Assert.DoesNotContain(stage.Sink.SegmentsOf(0, 1).SkipLast(1), segment => segment.IsGap);
    }

    [Fact]
    public async Task Ladder_NodeStops_WhatIsOnItsWayThroughTheEncoderStillComes()
    {
        using var stage = new Stage(Wanting("96p@100k/ultrafast"));
        stage.Publish(Film).Play(110, "96p");
        // By the test's clock, which stands: it waits for the encoder and for nothing else.
        await stage.Node.Directory.StopAsync(TimeSpan.FromSeconds(1));
        stage.Until("96p", 110);
        stage.End();
        var (source, rung) = (stage.Sink.SegmentsOf(0, 0).ToList(), stage.Sink.SegmentsOf(0, 1).ToList());
        Assert.Equal(source.Select(segment => segment.Segment), rung.Select(segment => segment.Segment));
        Assert.False(rung[^1].IsGap);
        Assert.Equal(source[^1].Duration.Seconds, rung[^1].Duration.Seconds, 0.001);
        Assert.Equal(0, stage.Sink.Ended);
    }

    [Fact]
    public void Ladder_LongGop_IsNormalisedAtTheSecondKeyFrameUnderTheSourcesName()
    {
        using var stage = new Stage(Wanting("off", "alice=96p@100k/ultrafast", SourceMode.Auto));
        var publisher = stage.Publish(Clip.Pictures("320x180", 25, 8, gop: 75, more: "-bf 0"));
        publisher.Play(75, "96p");
        publisher.Play(75, "source");
        var periods = stage.Sink.Periods;
        Assert.Equal([["source", "96p"], ["source", "96p"]], periods.Select(period => period.Renditions.Select(rendition => rendition.Name)));
        Assert.Equal([false, true], periods.Select(period => period.Renditions[0].IsDerived));
        Assert.Contains(stage.Problems(publisher), problem => problem.Code == "source_normalized");
        stage.End();
    }

    [Fact]
    public void Ladder_OpenGops_AreNormalisedAtARecoveryPoint()
    {
        using var stage = new Stage(Wanting("off", "alice=96p@100k/ultrafast", SourceMode.Auto));
        var clip = Clip.Pictures("320x180", 25, 12, gop: 25, more: "-bf 3 -x264-params open-gop=1:keyint=25:bframes=3:b-adapt=0");
        var publisher = stage.Publish(clip);
        publisher.Play(100, null);
        publisher.Play(100, "source");
        Assert.Equal([false, true], stage.Sink.Periods.Select(period => period.Renditions[0].IsDerived));
        var problems = stage.Problems(publisher);
        Assert.Contains(problems, problem => problem.Code == "key_frames_unusable");
        Assert.Contains(problems, problem => problem.Code == "source_normalized" && problem.Message.Contains("cannot switch", StringComparison.Ordinal));
        stage.End();
        Assert.All(stage.Sink.SegmentsOf(1, 0).Where(segment => !segment.IsGap), segment => Assert.True(segment.IsIndependent));
    }

    [Fact]
    public void Ladder_BudgetForOne_IsKeptOverAChangeOfPeriodAndSecondBroadcastGetsNone()
    {
        // Room for 170×96 at 25 to 30 frames a second once and not twice.
        using var stage = new Stage(Wanting("96p@100k/ultrafast"), pixels: 400_000);
        var first = stage.Publish(Film);
        first.Play(50, "96p");
        var second = stage.Publish(Film, "bob");
        second.Play(25, null);
        var health = second.Publisher.Session.Broadcast.ReadHealth().Ladder!;
        Assert.Empty(health.Rungs);
        Assert.Contains(health.Notes, note => note.Contains("MaxPixelsPerSecond", StringComparison.Ordinal));

        // The same publisher comes back: the period is another, and the room is its own.
        first.Publisher.Close();
        var again = stage.Publish(Film, milliseconds: 10_000);
        again.Play(50, "96p");
        Assert.Equal("96p", Assert.Single(again.Publisher.Session.Broadcast.ReadHealth().Ladder!.Rungs).Name);
        stage.End();
    }

    [Fact]
    public void Ladder_BudgetGetsRoom_SecondBroadcastGetsItsRungOnceAndTheSourceGoesOn()
    {
        using var stage = new Stage(Wanting("96p@100k/ultrafast"), pixels: 400_000);
        var other = stage.Publish(Film, "bob");
        other.Play(50, null);
        var publisher = stage.Publish(Film);
        publisher.Play(50, null);
        Assert.Equal(1, publisher.Publisher.Session.Broadcast.ReadHealth().Ladder!.OverBudget);
        Assert.Equal(["source"], Assert.Single(stage.Sink.Periods).Renditions.Select(rendition => rendition.Name));

        stage.Stop(other);
        // Not at once: who went may be about to come back.
        publisher.Play(200, null);
        Assert.Single(stage.Sink.Periods);
        var seconds = 10;
        for (; stage.Sink.Periods.Count == 1; seconds++)
        {
            Assert.True(seconds < 60, "There was room for a minute.");
            publisher.Play(25, null);
        }
        Assert.InRange(seconds, 28, 36);
        // The encoder begins before the source's first segment of the period ends, or it is a gap: media come faster than they play.
        stage.Until("96p", 8);
        publisher.Play(125, "96p");
        Assert.Equal(["source", "96p"], stage.Sink.Periods[^1].Renditions.Select(rendition => rendition.Name));
        Assert.Equal(2, stage.Sink.Periods.Count);
        Assert.Equal(0, publisher.Publisher.Session.Broadcast.ReadHealth().Ladder!.OverBudget);
        stage.End();
        Assert.DoesNotContain(stage.Sink.SegmentsOf(1, 1).SkipLast(1), segment => segment.IsGap);
    }

    [Fact]
    public void Ladder_SourceThatDeclaresNoBitrate_LosesTheRungThatIsTooNearAndGetsItBackOnce()
    {
        using var stage = new Stage(Wanting("auto"));
        var publisher = stage.Publish(Clip.Pictures("426x240", 25, 8, gop: 50, more: "-bf 0 -b:v 80k -maxrate 80k -bufsize 80k"));
        // Four measures of six seconds.
        publisher.Play(590, "160p");
        publisher.Play(70, null);
        Assert.Equal([2, 1], stage.Sink.Periods.Select(period => period.Renditions.Count));
        Assert.Equal(0, stage.Budget.Used);
        Assert.DoesNotContain(stage.Problems(publisher), problem => problem.Code == "ladder_left_out");

        // The picture begins to move: not before half a minute, for each change costs viewers a discontinuity.
        publisher.Padding = 4000;
        publisher.Play(500, null);
        Assert.Equal(2, stage.Sink.Periods.Count);
        publisher.Play(300, null);
        Assert.Equal([2, 1, 2], stage.Sink.Periods.Select(period => period.Renditions.Count));
        publisher.Padding = 0;
        publisher.Play(2000, null);
        Assert.Equal(3, stage.Sink.Periods.Count);
        Assert.Equal(2, stage.Refits);
        stage.End();
    }

    [Fact]
    public void Ladder_PictureOverMaxPixels_HasNoRungsAndSaysSo()
    {
        using var stage = new Stage(Wanting("96p@100k/ultrafast"), maxPixels: 320 * 180 - 1);
        var publisher = stage.Publish(Film);
        publisher.Play(60, null);
        var health = publisher.Publisher.Session.Broadcast.ReadHealth().Ladder!;
        Assert.Empty(health.Rungs);
        Assert.Contains(health.Notes, note => note.Contains("Ingest:MaxPixels", StringComparison.Ordinal));
        Assert.Contains(stage.Problems(publisher), problem => problem.Code == "ladder_left_out");
        // Sound that is made to AAC beside it makes no difference.
        var withSound = publisher.Publisher.Session.Broadcast.ReadHealth() with { Ladder = health with { Rungs = [new RungHealth("aac", 0, 0, 128_000)] } };
        Assert.Contains(HealthProblem.Find(withSound, new IngestOptions(), new PackagingOptions(), stage.Node.Time.GetUtcNow()),
            problem => problem.Code == "ladder_left_out");
        Assert.Equal(0, stage.Budget.Used);
        stage.End();
    }

    [Fact]
    public void Ladder_WithoutFfmpeg_IsMissingOnlyWhereItIsWanted()
    {
        using var stage = new Stage(Wanting("96p@100k", channel: "bob=off"), fault: "there is no ffmpeg");
        var wanting = stage.Publish(Film);
        var content = stage.Publish(Film, "bob");
        wanting.Play(60, null);
        content.Play(60, null);
        Assert.Contains(stage.Problems(wanting), problem => problem.Code == "ladder_missing");
        Assert.DoesNotContain(stage.Problems(content), problem => problem.Code == "ladder_missing");
        Assert.Null(content.Publisher.Session.Broadcast.ReadHealth().Ladder!.Reason);
        stage.End();
    }

    [Fact]
    public void Ladder_MachineThatDoesNotKeepUp_ShedsAtTheNextKeyFrameHoweverRareTheyAre()
    {
        // Half of real time, while the false clock runs as fast as pictures are sent.
        using var program = new Script("exec ffmpeg -readrate 0.5 \"$@\"");
        using var stage = new Stage(Wanting("96p@100k/ultrafast"), path: program.Path);
        var publisher = stage.Publish(Clip.Pictures("320x180", 25, 12, gop: 300, more: "-bf 0"));
        publisher.Play(50, "96p");
        publisher.Play(200, null);
        Assert.Equal([2], stage.Sink.Periods.Select(period => period.Renditions.Count));
        publisher.Play(51, null);
        Assert.Equal([2, 1], stage.Sink.Periods.Select(period => period.Renditions.Count));
        Assert.Contains(stage.Problems(publisher), problem => problem.Code == "ladder_shed");
        stage.End();
    }

    [Fact]
    public void Ladder_ProgramThatAlwaysDies_IsWithdrawnAtADiscontinuityAndTriedAgainLessAndLessOften()
    {
        using var program = new Script("echo 'no such codec' >&2; exit 3");
        using var stage = new Stage(Wanting("96p@100k/ultrafast"), path: program.Path);
        var publisher = stage.Publish(Film);
        publisher.Play(25, null);
        stage.Fail(1);
        publisher.Play(50, null);
        Assert.Equal([2, 1], stage.Sink.Periods.Select(period => period.Renditions.Count));
        var problem = Assert.Single(stage.Problems(publisher), problem => problem.Code == "ladder_failed");
        Assert.Contains("no such codec", problem.Message, StringComparison.Ordinal);
        Assert.Equal(0, stage.Budget.Used);

        stage.Node.Time.Advance(TimeSpan.FromMinutes(1));
        publisher.Play(50, null);
        Assert.Equal([2, 1, 2], stage.Sink.Periods.Select(period => period.Renditions.Count));
        stage.Fail(2);
        publisher.Play(50, null);
        Assert.Equal(4, stage.Sink.Periods.Count);
        // The second failure in a row waits twice as long.
        stage.Node.Time.Advance(TimeSpan.FromMinutes(1));
        publisher.Play(50, null);
        Assert.Equal(4, stage.Sink.Periods.Count);
        stage.Node.Time.Advance(TimeSpan.FromMinutes(1));
        publisher.Play(50, null);
        Assert.Equal(5, stage.Sink.Periods.Count);
        stage.End();
    }

    private static TranscodingOptions Wanting(string ladder, string? channel = null, SourceMode source = SourceMode.Passthrough) => new()
    {
        Ladder = ladder, Channels = channel is null ? [] : [channel], Source = source,
        // The clock is a false one, and runs faster than any ffmpeg.
        HangTimeout = TimeSpan.FromMinutes(1), MaxBacklog = TimeSpan.FromMinutes(1),
    };

    /// <summary>A node with ladders, and what was seen of them.</summary>
    private sealed class Stage : IDisposable
    {
        private readonly Ladders ladders;
        private readonly object gate = new();
        private readonly Dictionary<(int Period, string Name), int> pictures = [];
        private readonly List<Player> players = [];
        private int failures;

        public Stage(TranscodingOptions options, long pixels = 1_000_000_000, int maxPixels = int.MaxValue, string? path = null, string? fault = null)
        {
            var ffmpeg = path is null ? Tool.Ffmpeg : Tool.Ffmpeg with { Path = path };
            Budget = new TranscodingBudget(pixels);
            var ingest = new IngestOptions();
            if (maxPixels < ingest.MaxPixels)
                ingest.MaxPixels = maxPixels;
            Node = new TestNode(ingest, sinks: new Sinks(Sink), ladders: node => new Ladders(options, fault is null ? ffmpeg : null, fault, Budget, ingest, node.Pool, node.Time));
            ladders = Node.Ladders!;
            ladders.Happened += happened => Note(() =>
            {
                failures += happened.Kind == LadderEventKind.Failed ? 1 : 0;
                Refits += happened.Kind == LadderEventKind.Refitted ? 1 : 0;
            });
            Sink.OnPart = part => Note(() =>
            {
                var key = (Sink.Periods.Count - 1, Sink.Periods[^1].Renditions[part.Rendition].Name);
                pictures[key] = pictures.GetValueOrDefault(key) + part.SampleCount;
            });
        }

        public TestNode Node { get; }

        /// <summary>Of the channel that a test is about.</summary>
        public RecordingSink Sink { get; } = new();

        public TranscodingBudget Budget { get; }

        /// <summary>Times that others were made because of the source's bitrate.</summary>
        public int Refits { get; private set; }

        public Player Publish(Clip clip, string channel = "alice", uint milliseconds = 0)
        {
            var player = new Player(this, clip, channel, milliseconds);
            players.Add(player);
            return player;
        }

        public IReadOnlyList<HealthProblem> Problems(Player player) =>
            Node.Directory.FindProblems(player.Publisher.Session.Broadcast.ReadHealth());

        /// <summary>Waits until a rendition of the newest period has so many pictures.</summary>
        public void Until(string name, int count) =>
            Until(() => pictures.GetValueOrDefault((Sink.Periods.Count - 1, name)) >= count, $"{count} pictures of {name}");

        /// <summary>Moves the clock over the back-off until a ladder has been given up so often.</summary>
        public void Fail(int count)
        {
            lock (gate)
            {
                for (var left = 3000; failures < count; left--)
                {
                    Assert.True(left > 0, "The ladder was not given up.");
                    Monitor.Wait(gate, 20);
                    Node.Time.Advance(TimeSpan.FromSeconds(0.1));
                }
            }
        }

        /// <summary>Ends a channel's broadcast.</summary>
        public void Stop(Player player)
        {
            player.Publisher.Close();
            Node.Directory.End(player.Publisher.Session.Broadcast.Channel, new PublishRejection(PublishRejectionReason.ShuttingDown, ""));
        }

        /// <summary>Ends everything and demands that all is given back.</summary>
        public void End()
        {
            foreach (var player in players)
                player.Publisher.Close();
            Node.Directory.Dispose();
            ladders.Dispose();
            Assert.Equal(0, Budget.Used);
            Assert.Equal(0, Node.Pool.UsedBytes);
        }

        public void Dispose()
        {
            Node.Dispose();
            ladders.Dispose();
        }

        private void Note(Action change)
        {
            lock (gate)
            {
                change();
                Monitor.PulseAll(gate);
            }
        }

        private void Until(Func<bool> holds, string what)
        {
            var deadline = DateTime.UtcNow.AddSeconds(60);
            lock (gate)
            {
                while (!holds())
                {
                    var left = deadline - DateTime.UtcNow;
                    Assert.True(left > TimeSpan.Zero && Monitor.Wait(gate, left), $"{what} did not come.");
                }
            }
        }
    }

    /// <summary>One channel's sink is looked at; those of others take what they get.</summary>
    private sealed class Sinks(RecordingSink first) : IBroadcastSinkFactory
    {
        public IBroadcastSink Open(ChannelName channel, BroadcastId broadcast, LowLatencyContract contract, DateTimeOffset startedAt) =>
            (channel == TestNode.Channel ? first : new RecordingSink()).Open(channel, broadcast, contract, startedAt);
    }

    /// <summary>A publisher that goes on when a rung has followed.</summary>
    private sealed class Player
    {
        private readonly Stage stage;
        private readonly IReadOnlyList<ClipUnit> units;
        private readonly uint start;
        private int next;

        public Player(Stage stage, Clip clip, string channel, uint milliseconds)
        {
            this.stage = stage;
            units = clip.Tracks[0].Units;
            start = milliseconds;
            Publisher = stage.Node.Publish(TestNode.Name(channel));
            Publisher.Metadata(video: true, audio: false);
            Publisher.VideoHeader(clip.Video!.Configuration.ToArray());
        }

        public TestPublisher Publisher { get; }

        /// <summary>Bytes of user data in front of each picture.</summary>
        public int Padding { get; set; }

        /// <summary>Publishes some pictures, the clip over and over.</summary>
        /// <param name="count">How many.</param>
        /// <param name="follower">The rendition of the newest period that may be a second behind, or null.</param>
        public void Play(int count, string? follower)
        {
            var played = 0;
            for (; count > 0; count--, next++)
            {
                stage.Node.Time.Advance(TimeSpan.FromMilliseconds(40));
                var unit = units[next % units.Count];
                Publisher.RawPicture(start + (uint)(next * 40), unit.Sample.IsSync, [.. UserData(), .. unit.Bytes], unit.Sample.CompositionOffset / 90);
                Assert.Null(Publisher.Rejection);
                if (follower is not null && ++played % 25 == 0 && played > 25)
                    stage.Until(follower, played - 25);
            }
        }

        /// <summary>A NAL unit of user data (ITU-T H.264 D.1.7), which decoders skip.</summary>
        private byte[] UserData()
        {
            if (Padding == 0)
                return [];
            byte[] unit = [6, 5, .. Enumerable.Repeat((byte)255, Padding / 255), (byte)(Padding % 255), .. Enumerable.Repeat((byte)0xAA, Padding), 0x80];
            return [0, 0, (byte)(unit.Length >> 8), (byte)unit.Length, .. unit];
        }
    }
}
