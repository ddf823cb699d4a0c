using System.Net.Sockets;

namespace Millrace.Core.Tests;

public sealed class PeerHttpTests
{
    [Fact]
    public async Task Over_AConnectionThatIsResetBeforeItIsUsed_IsAConnectionError()
    {
        using var http = PeerHttp.Over(new Reset());
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://peer/");

        var fault = await Assert.ThrowsAsync<HttpRequestException>(() => http.SendAsync(request, TestContext.Current.CancellationToken));

        Assert.Equal(HttpRequestError.ConnectionError, fault.HttpRequestError);
        Assert.Equal(SocketError.NotConnected, Assert.IsType<SocketException>(fault.InnerException).SocketErrorCode);
    }

    private sealed class Reset : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromException<HttpResponseMessage>(new SocketException((int)SocketError.NotConnected));
    }
}
