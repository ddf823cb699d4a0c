using System.Diagnostics.Metrics;

namespace Millrace.Ingest;

/// <summary>
/// The ladders of this node as instruments, meter <c>Millrace.Transcoding</c>: read when somebody scrapes, as <see cref="IngestMetrics"/> are.
/// </summary>
public sealed class LadderMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Millrace.Transcoding";

    private readonly IngestTotals totals;

    /// <summary>Makes the instruments.</summary>
    public LadderMetrics(BroadcastDirectory directory, Ladders ladders, IMeterFactory meters)
    {
        totals = directory.Totals;
        var meter = meters.Create(MeterName);
        meter.CreateObservableGauge("millrace.transcoding.renditions", Renditions, "{rendition}", "Renditions of ladders, by how they do.");
        meter.CreateObservableCounter("millrace.transcoding.restarts", () => totals.Read().LadderRestarts, "{restart}", "ffmpegs that took over from one that died or hung.");
        meter.CreateObservableCounter("millrace.transcoding.dropped", () => totals.Read().LadderDropped, "{unit}", "Pictures and audio frames that no ffmpeg got.");
        meter.CreateObservableGauge("millrace.transcoding.speed", () => totals.Read().Ladders.Speed, null, "Media time per wall-clock time of the slowest ladder; 0 while none runs.");
        meter.CreateObservableGauge("millrace.transcoding.lag", () => totals.Read().Ladders.Lag.TotalSeconds, "s", "By how much the last ladder is behind its source.");
        meter.CreateObservableGauge("millrace.transcoding.budget.used", () => ladders.BudgetUsed, null, "Pixels a second that are reserved.");
        meter.CreateObservableGauge("millrace.transcoding.budget.limit", () => ladders.BudgetLimit, null, "Pixels a second that this node may encode.");
    }

    private IEnumerable<Measurement<int>> Renditions()
    {
        var now = totals.Read().Ladders;
        yield return Of(now.Running, "running");
        yield return Of(now.Starting, "starting");
        yield return Of(now.Restarting, "restarting");
        yield return Of(now.Withdrawn, "withdrawn");
        yield return Of(now.Shed, "shed");
        yield return Of(now.OverBudget, "over_budget");
    }

    private static Measurement<int> Of(int value, string state) => new(value, new KeyValuePair<string, object?>("state", state));
}
