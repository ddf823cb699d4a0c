using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>
/// A listening socket whose connections are the direct path's first. Kestrel accepts from here what turns out to want
/// something else.
/// </summary>
internal sealed class DirectListener : IConnectionListener
{
    private readonly Socket socket;
    private readonly DirectLoop[] loops;
    private readonly DirectLimits limits;
    private readonly SocketConnectionContextFactory factory;
    private readonly PoolFeature pool;
    // Bounded by the limit of connections: each has at most one entry.
    private readonly Channel<int> handedOver = Channel.CreateUnbounded<int>(new UnboundedChannelOptions { SingleReader = true });
    private int connections;
    private int next;
    private CancellationToken deadline = new(canceled: true);

    /// <param name="socket">Listens already.</param>
    /// <param name="media">What media requests are answered with.</param>
    /// <param name="limits">What a connection may do.</param>
    /// <param name="time">The clock.</param>
    /// <param name="pool">For Kestrel's connections. Disposed with the listener.</param>
    /// <param name="loggers">For the loops, and for Kestrel's connections.</param>
    public DirectListener(
        Socket socket, IMediaSource media, DirectLimits limits, TimeProvider time, MemoryPool<byte> pool, ILoggerFactory loggers)
    {
        this.pool = new PoolFeature(pool);
        this.socket = socket;
        this.limits = limits;
        Media = media;
        EndPoint = socket.LocalEndPoint!;
        factory = new SocketConnectionContextFactory(
            new SocketConnectionFactoryOptions(), loggers.CreateLogger("Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets"));
        var logger = loggers.CreateLogger<DirectListener>();
        // One for every two processors: ingest, Kestrel and the kernel's own work want theirs, and one serves some 50,000 requests a second.
        loops = new DirectLoop[Math.Clamp((Environment.ProcessorCount + 1) / 2, 1, 16)];
        for (var i = 0; i < loops.Length; i++)
            loops[i] = new DirectLoop(i, this, limits, time, logger);
        for (var i = 0; i < loops.Length; i++)
            loops[i].Start(i == 0 ? (int)socket.Handle : -1);
    }

    /// <inheritdoc/>
    public EndPoint EndPoint { get; }

    /// <summary>What media requests are answered with.</summary>
    public IMediaSource Media { get; }

    /// <summary>A connection was accepted: it gets a loop, unless there are too many.</summary>
    public void Accepted(int descriptor)
    {
        if (Interlocked.Increment(ref connections) > limits.MaxConnections)
        {
            Interlocked.Decrement(ref connections);
            LinuxCalls.Close(descriptor);
            return;
        }
        DeliveryMetrics.AddDirect(1);
        var loop = loops[next++ % loops.Length];
        loop.Add(new DirectConnection(loop, descriptor));
    }

    /// <summary>A direct connection was closed.</summary>
    public void Left()
    {
        Interlocked.Decrement(ref connections);
        DeliveryMetrics.AddDirect(-1);
    }

    /// <summary>A connection is Kestrel's from now on, with everything that it has received.</summary>
    public void HandOver(int descriptor)
    {
        DeliveryMetrics.AddDirect(-1);
        DeliveryMetrics.HandedOver.Add(1);
        if (handedOver.Writer.TryWrite(descriptor))
            return;
        // Kestrel accepts no more.
        LinuxCalls.Close(descriptor);
        Interlocked.Decrement(ref connections);
    }

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await handedOver.Reader.WaitToReadAsync(cancellationToken))
        {
            if (!handedOver.Reader.TryRead(out var descriptor))
                continue;
            var accepted = new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
            try
            {
                var connection = factory.Create(accepted);
                // Kestrel writes into buffers of the connection's pool, and takes it for granted that asking for any size
                // gives some; the factory's own pool gives none.
                connection.Features.Set<IMemoryPoolFeature>(pool);
                connection.ConnectionClosed.UnsafeRegister(static listener => Interlocked.Decrement(ref ((DirectListener)listener!).connections), this);
                return connection;
            }
            catch (SocketException)
            {
                // It was reset meanwhile.
                accepted.Dispose();
                Interlocked.Decrement(ref connections);
            }
        }
        return null;
    }

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        // 1. Until the deadline what is being answered goes on; Kestrel waits for its own connections in the meantime.
        deadline = cancellationToken;
        foreach (var loop in loops)
            loop.Drain();
        handedOver.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // 2. What is not done by the deadline is cut; who never unbound waits for nothing.
        await Task.WhenAll(loops.Select(loop => loop.Drained)).WaitAsync(deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var loop in loops)
            loop.Dispose();
        while (handedOver.Reader.TryRead(out var descriptor))
            LinuxCalls.Close(descriptor);
        socket.Dispose();
        factory.Dispose();
        pool.MemoryPool.Dispose();
    }

    private sealed record PoolFeature(MemoryPool<byte> MemoryPool) : IMemoryPoolFeature;
}
