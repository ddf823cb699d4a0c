using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Delivery.Steering;

/// <summary>
/// Asks the edges for their health, each by itself: every <see cref="PlaybackOptions.ProbeInterval"/> give or take a fifth, so
/// that many nodes do not ask at the same moment. Two answers that fail in a row take an edge out, one that succeeds brings it
/// back. Viewers' requests do not come through here, so there is nothing to see passively; players leave a dead edge by themselves.
/// </summary>
public sealed class EdgeProbe : IAsyncDisposable
{
    private const int FailuresUntilDown = 2;
    private const int MaxBodyBytes = 256;

    private readonly EdgeSet edges;
    private readonly HttpMessageInvoker http;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly CancellationTokenSource stop = new();
    private Task[] asking = [];

    /// <summary>With connections of its own.</summary>
    public EdgeProbe(EdgeSet edges, TimeProvider time, ILogger<EdgeProbe> logger)
        : this(edges, time, logger, PeerHttp.Sockets())
    {
    }

    /// <summary>Over another handler: scripted edges in tests.</summary>
    internal EdgeProbe(EdgeSet edges, TimeProvider time, ILogger logger, HttpMessageHandler handler)
    {
        this.edges = edges;
        this.time = time;
        this.logger = logger;
        http = PeerHttp.Over(handler);
    }

    /// <summary>Begins; without edges there is nothing to do.</summary>
    public void Start()
    {
        edges.Announce();
        asking = [.. edges.All.Select(WatchAsync)];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(asking);
        http.Dispose();
        stop.Dispose();
    }

    private async Task WatchAsync(Edge edge)
    {
        for (var failures = 0; !stop.IsCancellationRequested;)
        {
            var (state, reason) = await AskAsync(edge);
            if (stop.IsCancellationRequested)
                return;
            failures = state == EdgeState.Down ? failures + 1 : 0;
            if (failures is 0 or >= FailuresUntilDown)
                Note(edge, state, reason);
            var pause = edges.Options.ProbeInterval * (0.8 + (0.4 * Random.Shared.NextDouble()));
            await Task.Delay(pause, time, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Note(Edge edge, EdgeState state, string reason)
    {
        var before = edge.Set(state);
        if (before == state)
            return;
        if (state == EdgeState.Up)
            logger.EdgeUp(edge.Name);
        else if (state == EdgeState.Draining)
            logger.EdgeDraining(edge.Name);
        else
            logger.EdgeDown(edge.Name, reason);
    }

    private async Task<(EdgeState State, string Reason)> AskAsync(Edge edge)
    {
        using var limit = new LinkedLimit(edges.Options.ProbeTimeout, time, stop.Token);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(edge.Address, "/health/ready"));
        try
        {
            using var answer = await http.SendAsync(request, limit.Token);
            if (answer.IsSuccessStatusCode)
                return (EdgeState.Up, "");
            // Of its own will it says so in words (NodeDrain); every other refusal is a fault.
            var body = new byte[MaxBodyBytes];
            await using var stream = await answer.Content.ReadAsStreamAsync(limit.Token);
            var length = await stream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, limit.Token);
            return body.AsSpan(0, length).StartsWith(NodeDrain.Word) ? (EdgeState.Draining, "") : (EdgeState.Down, $"its health is {(int)answer.StatusCode}");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException)
        {
            return (EdgeState.Down, Relay.UpstreamFault.Words(fault));
        }
        catch (OperationCanceledException)
        {
            return (EdgeState.Down, "it does not answer");
        }
    }
}
