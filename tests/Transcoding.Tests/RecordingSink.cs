using Millrace.Media;

namespace Millrace.Transcoding.Tests;

/// <summary>Keeps what a transcoder gives out, and lets a test wait for it.</summary>
internal sealed class RecordingSink : ITranscoderSink
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly object gate = new();
    private readonly List<TrackFormat?> formats = [];
    private readonly List<List<(long Time, bool IsKey)>> units = [];
    private readonly List<(TranscoderState State, string? Reason)> states = [];

    public IReadOnlyList<(TranscoderState State, string? Reason)> States
    {
        get
        {
            lock (gate)
                return [.. states];
        }
    }

    public IReadOnlyList<(long Time, bool IsKey)> Units(int rung)
    {
        lock (gate)
            return rung < units.Count ? [.. units[rung]] : [];
    }

    public IEnumerable<long> Times(int rung) => Units(rung).Select(unit => unit.Time);

    public TrackFormat? Format(int rung)
    {
        lock (gate)
            return rung < formats.Count ? formats[rung] : null;
    }

    /// <summary>Waits for what the predicate looks at; it is asked again after every call of the transcoder.</summary>
    public void Until(Func<bool> holds, string what)
    {
        var deadline = DateTime.UtcNow + Patience;
        lock (gate)
        {
            while (!holds())
            {
                var left = deadline - DateTime.UtcNow;
                Assert.True(left > TimeSpan.Zero && Monitor.Wait(gate, left), $"{what} did not come. States: {string.Join(", ", states)}");
            }
        }
    }

    public void OnFormat(int rung, TrackFormat format)
    {
        lock (gate)
        {
            while (formats.Count <= rung)
                formats.Add(null);
            Assert.Null(formats[rung]);
            formats[rung] = format;
            Monitor.PulseAll(gate);
        }
    }

    public void OnUnit(int rung, in AccessUnit unit)
    {
        lock (gate)
        {
            while (units.Count <= rung)
                units.Add([]);
            units[rung].Add((unit.PresentationTime, unit.IsRandomAccess));
            Monitor.PulseAll(gate);
        }
        unit.Payload.Release();
    }

    public void OnState(TranscoderState state, string? reason)
    {
        lock (gate)
        {
            states.Add((state, reason));
            Monitor.PulseAll(gate);
        }
    }
}
