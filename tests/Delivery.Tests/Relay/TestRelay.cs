using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millrace.Delivery.Relay;

namespace Millrace.Delivery.Tests.Relay;

/// <summary>A relay with scripted parents and a clock that the test moves.</summary>
internal sealed class TestRelay : IAsyncDisposable
{
    public const string Immutable = "public, max-age=31536000, immutable";
    public const string Base = "/b/01aaaaaaaaaaaaaaaaaaaaaaaa/source/";

    public TestRelay(Action<RelayOptions>? change = null, int parents = 1)
    {
        var options = new RelayOptions
        {
            Name = "edge",
            Parents = [.. Enumerable.Range(0, parents).Select(index => $"http://parent{index}:8080")],
            HedgeAfter = TimeSpan.Zero,
        };
        change?.Invoke(options);
        Node = new RelayNode(options, Time, NullLogger.Instance, Parents);
        Endpoint = new RelayEndpoint(Node);
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 11, 22, 20, 0, 0, TimeSpan.Zero));

    public ScriptedParents Parents { get; } = new();

    public RelayNode Node { get; }

    public RelayEndpoint Endpoint { get; }

    /// <summary>Begins a request.</summary>
    public Exchange Get(string path, string query = "", Action<HttpRequest>? change = null) => new(Endpoint.TryInvoke, path, change, query);

    /// <summary>A request and its whole answer.</summary>
    public async Task<(HttpResponse Response, string Text)> TextAsync(string path, string query = "", Action<HttpRequest>? change = null)
    {
        var exchange = Get(path, query, change);
        var text = Encoding.UTF8.GetString(await exchange.BodyAsync());
        return (exchange.Response, text);
    }

    /// <summary>Every request of the given kind is answered with this from now on.</summary>
    public void Answer(string body, string cacheControl, int status = 200, params (string, string)[] headers) =>
        Parents.Automatic = request =>
        {
            request.Respond(status, body, cacheControl, headers);
            return true;
        };

    /// <summary>Waits until the relay has no fetch under way.</summary>
    public Task IdleAsync() => IdleButAsync(0);

    /// <summary>Waits until the relay has no more fetches under way than so many, held ones.</summary>
    public Task IdleButAsync(int held) => UntilAsync(() => Node.Cache.Fetching <= held);

    /// <summary>Lets the relay's tasks run until a condition holds.</summary>
    public static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!holds())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <summary>
    /// Moves the clock in small steps until a condition holds, so that timers that are set on the way fire as well. Between
    /// two steps whatever was woken gets its turn; at the end it gets the time that a busy machine needs.
    /// </summary>
    public async Task AdvanceUntilAsync(Func<bool> holds, TimeSpan most)
    {
        var step = TimeSpan.FromMilliseconds(10);
        for (var passed = TimeSpan.Zero; passed <= most && !holds(); passed += step)
        {
            Time.Advance(step);
            for (var i = 0; i < 300 && !holds(); i++)
                await Task.Yield();
            // A thread that the machine has not given a turn has not set its timer yet.
            if (!holds())
                await Task.Delay(TimeSpan.FromMilliseconds(1));
        }
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!holds())
        {
            Assert.False(limit.IsCancellationRequested, $"It did not happen within {most}.");
            await Task.Yield();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Node.DisposeAsync();
        Parents.Dispose();
    }

    /// <summary>A low-latency playlist that ends with that many parts of that segment.</summary>
    public static string Playlist(long segment, int parts, bool ended = false)
    {
        var text = new StringBuilder("#EXTM3U\n#EXT-X-VERSION:10\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5\n#EXT-X-PART-INF:PART-TARGET=0.5\n");
        text.Append(System.Globalization.CultureInfo.InvariantCulture, $"#EXT-X-MEDIA-SEQUENCE:{segment - 1}\n#EXT-X-MAP:URI=\"0-init.mp4\"\n#EXTINF:2.0,\n{segment - 1}.m4s\n");
        for (var part = 0; part < parts; part++)
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"#EXT-X-PART:DURATION=0.5,URI=\"{segment}.{part}.m4s\"\n");
        if (ended)
            text.Append("#EXT-X-ENDLIST\n");
        else
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{segment}.{parts}.m4s\"\n");
        return text.ToString();
    }
}
