using System.Diagnostics;
using Millrace.Core;
using Millrace.Media;
using Millrace.Transcoding;

namespace Millrace.Transcode;

/// <summary>The source through <see cref="Transcoder"/> in real time.</summary>
internal sealed class RoomRun : ITranscoderSink
{
    /// <summary>Seconds before anything is measured: the child's start and the compiler's.</summary>
    public const int WarmUp = 5;

    private readonly Dictionary<long, long> fedAt = [];
    private readonly HashSet<long> sourceKeys = [];
    private readonly List<(long Time, bool IsKey, long At)>[] received;

    private RoomRun(int rungs) => received = [.. Enumerable.Range(0, rungs).Select(_ => new List<(long, bool, long)>())];

    /// <summary>Milliseconds of each rung's frames from <see cref="Transcoder.Feed"/> to the sink.</summary>
    public List<double>[] Latencies { get; private set; } = [];

    /// <summary>The child's processor time, as a share of a core.</summary>
    public double ChildCpu { get; private set; }

    /// <summary>This process's, all of it: the pacing of the source is in it.</summary>
    public double OwnCpu { get; private set; }

    public int Misaligned { get; private set; }
    public int Missing { get; private set; }

    /// <summary>How late the source was at worst, in milliseconds.</summary>
    public double Late { get; private set; }

    public static RoomRun Measure(Source source, LadderPlan plan, TranscodingOptions options, Ffmpeg ffmpeg, int seconds)
    {
        var run = new RoomRun(plan.Video.Count);
        var pool = new MediaBlockPool();
        using var arena = new MediaArena(pool);
        using var transcoder = new Transcoder(plan, options, ffmpeg, pool, run, TimeProvider.System);
        var clock = Stopwatch.StartNew();
        double ownBefore = 0, childBefore = 0;
        var isMeasuring = false;
        foreach (var (decodeTime, sample, bytes) in source.Units)
        {
            var due = TimeSpan.FromSeconds(decodeTime / 90000.0);
            if (due.TotalSeconds > WarmUp + seconds)
                break;
            if (!isMeasuring && due.TotalSeconds >= WarmUp)
            {
                isMeasuring = true;
                ownBefore = Cpu.Seconds(Environment.ProcessId);
                childBefore = Cpu.Seconds(transcoder.ProcessId!.Value);
            }
            if (due - clock.Elapsed is { Ticks: > 0 } left)
                Thread.Sleep(left);
            run.Late = Math.Max(run.Late, (clock.Elapsed - due).TotalMilliseconds);
            var unit = new AccessUnit(arena.Copy(bytes), decodeTime, sample.CompositionOffset, 0, sample.IsSync, 0);
            lock (run.fedAt)
            {
                run.fedAt[unit.PresentationTime] = Stopwatch.GetTimestamp();
                if (sample.IsSync)
                    run.sourceKeys.Add(unit.PresentationTime);
            }
            transcoder.Feed(MediaKind.Video, unit);
            unit.Payload.Release();
        }
        run.OwnCpu = (Cpu.Seconds(Environment.ProcessId) - ownBefore) / seconds;
        run.ChildCpu = (Cpu.Seconds(transcoder.ProcessId!.Value) - childBefore) / seconds;
        transcoder.Finish();
        transcoder.Completion.Wait();
        run.Evaluate();
        return run;
    }

    public void OnFormat(int rung, TrackFormat format) { }

    public void OnUnit(int rung, in AccessUnit unit)
    {
        received[rung].Add((unit.PresentationTime, unit.IsRandomAccess, Stopwatch.GetTimestamp()));
        unit.Payload.Release();
    }

    public void OnState(TranscoderState state, string? reason)
    {
        if (state is TranscoderState.Restarting or TranscoderState.Failed)
            Console.Error.WriteLine($"{state}: {reason}");
    }

    private void Evaluate()
    {
        Latencies = new List<double>[received.Length];
        for (var rung = 0; rung < received.Length; rung++)
        {
            Latencies[rung] = [];
            foreach (var (time, isKey, at) in received[rung])
            {
                if (!fedAt.TryGetValue(time, out var fed) || isKey != sourceKeys.Contains(time))
                    Misaligned++;
                else if (time >= WarmUp * 90_000)
                    Latencies[rung].Add(Stopwatch.GetElapsedTime(fed, at).TotalMilliseconds);
            }
            Missing += fedAt.Count - received[rung].Count;
        }
    }
}
