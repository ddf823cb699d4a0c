using System.Diagnostics.Metrics;

namespace Millrace.Delivery.Tests;

/// <summary>Listens to one instrument of the room. Other tests of this process count as well.</summary>
internal sealed class Counted : IDisposable
{
    private readonly MeterListener listener = new();
    private long sum;
    private long last;

    public Counted(string instrument)
    {
        listener.InstrumentPublished = (published, self) =>
        {
            if (published.Meter.Name == "Millrace.Delivery" && published.Name == instrument)
                self.EnableMeasurementEvents(published);
        };
        listener.SetMeasurementEventCallback<long>((published, value, _, _) =>
        {
            if (published.IsObservable)
                Volatile.Write(ref last, value);
            else
                Interlocked.Add(ref sum, value);
        });
        listener.Start();
    }

    /// <summary>What was counted since.</summary>
    public long Sum => Volatile.Read(ref sum);

    /// <summary>A gauge's value now.</summary>
    public long Read()
    {
        listener.RecordObservableInstruments();
        return Volatile.Read(ref last);
    }

    public void Dispose() => listener.Dispose();
}
