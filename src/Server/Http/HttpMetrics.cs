using System.Diagnostics.Metrics;

namespace Millrace.Server.Http;

/// <summary>Requests that nothing looks at, meter <c>Millrace.Http</c>. Kestrel counts those that it cannot read itself.</summary>
internal sealed class HttpMetrics
{
    private readonly Counter<long> refused;

    public HttpMetrics(IMeterFactory meters) => refused =
        meters.Create("Millrace.Http").CreateCounter<long>("millrace.http.refused", "{request}", "Requests refused because where they end depends on who reads them.");

    /// <summary>A request was refused: <c>two_lengths</c> or <c>unexpected_body</c>.</summary>
    public void Refused(string reason) => refused.Add(1, new KeyValuePair<string, object?>("reason", reason));
}
