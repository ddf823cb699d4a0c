using Millrace.Media;

namespace Millrace.Packaging.Tests;

/// <summary>
/// A source with an encoder beside it, played by the order in which things arrive: each access unit of a derived track comes some
/// time after the moment it shows.
/// </summary>
public sealed class Ladder : IDisposable
{
    public static readonly VideoFormat Predicted = new(Codec.Avc, "avc1.64001e", [1], 854, 480) { DeclaredFrameRate = 30 };

    public static readonly VideoFormat True480 = new(Codec.Avc, "avc1.64001e", [1, 0x64, 0, 0x1e, 0xff, 0xe0, 0], 854, 480);

    public static readonly PeriodRendition Source = new("source", Feed.Video);

    public static readonly PeriodRendition Sound = new("audio", Feed.Aac48);

    public static readonly PeriodRendition Rung = new("480p", Predicted, IsDerived: true, TargetBitsPerSecond: 1_000_000);

    private readonly List<(double Arrives, int Track, double Time, bool Key)> script = [];
    private readonly PeriodRendition[] renditions;
    private int formats;

    public Ladder(params PeriodRendition[] renditions)
        : this(new PackagingOptions(), renditions) { }

    public Ladder(PackagingOptions options, params PeriodRendition[] renditions)
    {
        this.renditions = renditions;
        Feed = new Feed(334, options, renditions);
    }

    public Feed Feed { get; }

    public RecordingSink Sink => Feed.Sink;

    public PackagingCounters Counters => Feed.Packager.Counters;

    /// <summary>Plans access units: when they arrive, and what they show.</summary>
    public Ladder Plan(int track, IEnumerable<(double Time, bool Key)> units, Func<double, double>? lag = null)
    {
        // What an encoder sends stays in its order.
        var arrives = double.MinValue;
        foreach (var (time, key) in units)
        {
            arrives = Math.Max(arrives, time + (lag?.Invoke(time) ?? 0));
            script.Add((arrives, track, time, key));
        }
        return this;
    }

    public Ladder PlanSound(int track, double seconds, double from = 0, Func<double, double>? lag = null) =>
        Plan(track, Feed.Audio((AudioFormat)renditions[track].Format, seconds, from).Select(time => (time, true)), lag);

    /// <summary>Plays what was planned and arrives before a moment; the rest stays planned.</summary>
    public Ladder Play(double until = double.MaxValue)
    {
        foreach (var (_, track, time, key) in script.Where(unit => unit.Arrives < until).OrderBy(unit => unit.Arrives).ThenBy(unit => unit.Track))
        {
            if (renditions[track].IsDerived && (formats & 1 << track) == 0)
            {
                formats |= 1 << track;
                Assert.True(Feed.Packager.SetFormat(track, renditions[track].Format is VideoFormat ? True480 : renditions[track].Format));
            }
            if (renditions[track].Format is AudioFormat audio)
                Feed.Append(track, (long)Math.Round(time * audio.SampleRate), 0, audio.SamplesPerFrame, true);
            else
                Feed.Append(track, (long)Math.Round(time * 1000) * 90, 0, 0, key);
        }
        script.RemoveAll(unit => unit.Arrives < until);
        return this;
    }

    /// <summary>A new period may bring another format.</summary>
    public void Begin(double start = 0)
    {
        formats = 0;
        Feed.Begin(start);
    }

    /// <summary>Pictures that the encoder makes of these, while it lives; each time that it starts it begins with a key frame.</summary>
    public static IEnumerable<(double Time, bool Key)> Encoded(IEnumerable<(double Time, bool Key)> source, Func<double, bool> lives)
    {
        var starts = true;
        foreach (var (time, key) in source)
        {
            if (!lives(time))
            {
                starts = true;
                continue;
            }
            yield return (time, key || starts);
            starts = false;
        }
    }

    /// <summary>What a rendition's playlist lists: a letter for each segment, G for a gap, I for an independent one, d for another.</summary>
    public string Segments(int rendition, int period = 0) => string.Concat(
        Sink.SegmentsOf(period, rendition).Select(segment => segment.IsGap ? 'G' : segment.IsIndependent ? 'I' : 'd'));

    /// <summary>Demands what holds of a derived rendition always: numbers, alignment within a frame, durations, a beginning after each gap.</summary>
    public void DemandDerived(int rendition, double frame = 0.0334, int period = 0)
    {
        var leads = Sink.SegmentsOf(period, 0).ToArray();
        var own = Sink.SegmentsOf(period, rendition).ToArray();
        Assert.Equal(leads.Select(segment => segment.Segment), own.Select(segment => segment.Segment));
        var isBehindGap = true;
        for (var i = 0; i < own.Length; i++)
        {
            Assert.True(Math.Round(own[i].Duration.Seconds, MidpointRounding.AwayFromZero) <= Sink.Contract!.TargetDuration,
                $"Segment {own[i].Segment} of {rendition} lasts {own[i].Duration.Seconds:0.000} s.");
            if (i > 0)
                Assert.InRange(own[i].Start.Seconds, own[i - 1].Start.Seconds + own[i - 1].Duration.Seconds - 0.0001, double.MaxValue);
            if (!own[i].IsGap)
            {
                Assert.True(Math.Abs(own[i].Start.Seconds - leads[i].Start.Seconds) < frame + 0.0011,
                    $"Segment {own[i].Segment} of {rendition} begins at {own[i].Start.Seconds:0.000}, the leader's at {leads[i].Start.Seconds:0.000}.");
                Assert.True(!isBehindGap || own[i].IsIndependent, $"Segment {own[i].Segment} begins with nothing to decode.");
            }
            isBehindGap = own[i].IsGap;
        }
        foreach (var segment in own.Where(segment => !segment.IsGap))
            Assert.Contains($"begin {rendition} {segment.Segment}", Sink.Calls);
    }

    /// <summary>Ends everything and demands that every byte came back.</summary>
    public void End()
    {
        Feed.Packager.EndPeriod();
        Play();
        Feed.Packager.CloseDerived();
        Feed.End();
    }

    public void Dispose() => Feed.Dispose();
}
