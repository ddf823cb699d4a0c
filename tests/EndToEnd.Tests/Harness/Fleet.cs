using System.Net;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>
/// A fleet on one machine: a node that takes streams in, two origins, two centrals that know both, three edges that know both
/// centrals, and a <see cref="CountingLink"/> between each two that speak with each other.
/// </summary>
internal sealed class Fleet : IAsyncDisposable
{
    public const string ClusterSecret = "a-secret-of-the-tests";
    private const string PushSecret = "0123456789abcdef0123456789abcdef";

    /// <summary>After how long relays ask a second parent, when <c>MILLRACE_HEDGE</c> says so; null: so late that they never do.</summary>
    public static string? Hedge { get; } = Environment.GetEnvironmentVariable("MILLRACE_HEDGE");

    // Evaluated after it. A busy machine hedges and times out by itself; that is tested elsewhere, here it would blur the count.
    private static readonly string[] Relaying =
    [
        $"--Cluster:Secret={ClusterSecret}", $"--Relay:HedgeAfter={Hedge ?? "5s"}", "--Relay:AnswerTimeout=8s", "--Relay:ConnectTimeout=2s", "--Relay:ProbeTimeout=0.4s",
        "--Relay:SlowStart=0s",
    ];

    private readonly List<CountingLink> links = [];
    private readonly List<TestDirectory> data = [];
    private readonly int[] edgePorts = MillraceProcess.FreePorts(3);
    private readonly string steering;
    private MillraceProcess? ingest;

    private Fleet() => steering = $"--Playback:Edges={string.Join(',', edgePorts.Select((port, index) => $"edge{index}=http://127.0.0.1:{port};region=here"))}";

    public MillraceProcess Ingest => ingest ?? throw new InvalidOperationException("Not started yet.");

    public MillraceProcess[] Origins { get; } = new MillraceProcess[2];

    public MillraceProcess[] Centrals { get; } = new MillraceProcess[2];

    public MillraceProcess[] Edges { get; } = new MillraceProcess[3];

    /// <summary>The wires on which media are fetched.</summary>
    public IEnumerable<CountingLink> Links => links.Where(link => link.From != "ingest");

    /// <summary>The wires on which media are pushed.</summary>
    public IEnumerable<CountingLink> Pushes => links.Where(link => link.From == "ingest");

    /// <summary>What the relays have said so far.</summary>
    public string RelayOutput => string.Concat(Centrals.Concat(Edges).Select(node => node.Output));

    /// <summary>Starts all of them, tier by tier.</summary>
    public static async Task<Fleet> StartAsync()
    {
        var fleet = new Fleet();
        try
        {
            string[] kept = [fleet.NewData(), fleet.NewData()];
            await Task.WhenAll(Enumerable.Range(0, 2).Select(async index => fleet.Origins[index] = await fleet.OriginAsync(index, kept[index], null)));
            fleet.ingest = await fleet.IngestAsync();
            await Task.WhenAll(Enumerable.Range(0, 2).Select(async index => fleet.Centrals[index] = await fleet.CentralAsync(index, null)));
            await Task.WhenAll(Enumerable.Range(0, 3).Select(async index => fleet.Edges[index] = await fleet.EdgeAsync(index)));
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>Parts that went down into a node.</summary>
    public int PartsInto(string name) => Links.Where(link => link.From == name).Sum(link => link.Parts);

    /// <summary>Parts that were fetched from a node.</summary>
    public int PartsFrom(string name) => Links.Where(link => link.To == name).Sum(link => link.Parts);

    /// <summary>Starts one that was killed: the same name, port, data and wires.</summary>
    public async Task RestartAsync(string name)
    {
        var index = name[^1] - '0';
        var (tier, start) = name[..^1] switch
        {
            "origin" => (Origins, (Func<int, int, Task<MillraceProcess>>)((i, port) => OriginAsync(i, data[i].Path, port))),
            "central" => (Centrals, (i, port) => CentralAsync(i, port)),
            _ => (Edges, (i, _) => EdgeAsync(i)),
        };
        var port = tier[index].HttpPort;
        await tier[index].DisposeAsync();
        tier[index] = await start(index, port);
    }

    /// <summary>Takes a broadcast down at the ingest node; ends with its answer.</summary>
    public async Task TakeDownAsync(string broadcast)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, Ingest.Uri($"api/v1/broadcasts/{broadcast}"));
        request.Headers.Authorization = new("Bearer", (await File.ReadAllTextAsync(Path.Combine(data[^1].Path, "operator.token"))).Trim());
        using var answer = await Ingest.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    /// <summary>Begins a purge at an origin.</summary>
    public static async Task PurgeAsync(MillraceProcess origin, string prefix)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, origin.Uri("internal/purge")) { Content = new StringContent(prefix) };
        request.Headers.Authorization = new("Bearer", ClusterSecret);
        using var answer = await origin.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    /// <summary>Every packet to and from a node is lost from now on.</summary>
    public Task CutAsync(string name) => PacketDrop.IsPossible ? PacketDrop.BeginAsync(WiresOf(name).Select(link => link.Port)) : Each(name, link => link.Cut());

    /// <summary>Packets arrive again.</summary>
    public Task MendAsync(string name) => PacketDrop.IsPossible ? PacketDrop.EndAsync() : Each(name, link => link.Mend());

    public async ValueTask DisposeAsync()
    {
        foreach (var node in (MillraceProcess?[])[.. Edges, .. Centrals, ingest, .. Origins])
        {
            if (node is not null)
                await node.DisposeAsync();
        }
        foreach (var link in links)
            await link.DisposeAsync();
        foreach (var directory in data)
            directory.Dispose();
    }

    private IEnumerable<CountingLink> WiresOf(string name) => links.Where(link => link.From == name || link.To == name);

    private Task Each(string name, Action<CountingLink> act)
    {
        foreach (var link in WiresOf(name))
            act(link);
        return Task.CompletedTask;
    }

    private string NewData()
    {
        data.Add(new TestDirectory());
        return data[^1].Path;
    }

    // The same wires again after a restart: the parent's name for rendezvous hashing is its address.
    private string Wire(string from, string to, int port, bool carriesPushes = false)
    {
        lock (links)
        {
            if (links.Find(link => link.From == from && link.To == to) is { } known)
                return known.Address;
            links.Add(new CountingLink(from, to, port, carriesPushes));
            return links[^1].Address;
        }
    }

    private Task<MillraceProcess> OriginAsync(int index, string path, int? port) => MillraceProcess.StartNodeAsync("origin", path, port,
        $"--Cluster:Secret={ClusterSecret}", $"--Origin:Secret={PushSecret}", "--Dvr:Mode=full", "--Retention:MinFreeBytes=0", "--Origin:LostAfter=5m",
        steering, "--Playback:SteeringTtl=1s", "--Playback:ProbeInterval=0.3s", "--Playback:ProbeTimeout=2s");

    private Task<MillraceProcess> IngestAsync() => MillraceProcess.StartNodeAsync("ingest,platform", NewData(), null,
        ["--origin", Wire("ingest", "origin0", Origins[0].HttpPort, true), "--origin", Wire("ingest", "origin1", Origins[1].HttpPort, true),
            $"--Cluster:Secret={ClusterSecret}", $"--Origin:Secret={PushSecret}", "--Origin:MaxBufferAge=3m"]);

    private Task<MillraceProcess> CentralAsync(int index, int? port) => MillraceProcess.StartRelayAsync($"central{index}",
        Origins.Select((origin, i) => Wire($"central{index}", $"origin{i}", origin.HttpPort)), port, [.. Relaying, steering]);

    private Task<MillraceProcess> EdgeAsync(int index) => MillraceProcess.StartRelayAsync($"edge{index}",
        Centrals.Select((central, i) => Wire($"edge{index}", $"central{i}", central.HttpPort)), edgePorts[index], [.. Relaying, steering]);
}
