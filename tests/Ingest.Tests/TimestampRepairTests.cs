using CsCheck;

namespace Millrace.Ingest.Tests;

public sealed class TimestampRepairTests
{
    private const double LipSync = 0.040;

    /// <summary>A message of a simulated encoder: when it is truly shown, and what its timestamp says.</summary>
    private readonly record struct Message(bool IsVideo, double Truth, uint Timestamp);

    private sealed record Placed(bool IsVideo, double Truth, double Time, long Decode, uint Duration);

    private sealed class Run(uint rate = 48000, uint samples = 1024)
    {
        public TimestampRepair Repair { get; } = new();

        public List<Placed> Out { get; } = [];

        public IEnumerable<Placed> Video => Out.Where(p => p.IsVideo);

        public IEnumerable<Placed> Audio => Out.Where(p => !p.IsVideo);

        public Run Feed(IEnumerable<Message> messages, int composition = 0)
        {
            foreach (var message in messages)
            {
                if (message.IsVideo)
                {
                    var timing = Repair.Video(message.Timestamp, composition, 0);
                    Out.Add(new Placed(true, message.Truth, (timing.DecodeTime + timing.CompositionOffset) / 90000.0, timing.DecodeTime, 0));
                }
                else if (Repair.TryAudio(message.Timestamp, 0, rate, samples, out var timing))
                {
                    Out.Add(new Placed(false, message.Truth, (double)timing.DecodeTime / rate, timing.DecodeTime, timing.Duration));
                }
            }
            return this;
        }

        /// <summary>Decode times rise; audio never overlaps itself.</summary>
        public Run DemandOrder()
        {
            long video = long.MinValue, audio = long.MinValue;
            foreach (var placed in Out)
            {
                if (placed.IsVideo)
                {
                    Assert.True(placed.Decode > video, "Video does not rise.");
                    video = placed.Decode;
                }
                else
                {
                    Assert.True(placed.Decode >= audio, "Audio overlaps itself.");
                    audio = placed.Decode + placed.Duration;
                }
            }
            return this;
        }

        /// <summary>
        /// What was shown together is shown together: audio lies the same way from the truth as the picture before or after it.
        /// </summary>
        /// <param name="tolerance">Seconds.</param>
        /// <param name="unsettled">Moments of truth after which it may take half a second.</param>
        public Run DemandSync(double tolerance = LipSync, params double[] unsettled)
        {
            var video = Video.ToArray();
            if (video.Length == 0)
                return this;
            var next = 0;
            foreach (var placed in Out)
            {
                if (placed.IsVideo)
                {
                    next++;
                    continue;
                }
                if (unsettled.Any(u => placed.Truth >= u - 0.1 && placed.Truth < u + 0.5))
                    continue;
                var apart = double.MaxValue;
                foreach (var picture in new[] { video[Math.Max(0, next - 1)], video[Math.Min(video.Length - 1, next)] })
                    apart = Math.Min(apart, Math.Abs(placed.Time - placed.Truth - (picture.Time - picture.Truth)));
                Assert.True(apart <= tolerance, $"Audio of {placed.Truth:0.000} s is {apart * 1000:0.0} ms off the video.");
            }
            return this;
        }
    }

    private static uint Stamp(double seconds) => unchecked((uint)(long)Math.Round(seconds * 1000));

    /// <summary>An encoder that interleaves by time. Its sound card drifts against the clock that stamps.</summary>
    private static IEnumerable<Message> Encoder(
        double seconds, double clock = 0, double rate = 30, double frame = 1024.0 / 48000, double audioLate = 0,
        double drift = 0, Func<double, bool>? videoIs = null, Func<double, bool>? audioIs = null)
    {
        var video = Enumerable.Range(0, (int)(seconds * rate)).Select(i => i / rate).Where(t => videoIs?.Invoke(t) ?? true)
            .Select(t => new Message(true, t, Stamp(t + clock)));
        var audio = Enumerable.Range(0, (int)((seconds - audioLate) / frame)).Select(i => audioLate + i * frame * (1 + drift))
            .Where(t => audioIs?.Invoke(t) ?? true).Select(t => new Message(false, t, Stamp(t + clock)));
        return video.Concat(audio).OrderBy(m => m.Truth).ThenBy(m => !m.IsVideo);
    }

    private static void DemandWholeFrames(Run run, uint samples)
    {
        var audio = run.Audio.ToArray();
        for (var i = 1; i < audio.Length; i++)
            Assert.Equal(samples, audio[i].Decode - audio[i - 1].Decode);
    }

    [Theory]
    [InlineData(48000, 1024)]
    [InlineData(44100, 1024)]
    [InlineData(48000, 960)]
    [InlineData(48000, 1536)]
    public void Audio_MillisecondRounding_NeverShows(uint rate, uint samples)
    {
        var run = new Run(rate, samples).Feed(Encoder(120, frame: (double)samples / rate)).DemandOrder().DemandSync(0.003);
        DemandWholeFrames(run, samples);
        Assert.Equal(default, run.Repair.Counters);
    }

    [Fact]
    public void Both_StartAtNonZero_BeginNearZero()
    {
        var run = new Run().Feed(Encoder(10, clock: 12345.678)).DemandOrder().DemandSync(0.003);
        Assert.Equal(0, run.Out[0].Time, 3);
        Assert.Equal(default, run.Repair.Counters);
    }

    [Fact]
    public void Both_WrapInMidStream_GoOn()
    {
        var run = new Run().Feed(Encoder(60, clock: uint.MaxValue / 1000.0 - 30)).DemandOrder().DemandSync(0.003);
        DemandWholeFrames(run, 1024);
        Assert.Equal(2, run.Repair.Counters.Wraps);
        Assert.Equal(59.967, run.Video.Last().Time, 2);
    }

    [Fact]
    public void Audio_StartsThreeSecondsLate_StaysInSync()
    {
        var run = new Run().Feed(Encoder(10, audioLate: 3)).DemandOrder().DemandSync(0.003);
        Assert.Equal(3, run.Audio.First().Time, 2);
    }

    [Fact]
    public void Audio_OnAForeignClock_IsAligned()
    {
        var messages = Encoder(20).Select(m => m.IsVideo ? m : m with { Timestamp = m.Timestamp + 3_600_000 });
        var run = new Run().Feed(messages).DemandOrder().DemandSync();
        Assert.Equal(1, run.Repair.Counters.ForeignStarts);
    }

    [Theory]
    [InlineData(100e-6)]
    [InlineData(-100e-6)]
    [InlineData(500e-6)]
    public void Audio_DriftsForAnHour_IsSteered(double drift)
    {
        var run = new Run().Feed(Encoder(3600, drift: drift)).DemandOrder().DemandSync(0.020);
        Assert.True(run.Repair.Counters.AudioSteered > 0);
        Assert.Equal(0, run.Repair.Counters.AudioHoles);
        Assert.Equal(0, run.Repair.Counters.AudioDropped);
        Assert.All(run.Audio, a => Assert.InRange(a.Duration, 1023u, 1025u));
    }

    [Fact]
    public void Both_HoleOfFiveSeconds_StaysAHole()
    {
        var run = new Run().Feed(Encoder(30, videoIs: t => t is < 10 or > 15, audioIs: t => t is < 10 or > 15)).DemandOrder().DemandSync();
        Assert.Equal(1, run.Repair.Counters.AudioHoles);
        Assert.Equal(29.967, run.Video.Last().Time, 1);
        // The hole is whole frames, so that silence fits.
        var audio = run.Audio.ToArray();
        Assert.All(audio, a => Assert.Equal(0, (a.Decode - audio[0].Decode) % 1024));
    }

    [Fact]
    public void Audio_HoleOfFifteenSecondsAlone_StaysAHole()
    {
        var run = new Run().Feed(Encoder(40, audioIs: t => t is < 10 or > 25)).DemandOrder().DemandSync();
        Assert.Equal(0, run.Repair.Counters.ForwardJumps);
        Assert.Equal(1, run.Repair.Counters.AudioHoles);
    }

    [Theory]
    [InlineData(3600)]
    [InlineData(-3600)]
    [InlineData(10.01)]
    [InlineData(-5)]
    [InlineData(-0.3)]
    public void Both_Jump_AreLaidOnInSync(double jump)
    {
        var messages = Encoder(30, clock: 5000).Select(m => m.Truth < 15 ? m : m with { Timestamp = m.Timestamp + Stamp(jump) });
        var run = new Run().Feed(messages).DemandOrder().DemandSync();
        Assert.Equal(1, run.Repair.Counters.ForwardJumps + run.Repair.Counters.BackwardJumps);
        Assert.Equal(29.967, run.Video.Last().Time, 1);
    }

    [Theory]
    [InlineData(3600)]
    [InlineData(-3600)]
    public void Audio_JumpsAlone_VideoGoesOn(double jump)
    {
        var messages = Encoder(30, clock: 5000).Select(m => m.IsVideo || m.Truth < 15 ? m : m with { Timestamp = m.Timestamp + Stamp(jump) });
        var run = new Run().Feed(messages).DemandOrder().DemandSync();
        Assert.Equal(1, run.Repair.Counters.ForwardJumps + run.Repair.Counters.BackwardJumps);
    }

    [Fact]
    public void Audio_JumpsAndComesBack_StaysInSync()
    {
        var messages = Encoder(45, clock: 5000)
            .Select(m => m.IsVideo || m.Truth is < 15 or > 30 ? m : m with { Timestamp = m.Timestamp + 3_600_000 });
        new Run().Feed(messages).DemandOrder().DemandSync();
    }

    [Fact]
    public void Video_DecodeTimesThatDoNotRise_KeepTheirPresentation()
    {
        var repair = new TimestampRepair();
        uint[] stamps = [0, 33, 67, 67, 60, 133];
        var last = long.MinValue;
        foreach (var stamp in stamps)
        {
            var timing = repair.Video(stamp, 10, 0);
            Assert.True(timing.DecodeTime > last);
            Assert.Equal((stamp + 10) * 90L, timing.DecodeTime + timing.CompositionOffset);
            last = timing.DecodeTime;
        }
        Assert.Equal(2, repair.Counters.Reordered);
    }

    [Fact]
    public void Video_BFrames_KeepTheirOffsets()
    {
        var repair = new TimestampRepair();
        int[] offsets = [67, 133, 67, 0, 33];
        for (var i = 0; i < offsets.Length; i++)
            Assert.Equal(offsets[i] * 90, repair.Video((uint)(i * 33), offsets[i], 0).CompositionOffset);
    }

    [Fact]
    public void Video_NanosecondOffset_MovesThePresentation() =>
        Assert.Equal(new VideoTiming(0, 29), new TimestampRepair().Video(0, 0, 333_333));

    [Fact]
    public void Audio_StampedInBursts_IsNotTornApart()
    {
        var messages = Encoder(60).Select(m => m.IsVideo ? m : m with { Timestamp = Stamp(Math.Floor(m.Truth / 0.0853333 + 1e-6) * 0.0853333) });
        var run = new Run().Feed(messages).DemandOrder();
        Assert.Equal(0, run.Repair.Counters.AudioHoles);
        Assert.Equal(0, run.Repair.Counters.AudioDropped);
    }

    [Fact]
    public void Audio_StepsBack_LosesWholeFrames()
    {
        var messages = Encoder(30).Select(m => m.IsVideo || m.Truth < 15 ? m : m with { Timestamp = m.Timestamp - 150 });
        var run = new Run().Feed(messages).DemandOrder();
        Assert.InRange(run.Repair.Counters.AudioDropped, 6, 8);
        Assert.All(run.Audio.Where(a => a.Truth > 17), a => Assert.InRange(a.Time - a.Truth + 0.15, -LipSync, LipSync));
    }

    /// <summary>The clock jumps while audio has a hole: where audio comes back, the picture's offset holds for it too.</summary>
    [Theory]
    [InlineData(5.445, -5.728)]
    [InlineData(5.445, -0.9)]
    [InlineData(5.445, 60)]
    [InlineData(3, -4000)]
    public void Both_JumpInAHoleOfTheAudio_StayTogether(double hole, double jump)
    {
        var messages = Encoder(40, clock: 5000, audioIs: t => t is < 18 || t > 18 + hole)
            .Select(m => m.Truth < 19 ? m : m with { Timestamp = m.Timestamp + Stamp(jump) });
        new Run().Feed(messages).DemandOrder().DemandSync(LipSync, 18, 18 + hole, 19);
    }

    [Theory]
    [InlineData(-232, 30)]
    [InlineData(-253, 16)]
    [InlineData(-205, 60)]
    public void Both_StepBackThatOneTrackTakesForJitter_StayTogether(int milliseconds, int frameRate)
    {
        var messages = Encoder(40, rate: frameRate).Select(m => m.Truth < 30 ? m : m with { Timestamp = m.Timestamp + Stamp(milliseconds / 1000.0) });
        new Run().Feed(messages).DemandOrder().DemandSync(LipSync, 30);
    }

    [Fact]
    public void Both_HoleInAHoleOfTheAudio_StayTogether()
    {
        // Audio is away for 13 s, and both for the last 8 s of them; audio comes back first.
        var messages = Encoder(40).Where(m => m.Truth < 17 || m.Truth > 24.92).Where(m => m.IsVideo ? m.Truth < 17 || m.Truth > 24.96 : m.Truth is < 12 or > 18);
        new Run().Feed(messages).DemandOrder().DemandSync(LipSync, 12, 24.9);
    }

    /// <summary>Whatever happens to the clocks: order holds, and audio stays with the video.</summary>
    [Fact]
    public void Anything_RandomEncoder_OrderAndSyncHold()
    {
        var events = Gen.Select(Gen.Double[1, 39], Gen.Int[0, 2], Gen.Double[-8000, 8000]).Array[0, 4];
        Gen.Select(events, Gen.UInt, Gen.Double[-300e-6, 300e-6], Gen.Double[10, 60], Gen.Int[0, 2])
            .Sample((happenings, start, drift, frameRate, rateIndex) =>
            {
                uint[] rates = [48000, 44100, 32000];
                var rate = rates[rateIndex];
                var messages = Encoder(40, rate: frameRate, drift: drift, frame: 1024.0 / rate)
                    .Select(m => m with { Timestamp = m.Timestamp + start }).ToList();
                foreach (var (at, kind, amount) in happenings)
                {
                    // Both clocks jump; both tracks have a hole; audio has a hole.
                    messages = (kind switch
                    {
                        0 => messages.Select(m => m.Truth < at ? m : m with { Timestamp = m.Timestamp + Stamp(amount / 1000) }),
                        1 => messages.Where(m => m.Truth < at || m.Truth > at + Math.Abs(amount) / 1000),
                        _ => messages.Where(m => m.IsVideo || m.Truth < at || m.Truth > at + Math.Abs(amount) / 1000),
                    }).ToList();
                }
                new Run(rate).Feed(messages).DemandOrder().DemandSync(
                    LipSync, [.. happenings.Select(h => h.Item1), .. happenings.Select(h => h.Item1 + Math.Abs(h.Item3) / 1000)]);
            }, iter: 200, threads: 1);
    }

    /// <summary>Garbage in every field throws nothing and keeps the order.</summary>
    [Fact]
    public void Anything_RandomTimestamps_OrderHolds()
    {
        Gen.Select(Gen.Bool, Gen.UInt, Gen.Int[-8_388_608, 8_388_607]).Array[1, 200].Sample(all =>
        {
            var run = new Run();
            foreach (var (isVideo, timestamp, composition) in all)
                run.Feed([new Message(isVideo, 0, timestamp)], composition);
            run.DemandOrder();
        }, iter: 300, threads: 1);
    }
}
