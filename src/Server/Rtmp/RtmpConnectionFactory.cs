using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Millrace.Core;
using Millrace.Ingest;
using Millrace.Rtmp;

namespace Millrace.Server.Rtmp;

/// <summary>What all connections share: options, ingest, and where faults are counted and told, each kind once a second.</summary>
internal sealed class RtmpConnectionFactory(
    IOptions<RtmpOptions> options,
    BroadcastDirectory directory,
    Admission admission,
    MediaBlockPool pool,
    RtmpMetrics metrics,
    TimeProvider time,
    ILogger<RtmpConnection> logger)
{
    private readonly ThrottledReport violations = new(time, TimeSpan.FromSeconds(1));
    private readonly ThrottledReport timeouts = new(time, TimeSpan.FromSeconds(1));
    private readonly ThrottledReport rejections = new(time, TimeSpan.FromSeconds(1));

    public RtmpOptions Options { get; } = options.Value;

    public RtmpLimits Limits { get; } = RtmpLimits.Default;

    public BroadcastDirectory Directory => directory;

    public Admission Admission => admission;

    public MediaBlockPool Pool => pool;

    public TimeProvider Time => time;

    public RtmpMetrics Metrics => metrics;

    public ILogger Logger => logger;

    /// <summary>A connection from <paramref name="remote"/>. <paramref name="onClosed"/> is called once, at its end.</summary>
    public RtmpConnection Create(IPEndPoint remote, Action onClosed)
    {
        metrics.Connected();
        return new RtmpConnection(this, remote, onClosed);
    }

    public void ReportViolation(RtmpViolation violation, IPEndPoint remote)
    {
        metrics.Violated(violation.Fault);
        if (violations.Count() is { } count)
            logger.ProtocolViolated(remote, violation.ToString(), count);
    }

    public void ReportTimeout(string why, IPEndPoint remote)
    {
        metrics.TimedOut();
        if (timeouts.Count() is { } count)
            logger.ConnectionTimedOut(remote, why, count);
    }

    public void ReportRejection(PublishRejection rejection, ChannelName channel, IPEndPoint remote)
    {
        metrics.Rejected(rejection.Reason);
        if (rejections.Count() is { } count)
            logger.PublishRejected(remote, channel.ToString(), rejection.Reason, rejection.Description, count);
    }
}
