using System.Net.Sockets;

namespace Millrace.Delivery.Relay;

/// <summary>What went wrong with a request to a parent.</summary>
internal static class UpstreamFault
{
    /// <summary>Nobody listens, or there is no such name: no second try is needed to know.</summary>
    public static bool IsCertain(HttpRequestException fault) =>
        fault.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError;

    /// <summary>For the log; nothing that the parent sent is in it.</summary>
    public static string Words(Exception fault) => fault switch
    {
        HttpRequestException { InnerException: SocketException socket } => socket.SocketErrorCode.ToString(),
        HttpRequestException http => http.HttpRequestError.ToString(),
        OperationCanceledException => "it does not answer",
        _ => fault.GetType().Name,
    };
}
