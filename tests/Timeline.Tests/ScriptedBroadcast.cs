using Millrace.Core;
using Millrace.Media;
using Millrace.Timeline;

namespace Millrace.Tests;

/// <summary>
/// A broadcast of two-second segments in parts of a third of a second: video <c>source</c> at 30 frames per second, 3000
/// bytes a part, and audio <c>audio</c> at 48 kHz, 400 bytes a part. Target duration 2 s, part target 0.35 s.
/// </summary>
internal sealed class ScriptedBroadcast
{
    public const int PartsPerSegment = 6;
    public static readonly DateTimeOffset Origin = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static readonly VideoFormat Rung480 =
        new(Codec.Avc, "avc1.64001e", [1, 3, 86], 854, 480) { DeclaredFrameRate = 30 };

    private long rungNext;
    private int rungParts;
    private readonly List<(string Name, uint Timescale, int Bytes)> current = [];
    private MediaTime periodStart = new(0, 1);
    private DateTimeOffset wallClock = Origin;

    public BroadcastTimeline Timeline { get; } = new(new TimelineContract(2, new MediaTime(31500, 90000)));

    public long Next { get; private set; }

    public int RunningParts { get; private set; }

    public static VideoFormat Video(int width = 1280, int height = 720) =>
        new(Codec.Avc, "avc1.64001f", [1, (byte)(width >> 8), (byte)width], width, height);

    public static AudioFormat Audio() => new(Codec.Aac, "mp4a.40.2", [0x11, 0x90], 48000, 2, 1024);

    public RenditionSnapshot Source => Timeline.Read("source")!;

    public RenditionSnapshot Sound => Timeline.Read("audio")!;

    /// <summary>Begins a period, after an absence of the publisher.</summary>
    /// <param name="rung">Adds the derived video <c>480p</c>, which is played by the methods of that name.</param>
    public ScriptedBroadcast Begin(bool video = true, bool audio = true, int width = 1280, double absentSeconds = 0, bool rung = false)
    {
        // Media time goes on without a hole; the clock on the wall shows the absence.
        var elapsed = new MediaTime(Next * 2, 1);
        wallClock += (elapsed - periodStart).ToTimeSpan() + TimeSpan.FromSeconds(absentSeconds);
        periodStart = elapsed;
        current.Clear();
        var renditions = new List<NewRendition>();
        if (video)
        {
            current.Add(("source", 90000, 3000));
            renditions.Add(new NewRendition("source", Video(width), new byte[] { 1, (byte)(width >> 8), (byte)width }));
        }
        if (audio)
        {
            current.Add(("audio", 48000, 400));
            renditions.Add(new NewRendition("audio", Audio(), new byte[] { 2 }));
        }
        if (rung)
            renditions.Add(new NewRendition("480p", Rung480, default, IsDerived: true, TargetBitsPerSecond: 50_000));
        (rungNext, rungParts) = (Next, 0);
        Timeline.BeginPeriod(new NewPeriod(Next, periodStart.In(90000), wallClock, renditions));
        return this;
    }

    /// <summary>Brings that many parts of the running segment, of every rendition but those named.</summary>
    public ScriptedBroadcast Parts(int count, bool independent = true, params string[] silent)
    {
        for (var i = 0; i < count; i++, RunningParts++)
        {
            for (var index = 0; index < current.Count; index++)
            {
                if (!silent.Contains(current[index].Name))
                    Part(index, independent);
            }
        }
        return this;
    }

    /// <summary>Ends the running segment; those named had nothing in it.</summary>
    public ScriptedBroadcast EndSegment(bool independent = true, params string[] silent)
    {
        for (var index = 0; index < current.Count; index++)
        {
            var (name, timescale, _) = current[index];
            var isGap = silent.Contains(name);
            var ticks = isGap || RunningParts == PartsPerSegment ? 2 * timescale : RunningParts * timescale / 3;
            Timeline.EndSegment(new NewSegment(
                index, Next, new MediaTime(Next * 2 * timescale, timescale), new MediaTime(ticks, timescale), independent && !isGap, isGap));
        }
        Next++;
        RunningParts = 0;
        return this;
    }

    /// <summary>Brings whole segments.</summary>
    public ScriptedBroadcast Segments(int count, bool independent = true, params string[] silent)
    {
        for (var i = 0; i < count; i++)
            Parts(PartsPerSegment - RunningParts, independent, silent).EndSegment(independent, silent);
        return this;
    }

    public RenditionSnapshot Rung => Timeline.Read("480p")!;

    /// <summary>The rung's encoder has begun.</summary>
    public ScriptedBroadcast RungInit(byte init = 7)
    {
        Timeline.SetInit(current.Count, Rung480, new byte[] { init });
        return this;
    }

    /// <summary>The rung has begun a segment of which there is no part yet.</summary>
    public ScriptedBroadcast RungBegins()
    {
        Timeline.BeginSegment(current.Count, rungNext);
        return this;
    }

    /// <summary>Brings parts of the rung's running segment, 1500 bytes each.</summary>
    public ScriptedBroadcast RungParts(int count)
    {
        for (var i = 0; i < count; i++, rungParts++)
        {
            if (rungParts == 0)
                RungBegins();
            Timeline.AppendPart(new NewPart(
                current.Count, rungNext, rungParts, new MediaTime(rungNext * 180000 + rungParts * 30000, 90000), new MediaTime(30000, 90000),
                rungParts == 0, 1500, 10));
        }
        return this;
    }

    /// <summary>Ends the rung's running segment; without parts it is a gap.</summary>
    public ScriptedBroadcast RungEnds()
    {
        Timeline.EndSegment(new NewSegment(
            current.Count, rungNext, new MediaTime(rungNext * 180000, 90000), new MediaTime(180000, 90000), rungParts > 0, rungParts == 0));
        rungNext++;
        rungParts = 0;
        return this;
    }

    private void Part(int index, bool independent)
    {
        var (_, timescale, bytes) = current[index];
        Timeline.AppendPart(new NewPart(
            index, Next, RunningParts, new MediaTime(Next * 2 * timescale + RunningParts * timescale / 3, timescale),
            new MediaTime(timescale / 3, timescale), independent && RunningParts == 0, bytes, timescale == 90000 ? 10 : 16));
    }
}
