using System.Diagnostics.Metrics;

namespace Millrace.Server.Cmaf;

/// <summary>Counters of the way in for other packagers, meter <c>Millrace.Cmaf</c>.</summary>
internal sealed class CmafMetrics
{
    private readonly Counter<long> requests;

    public CmafMetrics(IMeterFactory meters) => requests =
        meters.Create("Millrace.Cmaf").CreateCounter<long>("millrace.cmaf.requests", "{request}", "Requests of packagers that have ended, by status.");

    /// <summary>A request has ended: its status, or <c>aborted</c>.</summary>
    public void Answered(string status) => requests.Add(1, new KeyValuePair<string, object?>("status", status));
}
