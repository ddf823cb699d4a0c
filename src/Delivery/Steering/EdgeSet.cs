using System.Diagnostics.Metrics;

namespace Millrace.Delivery.Steering;

/// <summary>The edges of this fleet, and which of them a viewer should play from. Thread-safe.</summary>
public sealed class EdgeSet
{
    /// <summary>Most edges that one viewer is told of: where the third does not answer either, a longer list helps nobody.</summary>
    internal const int MaxOffered = 5;

    private static readonly Meter Meter = new("Millrace.Playback");

    private readonly Dictionary<string, Edge> byName;

    /// <summary>With the edges of options that are valid.</summary>
    public EdgeSet(PlaybackOptions options)
    {
        All = [.. options.Edges.Select(text => Edge.TryParse(text, out var edge, out var fault) ? edge : throw new ArgumentException(fault, nameof(options)))];
        byName = All.ToDictionary(edge => edge.Name, StringComparer.Ordinal);
        Options = options;
        Url = options.Url.TrimEnd('/');
    }

    /// <summary>There is none: viewers play from the node that they ask.</summary>
    public bool IsEmpty => All.Count == 0;

    /// <summary>Every address that a player may be sent to: scheme, host and port.</summary>
    public IReadOnlyList<string> Origins =>
        [.. All.Select(edge => edge.Address.GetLeftPart(UriPartial.Authority)).Concat(Url.Length > 0 ? [new Uri(Url).GetLeftPart(UriPartial.Authority)] : []).Distinct()];

    internal IReadOnlyList<Edge> All { get; }

    internal PlaybackOptions Options { get; }

    /// <summary>Where viewers reach this node, without a slash at the end; or empty.</summary>
    internal string Url { get; }

    /// <summary>The edge of that name, or null.</summary>
    internal Edge? Find(string? name) => name is not null && byName.TryGetValue(name, out var edge) ? edge : null;

    /// <summary>Whether an edge serves a region.</summary>
    internal bool HasRegion(string region) => All.Any(edge => edge.Regions.Contains(region, StringComparer.Ordinal));

    /// <summary>
    /// What a viewer is offered, best first, at most <see cref="MaxOffered"/>: edges that are up; where there is none those that
    /// drain, else all of them, for a guess is better than nothing. Those that serve the viewer's region stand in front, among
    /// these the one that it plays from, and then chance decides by weight.
    /// </summary>
    /// <param name="regions">Where the viewer is; empty: unknown.</param>
    /// <param name="current">The edge that it plays from, or null. It stays there unless something speaks against it, so that nobody moves to and fro.</param>
    internal IReadOnlyList<Edge> Offer(IReadOnlyList<string> regions, Edge? current)
    {
        var states = All.Select(edge => (Edge: edge, edge.State)).ToList();
        var best = states.Min(each => each.State);
        return [.. states.Where(each => each.State == best).Select(each => each.Edge)
            .OrderBy(edge => edge.Regions.Any(regions.Contains) ? 0 : 1)
            .ThenBy(edge => edge == current ? 0 : 1)
            // Efraimidis, Spirakis: "Weighted random sampling with a reservoir", 2006.
            .ThenBy(edge => -Math.Log(1 - Random.Shared.NextDouble()) / edge.Weight)
            .Take(MaxOffered)];
    }

    /// <summary>Shows their states in the metrics; of the one who knows them.</summary>
    internal void Announce()
    {
        if (All.Count > 0)
            Meter.CreateObservableGauge("millrace.playback.edges", Count, "{edge}", "Edges by state, as this node sees them.");
    }

    private IEnumerable<Measurement<int>> Count() =>
        Enum.GetValues<EdgeState>().Select(state => new Measurement<int>(All.Count(edge => edge.State == state), new KeyValuePair<string, object?>("state", state.ToString().ToLowerInvariant())));
}
