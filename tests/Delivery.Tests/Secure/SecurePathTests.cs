using System.Net;
using System.Net.Security;

namespace Millrace.Delivery.Tests;

/// <summary>
/// HTTPS: TLS on the socket, media answered there, all else by Kestrel. That both say the same is in <see cref="BothPathsTests"/>.
/// </summary>
public sealed class SecurePathTests : OriginPathTests
{
    private protected override bool IsSecure => true;

    [Fact]
    public async Task Http2_MediaAndOthers_AreKestrels()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var client = Http2(paths);
        // Many at a time on one connection, each larger than a block of Kestrel's.
        var all = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => client.GetByteArrayAsync(PathOf(origin, $"source/{i % 5}.m4s"))));
        for (var i = 0; i < all.Length; i++)
            Assert.Equal(Origin.BytesOf(i % 5), all[i]);
        using var other = await client.GetAsync("/other");
        Assert.Equal(HttpVersion.Version20, other.Version);
        Assert.Equal("other\n", await other.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Http2_PlaylistHeld_IsAnsweredWithTheNextPart()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var held = new Counted("millrace.delivery.held");
        using var client = Http2(paths);
        var before = held.Read();
        var playlist = client.GetStringAsync(PathOf(origin, "source/live.m3u8?_HLS_msn=5&_HLS_part=0"));
        await WaitAsync(() => held.Read() > before);
        origin.AddParts(5, 0, 1);
        Assert.Contains("5.0.m4s", await playlist, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Handshake_ThatDoesNotCome_IsCut()
    {
        using var origin = Filled();
        await using var paths = await TwoPaths.StartAsync(origin);
        using var failures = new Counted("millrace.http.tls_failures");
        using var silent = await PathClient.ConnectAsync(paths.Secure);
        using var talkative = await PathClient.ConnectAsync(paths.Secure);
        await talkative.SendAsync(Get(origin, "source/0.m4s"));
        await talkative.ReadToEndAsync();
        await WaitAsync(() => failures.Sum >= 1);
        var cut = silent.ReadToEndAsync();
        await AdvanceUntilAsync(origin, TimeSpan.FromSeconds(11), cut);
        Assert.Empty(await cut);
    }

    private static HttpClient Http2(TwoPaths paths) => new(new SocketsHttpHandler { SslOptions = TwoPaths.ClientOptions(SslApplicationProtocol.Http2) })
    {
        BaseAddress = new Uri($"https://{paths.Secure}"),
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };
}
