using System.Net;
using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Ingest;
using Millrace.Rtmp;

namespace Millrace.Server.Rtmp;

/// <summary>
/// The shell around one <see cref="RtmpServerSession"/>: joins transport, admission and ingest, and keeps the time. It
/// decides nothing about the protocol.
/// </summary>
/// <remarks>
/// One lock makes the session's one owner of three: the reading thread, the answer of admission, and a publisher who
/// takes the channel over. In the steady state only the reader takes it.
/// </remarks>
internal sealed class RtmpConnection : IRtmpServerEvents, IDisposable
{
    /// <summary>How long a peer whose stream we ended may take to read why and hang up.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private readonly RtmpConnectionFactory shared;
    private readonly IPEndPoint remote;
    private readonly Action onClosed;
    private readonly MediaArena arena;
    private readonly RtmpServerSession session;
    private readonly CancellationTokenSource closed = new();
    private ITransport? transport;
    private PublishSession? publishing;
    private string encoder = "";
    private string? ending;
    private long receivedAt;
    private long lastReceived;
    private long waitingSince;
    private long lingerUntil;
    private bool deciding;
    private bool finished;

    public RtmpConnection(RtmpConnectionFactory shared, IPEndPoint remote, Action onClosed)
    {
        this.shared = shared;
        this.remote = remote;
        this.onClosed = onClosed;
        arena = new MediaArena(shared.Pool);
        session = new RtmpServerSession(shared.Limits, arena, this);
        lastReceived = waitingSince = shared.Time.GetTimestamp();
    }

    /// <summary>Says how bytes leave. Once, before the first <see cref="Receive"/>.</summary>
    public void Attach(ITransport value) => transport = value;

    /// <summary>Takes what the transport read.</summary>
    public void Receive(ReadOnlySpan<byte> bytes)
    {
        lock (gate)
        {
            // What a peer still sends after we ended its stream is read and thrown away, so that it gets our status
            // and not a reset.
            if (finished || lingerUntil != 0)
                return;
            lastReceived = shared.Time.GetTimestamp();
            receivedAt = shared.Time.GetUtcNow().UtcTicks;
            var violation = session.Receive(bytes, lastReceived * 1000 / shared.Time.TimestampFrequency);
            Flush();
            if (violation is not null)
                Fail(violation);
        }
    }

    /// <summary>Ends the connection when it took too long for something. Once a second, by the transport.</summary>
    public void CheckTimeouts()
    {
        lock (gate)
        {
            if (finished)
                return;
            var now = shared.Time.GetTimestamp();
            if (lingerUntil != 0)
            {
                if (now >= lingerUntil)
                    transport!.Close();
                return;
            }
            switch (session.State)
            {
                case RtmpServerState.Publishing:
                    if (shared.Time.GetElapsedTime(lastReceived, now) > shared.Options.IdleTimeout)
                        TimeOut("it sent nothing for too long");
                    break;
                case RtmpServerState.PublishPending:
                    break;
                default:
                    if (shared.Time.GetElapsedTime(waitingSince, now) > shared.Options.HandshakeTimeout)
                        TimeOut("it did not publish in time");
                    break;
            }
        }
    }

    /// <summary>The transport is closed, by whichever side. Called by it; nothing is called afterwards.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (finished)
                return;
            finished = true;
            closed.Cancel();
            try
            {
                EndPublishing(ending ?? "its connection ended");
            }
            catch (Exception fault) when (fault is not OutOfMemoryException)
            {
                // A bug in what ends the broadcast must not keep the connection's place, nor end the thread of many others.
                shared.Logger.ConnectionFailed(fault);
            }
            session.Dispose();
            arena.Dispose();
        }
        closed.Dispose();
        shared.Metrics.Disconnected();
        onClosed();
    }

    void IRtmpServerEvents.OnConnect(ConnectRequest request) => encoder = Printable(request.FlashVersion);

    void IRtmpServerEvents.OnPublish(PublishRequest request)
    {
        // Whoever takes a publish back to ask for another one would get around the delay that a wrong key earns.
        if (deciding || lingerUntil != 0)
        {
            session.RejectPublish("NetStream.Publish.BadName", "The publish before has not been answered yet.");
            BeginLinger();
            return;
        }
        var decision = DecideAsync(request.Connection.App, request.StreamName, closed.Token);
        if (decision.IsCompletedSuccessfully && decision.Result.Rejection is not { Delay.Ticks: > 0 })
            Answer(decision.Result.Channel, decision.Result.Rejection);
        else
        {
            deciding = true;
            _ = AnswerLaterAsync(decision);
        }
    }

    /// <summary>Whether the publisher is let in; if it is, what its channel has on air elsewhere is this node's afterwards.</summary>
    private async Task<(ChannelName Channel, PublishRejection? Rejection)> DecideAsync(string app, string name, CancellationToken cancellation)
    {
        var (channel, rejection) = await shared.Admission.DecideAsync(app, name, cancellation);
        if (rejection is null)
            await shared.Directory.PrepareAsync(channel, cancellation);
        return (channel, rejection);
    }

    void IRtmpServerEvents.OnAudio(MediaBuffer payload, uint timestamp)
    {
        if (publishing is null)
            payload.Release();
        else if (publishing.OnAudio(payload, timestamp, receivedAt) is { } rejection)
            Evict(rejection);
    }

    void IRtmpServerEvents.OnVideo(MediaBuffer payload, uint timestamp)
    {
        if (publishing is null)
            payload.Release();
        else if (publishing.OnVideo(payload, timestamp, receivedAt) is { } rejection)
            Evict(rejection);
    }

    void IRtmpServerEvents.OnData(scoped in DataMessage message)
    {
        if (publishing?.OnData(message, receivedAt) is { } rejection)
            Evict(rejection);
    }

    void IRtmpServerEvents.OnDataRefused(RtmpViolation violation) => shared.ReportViolation(violation, remote);

    void IRtmpServerEvents.OnUnpublish(UnpublishReason reason)
    {
        waitingSince = shared.Time.GetTimestamp();
        EndPublishing("it ended its stream");
    }

    /// <summary>Waits for admission and origins, and for the delay that a wrong key earns. Never throws; ends with the connection.</summary>
    private async Task AnswerLaterAsync(Task<(ChannelName Channel, PublishRejection? Rejection)> decision)
    {
        ChannelName channel = default;
        PublishRejection? rejection;
        try
        {
            (channel, rejection) = await decision;
            if (rejection is { Delay.Ticks: > 0 })
                await Task.Delay(rejection.Delay, shared.Time, closed.Token);
        }
        catch (Exception end) when (end is OperationCanceledException or ObjectDisposedException)
        {
            return;
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            shared.Logger.AdmissionFailed(fault);
            rejection = new PublishRejection(
                PublishRejectionReason.Unavailable, "The server cannot check stream keys now; try again in a moment.");
        }
        lock (gate)
        {
            deciding = false;
            if (finished || lingerUntil != 0)
                return;
            Answer(channel, rejection);
            Flush();
            if (session.Violation is { } violation)
                Fail(violation);
        }
    }

    private void Answer(ChannelName channel, PublishRejection? rejection)
    {
        if (session.State != RtmpServerState.PublishPending)
            return;
        if (rejection is null)
            (publishing, rejection) = shared.Directory.Publish(channel, EvictLater);
        if (rejection is not null)
        {
            shared.ReportRejection(rejection, remote);
            session.RejectPublish(rejection.Code, rejection.Description);
            BeginLinger();
            return;
        }
        shared.Logger.PublishStarted(channel.Value, publishing!.Broadcast.Id.Value, remote, encoder);
        session.AcceptPublish();
    }

    /// <summary>Another thread has taken our channel: it may hold locks that we would wait for, so this goes its own way.</summary>
    private void EvictLater(PublishRejection reason) =>
        ThreadPool.UnsafeQueueUserWorkItem(
            static state =>
            {
                var (connection, rejection) = state;
                lock (connection.gate)
                {
                    if (connection.finished || connection.lingerUntil != 0)
                        return;
                    try
                    {
                        connection.Evict(rejection);
                        connection.Flush();
                    }
                    catch (Exception fault) when (fault is not OutOfMemoryException)
                    {
                        connection.shared.Logger.ConnectionFailed(fault);
                        connection.transport!.Close();
                    }
                }
            },
            (this, reason), preferLocal: false);

    /// <summary>We end the stream: the publisher is told, and hangs up or is cut off.</summary>
    private void Evict(PublishRejection rejection)
    {
        session.ClosePublish(rejection.Code, rejection.Description);
        if (publishing is not null)
        {
            shared.ReportEviction(rejection, publishing.Broadcast, remote);
            publishing.Close();
            publishing = null;
        }
        BeginLinger();
    }

    private void BeginLinger() =>
        lingerUntil = shared.Time.GetTimestamp() + (long)(Linger.TotalSeconds * shared.Time.TimestampFrequency);

    private void EndPublishing(string why)
    {
        if (publishing is null)
            return;
        shared.Logger.PublishEnded(publishing.Broadcast.Channel.Value, publishing.Broadcast.Id.Value, remote, why);
        publishing.Close();
        publishing = null;
    }

    private void Fail(RtmpViolation violation)
    {
        shared.ReportViolation(violation, remote);
        ending ??= "it broke RTMP";
        transport!.Close();
    }

    private void TimeOut(string why)
    {
        shared.ReportTimeout(why, remote);
        ending ??= why;
        transport!.Close();
    }

    /// <summary>A peer's text as a log may hold it: short, and one line.</summary>
    private static string Printable(string text) =>
        string.Concat(text.Where(c => c is >= ' ' and <= '~').Take(64));

    private void Flush()
    {
        var pending = session.PendingOutput;
        if (pending.Length == 0)
            return;
        if (transport!.Send(pending.Span))
        {
            session.ConsumeOutput(pending.Length);
            return;
        }
        ending ??= "it does not read our answers";
        transport.Close();
    }
}
