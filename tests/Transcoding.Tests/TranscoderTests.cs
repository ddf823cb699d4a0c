using Microsoft.Extensions.Time.Testing;
using Millrace.Core;
using Millrace.Media;

namespace Millrace.Transcoding.Tests;

/// <summary>The supervisor with the real ffmpeg: its ends, its hangs and its restarts.</summary>
public sealed class TranscoderTests
{
    private static readonly TranscodingOptions Options = new()
    {
        Ladder = "180p@300k,96p@100k", Source = SourceMode.Passthrough, MaxBacklog = TimeSpan.FromMinutes(1),
    };

    private static LadderPlan Plan(Clip clip, TranscodingOptions? options = null) => Ladder.Derive(clip.Facts(), options ?? Options);

    [Fact]
    public async Task Feed_WholeClip_ComesOutOnEveryRungAndNothingIsHeld()
    {
        var clip = Clip.Pictures();
        var pool = new MediaBlockPool();
        var sink = new RecordingSink();
        using (var arena = new MediaArena(pool))
        using (var transcoder = new Transcoder(Plan(clip), Options, Tool.Ffmpeg, pool, sink, TimeProvider.System))
        {
            Feed(transcoder, clip.Units(arena, 100));
            transcoder.Finish();
            await transcoder.Completion.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
            Assert.Equal([TranscoderState.Starting, TranscoderState.Running, TranscoderState.Ended], sink.States.Select(state => state.State));
            var status = transcoder.Status;
            Assert.Equal((0, 0L), (status.Restarts, status.DroppedUnits));
            Assert.Equal(TimeSpan.Zero, status.Lag);
        }
        for (var rung = 0; rung < 2; rung++)
        {
            Assert.Equal(clip.Tracks[0].PresentationTimes.Select(time => time + 9_000_000), sink.Times(rung));
            Assert.Equal(Plan(clip).Video[rung].Announced.CodecString, sink.Format(rung)!.CodecString);
        }
        Assert.Equal(0, pool.UsedBytes);
    }

    /// <summary>A fault of the sink's ends this ladder, with words, and nothing else.</summary>
    [Fact]
    public async Task Sink_Throws_LadderFailsAndTheProcessLives()
    {
        var clip = Clip.Pictures();
        var sink = new ThrowingSink();
        using var arena = new MediaArena(new MediaBlockPool());
        using var transcoder = new Transcoder(Plan(clip), Options, Tool.Ffmpeg, new MediaBlockPool(), sink, TimeProvider.System);
        Feed(transcoder, clip.Units(arena, 100));
        await transcoder.Completion.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.Equal(TranscoderState.Failed, transcoder.Status.State);
        Assert.Contains("no room for it", transcoder.Status.Reason, StringComparison.Ordinal);
    }

    private sealed class ThrowingSink : ITranscoderSink
    {
        public void OnFormat(int rung, TrackFormat format) => throw new ArgumentException("no room for it");

        public void OnUnit(int rung, in AccessUnit unit) => throw new InvalidOperationException("a unit without a format");

        public void OnState(TranscoderState state, string? reason)
        {
        }
    }

    /// <summary>Killed three times in mid-GOP: what was given out goes on behind itself with a key frame, and no frame comes twice.</summary>
    [Fact]
    public async Task Kill_InMidGop_GoesOnWhereItWas()
    {
        var clip = Clip.Pictures(seconds: 8, gop: 40);
        var pool = new MediaBlockPool();
        var sink = new RecordingSink();
        using (var arena = new MediaArena(pool))
        using (var transcoder = new Transcoder(Plan(clip), Options, Tool.Ffmpeg, pool, sink, TimeProvider.System))
        {
            var fed = 0;
            foreach (var (kind, unit) in clip.Units(arena, 100))
            {
                transcoder.Feed(kind, unit);
                unit.Payload.Release();
                if (++fed % 60 != 0 || fed > 180)
                    continue;
                var shown = fed - 30;
                sink.Until(() => sink.Units(0).Count >= shown && sink.Units(1).Count >= shown, $"Frame {shown}");
                Posix.Signal(transcoder.ProcessId!.Value, "KILL");
                var kills = fed / 60;
                sink.Until(() => sink.States.Count(state => state.State == TranscoderState.Restarting) == kills, "The restart");
            }
            transcoder.Finish();
            await transcoder.Completion.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
            Assert.Equal(3, transcoder.Status.Restarts);
            Assert.Contains("signal 9", sink.States.First(state => state.State == TranscoderState.Restarting).Reason, StringComparison.Ordinal);
        }
        var expected = clip.Tracks[0].PresentationTimes.Select(time => time + 9_000_000).ToList();
        for (var rung = 0; rung < 2; rung++)
        {
            var times = sink.Times(rung).ToList();
            Assert.Equal(times.Distinct().Order(), times);
            // A rung that was behind the other one misses what that had given out: a frame at each death, or none.
            Assert.Empty(times.Except(expected));
            Assert.InRange(expected.Except(times).Count(), 0, 6);
            // Every key frame of the source, and one where each child began.
            var keys = sink.Units(rung).Where(unit => unit.IsKey).Select(unit => unit.Time).ToList();
            Assert.InRange(clip.Tracks[0].KeyTimes.Select(time => time + 9_000_000).Except(keys).Count(), 0, 1);
            Assert.InRange(keys.Count, 6, 9);
        }
        Assert.Equal(0, pool.UsedBytes);
    }

    /// <summary>ffmpeg waits for each of its inputs: the one that begins while there is no sound goes without it, and gets it back later.</summary>
    [Fact]
    public async Task Kill_WhileTheSoundHasStopped_PicturesGoOnAndTheSoundComesBack()
    {
        var clip = Clip.Make("-f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine=f=440:r=44100 -t 16 -c:v libx264 -preset ultrafast -g 25 -bf 0 -sc_threshold 0 -b:v 300k -c:a libmp3lame");
        var options = new TranscodingOptions { Ladder = "96p@100k", Source = SourceMode.Passthrough, MaxBacklog = TimeSpan.FromMinutes(1) };
        var pool = new MediaBlockPool();
        var sink = new RecordingSink();
        using (var arena = new MediaArena(pool))
        using (var transcoder = new Transcoder(Plan(clip, options), options, Tool.Ffmpeg, pool, sink, TimeProvider.System))
        {
            var pictures = 0;
            foreach (var (kind, unit) in clip.Units(arena))
            {
                var isSilent = kind == MediaKind.Audio && unit.DecodeTime is > 2 * 44100 and < 10 * 44100;
                if (!isSilent)
                    transcoder.Feed(kind, unit);
                unit.Payload.Release();
                if (kind == MediaKind.Audio || ++pictures is not (160 or 200))
                    continue;
                var shown = pictures - 30;
                sink.Until(() => sink.Units(0).Count >= shown, $"Picture {shown}");
                if (pictures == 160)
                    Posix.Signal(transcoder.ProcessId!.Value, "KILL");
            }
            transcoder.Finish();
            await transcoder.Completion.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
            Assert.Equal((1, 1), (transcoder.Status.Restarts, transcoder.Renewals));
        }
        Assert.InRange(sink.Units(0).Count, 398, 400);
        var sound = sink.Times(1).Select(time => (double)time / AudioRung.SampleRate).ToList();
        Assert.Contains(sound, time => time is > 1 and < 2);
        Assert.InRange(sound.Count(time => time > 14), 80, 100);
        Assert.Equal(clip.Tracks[0].PresentationTimes.Max(), sink.Times(0).Max());
        Assert.Equal(0, pool.UsedBytes);
    }

    /// <summary>A child that has read so much that its memory counts is replaced at a key frame, and nobody misses a frame.</summary>
    [Fact]
    public async Task Feed_MoreThanAChildShallRead_IsMadeByTheNextOne()
    {
        var clip = Clip.Pictures(gop: 20);
        var sink = new RecordingSink();
        var pool = new MediaBlockPool();
        using (var arena = new MediaArena(pool))
        using (var transcoder = new Transcoder(Plan(clip), Options, Tool.Ffmpeg, pool, sink, TimeProvider.System) { UnitsOfAChild = 35 })
        {
            Feed(transcoder, clip.Units(arena, 100));
            transcoder.Finish();
            await transcoder.Completion.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
            Assert.InRange(transcoder.Renewals, 1, 4);
            Assert.Equal(0, transcoder.Status.Restarts);
        }
        Assert.Equal([TranscoderState.Starting, TranscoderState.Running, TranscoderState.Ended], sink.States.Select(state => state.State));
        for (var rung = 0; rung < 2; rung++)
        {
            Assert.Equal(clip.Tracks[0].PresentationTimes.Select(time => time + 9_000_000), sink.Times(rung));
            Assert.Equal(clip.Tracks[0].KeyTimes.Select(time => time + 9_000_000), sink.Units(rung).Where(unit => unit.IsKey).Select(unit => unit.Time));
        }
        Assert.Equal(0, pool.UsedBytes);
    }

    [Fact]
    public void Stop_ChildThatHangs_IsKilledAndFollowedByAnother()
    {
        var clip = Clip.Pictures(seconds: 20, gop: 30);
        var options = new TranscodingOptions { Ladder = "96p@100k", Source = SourceMode.Passthrough, HangTimeout = TimeSpan.FromSeconds(1.5), MaxBacklog = TimeSpan.FromMinutes(1) };
        var sink = new RecordingSink();
        var pool = new MediaBlockPool();
        using var arena = new MediaArena(pool);
        using var transcoder = new Transcoder(Plan(clip, options), options, Tool.Ffmpeg, pool, sink, TimeProvider.System);
        var units = clip.Units(arena).GetEnumerator();
        FeedSome(45);
        sink.Until(() => sink.Units(0).Count >= 30, "The first frames");
        var stopped = transcoder.ProcessId!.Value;
        Posix.Signal(stopped, "STOP");
        // Media goes on to come in, as the watch wants to see it.
        using var feeding = new Timer(_ => FeedSome(3), null, TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(100));
        sink.Until(() => sink.States.Any(state => state.State == TranscoderState.Restarting), "The restart");
        var before = sink.Units(0).Count;
        sink.Until(() => sink.Units(0).Count > before + 30, "More frames");
        Assert.Contains("gave nothing out for 1.5 s", sink.States.First(state => state.State == TranscoderState.Restarting).Reason, StringComparison.Ordinal);
        Assert.False(Posix.IsAlive(stopped));
        var times = sink.Times(0).ToList();
        Assert.Equal(times.Distinct().Order(), times);

        void FeedSome(int count)
        {
            lock (units)
            {
                for (; count > 0 && units.MoveNext(); count--)
                {
                    transcoder.Feed(units.Current.Kind, units.Current.Unit);
                    units.Current.Unit.Payload.Release();
                }
            }
        }
    }

    [Fact]
    public async Task Start_ProgramThatAlwaysDies_IsGivenUpWithItsLastWords()
    {
        using var program = new Script("echo 'no such codec' >&2; exit 3");
        var clip = Clip.Pictures();
        var time = new FakeTimeProvider();
        var sink = new RecordingSink();
        using var transcoder = new Transcoder(Plan(clip), Options, Tool.Ffmpeg with { Path = program.Path }, new MediaBlockPool(), sink, time);
        // The back-off is 0, 0.5, 1, 2 and 4 s: the clock is moved until it is over.
        while (!transcoder.Completion.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(0.5));
            await Task.WhenAny(transcoder.Completion, Task.Delay(20, TestContext.Current.CancellationToken));
        }
        var (state, reason) = sink.States[^1];
        Assert.Equal(TranscoderState.Failed, state);
        Assert.Contains("exit code 3", reason, StringComparison.Ordinal);
        Assert.Contains("no such codec", reason, StringComparison.Ordinal);
        Assert.Contains("no such codec", transcoder.Status.LastErrors);
        Assert.Equal(5, transcoder.Status.Restarts);
    }

    [Fact]
    public async Task Status_ProgramThatFindsErrors_SaysSoForAWhile()
    {
        using var program = new Script("echo '[h264 @ 0x1] [warning] odd' >&2; read line; echo '[h264 @ 0x1] [error] cannot decode' >&2; exec sleep 600");
        var clip = Clip.Pictures();
        var time = new FakeTimeProvider();
        var options = new TranscodingOptions { Ladder = "96p@100k", Source = SourceMode.Passthrough, HangTimeout = TimeSpan.FromMinutes(1), MaxBacklog = TimeSpan.FromMinutes(1) };
        var pool = new MediaBlockPool();
        using var arena = new MediaArena(pool);
        using var transcoder = new Transcoder(Plan(clip, options), options, Tool.Ffmpeg with { Path = program.Path }, pool, new RecordingSink(), time);
        await LookUntil(() => transcoder.Status.LastErrors.Count == 1);
        Assert.False(transcoder.Status.HasRecentErrors);
        // What it is fed holds a line's end somewhere.
        Feed(transcoder, clip.Units(arena));
        await LookUntil(() => transcoder.Status.HasRecentErrors);
        Assert.Equal(TranscoderState.Starting, transcoder.Status.State);
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.False(transcoder.Status.HasRecentErrors);

        async Task LookUntil(Func<bool> holds)
        {
            for (var left = 3000; !holds(); left--)
            {
                Assert.True(left > 0, "It did not come.");
                time.Advance(TimeSpan.FromMilliseconds(25));
                await Task.WhenAny(transcoder.Completion, Task.Delay(20, TestContext.Current.CancellationToken));
            }
        }
    }

    [Fact]
    public async Task Run_EncoderThatPrintsAnError_IsStartedAgain()
    {
        var before = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using var program = new Script(
            $"[ -e {before} ] && exec {Tool.Ffmpeg.Path} \"$@\"; touch {before}; echo '[libx264 @ 0x1] [error] out of its mind' >&2; exec sleep 600");
        var clip = Clip.Pictures();
        var options = new TranscodingOptions { Ladder = "96p@100k", Source = SourceMode.Passthrough, HangTimeout = TimeSpan.FromMinutes(1), MaxBacklog = TimeSpan.FromMinutes(1) };
        var pool = new MediaBlockPool();
        var sink = new RecordingSink();
        using var arena = new MediaArena(pool);
        using var transcoder = new Transcoder(Plan(clip, options), options, Tool.Ffmpeg with { Path = program.Path }, pool, sink, TimeProvider.System);
        Feed(transcoder, clip.Units(arena));
        for (var left = 3000; transcoder.Status.Restarts == 0; left--)
        {
            Assert.True(left > 0, "It goes on with an encoder that failed.");
            await Task.WhenAny(transcoder.Completion, Task.Delay(20, TestContext.Current.CancellationToken));
        }
        transcoder.Finish();
        await transcoder.Completion.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.Contains(sink.States, told => told.State == TranscoderState.Restarting && told.Reason!.Contains("out of its mind", StringComparison.Ordinal));
        Assert.Equal(TranscoderState.Ended, sink.States[^1].State);
        File.Delete(before);
    }

    [Fact]
    public void Feed_ProgramThatReadsNothing_DropsUpToAKeyFrameAndNeverWaits()
    {
        using var program = new Script("exec sleep 600");
        var clip = Clip.Pictures(seconds: 4);
        var options = new TranscodingOptions { Ladder = "96p@100k", Source = SourceMode.Passthrough, MaxBacklog = TimeSpan.FromSeconds(1), HangTimeout = TimeSpan.FromMinutes(1) };
        var pool = new MediaBlockPool();
        var transcoder = new Transcoder(Plan(clip, options), options, Tool.Ffmpeg with { Path = program.Path }, pool, new RecordingSink(), TimeProvider.System);
        using (var arena = new MediaArena(pool))
            Feed(transcoder, clip.Units(arena));
        Assert.InRange(transcoder.Status.DroppedUnits, 30, 119);
        var child = transcoder.ProcessId;
        transcoder.Dispose();
        Assert.False(child is { } id && Posix.IsAlive(id));
        Assert.Equal(0, pool.UsedBytes);
    }

    private static void Feed(Transcoder transcoder, IEnumerable<(MediaKind Kind, AccessUnit Unit)> units)
    {
        foreach (var (kind, unit) in units)
        {
            transcoder.Feed(kind, unit);
            unit.Payload.Release();
        }
    }
}
