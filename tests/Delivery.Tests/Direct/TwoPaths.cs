using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Delivery.Tests.Relay;

namespace Millrace.Delivery.Tests;

/// <summary>
/// One origin or relay behind two servers, set up as the binary sets up its own: with the direct path in front of Kestrel, plain and
/// with TLS, and without it.
/// </summary>
internal sealed partial class TwoPaths : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly SslServerAuthenticationOptions Identity = SelfSigned();

    private readonly ConcurrentQueue<Exception> faults = new();
    private readonly WebApplication direct;
    private readonly WebApplication plain;
    private int kestrels;

    private TwoPaths(TryAnswer media, params Func<IMemoryPoolFactory<byte>, IConnectionListenerFactory>[] transports)
    {
        direct = Build((HttpContext context, out Task task) =>
        {
            var isMedia = media(context, out task);
            if (isMedia)
                Interlocked.Increment(ref kestrels);
            return isMedia;
        }, transports);
        plain = Build(media, null);
    }

    /// <summary>Where requests go through the direct path first.</summary>
    public IPEndPoint Direct => EndPointOf(direct, 0);

    /// <summary>The same through TLS, HTTP/1.1 and HTTP/2.</summary>
    public IPEndPoint Secure => EndPointOf(direct, 1);

    /// <summary>Where Kestrel answers everything.</summary>
    public IPEndPoint Plain => EndPointOf(plain, 0);

    public static async Task<TwoPaths> StartAsync(Origin origin, int maxConnections = 1000)
    {
        Assert.SkipUnless(DirectTransport.IsSupported, "The direct path needs Linux.");
        var limits = Limits(maxConnections);
        return await StartAsync(new TwoPaths(
            new MediaEndpoint(origin.Store, origin.Time).TryInvoke,
            pools => new DirectTransport(origin.Store, limits, origin.Time, pools, NullLoggerFactory.Instance),
            pools => new SecureTransport(origin.Store, () => Identity, limits, origin.Time, pools, NullLoggerFactory.Instance)));
    }

    public static async Task<TwoPaths> StartAsync(TestRelay relay)
    {
        Assert.SkipUnless(DirectTransport.IsSupported, "The direct path needs Linux.");
        return await StartAsync(new TwoPaths(
            relay.Endpoint.TryInvoke,
            pools => new DirectTransport(relay.Node, Limits(2000), relay.Time, pools, NullLoggerFactory.Instance),
            pools => new SecureTransport(relay.Node, () => Identity, Limits(2000), relay.Time, pools, NullLoggerFactory.Instance)));
    }

    /// <summary>Media requests that Kestrel answered behind the direct path.</summary>
    public int Kestrels => Volatile.Read(ref kestrels);

    private static DirectLimits Limits(int maxConnections) => new(maxConnections, TimeSpan.FromSeconds(75), TimeSpan.FromSeconds(10));

    private static async Task<TwoPaths> StartAsync(TwoPaths paths)
    {
        await paths.direct.StartAsync();
        await paths.plain.StartAsync();
        return paths;
    }

    public Task StopDirectAsync(CancellationToken cancellation) => direct.StopAsync(cancellation);

    /// <summary>Sends bytes on a connection of their own and reads until the server ends it. The date is taken out.</summary>
    public static async Task<string> ExchangeAsync(IPEndPoint server, string request, bool isSecure = false)
    {
        using var client = await PathClient.ConnectAsync(server, isSecure);
        await client.SendAsync(Encoding.Latin1.GetBytes(request));
        return WithoutDate(Encoding.Latin1.GetString(await client.ReadToEndAsync()));
    }

    /// <summary>What a client that knows the server says in its handshake.</summary>
    public static SslClientAuthenticationOptions ClientOptions(params List<SslApplicationProtocol> protocols) => new()
    {
        TargetHost = "localhost",
        ApplicationProtocols = protocols,
        RemoteCertificateValidationCallback = (_, shown, _, _) =>
            shown?.GetCertHashString() == Identity.ServerCertificateContext!.TargetCertificate.GetCertHashString(),
    };

    /// <summary>The body of a chunked response (RFC 9112 §7.1), whole.</summary>
    public static string Dechunked(string answer)
    {
        var body = new StringBuilder();
        var at = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        while (true)
        {
            var line = answer.IndexOf("\r\n", at, StringComparison.Ordinal);
            var length = int.Parse(answer.AsSpan(at, line - at), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (length == 0)
                return body.ToString();
            body.Append(answer, line + 2, length);
            at = line + 2 + length + 2;
        }
    }

    public static string WithoutDate(string answer) => Date().Replace(answer, "Date: now\r\n");

    /// <summary>What the application threw.</summary>
    public IEnumerable<Exception> Faults => faults;

    public async ValueTask DisposeAsync()
    {
        // What a test left open is not waited for.
        using var now = new CancellationTokenSource();
        now.Cancel();
        await direct.StopAsync(now.Token);
        await plain.StopAsync(now.Token);
        await direct.DisposeAsync();
        await plain.DisposeAsync();
    }

    private WebApplication Build(TryAnswer media, Func<IMemoryPoolFactory<byte>, IConnectionListenerFactory>[]? transports)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestLineSize = 4096;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.MaxRequestHeaderCount = 64;
            kestrel.Limits.MaxRequestBodySize = 64 * 1024;
            kestrel.Listen(IPAddress.Loopback, 0);
            if (transports is not null)
                kestrel.Listen(new SecureEndPoint(IPAddress.Loopback, 0));
        });
        foreach (var transport in transports ?? [])
            builder.Services.AddSingleton(provider => transport(provider.GetRequiredService<IMemoryPoolFactory<byte>>()));
        var app = builder.Build();
        app.Use(next => async context =>
        {
            try
            {
                await next(context);
            }
            catch (Exception fault)
            {
                faults.Enqueue(fault);
                throw;
            }
        });
        app.Use(next => context => media(context, out var task) ? task : next(context));
        app.Run(context =>
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            context.Response.ContentLength = 6;
            return context.Response.WriteAsync("other\n");
        });
        return app;
    }

    private static IPEndPoint EndPointOf(WebApplication app, int index) =>
        new(IPAddress.Loopback, new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ElementAt(index)).Port);

    private static SslServerAuthenticationOptions SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        };
    }

    [GeneratedRegex("Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\r\n")]
    private static partial Regex Date();
}
