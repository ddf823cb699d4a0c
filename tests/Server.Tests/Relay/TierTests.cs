using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Server.Options;

namespace Millrace.Server.Tests.Relay;

/// <summary>Several whole relays above each other, over real sockets.</summary>
public sealed class TierTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<WebApplication> nodes = [];
    private readonly HttpClient http = new() { Timeout = Patience };

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task RunningSegment_ThroughThreeTiers_IsReadBeforeItsLastChunkIsMade()
    {
        var token = TestContext.Current.CancellationToken;
        var last = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = 0;
        var origin = await OriginAsync(async context =>
        {
            Interlocked.Increment(ref asked);
            context.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
            await context.Response.Body.WriteAsync(Chunk(1), token);
            await context.Response.Body.FlushAsync(token);
            await last.Task.WaitAsync(Patience, token);
            await context.Response.Body.WriteAsync(Chunk(2), token);
        });
        var central = await RelayAsync("central", 0, origin);
        var shield = await RelayAsync("regional", 0, central);
        var edge = await RelayAsync("edge", 0, shield);

        // Two viewers at the last tier have the first chunk while the origin waits for them to have it.
        List<(HttpResponseMessage Answer, Stream Body)> viewers = [];
        for (var i = 0; i < 2; i++)
        {
            var answer = await http.GetAsync(new Uri(edge + "/b/x/source/7.m4s"), HttpCompletionOption.ResponseHeadersRead, token);
            viewers.Add((answer, await answer.Content.ReadAsStreamAsync(token)));
            Assert.Equal(Chunk(1), await ReadAsync(viewers[i].Body, Chunk(1).Length));
        }
        Assert.Equal("central; fwd=uri-miss; fwd-status=200; stored, regional; fwd=uri-miss; fwd-status=200; stored, edge; fwd=uri-miss; fwd-status=200; stored",
            viewers[0].Answer.Headers.GetValues("Cache-Status").Single());
        Assert.False(last.Task.IsCompleted);
        last.SetResult();
        foreach (var (answer, body) in viewers)
        {
            using (answer)
            await using (body)
            {
                Assert.Equal(Chunk(2), await ReadAsync(body, Chunk(2).Length));
                Assert.Equal(0, await body.ReadAsync(new byte[1], token));
            }
        }
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task Relays_ThatAreEachOthersParents_AnswerAtOnce()
    {
        // Without detection both viewers wait for as long as a request may be held.
        var ports = FreePorts(2);
        var first = await RelayAsync("first", ports[0], $"http://127.0.0.1:{ports[1]}");
        var second = await RelayAsync("second", ports[1], first);
        foreach (var name in (string[])["live.m3u8?_HLS_msn=7&_HLS_part=1", "7.1.m4s", "8.m4s"])
        {
            var answers = await Task.WhenAll(new[] { first, second }.Select(node =>
                http.GetAsync(new Uri($"{node}/b/x/source/{name}"), TestContext.Current.CancellationToken)));
            Assert.All(answers, answer => Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode));
        }
        foreach (var node in (string[])[first, second])
            Assert.StartsWith("ok\nno parent answers\n", await http.GetStringAsync(new Uri(node + "/health/ready"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        foreach (var node in Enumerable.Reverse(nodes))
        {
            await node.StopAsync(CancellationToken.None);
            await node.DisposeAsync();
        }
    }

    private static byte[] Chunk(byte seed) => [.. Enumerable.Range(0, 30_000).Select(index => (byte)((index * 7) + seed))];

    private static async Task<byte[]> ReadAsync(Stream body, int count)
    {
        var bytes = new byte[count];
        await body.ReadExactlyAsync(bytes, TestContext.Current.CancellationToken);
        return bytes;
    }

    private async Task<string> OriginAsync(RequestDelegate answer)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var origin = builder.Build();
        nodes.Add(origin);
        origin.Run(context => context.Request.Path == "/health/ready" ? Task.CompletedTask : answer(context));
        await origin.StartAsync(TestContext.Current.CancellationToken);
        return origin.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
    }

    private async Task<string> RelayAsync(string name, int port, string parent)
    {
        var configuration = EffectiveConfiguration.Load(null,
        [
            new("Http:Address", "127.0.0.1"), new("Http:Port", port.ToString(System.Globalization.CultureInfo.InvariantCulture)), new("Log:Level", "none"),
            new("Relay:Name", name), new("Relay:Parents", parent), new("Relay:ConnectTimeout", "10s"), new("Relay:ProbeTimeout", "10s"),
            new("Relay:AnswerTimeout", "1m"), new("Relay:HoldLimit", "5m"),
        ]);
        Assert.Empty(configuration.Faults);
        var relay = ServerHost.Build(configuration, NodeRoles.Relay, demo: false);
        nodes.Add(relay);
        await relay.StartAsync(TestContext.Current.CancellationToken);
        return $"http://127.0.0.1:{relay.Services.GetRequiredService<ServerAddresses>().HttpPort}";
    }

    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(listener => listener.Start());
        var ports = listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port).ToArray();
        listeners.ForEach(listener => listener.Dispose());
        return ports;
    }
}
