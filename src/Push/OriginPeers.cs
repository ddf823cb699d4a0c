using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Push;

/// <summary>The origins beside this one, which hear from it of takedowns that it was told of: <see cref="PushOptions.Peers"/>.</summary>
public sealed class OriginPeers : IDisposable
{
    private readonly HttpMessageInvoker http;

    /// <param name="options">Who they are, validated.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where it is said which were not reached.</param>
    public OriginPeers(PushOptions options, TimeProvider time, ILogger<OriginPeers> logger)
        : this(options, time, logger, PeerHttp.Sockets())
    {
    }

    internal OriginPeers(PushOptions options, TimeProvider time, ILogger logger, HttpMessageHandler handler)
    {
        ArgumentNullException.ThrowIfNull(options);
        http = PeerHttp.Over(handler);
        Takedowns = new Takedowns(options.Peers, options.Secret, http, time, logger);
    }

    /// <summary>How they are told.</summary>
    public Takedowns Takedowns { get; }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();
}
