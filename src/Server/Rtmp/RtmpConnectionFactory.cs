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
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ThrottledReport<(RtmpViolation Violation, IPEndPoint Remote)> violations =
        new(time, Interval, (last, count) => logger.ProtocolViolated(last.Remote, last.Violation, More(count)));
    private readonly ThrottledReport<(string Why, IPEndPoint Remote)> timeouts =
        new(time, Interval, (last, count) => logger.ConnectionTimedOut(last.Remote, last.Why, More(count)));
    private readonly ThrottledReport<(PublishRejection Rejection, IPEndPoint Remote)> rejections =
        new(time, Interval, (last, count) => logger.PublishRejected(last.Remote, last.Rejection.Reason, last.Rejection.Description, More(count)));

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

    /// <summary>A peer broke the protocol or a limit.</summary>
    public void ReportViolation(RtmpViolation violation, IPEndPoint remote)
    {
        metrics.Violated(violation.Fault);
        violations.Count((violation, remote));
    }

    /// <summary>A peer took too long.</summary>
    public void ReportTimeout(string why, IPEndPoint remote)
    {
        metrics.TimedOut();
        timeouts.Count((why, remote));
    }

    /// <summary>A peer may not publish.</summary>
    public void ReportRejection(PublishRejection rejection, IPEndPoint remote)
    {
        metrics.Rejected(rejection.Reason);
        rejections.Count((rejection, remote));
    }

    /// <summary>We ended the stream of a peer that published. Said each time, as its beginning was.</summary>
    public void ReportEviction(PublishRejection rejection, Broadcast broadcast, IPEndPoint remote)
    {
        metrics.Rejected(rejection.Reason);
        logger.PublishClosed(broadcast.Channel.Value, broadcast.Id.Value, remote, rejection.Reason, rejection.Description);
    }

    private static string More(long count) =>
        count == 1 ? "" : string.Create(System.Globalization.CultureInfo.InvariantCulture, $" (and {count - 1} more like it)");
}
