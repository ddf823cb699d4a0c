using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Millrace.Delivery;
using Millrace.Delivery.Relay;
using Millrace.Server.Http;
using Millrace.Server.Options;
using Millrace.Server.Tls;

namespace Millrace.Server;

/// <summary>
/// Puts the roles of a node together in one host.
/// </summary>
/// <remarks>
/// Hosted services start in the order of <see cref="Roles"/>, the HTTP listener last, and stop in reverse. What has to
/// happen before the HTTP listener waits for its requests (publishers let go and their broadcasts suspended or ended, so that waiting viewers get
/// their answer) is done in <see cref="IHostedLifecycleService.StoppingAsync"/>, which runs first.
/// </remarks>
public static class ServerHost
{
    /// <summary>After so long whatever has not ended is cut.</summary>
    public static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(5);

    // Beyond one thread for each core: as many as may wait for a disk or for SQLite, which have only calls that block, before
    // what is queued behind them (thousands of viewers' answers) waits for the runtime to notice, half a second at a time.
    private const int ThreadsThatMayBlock = 4;

    /// <summary>Builds the host of <c>millrace up</c>; nothing listens yet.</summary>
    public static WebApplication Build(EffectiveConfiguration configuration, bool demo) => Build(configuration, NodeRoles.Up, demo);

    /// <summary>Builds the host of a node; nothing listens yet.</summary>
    public static WebApplication Build(EffectiveConfiguration configuration, NodeRoles roles, bool demo)
    {
        ThreadPool.GetMinThreads(out var threads, out var ports);
        ThreadPool.SetMinThreads(Math.Max(threads, Environment.ProcessorCount + ThreadsThatMayBlock), ports);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        AddLogging(builder.Logging, configuration.Get<LogOptions>());
        foreach (var section in OptionSections.All)
            AddOptions(builder.Services, section, configuration);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<ServerAddresses>();
        builder.Services.AddSingleton<HttpMetrics>();
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = ShutdownTimeout);
        AddKestrel(builder, configuration.Get<HttpOptions>(), roles);
        Roles.Add(builder.Services, configuration, roles, demo);

        var app = builder.Build();
        HttpPipeline.Map(app, roles);
        app.Lifetime.ApplicationStarted.Register(() =>
            app.Services.GetRequiredService<ServerAddresses>().HttpPort = HttpPortOf(app.Services.GetRequiredService<IServer>()));
        return app;
    }

    private static void AddLogging(ILoggingBuilder logging, LogOptions options)
    {
        logging.SetMinimumLevel(options.Level);
        foreach (var framework in (string[])["Microsoft", "System", "OpenTelemetry"])
            logging.AddFilter(framework, options.Level > LogLevel.Warning ? options.Level : LogLevel.Warning);
        // A start that fails is said by the command, in words; what ends a running host is logged as critical.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss.fff ";
            console.UseUtcTimestamp = true;
            console.ColorBehavior = LoggerColorBehavior.Default;
        });
        // Standard output is for what was asked for.
        logging.Services.Configure<ConsoleLoggerOptions>(console =>
        {
            console.LogToStandardErrorThreshold = LogLevel.Trace;
            // Whoever reads our log may be slow or stuck; streams do not wait for it. The logger says how many lines it dropped.
            console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        });
    }

    /// <summary>Every option class is there by itself and as <c>IOptions&lt;T&gt;</c>.</summary>
    private static void AddOptions(IServiceCollection services, OptionSection section, EffectiveConfiguration configuration)
    {
        var value = configuration.Get(section);
        services.AddSingleton(section.Type, value);
        var wrapper = typeof(Microsoft.Extensions.Options.OptionsWrapper<>).MakeGenericType(section.Type);
        services.AddSingleton(typeof(Microsoft.Extensions.Options.IOptions<>).MakeGenericType(section.Type), Activator.CreateInstance(wrapper, value)!);
    }

    private static void AddKestrel(WebApplicationBuilder builder, HttpOptions options, NodeRoles roles)
    {
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
            kestrel.Limits.MaxConcurrentUpgradedConnections = options.MaxConnections;
            kestrel.Limits.KeepAliveTimeout = options.KeepAlive;
            kestrel.Limits.RequestHeadersTimeout = options.HeaderTimeout;
            // The longest media path is about 120 characters; players send about 600 bytes of head.
            kestrel.Limits.MaxRequestLineSize = 4096;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.MaxRequestHeaderCount = 64;
            kestrel.Limits.MaxRequestBodySize = 64 * 1024;
            if (ListenAddress.TryParse(options.Address, out var address) && options.Address != "*")
                kestrel.Listen(address, options.Port);
            else
                kestrel.ListenAnyIP(options.Port);
            if (options.Tls.Listens() is not { } secure)
                return;
            // TLS itself is the transport's. Every address means both families, or the one that there is.
            if (options.Address == "*" && !Socket.OSSupportsIPv6)
                address = IPAddress.Any;
            kestrel.Listen(new SecureEndPoint(address, secure));
        });
        // A node that only takes streams in answers no media.
        var isDirect = (roles.HasFlag(NodeRoles.Origin) || roles == NodeRoles.Relay) && options.DirectMedia && DirectTransport.IsSupported;
        var limits = new DirectLimits(options.MaxConnections, options.KeepAlive, options.HeaderTimeout);
        // The transport that is registered last is asked first.
        if (isDirect)
            AddDirect(builder.Services, limits, roles);
        if (options.Tls.Listens() is not null)
            AddSecure(builder.Services, options.Tls, limits, isDirect, roles);
    }

    private static void AddDirect(IServiceCollection services, DirectLimits limits, NodeRoles roles) =>
        services.AddSingleton<IConnectionListenerFactory>(provider =>
        {
            var (time, pools, loggers) = (provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<IMemoryPoolFactory<byte>>(), provider.GetRequiredService<ILoggerFactory>());
            return roles == NodeRoles.Relay
                ? new DirectTransport(provider.GetRequiredService<RelayNode>(), limits, time, pools, loggers)
                : new DirectTransport(provider.GetRequiredService<OriginStore>(), limits, time, pools, loggers);
        });

    private static void AddSecure(IServiceCollection services, TlsOptions options, DirectLimits limits, bool isDirect, NodeRoles roles) =>
        services.AddSingleton<IConnectionListenerFactory>(provider =>
        {
            var (time, pools, loggers) = (provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<IMemoryPoolFactory<byte>>(), provider.GetRequiredService<ILoggerFactory>());
            var identity = new TlsIdentity(
                "Http:Tls", options, [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11], time, loggers.CreateLogger("Millrace.Server.Http.Tls"));
            if (!isDirect)
                return new SecureTransport(() => identity.Current, limits, time, pools, loggers);
            return roles == NodeRoles.Relay
                ? new SecureTransport(provider.GetRequiredService<RelayNode>(), () => identity.Current, limits, time, pools, loggers)
                : new SecureTransport(provider.GetRequiredService<OriginStore>(), () => identity.Current, limits, time, pools, loggers);
        });

    private static int HttpPortOf(IServer server) =>
        server.Features.Get<IServerAddressesFeature>()?.Addresses.Select(BindingAddress.Parse).Select(address => address.Port).FirstOrDefault() ?? 0;
}
