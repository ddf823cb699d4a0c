using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Core;
using Millrace.Ingest;
using Millrace.Media;
using Millrace.Server.Commands;
using Millrace.Server.Options;

namespace Millrace.Server.Tests.Http;

/// <summary>Replays over the API, and who may take one down.</summary>
public sealed class BroadcastApiTests : IAsyncLifetime
{
    private static readonly byte[] Avc = Convert.FromHexString("01f4001fffe1001967f4001f9196805005bb0110000003001000000303c0f1832a01000568ce0f1920fff8f800");

    private readonly DirectoryInfo data = Directory.CreateTempSubdirectory("millrace-api-");
    private WebApplication app = null!;
    private HttpClient http = null!;

    public async ValueTask InitializeAsync()
    {
        app = await StartAsync(data.FullName);
        http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{app.Services.GetRequiredService<ServerAddresses>().HttpPort}/") };
    }

    private static async Task<WebApplication> StartAsync(string data, params KeyValuePair<string, string>[] more)
    {
        var configuration = EffectiveConfiguration.Load(null,
        [
            new("Data:Path", data), new("Http:Address", "127.0.0.1"), new("Http:Port", "0"), new("Dvr:Mode", "full"),
            new("Rtmp:Address", "127.0.0.1"), new("Rtmp:Port", "0"), new("Log:Level", "none"), new("Retention:MinFreeBytes", "0"),
            new("Transcoding:Ladder", "off"), new("Preview:Interval", "off"), .. more,
        ]);
        Assert.Empty(configuration.Faults);
        var started = ServerHost.Build(configuration, demo: false);
        await started.StartAsync(TestContext.Current.CancellationToken);
        return started;
    }

    [Fact]
    public async Task Broadcast_LiveThenOver_IsListedAndGoesOnlyForTheOperator()
    {
        Assert.True(ChannelName.TryParse("studio", out var name));
        var session = app.Services.GetRequiredService<BroadcastDirectory>().Publish(name, _ => { }).Session!;
        Send(session);
        var live = (await ReadAsync("api/v1/channels/studio/broadcasts")).GetProperty("broadcasts")[0];
        var id = live.GetProperty("id").GetString()!;
        Assert.True(live.GetProperty("live").GetBoolean());
        Assert.Equal("full", live.GetProperty("dvr").GetString());
        Assert.Equal(JsonValueKind.Null, live.GetProperty("bytes").ValueKind);

        foreach (var token in (string?[])[null, "", "wrong", new string('0', 64)])
        {
            var refused = await DeleteAsync(id, token);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.Equal("Bearer", refused.Headers.WwwAuthenticate.ToString());
        }
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri($"b/{id}/dvr.m3u8", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);

        var file = Path.Combine(data.FullName, "operator.token");
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        var operatorToken = (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).Trim();
        // On air: it ends, its publisher is thrown off, and it is gone.
        Assert.Equal(HttpStatusCode.NoContent, (await DeleteAsync(id, operatorToken)).StatusCode);
        Assert.Null(app.Services.GetRequiredService<BroadcastDirectory>().Find(name));
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri($"api/v1/broadcasts/{id}", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri($"b/{id}/source/0.m4s", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await DeleteAsync(id, operatorToken)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await DeleteAsync("nonsense", operatorToken)).StatusCode);

        // The next one ends by itself and is a replay.
        var second = app.Services.GetRequiredService<BroadcastDirectory>();
        var again = second.Publish(name, _ => { }).Session!;
        Send(again);
        second.End(name, new PublishRejection(PublishRejectionReason.Replaced, "over"));
        var replay = (await ReadAsync("api/v1/channels/studio/broadcasts")).GetProperty("broadcasts")[0];
        Assert.False(replay.GetProperty("live").GetBoolean());
        Assert.InRange(replay.GetProperty("duration").GetDouble(), 9, 11);
        Assert.Contains("source/dvr.m3u8", await http.GetStringAsync(new Uri($"b/{replay.GetProperty("id").GetString()}/main.m3u8", UriKind.Relative), TestContext.Current.CancellationToken), StringComparison.Ordinal);

        // The command asks the server that runs here.
        using var output = new StringWriter();
        var configuration = EffectiveConfiguration.Load(null, [new("Data:Path", data.FullName), new("Http:Address", "127.0.0.1"), new("Http:Port", http.BaseAddress!.Port.ToString(System.Globalization.CultureInfo.InvariantCulture))]);
        Assert.Equal(0, await BroadcastCommand.RunAsync(configuration, ["list", "studio"], output, output));
        Assert.StartsWith(replay.GetProperty("id").GetString()!, output.ToString(), StringComparison.Ordinal);
        Assert.Equal(2, await BroadcastCommand.RunAsync(configuration, ["delete", "nonsense"], output, output));
    }

    [Fact]
    public async Task Delete_WithAnOriginBesideItThatTakesNoneOfIt_IsDoneHereAndOwedThere()
    {
        // The one beside it has no Origin:Secret: that is not the 404 of who never had the broadcast.
        var path = Path.Combine(data.FullName, "beside");
        await using var beside = await StartAsync(path, new("Origin:Secret", new string('s', 32)), new("Origin:Peers", http.BaseAddress!.ToString()));
        Assert.True(ChannelName.TryParse("studio", out var name));
        Send(beside.Services.GetRequiredService<BroadcastDirectory>().Publish(name, _ => { }).Session!);
        var id = beside.Services.GetRequiredService<BroadcastDirectory>().Find(name)!.Id.Value;
        using var request = new HttpRequestMessage(HttpMethod.Delete, $"http://127.0.0.1:{beside.Services.GetRequiredService<ServerAddresses>().HttpPort}/api/v1/broadcasts/{id}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(path, "operator.token"), TestContext.Current.CancellationToken)).Trim());

        var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal($"{{\"notReached\":[\"{http.BaseAddress}\"]}}", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.True(File.Exists(Path.Combine(path, "takedowns", id)));
        Assert.Null(beside.Services.GetRequiredService<BroadcastDirectory>().Find(name));
        await beside.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Clip_MadeByTheOperator_IsListedPlayedAndGoesWithItsBroadcast()
    {
        Assert.True(ChannelName.TryParse("studio", out var name));
        var directory = app.Services.GetRequiredService<BroadcastDirectory>();
        Send(directory.Publish(name, _ => { }).Session!);
        directory.End(name, new PublishRejection(PublishRejectionReason.Replaced, "over"));
        var id = (await ReadAsync("api/v1/channels/studio/broadcasts")).GetProperty("broadcasts")[0].GetProperty("id").GetString()!;
        // Asked for once, it is open and knows its clock.
        await http.GetStringAsync(new Uri($"b/{id}/main.m3u8", UriKind.Relative), TestContext.Current.CancellationToken);
        var known = await ReadAsync($"api/v1/broadcasts/{id}");
        Assert.Equal((0, 0), (known.GetProperty("rewindableFrom").GetDouble(), known.GetProperty("periods")[0].GetProperty("start").GetDouble()));

        var token = (await File.ReadAllTextAsync(Path.Combine(data.FullName, "operator.token"), TestContext.Current.CancellationToken)).Trim();
        Assert.Equal(HttpStatusCode.Unauthorized, (await PostAsync(id, "{}", "wrong")).StatusCode);
        foreach (var nonsense in (string[])["", "{}", "[]", "{\"name\":\"x\",\"from\":2,\"to\":2}", "{\"name\":\"x\",\"from\":-1,\"to\":2}", "{\"name\":\" \",\"from\":0,\"to\":2}"])
            Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync(id, nonsense, token)).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await PostAsync(id, "{\"name\":\"x\",\"from\":500,\"to\":502}", token)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync("nonsense", "{\"name\":\"x\",\"from\":0,\"to\":2}", token)).StatusCode);

        // A clip has what is recorded by now, and the spool threads may be at it still.
        var made = await PostAsync(id, "{\"name\":\"The goal\",\"from\":3,\"to\":5}", token);
        for (var attempt = 0; made.StatusCode == HttpStatusCode.Conflict && attempt < 1000; attempt++)
            made = await PostAsync(id, "{\"name\":\"The goal\",\"from\":3,\"to\":5}", token);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var clip = JsonDocument.Parse(await made.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement.GetProperty("id").GetString()!;
        Assert.Equal($"/api/v1/clips/{clip}", made.Headers.Location!.ToString());
        Assert.Equal("The goal", (await ReadAsync("api/v1/channels/studio/clips")).GetProperty("clips")[0].GetProperty("name").GetString());
        Assert.Equal(clip, (await ReadAsync($"api/v1/broadcasts/{id}/clips")).GetProperty("clips")[0].GetProperty("id").GetString());
        Assert.Equal(id, (await ReadAsync($"api/v1/clips/{clip}")).GetProperty("broadcast").GetString());
        Assert.Equal("The goal", (await ReadAsync($"api/v1/broadcasts/{clip}")).GetProperty("clip").GetProperty("name").GetString());
        Assert.Single((await ReadAsync("api/v1/channels/studio/broadcasts")).GetProperty("broadcasts").EnumerateArray());
        Assert.Contains("source/dvr.m3u8", await http.GetStringAsync(new Uri($"b/{clip}/main.m3u8", UriKind.Relative), TestContext.Current.CancellationToken), StringComparison.Ordinal);

        // The command does the same.
        using var output = new StringWriter();
        var configuration = EffectiveConfiguration.Load(null, [new("Data:Path", data.FullName), new("Http:Address", "127.0.0.1"), new("Http:Port", http.BaseAddress!.Port.ToString(System.Globalization.CultureInfo.InvariantCulture))]);
        Assert.Equal(0, await ClipCommand.RunAsync(configuration, ["create", id, "0", "2", "Kick", "off"], output, output));
        Assert.Equal(0, await ClipCommand.RunAsync(configuration, ["list", "studio"], output, output));
        Assert.Contains("MB  Kick off", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, await ClipCommand.RunAsync(configuration, ["delete", id], output, output));
        Assert.Equal(2, await ClipCommand.RunAsync(configuration, ["create", id, "x", "2", "y"], output, output));
        Assert.Equal(0, await ClipCommand.RunAsync(configuration, ["delete", clip], output, output));
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri($"b/{clip}/main.m3u8", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);
        var left = (await ReadAsync("api/v1/channels/studio/clips")).GetProperty("clips")[0].GetProperty("id").GetString()!;
        Assert.Equal(HttpStatusCode.NoContent, (await DeleteAsync(id, token)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri($"b/{left}/main.m3u8", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);
        Assert.Empty((await ReadAsync("api/v1/channels/studio/clips")).GetProperty("clips").EnumerateArray());
    }

    [Fact]
    public async Task Adopt_WithoutAStore_IsSaidToTheOperatorOnly()
    {
        var refused = await http.GetAsync(new Uri("api/v1/storage/open", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        refused = await http.PostAsync(new Uri("api/v1/storage/open/one/adopt", UriKind.Relative), null, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);

        var configuration = EffectiveConfiguration.Load(null, [new("Data:Path", data.FullName), new("Http:Address", "127.0.0.1"), new("Http:Port", http.BaseAddress!.Port.ToString(System.Globalization.CultureInfo.InvariantCulture))]);
        foreach (var operands in (string[][])[["adopt"], ["adopt", "one"]])
        {
            using var output = new StringWriter();
            Assert.Equal(1, await BroadcastCommand.RunAsync(configuration, operands, output, output));
            Assert.Contains("Storage:Kind is disk", output.ToString(), StringComparison.Ordinal);
        }
    }

    private async Task<HttpResponseMessage> PostAsync(string id, string body, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"api/v1/broadcasts/{id}/clips", UriKind.Relative));
        request.Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        data.Delete(recursive: true);
    }

    private async Task<HttpResponseMessage> DeleteAsync(string id, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, new Uri($"api/v1/broadcasts/{id}", UriKind.Relative));
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private async Task<JsonElement> ReadAsync(string path) =>
        JsonDocument.Parse(await http.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken)).RootElement;

    /// <summary>Ten seconds of pictures.</summary>
    private void Send(PublishSession session)
    {
        using var arena = new MediaArena(app.Services.GetRequiredService<MediaBlockPool>());
        Send(session, arena, 0, FlvPacketKind.SequenceStart, key: true, Avc);
        for (var i = 0u; i < 300; i++)
            Send(session, arena, i * 1000 / 30, FlvPacketKind.CodedFrames, key: i % 60 == 0, [0, 0, 0, 2, i % 60 == 0 ? (byte)0x65 : (byte)0x41, 1]);
    }

    private static void Send(PublishSession session, MediaArena arena, uint milliseconds, FlvPacketKind kind, bool key, byte[] body)
    {
        var tag = new ArrayBufferWriter<byte>();
        FlvTagWriter.WriteVideo(tag, Codec.Avc, kind, key ? FlvFrameType.Key : FlvFrameType.Inter, 0, body, legacy: true);
        session.OnVideo(arena.Copy(tag.WrittenSpan), milliseconds, DateTimeOffset.UtcNow.UtcTicks);
    }
}
