using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Millrace.Delivery.Relay;

namespace Millrace.Delivery;

/// <summary>
/// Kestrel's transport for a <see cref="SecureEndPoint"/>: TLS right on the socket, media over HTTP/1.1 answered there,
/// everything else handed to Kestrel decrypted.
/// </summary>
public sealed class SecureTransport : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private const int Backlog = 512;

    private readonly IMediaSource? media;
    private readonly Func<SslServerAuthenticationOptions> handshake;
    private readonly DirectLimits limits;
    private readonly TimeProvider time;
    private readonly IMemoryPoolFactory<byte> pools;
    private readonly ILogger logger;

    /// <summary>In front of nothing: everything is Kestrel's.</summary>
    /// <param name="handshake">What is shown in a handshake that begins now.</param>
    /// <param name="limits">What a connection may do.</param>
    /// <param name="time">The clock.</param>
    /// <param name="pools">Kestrel's own, for the connections that it gets.</param>
    /// <param name="loggers">Where a connection's fault is said.</param>
    public SecureTransport(
        Func<SslServerAuthenticationOptions> handshake, DirectLimits limits, TimeProvider time, IMemoryPoolFactory<byte> pools, ILoggerFactory loggers)
        : this((IMediaSource?)null, handshake, limits, time, pools, loggers)
    {
    }

    /// <summary>In front of an origin's store.</summary>
    public SecureTransport(
        OriginStore store, Func<SslServerAuthenticationOptions> handshake, DirectLimits limits, TimeProvider time, IMemoryPoolFactory<byte> pools,
        ILoggerFactory loggers)
        : this(new OriginMedia(new MediaDecisions(store, time)), handshake, limits, time, pools, loggers)
    {
    }

    /// <summary>In front of a relay's cache.</summary>
    public SecureTransport(
        RelayNode relay, Func<SslServerAuthenticationOptions> handshake, DirectLimits limits, TimeProvider time, IMemoryPoolFactory<byte> pools,
        ILoggerFactory loggers)
        : this(new RelayMedia(relay), handshake, limits, time, pools, loggers)
    {
    }

    private SecureTransport(
        IMediaSource? media, Func<SslServerAuthenticationOptions> handshake, DirectLimits limits, TimeProvider time, IMemoryPoolFactory<byte> pools,
        ILoggerFactory loggers)
    {
        this.media = media;
        this.handshake = handshake;
        this.limits = limits;
        this.time = time;
        this.pools = pools;
        logger = loggers.CreateLogger<SecureListener>();
    }

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => endpoint is SecureEndPoint;

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
        socket.Listen(Backlog);
        return new ValueTask<IConnectionListener>(new SecureListener(socket, media, handshake, limits, time, pools.Create(), logger));
    }
}
