using System.Collections.Concurrent;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>Many players of one broadcast, spread over its edges.</summary>
internal sealed class Swarm : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly HttpClient http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 10_000 }) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly CancellationTokenSource end = new();
    private readonly List<SwarmPlayer> players;
    private readonly List<Task> playing;
    private readonly ConcurrentDictionary<string, HlsMediaPlaylist> read = new(StringComparer.Ordinal);

    /// <param name="count">Players.</param>
    /// <param name="edges">The same playlist at each edge.</param>
    public Swarm(int count, IReadOnlyList<Uri> edges)
    {
        players = [.. Enumerable.Range(0, count).Select(index => new SwarmPlayer(http, edges, index % edges.Count, Read))];
        playing = [.. players.Select(player => player.PlayAsync(end.Token))];
    }

    /// <summary>The longest time that any of them stood still since <see cref="BeginStep"/>.</summary>
    public TimeSpan LongestStall => players.Max(player => player.LongestStall);

    /// <summary>The emptiest buffer since then.</summary>
    public TimeSpan LowestBuffer => players.Min(player => player.LowestBuffer);

    /// <summary>How many stood still at all.</summary>
    public int Stalled => players.Count(player => player.LongestStall > TimeSpan.Zero);

    /// <summary>What one of them could not get, in words.</summary>
    public string? Fault => players.Select(player => player.LastFault).FirstOrDefault(fault => fault is not null);

    /// <summary>Stalls count from here on.</summary>
    public void BeginStep() => players.ForEach(player => player.BeginStep());

    /// <summary>Those that began at an edge go back there, as steering would have it.</summary>
    public void Return() => players.ForEach(player => player.Return());

    /// <summary>Until every player has got that many more parts.</summary>
    public async Task PlayOnAsync(int parts)
    {
        var goals = players.Select(player => player.Parts + parts).ToList();
        await UntilAsync(() => !Behind().Any(), () => $"{Behind().Count()} players do not play on, the first of them {Behind().FirstOrDefault()?.Place}");

        IEnumerable<SwarmPlayer> Behind() => players.Where((player, index) => player.Parts < goals[index]);
    }

    /// <summary>Until something else has come of their playing. That raises no event; this looks twenty times a second.</summary>
    public Task UntilAsync(Func<bool> holds, string otherwise) => UntilAsync(holds, () => otherwise);

    private async Task UntilAsync(Func<bool> holds, Func<string> otherwise)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!holds())
        {
            if (limit.IsCancellationRequested)
                Assert.Fail($"{otherwise()}: {Fault}");
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    /// <summary>They leave.</summary>
    public async Task StopAsync()
    {
        await end.CancelAsync();
        await Task.WhenAll(playing);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        http.Dispose();
        end.Dispose();
    }

    // All get the same texts at the same moments: reading each once leaves the machine to what is tested.
    private HlsMediaPlaylist Read(string text)
    {
        if (read.Count > 100)
            read.Clear();
        return read.GetOrAdd(text, HlsMediaPlaylist.Parse);
    }
}
