using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Millrace.Delivery.Relay;

namespace Millrace.Delivery;

/// <summary>
/// Kestrel's transport with the direct path in front: plain HTTP/1.1 requests for media are answered on the connection's own
/// socket, everything else is handed to Kestrel unread.
/// </summary>
public sealed class DirectTransport : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private const int Backlog = 512;

    private readonly IMediaSource media;
    private readonly DirectLimits limits;
    private readonly TimeProvider time;
    private readonly IMemoryPoolFactory<byte> pools;
    private readonly ILoggerFactory loggers;

    /// <summary>In front of an origin's store.</summary>
    /// <param name="store">Whose media they are.</param>
    /// <param name="limits">What a connection may do.</param>
    /// <param name="time">The clock.</param>
    /// <param name="pools">Kestrel's own, for the connections that it gets.</param>
    /// <param name="loggers">Where a connection's fault is said.</param>
    public DirectTransport(OriginStore store, DirectLimits limits, TimeProvider time, IMemoryPoolFactory<byte> pools, ILoggerFactory loggers)
        : this(new OriginMedia(new MediaDecisions(store, time)), limits, time, pools, loggers)
    {
    }

    /// <summary>In front of a relay's cache.</summary>
    public DirectTransport(RelayNode relay, DirectLimits limits, TimeProvider time, IMemoryPoolFactory<byte> pools, ILoggerFactory loggers)
        : this(new RelayMedia(relay), limits, time, pools, loggers)
    {
    }

    private DirectTransport(IMediaSource media, DirectLimits limits, TimeProvider time, IMemoryPoolFactory<byte> pools, ILoggerFactory loggers)
    {
        this.pools = pools;
        this.media = media;
        this.limits = limits;
        this.time = time;
        this.loggers = loggers;
    }

    /// <summary>Whether this machine has the system calls that it is made of.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() && Environment.Is64BitProcess;

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint;

    /// <inheritdoc/>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        Socket socket;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        }
        catch (SocketException fault) when (fault.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(fault.Message, fault);
        }
        // Accepted sockets have both from the listening one.
        socket.NoDelay = true;
        socket.Blocking = false;
        socket.Listen(Backlog);
        return new ValueTask<IConnectionListener>(new DirectListener(socket, media, limits, time, pools.Create(), loggers));
    }
}
