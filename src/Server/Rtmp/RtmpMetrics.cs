using System.Diagnostics.Metrics;
using Millrace.Ingest;
using Millrace.Rtmp;

namespace Millrace.Server.Rtmp;

/// <summary>Counters of the RTMP listeners, meter <c>Millrace.Rtmp</c>.</summary>
internal sealed class RtmpMetrics
{
    private readonly Counter<long> connections;
    private readonly Counter<long> violations;
    private readonly Counter<long> timeouts;
    private readonly Counter<long> rejections;
    private readonly Counter<long> refusals;
    private readonly Counter<long> tlsFailures;
    private long open;

    public RtmpMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Millrace.Rtmp");
        connections = meter.CreateCounter<long>("millrace.rtmp.connections", "{connection}", "Connections accepted.");
        violations = meter.CreateCounter<long>("millrace.rtmp.violations", "{violation}", "Connections ended, or messages left out, for a breach of the protocol or of a limit.");
        timeouts = meter.CreateCounter<long>("millrace.rtmp.timeouts", "{connection}", "Connections ended because nothing came.");
        rejections = meter.CreateCounter<long>("millrace.rtmp.rejections", "{publish}", "Publishers refused, or ended by us.");
        refusals = meter.CreateCounter<long>("millrace.rtmp.refused", "{connection}", "Connections refused because too many were open.");
        tlsFailures = meter.CreateCounter<long>("millrace.rtmp.tls_failures", "{connection}", "RTMPS handshakes that failed.");
        meter.CreateObservableGauge("millrace.rtmp.open", () => Volatile.Read(ref open), "{connection}", "Connections open now.");
    }

    public void Connected()
    {
        connections.Add(1);
        Interlocked.Increment(ref open);
    }

    public void Disconnected() => Interlocked.Decrement(ref open);

    public void Refused() => refusals.Add(1);

    public void TlsFailed() => tlsFailures.Add(1);

    public void Violated(RtmpFault fault) => violations.Add(1, new KeyValuePair<string, object?>("fault", Word(fault)));

    public void TimedOut() => timeouts.Add(1);

    public void Rejected(PublishRejectionReason reason) => rejections.Add(1, new KeyValuePair<string, object?>("reason", Word(reason)));

    /// <summary>As the tags of the other meters are written: <c>wrong_key</c>.</summary>
    private static string Word<T>(T value) where T : struct, Enum => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
