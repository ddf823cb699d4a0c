using System.Net.Sockets;

namespace Millrace.Core;

/// <summary>HTTP from one node to another: no cookies, no proxies, no redirects, small heads, and every failure of the network an <see cref="HttpRequestException"/>.</summary>
public static class PeerHttp
{
    /// <summary>Connections with what all nodes have in common; the caller sets the rest and hands it to <see cref="Over"/>.</summary>
    public static SocketsHttpHandler Sockets() => new()
    {
        UseCookies = false,
        UseProxy = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = System.Net.DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        MaxResponseHeadersLength = 16,
    };

    /// <summary>Sends through a handler, and owns it. Throws <see cref="HttpRequestException"/> for whatever goes wrong with a connection, also while it is made.</summary>
    public static HttpMessageInvoker Over(HttpMessageHandler handler) => new(new Peer(handler));

    /// <remarks>
    /// <see cref="SocketsHttpHandler"/> asks a connection for its remote address as soon as it is there. One that the other side has
    /// reset by then, as a node does that is killed with connections in its backlog, has none, and the
    /// <see cref="SocketException"/> (ENOTCONN) that says so comes out as it is.
    /// </remarks>
    private sealed class Peer(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            try
            {
                return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException reset)
            {
                throw new HttpRequestException(HttpRequestError.ConnectionError, reset.Message, reset);
            }
        }
    }
}
