using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Millrace.Delivery;

/// <summary>
/// Kestrel's transport for a <see cref="SecureEndPoint"/>: TLS right on the socket, media over HTTP/1.1 answered there,
/// everything else handed to Kestrel decrypted.
/// </summary>
/// <param name="store">Whose media they are; null hands everything to Kestrel.</param>
/// <param name="handshake">What is shown in a handshake that begins now.</param>
/// <param name="limits">What a connection may do.</param>
/// <param name="time">The clock.</param>
/// <param name="pools">Kestrel's own, for the connections that it gets.</param>
public sealed class SecureTransport(
    OriginStore? store, Func<SslServerAuthenticationOptions> handshake, DirectLimits limits, TimeProvider time, IMemoryPoolFactory<byte> pools)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private const int Backlog = 512;

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
        var decisions = store is null ? null : new MediaDecisions(store, time);
        return new ValueTask<IConnectionListener>(new SecureListener(socket, decisions, handshake, limits, time, pools.Create()));
    }
}
