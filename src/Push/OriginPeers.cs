using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Push;

/// <summary>The origins beside this one, which hear from it of takedowns that it was told of: <see cref="PushOptions.Peers"/>.</summary>
public sealed class OriginPeers : IDisposable
{
    private readonly HttpMessageInvoker http;

    /// <param name="options">Who they are, validated.</param>
    /// <param name="dataPath"><c>Data:Path</c>, where it is kept what one that is away has not heard.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where it is said which were not reached.</param>
    public OriginPeers(PushOptions options, string dataPath, TimeProvider time, ILogger<OriginPeers> logger)
        : this(options, dataPath, time, logger, PeerHttp.Sockets())
    {
    }

    internal OriginPeers(PushOptions options, string dataPath, TimeProvider time, ILogger logger, HttpMessageHandler handler)
    {
        ArgumentNullException.ThrowIfNull(options);
        http = PeerHttp.Over(handler);
        Takedowns = new Takedowns(options, options.Peers, dataPath, http, time, logger);
    }

    /// <summary>How they are told.</summary>
    public Takedowns Takedowns { get; }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();
}
