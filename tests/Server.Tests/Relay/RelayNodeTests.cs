using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Delivery.Relay;
using Millrace.Server.Commands;
using Millrace.Server.Options;

namespace Millrace.Server.Tests.Relay;

/// <summary>A node that takes streams in and a relay below it, both whole and on free ports of 127.0.0.1.</summary>
public sealed class RelayNodeTests : IAsyncLifetime
{
    private const string Secret = "a-secret-of-the-tests";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly DirectoryInfo data = Directory.CreateTempSubdirectory("millrace-relay-");
    private WebApplication origin = null!;
    private WebApplication relay = null!;
    private HttpClient http = null!;

    public async ValueTask InitializeAsync()
    {
        origin = await StartAsync(NodeRoles.Up,
            new("Data:Path", data.FullName), new("Rtmp:Address", "127.0.0.1"), new("Rtmp:Port", "0"),
            new("Transcoding:Ladder", "off"), new("Preview:Interval", "off"));
        relay = await StartAsync(NodeRoles.Relay, new("Relay:Parents", AddressOf(origin)), new("Relay:Name", "edge"),
            new("Relay:AnswerTimeout", "20s"), new("Relay:ConnectTimeout", "10s"), new("Relay:ProbeTimeout", "10s"));
        http = new HttpClient { BaseAddress = new Uri(AddressOf(relay)) };
    }

    [Fact]
    public async Task Relay_WhatTheWatchPageAsksFor_IsAnswered()
    {
        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/health/ready")).StatusCode);
        using var time = await GetAsync("/api/v1/time");
        Assert.Equal("edge; fwd=uri-miss; fwd-status=200", time.Headers.GetValues("Cache-Status").Single());
        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/api/v1/channels")).StatusCode);
        using var missing = await GetAsync("/live/nobody/main.m3u8");
        Assert.Equal((HttpStatusCode.NotFound, "*"), (missing.StatusCode, missing.Headers.GetValues("Access-Control-Allow-Origin").Single()));
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync("/api/v1/anything")).StatusCode);
    }

    [Fact]
    public async Task Metrics_EverySeriesOfARelay_IsInTheOperatorsPage()
    {
        await GetAsync("/api/v1/time");
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Millrace.slnx")))
            root = root.Parent;
        var page = await File.ReadAllTextAsync(Path.Combine(root.FullName, "docs", "operations.md"), TestContext.Current.CancellationToken);
        var text = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        var names = text.Split('\n').Where(line => line.StartsWith("millrace_relay_", StringComparison.Ordinal)).Select(line => line.Split('{', ' ')[0]).Distinct().ToList();
        Assert.True(names.Count >= 6, text);
        Assert.All(names, name => Assert.Contains($"`{name}`", page, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Purge_AtTheOrigin_ReachesTheRelayAndWhoeverListensThere()
    {
        var (cursor, _, _) = relay.Services.GetRequiredService<PurgeLog>().Since(null);
        using var told = GetAsync($"/internal/purges?since={cursor}", Secret);
        Assert.Equal(HttpStatusCode.Accepted, await PurgeAsync("/b/01aaaaaaaaaaaaaaaaaaaaaaaa/", Secret));
        using var answer = await told.WaitAsync(Patience, TestContext.Current.CancellationToken);
        var lines = (await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Split('\n');
        Assert.EndsWith(" /b/01aaaaaaaaaaaaaaaaaaaaaaaa/", lines[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/b/01aa/", null, HttpStatusCode.Unauthorized)]
    [InlineData("/b/01aa/", "another-secret-of-some", HttpStatusCode.Unauthorized)]
    [InlineData("/", Secret, HttpStatusCode.BadRequest)]
    [InlineData("/b/../../", Secret, HttpStatusCode.BadRequest)]
    public async Task Purge_WithoutTheSecretOrOfNonsense_IsRefused(string prefix, string? secret, HttpStatusCode status) =>
        Assert.Equal(status, await PurgeAsync(prefix, secret));

    [Fact]
    public async Task Doctor_OfARelay_AsksItsParents()
    {
        var output = new StringWriter();
        var line = CommandLine.Parse(["doctor", $"--Data:Path={data.FullName}", "--Http:Port=0", "--Rtmp:Port=0", "--parent", AddressOf(origin), "--parent", "http://127.0.0.1:9"]);
        Assert.Equal(1, await Verbs.RunAsync(line, output, TextWriter.Null));
        Assert.Contains($"ok    parent         {AddressOf(origin)}", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("FIX   parent         http://127.0.0.1:9", output.ToString(), StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        foreach (var app in (WebApplication[])[relay, origin])
        {
            await app.StopAsync(CancellationToken.None);
            await app.DisposeAsync();
        }
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        data.Delete(recursive: true);
    }

    private static async Task<WebApplication> StartAsync(NodeRoles roles, params KeyValuePair<string, string>[] settings)
    {
        var configuration = EffectiveConfiguration.Load(null,
            [new("Http:Address", "127.0.0.1"), new("Http:Port", "0"), new("Log:Level", "none"), new("Cluster:Secret", Secret), .. settings]);
        Assert.Empty(configuration.Faults);
        var app = ServerHost.Build(configuration, roles, demo: false);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }

    private static string AddressOf(WebApplication app) => $"http://127.0.0.1:{app.Services.GetRequiredService<ServerAddresses>().HttpPort}";

    private async Task<HttpResponseMessage> GetAsync(string path, string? secret = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = secret is null ? null : new AuthenticationHeaderValue("Bearer", secret);
        return await http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private async Task<HttpStatusCode> PurgeAsync(string prefix, string? secret)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, AddressOf(origin) + "/internal/purge") { Content = new StringContent(prefix) };
        request.Headers.Authorization = secret is null ? null : new AuthenticationHeaderValue("Bearer", secret);
        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }
}
