using System.Net;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using Microsoft.AspNetCore.Http;
using Millrace.Delivery.Steering;

namespace Millrace.Delivery.Tests.Steering;

/// <summary>Playlist, manifest and steering manifest of an origin with edges.</summary>
public sealed class SteeringResponseTests : IDisposable
{
    private static readonly XNamespace Mpd = "urn:mpeg:dash:schema:mpd:2011";

    private readonly EdgeSet edges = new(new PlaybackOptions
    {
        Edges = ["edge-1=http://127.0.0.1:8081;region=eu", "edge-2=https://edge-2.example;region=eu", "edge-3=https://edge-3.example;region=us"],
        RegionHeader = "CF-IPCountry",
        TrustedProxies = ["10.0.0.0/8"],
    });

    private readonly Origin origin;
    private readonly MediaEndpoint endpoint;

    public SteeringResponseTests()
    {
        origin = new Origin(edges: edges, dvr: new DvrOptions { Mode = DvrMode.Full });
        endpoint = new MediaEndpoint(origin.Store, origin.Time, new RegionHint(edges.Options));
        origin.AddSegments(0, 2);
    }

    private string Directory => $"/b/{origin.Broadcast.Id.Value}/";

    [Fact]
    public async Task Playlist_WithEdges_NamesItsSteeringManifestAndIsOtherwiseTheSame()
    {
        var text = (await GetAsync(Directory + "main.m3u8")).Text;
        Assert.Contains("#EXT-X-CONTENT-STEERING:SERVER-URI=\"steering.json\",PATHWAY-ID=\".\"\n", text, StringComparison.Ordinal);
        Assert.Contains(",STABLE-VARIANT-ID=\"source\",PATHWAY-ID=\".\"\nsource/live.m3u8\n", text, StringComparison.Ordinal);
        Assert.Contains($"SERVER-URI=\"{Directory}steering.json\"", (await GetAsync("/live/studio-one/main.m3u8")).Text, StringComparison.Ordinal);
        Assert.Contains("SERVER-URI=\"steering-dvr.json\"", (await GetAsync(Directory + "dvr.m3u8")).Text, StringComparison.Ordinal);

        using var alone = new Origin();
        alone.AddSegments(0, 2);
        var plain = new Exchange(new MediaEndpoint(alone.Store, alone.Time).TryInvoke, $"/b/{alone.Broadcast.Id.Value}/main.m3u8", null, "");
        Assert.Equal(Encoding.UTF8.GetString(await plain.BodyAsync()),
            text.Replace("#EXT-X-CONTENT-STEERING:SERVER-URI=\"steering.json\",PATHWAY-ID=\".\"\n", "", StringComparison.Ordinal)
                .Replace(",STABLE-VARIANT-ID=\"source\",PATHWAY-ID=\".\"", "", StringComparison.Ordinal));
        var none = new Exchange(new MediaEndpoint(alone.Store, alone.Time).TryInvoke, $"/b/{alone.Broadcast.Id.Value}/steering.json", null, "");
        await none.Done;
        Assert.Equal(404, none.Response.StatusCode);
    }

    [Fact]
    public async Task Steering_OfAViewerAtAnEdge_KeepsItThereAndClonesTheOthers()
    {
        var (answer, text) = await GetAsync(Directory + "steering.json", "?base=edge-1&_HLS_pathway=.&_HLS_throughput=1000");
        Assert.Equal((200, "application/json", "public, max-age=1", "*"),
            (answer.StatusCode, answer.ContentType, answer.Headers.CacheControl.ToString(), answer.Headers.AccessControlAllowOrigin.ToString()));
        var manifest = JsonDocument.Parse(text).RootElement;
        Assert.Equal((1, 10), (manifest.GetProperty("VERSION").GetInt32(), manifest.GetProperty("TTL").GetInt32()));
        // Of its region the one it is at, the other one, and the rest.
        Assert.Equal([".", "edge-2", "edge-3"], Priority(manifest));
        // The next question goes another way, and says where this playlist came from.
        Assert.Equal($"https://edge-2.example{Directory}steering.json?base=edge-1", manifest.GetProperty("RELOAD-URI").GetString());
        var clones = manifest.GetProperty("PATHWAY-CLONES").EnumerateArray().ToList();
        Assert.Equal(["edge-2", "edge-3"], clones.Select(clone => clone.GetProperty("ID").GetString()));
        Assert.All(clones, clone => Assert.Equal(".", clone.GetProperty("BASE-ID").GetString()));
        foreach (var map in (string[])["PER-VARIANT-URIS", "PER-RENDITION-URIS"])
            Assert.Equal($"https://edge-2.example{Directory}source/live.m3u8", clones[0].GetProperty("URI-REPLACEMENT").GetProperty(map).GetProperty("source").GetString());
        var dvr = JsonDocument.Parse((await GetAsync(Directory + "steering-dvr.json", "?base=edge-1")).Text).RootElement;
        Assert.EndsWith("/source/dvr.m3u8", dvr.GetProperty("PATHWAY-CLONES")[0].GetProperty("URI-REPLACEMENT").GetProperty("PER-VARIANT-URIS").GetProperty("source").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Steering_AnEdgeThatDrains_IsLeft()
    {
        edges.Find("edge-1")!.Set(EdgeState.Draining);
        Assert.Equal(["edge-2", "edge-3"], Priority(await JsonAsync("steering.json", "?base=edge-1&_HLS_pathway=.")));
        // Who has moved stays where it is when the first one is back.
        edges.Find("edge-1")!.Set(EdgeState.Up);
        Assert.Equal(["edge-2", ".", "edge-3"], Priority(await JsonAsync("steering.json", "?base=edge-1&_HLS_pathway=edge-2")));
    }

    [Fact]
    public async Task Steering_FromNobodyKnows_EndsWithWhereThePlaylistCameFrom()
    {
        var manifest = await JsonAsync("steering.json", "?region=us");
        Assert.Equal(("edge-3", ".", 4), (Priority(manifest)[0], Priority(manifest)[^1], Priority(manifest).Count));
        Assert.Contains("steering.json?region=us", manifest.GetProperty("RELOAD-URI").GetString(), StringComparison.Ordinal);
        // What nobody has configured is answered, and kept by nobody: anyone could think of any number of such names.
        foreach (var query in (string[])["?base=edge-9", "?region=moon", "?_HLS_pathway=edge-9"])
            Assert.Equal("no-store", (await GetAsync(Directory + "steering.json", query)).Response.Headers.CacheControl.ToString());
    }

    [Theory]
    [InlineData("10.1.2.3", "US", "edge-3")]
    [InlineData("::ffff:10.1.2.3", "us", "edge-3")]
    [InlineData("192.0.2.1", "US", null)]
    [InlineData("10.1.2.3", "US; DROP", null)]
    public async Task Region_FromAHeader_CountsFromTrustedProxiesOnly(string peer, string country, string? first)
    {
        var seen = new HashSet<string>();
        for (var i = 0; i < 60; i++)
            seen.Add(Priority(JsonDocument.Parse((await GetAsync(Directory + "steering-dash.json", "", request =>
            {
                request.HttpContext.Connection.RemoteIpAddress = IPAddress.Parse(peer);
                request.Headers["CF-IPCountry"] = country;
            })).Text).RootElement)[0]);
        Assert.Equal(first is null ? 3 : 1, seen.Count);
        Assert.True(first is null || seen.Contains(first));
    }

    [Fact]
    public async Task Manifest_WithEdges_NamesEveryPlaceAndWhoChooses()
    {
        foreach (var (path, own) in new[] { (Directory, Directory), ("/live/studio-one/", "/live/studio-one/") })
        {
            var manifest = XDocument.Parse((await GetAsync(path + "manifest.mpd")).Text).Root!;
            Assert.Equal([".", "edge-1", "edge-2", "edge-3"], manifest.Elements(Mpd + "BaseURL").Select(element => element.Attribute("serviceLocation")!.Value));
            Assert.Equal(["./", $"http://127.0.0.1:8081{Directory}"], manifest.Elements(Mpd + "BaseURL").Take(2).Select(element => element.Value));
            Assert.Equal(["manifest.mpd", $"http://127.0.0.1:8081{own}manifest.mpd"], manifest.Elements(Mpd + "Location").Take(2).Select(element => element.Value));
            var steering = manifest.Element(Mpd + "ContentSteering")!;
            Assert.Equal(($"{Directory}steering-dash.json", ".", "true"), (steering.Value, steering.Attribute("defaultServiceLocation")!.Value, steering.Attribute("queryBeforeStart")!.Value));
        }
        var answer = await JsonAsync("steering-dash.json", "?base=edge-1");
        Assert.Equal(["edge-1", "edge-2", "edge-3", "."], Priority(answer));
        Assert.False(answer.TryGetProperty("PATHWAY-CLONES", out _));
        // Once it is over the manifest does not change, and is asked for no more.
        origin.Broadcast.End();
        var whole = XDocument.Parse((await GetAsync(Directory + "manifest.mpd")).Text).Root!;
        Assert.Empty(whole.Elements(Mpd + "Location"));
        Assert.NotNull(whole.Element(Mpd + "ContentSteering"));
    }

    public void Dispose() => origin.Dispose();

    private static List<string> Priority(JsonElement manifest) => [.. manifest.GetProperty("PATHWAY-PRIORITY").EnumerateArray().Select(each => each.GetString()!)];

    private async Task<JsonElement> JsonAsync(string name, string query) => JsonDocument.Parse((await GetAsync(Directory + name, query)).Text).RootElement;

    private async Task<(HttpResponse Response, string Text)> GetAsync(string path, string query = "", Action<HttpRequest>? change = null)
    {
        var exchange = new Exchange(endpoint.TryInvoke, path, change, query);
        var text = Encoding.UTF8.GetString(await exchange.BodyAsync());
        return (exchange.Response, text);
    }
}
