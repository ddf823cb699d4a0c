using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Millrace.Delivery;

/// <summary>
/// A listening socket for HTTPS. Its connections run here from the handshake on; Kestrel accepts from here what turns out to
/// want something else than media over HTTP/1.1.
/// </summary>
internal sealed class SecureListener : IConnectionListener
{
    // After an accept that failed: out of descriptors, which lasts.
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(20);

    private readonly Socket socket;
    private readonly Func<SslServerAuthenticationOptions> handshake;
    private readonly CancellationTokenSource stopping = new();
    private readonly HashSet<SecureConnection> open = [];
    // Bounded by the limit of connections: each has at most one entry.
    private readonly Channel<HandedConnection> handedOver = Channel.CreateUnbounded<HandedConnection>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ILogger logger;
    private readonly Task accepting;
    private readonly ITimer clock;
    private int connections;
    private CancellationToken deadline = new(canceled: true);

    /// <param name="socket">Listens already. Owned.</param>
    /// <param name="media">What media requests are answered with; null hands everything to Kestrel.</param>
    /// <param name="handshake">What is shown in a handshake that begins now.</param>
    /// <param name="limits">What a connection may do.</param>
    /// <param name="time">The clock.</param>
    /// <param name="pool">For Kestrel's connections. Owned.</param>
    /// <param name="logger">Where a connection's fault is said.</param>
    public SecureListener(
        Socket socket, IMediaSource? media, Func<SslServerAuthenticationOptions> handshake, DirectLimits limits, TimeProvider time,
        MemoryPool<byte> pool, ILogger logger)
    {
        this.socket = socket;
        this.handshake = handshake;
        this.logger = logger;
        Media = media;
        Limits = limits;
        Time = time;
        Pool = pool;
        EndPoint = socket.LocalEndPoint!;
        clock = time.CreateTimer(_ => Tick(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        accepting = AcceptAllAsync();
    }

    /// <inheritdoc/>
    public EndPoint EndPoint { get; }

    /// <summary>What media requests are answered with, or null.</summary>
    public IMediaSource? Media { get; }

    /// <summary>What a connection may do.</summary>
    public DirectLimits Limits { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>For Kestrel's connections.</summary>
    public MemoryPool<byte> Pool { get; }

    /// <summary>Connections at rest end; requests that are being answered go on.</summary>
    public bool IsDraining => stopping.IsCancellationRequested;

    /// <summary>What is shown in a handshake that begins now.</summary>
    public SslServerAuthenticationOptions Handshake() => handshake();

    /// <summary>Says that a connection met a fault of ours.</summary>
    public void Report(Exception fault) => logger.DirectConnectionFailed(fault);

    /// <summary>A connection is Kestrel's from now on.</summary>
    public void HandOver(HandedConnection connection)
    {
        DeliveryMetrics.HandedOver.Add(1);
        // Kestrel accepts no more.
        if (!handedOver.Writer.TryWrite(connection))
            connection.Abort();
    }

    /// <summary>A connection is over, wherever it was.</summary>
    public void Left() => Interlocked.Decrement(ref connections);

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await handedOver.Reader.WaitToReadAsync(cancellationToken) && handedOver.Reader.TryRead(out var connection) ? connection : null;

    /// <inheritdoc/>
    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        // 1. Until the deadline what is being answered goes on; Kestrel waits for its own connections in the meantime.
        deadline = cancellationToken;
        await stopping.CancelAsync();
        await accepting;
        handedOver.Writer.TryComplete();
        Tick();
        lock (open)
        {
            if (open.Count == 0)
                drained.TrySetResult();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // 2. What is not done by the deadline is cut; who never unbound waits for nothing.
        await stopping.CancelAsync();
        await accepting;
        await drained.Task.WaitAsync(deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await clock.DisposeAsync();
        SecureConnection[] late;
        lock (open)
        {
            late = [.. open];
            if (late.Length == 0)
                drained.TrySetResult();
        }
        foreach (var connection in late)
            connection.Dispose();
        await drained.Task;
        handedOver.Writer.TryComplete();
        while (handedOver.Reader.TryRead(out var connection))
            await connection.DisposeAsync();
        socket.Dispose();
        stopping.Dispose();
        Pool.Dispose();
    }

    private async Task AcceptAllAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                Accepted(await socket.AcceptAsync(stopping.Token).ConfigureAwait(false));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // Out of descriptors, or the peer left between SYN and accept: neither ends the listener.
                await Task.Delay(AcceptPause, Time, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private void Accepted(Socket accepted)
    {
        if (Interlocked.Increment(ref connections) > Limits.MaxConnections)
        {
            Left();
            accepted.Dispose();
            return;
        }
        SecureConnection connection;
        try
        {
            accepted.NoDelay = true;
            connection = new SecureConnection(this, accepted);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // It was reset meanwhile.
            Left();
            accepted.Dispose();
            return;
        }
        lock (open)
            open.Add(connection);
        DeliveryMetrics.AddDirect(1);
        // Its end is counted in Ended, for which the listener waits.
        _ = Task.Run(() => RunAsync(connection));
    }

    private async Task RunAsync(SecureConnection connection)
    {
        var isHanded = await connection.RunAsync().ConfigureAwait(false);
        DeliveryMetrics.AddDirect(-1);
        if (!isHanded)
            Left();
        lock (open)
        {
            open.Remove(connection);
            if (open.Count == 0 && IsDraining)
                drained.TrySetResult();
        }
    }

    private void Tick()
    {
        var now = Time.GetTimestamp();
        lock (open)
        {
            foreach (var connection in open)
                connection.OnTick(now);
        }
    }
}
