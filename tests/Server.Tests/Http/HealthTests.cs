using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Core;
using Millrace.Ingest;
using Millrace.Media;
using Millrace.Server.Options;

namespace Millrace.Server.Tests.Http;

/// <summary>The whole server on a free port of 127.0.0.1, with a publisher that needs no network.</summary>
public sealed class HealthTests : IAsyncLifetime
{
    private static readonly byte[] Avc = Convert.FromHexString("01f4001fffe1001967f4001f9196805005bb0110000003001000000303c0f1832a01000568ce0f1920fff8f800");

    private readonly DirectoryInfo data = Directory.CreateTempSubdirectory("millrace-server-");
    private WebApplication app = null!;
    private HttpClient http = null!;

    public async ValueTask InitializeAsync()
    {
        var configuration = EffectiveConfiguration.Load(null,
        [
            new("Data:Path", data.FullName), new("Transcoding:Ladder", "off"), new("Http:Address", "127.0.0.1"), new("Http:Port", "0"),
            new("Rtmp:Address", "127.0.0.1"), new("Rtmp:Port", "0"), new("Log:Level", "none"),
        ]);
        Assert.Empty(configuration.Faults);
        app = ServerHost.Build(configuration, NodeRoles.Up, demo: false);
        await app.StartAsync(TestContext.Current.CancellationToken);
        http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{app.Services.GetRequiredService<ServerAddresses>().HttpPort}/") };
    }

    [Fact]
    public async Task Channel_WithAPublisher_SaysWhatComesInAndWhatIsWrong()
    {
        Assert.True(ChannelName.TryParse("studio", out var name));
        var (session, _) = app.Services.GetRequiredService<BroadcastDirectory>().Publish(name, _ => { });
        var arena = new MediaArena(app.Services.GetRequiredService<MediaBlockPool>());
        Send(session!, arena, 0, FlvPacketKind.CodedFrames, key: true, [0, 0, 0, 2, 0x65, 1]);

        // Nothing to be seen yet, and the reason.
        var starting = await ReadAsync("api/v1/channels/studio");
        Assert.False(starting.GetProperty("live").GetBoolean());
        Assert.Equal("starting", starting.GetProperty("health").GetProperty("state").GetString());
        Assert.Equal(["no_configuration"], Problems(starting));
        Assert.Equal(1, starting.GetProperty("health").GetProperty("ingest").GetProperty("dropped").GetProperty("beforeConfiguration").GetInt64());

        // Ten seconds with one key frame.
        Send(session!, arena, 0, FlvPacketKind.SequenceStart, key: true, Avc);
        for (var i = 0u; i < 300; i++)
            Send(session!, arena, i * 1000 / 30, FlvPacketKind.CodedFrames, key: i is 0 or 270, [0, 0, 0, 2, i is 0 or 270 ? (byte)0x65 : (byte)0x41, 1]);
        var live = await ReadAsync("api/v1/channels/studio");
        Assert.True(live.GetProperty("live").GetBoolean());
        var health = live.GetProperty("health");
        Assert.Equal("attention", health.GetProperty("state").GetString());
        Assert.Equal(["key_frames_rare"], Problems(live));
        var ingest = health.GetProperty("ingest");
        Assert.Equal((1, 300), (ingest.GetProperty("sessions").GetInt32(), ingest.GetProperty("received").GetProperty("videoUnits").GetInt64()));
        Assert.Equal(9, ingest.GetProperty("gopSeconds").GetDouble(), 2);
        Assert.Equal(30, ingest.GetProperty("frameRate").GetDouble(), 1);
        Assert.True(ingest.GetProperty("packaging").GetProperty("dependentSegment").GetInt64() > 0);
        Assert.InRange(ingest.GetProperty("lastKeyFrameSeconds").GetDouble(), 0, 60);

        session!.Close();
        var waiting = await ReadAsync("api/v1/channels/studio");
        Assert.Equal("waiting_for_publisher", waiting.GetProperty("health").GetProperty("state").GetString());
        Assert.Empty(Problems(waiting));
        arena.Dispose();

        // The list says the state only.
        var listed = (await ReadAsync("api/v1/channels")).GetProperty("channels")[0].GetProperty("health");
        Assert.False(listed.TryGetProperty("ingest", out _));
    }

    [Fact]
    public async Task Metrics_Scrape_NamesTheServiceAndEveryMeter()
    {
        Assert.True(ChannelName.TryParse("studio", out var name));
        using var session = app.Services.GetRequiredService<BroadcastDirectory>().Publish(name, _ => { }).Session!;
        var text = await http.GetStringAsync(new Uri("metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Contains("service_name=\"millrace\"", text, StringComparison.Ordinal);
        foreach (var line in (string[])
        [
            "millrace_ingest_broadcasts{otel_scope_name=\"Millrace.Ingest\",state=\"starting\"} 1",
            "millrace_ingest_sessions_total{otel_scope_name=\"Millrace.Ingest\"} 1",
            "millrace_ingest_repairs_total{otel_scope_name=\"Millrace.Ingest\",kind=\"audio_hole\"} 0",
            "millrace_packaging_irregularities_total{otel_scope_name=\"Millrace.Ingest\",kind=\"gap_segment\"} 0",
            "millrace_rtmp_open{otel_scope_name=\"Millrace.Rtmp\"} 0",
            "millrace_origin_broadcasts{otel_scope_name=\"Millrace.Delivery\"} 0",
        ])
            Assert.True(text.Split('\n').Any(candidate => Regular(candidate).StartsWith(line, StringComparison.Ordinal)), $"{line} is not among\n{text}");
    }

    [Fact]
    public async Task Metrics_EverySeriesAndProblem_IsInTheOperatorsPage()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Millrace.slnx")))
            root = root.Parent;
        var page = await File.ReadAllTextAsync(Path.Combine(root.FullName, "docs", "operations.md"), TestContext.Current.CancellationToken);
        var text = await http.GetStringAsync(new Uri("metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        var names = text.Split('\n').Where(line => line.StartsWith("millrace_", StringComparison.Ordinal)).Select(line => line.Split('{', ' ')[0]).Distinct().ToList();
        Assert.True(names.Count > 10);
        Assert.All(names, name => Assert.Contains($"`{name}`", page, StringComparison.Ordinal));
        foreach (var reason in Enum.GetNames<PublishRejectionReason>())
            Assert.Contains($"`{JsonNamingPolicy.SnakeCaseLower.ConvertName(reason)}`", page, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        data.Delete(recursive: true);
    }

    /// <summary>Without the empty labels that the exporter may add.</summary>
    private static string Regular(string line) => line.Replace(",otel_scope_version=\"\"", "", StringComparison.Ordinal);

    private static IEnumerable<string> Problems(JsonElement channel) =>
        channel.GetProperty("health").GetProperty("problems").EnumerateArray().Select(problem => problem.GetProperty("code").GetString()!);

    private async Task<JsonElement> ReadAsync(string path) =>
        JsonDocument.Parse(await http.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken)).RootElement;

    private static void Send(PublishSession session, MediaArena arena, uint milliseconds, FlvPacketKind kind, bool key, byte[] body)
    {
        var tag = new ArrayBufferWriter<byte>();
        FlvTagWriter.WriteVideo(tag, Codec.Avc, kind, key ? FlvFrameType.Key : FlvFrameType.Inter, 0, body, legacy: true);
        Assert.Null(session.OnVideo(arena.Copy(tag.WrittenSpan), milliseconds, DateTimeOffset.UtcNow.UtcTicks));
    }
}
