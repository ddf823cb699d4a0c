using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Server.Options;

namespace Millrace.Server.Tests.Relay;

/// <summary>What comes over a socket that no player would send, at a whole relay. Its parent notes everything that reaches it.</summary>
public sealed partial class RelayBadInputTests : IAsyncLifetime
{
    private const int LargeBytes = 8 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ConcurrentQueue<(string Target, string Host, string Others)> reached = new();
    private WebApplication parent = null!;
    private WebApplication relay = null!;
    private int port;

    public async ValueTask InitializeAsync()
    {
        // A parent that answers everything, and says in its answer who it was taken for: what a poisoned cache would keep.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        parent = builder.Build();
        parent.Run(async context =>
        {
            if (context.Request.Path == "/health/ready")
                return;
            var headers = context.Request.Headers;
            reached.Enqueue(($"{context.Request.Path}{context.Request.QueryString}", headers.Host.ToString(),
                string.Join(' ', headers.Keys.Except(["Host", "Accept-Encoding", "CDN-Loop"]).Order())));
            context.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
            if (context.Request.Path.Value!.EndsWith("/large.m4s", StringComparison.Ordinal))
            {
                context.Response.ContentLength = LargeBytes;
                await context.Response.BodyWriter.WriteAsync(new byte[LargeBytes]);
                return;
            }
            context.Response.Headers.Vary = "Accept-Encoding";
            await context.Response.WriteAsync($"for {headers.Host} as {headers.AcceptEncoding}".PadRight(1000, '.'));
        });
        await parent.StartAsync(TestContext.Current.CancellationToken);
        var address = parent.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

        var configuration = EffectiveConfiguration.Load(null,
        [
            new("Http:Address", "127.0.0.1"), new("Http:Port", "0"), new("Http:HeaderTimeout", "1s"), new("Log:Level", "none"), new("Relay:Parents", address),
            new("Relay:AnswerTimeout", "20s"), new("Relay:ConnectTimeout", "10s"), new("Relay:ProbeTimeout", "10s"), new("Relay:HedgeAfter", "0s"),
        ]);
        Assert.Empty(configuration.Faults);
        relay = ServerHost.Build(configuration, NodeRoles.Relay, demo: false);
        await relay.StartAsync(TestContext.Current.CancellationToken);
        port = relay.Services.GetRequiredService<ServerAddresses>().HttpPort;
    }

    [Theory]
    [InlineData("/live/../../etc/passwd")]
    [InlineData("/b/x/../../../../etc/passwd")]
    [InlineData("/b/%2e%2e/%2e%2e/etc/passwd")]
    [InlineData("/b/x/..%2f..%2f..%2fetc%2fpasswd")]
    [InlineData("/b/x/%2e%2e%5c%2e%2e%5cetc%5cpasswd")]
    [InlineData("/b/x/a%00.m4s")]
    [InlineData("/b/x/a%0d%0aX-Evil:%201.m4s")]
    [InlineData("/b/x/a.m4s/")]
    [InlineData("/b/x/\\..\\a.m4s")]
    [InlineData("/b/x/%c0%ae%c0%ae/a.m4s")]
    public async Task Path_ThatLeadsElsewhere_ReachesNoParent(string path)
    {
        var answer = await AskAsync($"GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
        Assert.Matches("^HTTP/1.1 40[04] ", answer);
        Assert.DoesNotContain("X-Evil", answer, StringComparison.Ordinal);
        Assert.Empty(reached);
    }

    [Theory]
    [InlineData("bytes=0-99999999999999999999", 206)]
    [InlineData("bytes=99999999999999999999-", 416)]
    [InlineData("bytes=999999999-", 416)]
    [InlineData("bytes=-0", 416)]
    [InlineData("bytes=5-2", 200)]
    [InlineData("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9", 200)]
    [InlineData("bytes=0-1", 206)]
    public async Task Range_HoweverAbsurd_IsAnsweredHereAndPoisonsNothing(string range, int status)
    {
        var first = await AskAsync($"GET /b/x/a.m4s HTTP/1.1\r\nHost: relay\r\nRange: {range}\r\nConnection: close\r\n\r\n");
        var after = await AskAsync("GET /b/x/a.m4s HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
        var again = await AskAsync($"GET /b/x/a.m4s HTTP/1.1\r\nHost: relay\r\nRange: {range}\r\nConnection: close\r\n\r\n");
        // While a body whose length is not known still comes a range gets all of it (RFC 9110 §14.2); more ranges: HostileHttpTests.
        Assert.Contains(Status(first), new[] { status, 200 });
        Assert.Equal((200, 1000, status), (Status(after), Body(after).Length, Status(again)));
        Assert.Single(reached);
    }

    [Theory]
    [InlineData("many", 431)]
    [InlineData("large", 431)]
    [InlineData("line", 414)]
    public async Task Head_ThatFloods_IsRefusedAtItsLimit(string kind, int status)
    {
        var head = kind switch
        {
            "many" => $"GET /b/x/a.m4s HTTP/1.1\r\nHost: relay\r\n{string.Concat(Enumerable.Range(0, 5000).Select(index => $"X-{index}: 1\r\n"))}\r\n",
            "large" => $"GET /b/x/a.m4s HTTP/1.1\r\nHost: relay\r\nX-Large: {new string('a', 1 << 20)}\r\n\r\n",
            _ => $"GET /b/x/a.m4s?{new string('a', 1 << 20)} HTTP/1.1\r\nHost: relay\r\n\r\n",
        };
        var answer = await AskAsync(head);
        // The rest of the flood may meet a connection that is reset already, and the answer with it.
        Assert.True(answer.Length == 0 || Status(answer) == status, answer);
        Assert.Empty(reached);
        Assert.Equal(200, Status(await AskAsync("GET /b/x/a.m4s HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n")));
    }

    [Fact]
    public async Task Head_ThatNeverEnds_IsClosedAtItsTimeout()
    {
        var answer = await AskAsync("GET /b/x/a.m4s HTTP/1.1\r\nHost: relay\r\nX-Slow: ");
        Assert.True(answer.Length == 0 || Status(answer) == 408, answer);
        Assert.Empty(reached);
    }

    [Theory]
    [InlineData("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")]
    [InlineData("Content-Length: 5\r\nContent-Length: 6\r\n")]
    [InlineData("Content-Length: +5\r\n")]
    [InlineData("Content-Length: 5, 5\r\n")]
    [InlineData("Content-Length: -1\r\n")]
    [InlineData("Content-Length : 5\r\n")]
    [InlineData("Transfer-Encoding: xchunked\r\n")]
    [InlineData("Transfer-Encoding: chunked, identity\r\n")]
    [InlineData("Transfer-Encoding:\r\n chunked\r\n")]
    [InlineData("Transfer-Encoding : chunked\r\n")]
    public async Task Message_WhoseEndIsAmbiguous_IsRefusedAndNothingBehindItIsHeard(string framing)
    {
        foreach (var path in (string[])["/b/x/a.m4s", "/health/ready"])
        {
            var answer = await AskAsync($"GET {path} HTTP/1.1\r\nHost: relay\r\n{framing}\r\n0\r\n\r\nGET /b/x/smuggled.m4s HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
            Assert.Equal(400, Status(answer));
            Assert.Single(Statuses().Matches(answer));
        }
        Assert.Empty(reached);
    }

    [Fact]
    public async Task Message_ThatIsRefused_IsCounted()
    {
        Assert.Equal(400, Status(await AskAsync("GET /b/x/a.m4s HTTP/1.1\r\nHost: relay\r\nContent-Length: 5\r\n\r\nhello")));
        Assert.Equal(400, Status(await AskAsync("POST /internal/purge HTTP/1.1\r\nHost: relay\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")));
        Assert.Equal(431, Status(await AskAsync($"GET /metrics HTTP/1.1\r\nHost: relay\r\nX-Long: {new string('x', 20_000)}\r\n\r\n")));
        var text = await MetricsAsync();
        Assert.Matches("millrace_http_refused_total\\{[^}]*reason=\"unexpected_body\"[^}]*\\} 1\\s", text);
        Assert.Matches("millrace_http_refused_total\\{[^}]*reason=\"two_lengths\"[^}]*\\} 1\\s", text);
        // Kestrel counts a connection when it is done with it, which may be after the client is.
        using var limit = new CancellationTokenSource(Patience);
        while (!Regex.IsMatch(text, "kestrel_connection_duration_seconds_count\\{[^}]*error_type=\"max_request_headers_total_size_exceeded\""))
        {
            Assert.False(limit.IsCancellationRequested, text);
            text = await MetricsAsync();
        }
    }

    [Fact]
    public async Task Media_AskedForWithABodyOrByAnotherMethod_ReachesNoParent()
    {
        foreach (var method in (string[])["GET", "HEAD"])
            Assert.Matches("^HTTP/1.1 400 ", await AskAsync($"{method} /b/x/a.m4s HTTP/1.1\r\nHost: relay\r\nContent-Length: 5\r\n\r\nhello"));
        foreach (var method in (string[])["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
            Assert.Matches("^HTTP/1.1 405 ", await AskAsync($"{method} /b/x/b.m4s HTTP/1.1\r\nHost: relay\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        Assert.Empty(reached);
    }

    [Fact]
    public async Task Cache_WhateverQueryHostOrHeaderAsked_GivesTheSameToAll()
    {
        string[] poison =
        [
            "GET /live/x/main.m3u8?x=<script> HTTP/1.1\r\nHost: evil.example\r\n",
            "GET /live/x/main.m3u8?utm_content=1&_HLS_push=1 HTTP/1.1\r\nHost: evil.example:99\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\n",
            "GET http://evil.example/live/x/main.m3u8 HTTP/1.1\r\nHost: evil.example\r\nForwarded: host=evil.example\r\nX-Original-URL: /b/x/evil\r\n",
            "GET /live/x/main.m3u8 HTTP/1.1\r\nHost: relay\r\nCookie: a=b\r\nAuthorization: Bearer x\r\nX-HTTP-Method-Override: POST\r\n",
            "GET /live/x/main.m3u8 HTTP/1.1\r\nHost: relay\r\nAccept-Encoding: zzz, evil;q=1\r\n",
            "GET /live/x/main.m3u8 HTTP/1.1\r\nHost: relay\r\nAccept-Encoding: gzip;q=0, br;q=0, *;q=0\r\n",
            "GET /live/x/main.m3u8 HTTP/1.1\r\nHost: relay\r\nCache-Control: no-cache\r\nPragma: no-cache\r\nIf-None-Match: *x\r\n",
        ];
        foreach (var head in poison)
        {
            var answer = await AskAsync(head + "Connection: close\r\n\r\n");
            Assert.Equal(200, Status(answer));
            Assert.DoesNotContain("evil", answer, StringComparison.Ordinal);
        }
        var (target, host, others) = Assert.Single(reached);
        Assert.Equal(("/live/x/main.m3u8", ""), (target, others));
        Assert.StartsWith("127.0.0.1:", host, StringComparison.Ordinal);
        // A second variant for those who take both codings, and that is all there ever is.
        foreach (var coding in (string[])["gzip, br", "BR;q=1.0, GZIP", "gzip;q=0.1, br;q=0.2", "br, gzip, " + new string('x', 8000)])
            Assert.Contains("as br, gzip", await AskAsync($"GET /live/x/main.m3u8 HTTP/1.1\r\nHost: relay\r\nAccept-Encoding: {coding}\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
        Assert.Equal(2, reached.Count);
    }

    [Fact]
    public async Task Viewers_ThatDoNotRead_ShareOneObjectAndHoldUpNobody()
    {
        List<TcpClient> slow = [];
        try
        {
            for (var i = 0; i < 50; i++)
            {
                var client = new TcpClient { ReceiveBufferSize = 4096 };
                slow.Add(client);
                await client.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken);
                await client.GetStream().WriteAsync("GET /b/x/large.m4s HTTP/1.1\r\nHost: relay\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
                // The beginning is there: it is being sent.
                await client.GetStream().ReadExactlyAsync(new byte[16], TestContext.Current.CancellationToken);
            }
            var whole = await AskAsync("GET /b/x/large.m4s HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
            Assert.Equal((200, LargeBytes), (Status(whole), Body(whole).Length));
            Assert.Single(reached);
            var metrics = await AskAsync("GET /metrics HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
            var held = long.Parse(MemoryLine().Match(metrics).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(held, LargeBytes, LargeBytes * 5L / 4);
        }
        finally
        {
            slow.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public async Task Refusals_AreCountedByReason()
    {
        await AskAsync("GET /b/x/%2e%2e%5c HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
        await AskAsync("POST /b/x/a.m4s HTTP/1.1\r\nHost: relay\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        await AskAsync("GET /b/x/live.m3u8?_HLS_msn=-1 HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
        var metrics = await AskAsync("GET /metrics HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
        foreach (var reason in (string[])["name", "method", "directives"])
            Assert.Matches($"millrace_relay_refused_total\\{{[^}}]*reason=\"{reason}\"[^}}]*\\}} [1-9]", metrics);
        Assert.Empty(reached);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var app in (WebApplication[])[relay, parent])
        {
            await app.StopAsync(CancellationToken.None);
            await app.DisposeAsync();
        }
    }

    [GeneratedRegex("HTTP/1\\.1 [0-9]{3} ")]
    private static partial Regex Statuses();

    [GeneratedRegex("millrace_relay_memory_bytes(?:\\{[^}]*\\})? ([0-9]+)")]
    private static partial Regex MemoryLine();

    private static int Status(string answer) => answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) ? int.Parse(answer.AsSpan(9, 3), System.Globalization.CultureInfo.InvariantCulture) : 0;

    private static string Body(string answer) => answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

    /// <summary>Sends these bytes and reads until the relay closes; what came before a reset counts.</summary>
    private Task<string> MetricsAsync() => AskAsync("GET /metrics HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");

    private async Task<string> AskAsync(string bytes)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port, limit.Token);
        var stream = client.GetStream();
        using var answer = new MemoryStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(bytes), limit.Token);
        }
        catch (IOException)
        {
            // Closed while it was still being told: there may be an answer.
        }
        try
        {
            await stream.CopyToAsync(answer, limit.Token);
        }
        catch (IOException)
        {
            // Reset.
        }
        return Encoding.Latin1.GetString(answer.ToArray());
    }
}
