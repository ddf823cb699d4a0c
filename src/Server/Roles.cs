using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Delivery.Previews;
using Millrace.Ingest;
using Millrace.Packaging;
using Millrace.Platform;
using Millrace.Server.Demo;
using Millrace.Server.Options;
using Millrace.Server.Relay;
using Millrace.Server.Rtmp;
using Millrace.Server.Transcoding;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Millrace.Server;

/// <summary>The roles of a node, in the order in which they start: each needs only those in front of it.</summary>
internal static class Roles
{
    public static void Add(IServiceCollection services, EffectiveConfiguration configuration, NodeRoles roles, bool demo)
    {
        AddMetrics(services);
        RelayRole.AddPurges(services, configuration);
        if (roles == NodeRoles.Relay)
        {
            RelayRole.Add(services, configuration);
            return;
        }
        AddPlatform(services, configuration);
        AddOrigin(services, configuration);
        TranscodingRole.Add(services, configuration);
        AddIngest(services, configuration);
        RtmpRole.Add(services);
        if (demo)
            services.AddHostedService<DemoService>();
    }

    private static void AddMetrics(IServiceCollection services) =>
        services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.Clear().AddService(
                "millrace", serviceVersion: typeof(Roles).Assembly.GetName().Version!.ToString(3), autoGenerateServiceInstanceId: false))
            .WithMetrics(metrics => metrics
                .AddMeter("Millrace.*", "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel")
                .AddPrometheusExporter());

    private static void AddPlatform(IServiceCollection services, EffectiveConfiguration configuration)
    {
        var path = Path.Combine(configuration.Get<DataOptions>().Path, PlatformDatabase.FileName);
        services.AddSingleton(_ => PlatformDatabase.Open(path));
        services.AddSingleton<ChannelStore>();
        services.AddSingleton<PlatformApi>();
        services.AddSingleton<BroadcastApi>();
        services.AddSingleton(_ => OperatorToken.LoadOrCreate(configuration.Get<DataOptions>().Path));
        services.AddSingleton<IStreamKeys, ChannelKeys>();
    }

    private static void AddIngest(IServiceCollection services, EffectiveConfiguration configuration)
    {
        services.AddSingleton(MediaBlockPool.Shared);
        services.AddSingleton(provider => new BroadcastDirectory(
            configuration.Get<IngestOptions>(), configuration.Get<PackagingOptions>(), provider.GetRequiredService<IBroadcastSinkFactory>(),
            provider.GetRequiredService<MediaBlockPool>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<Ladders>()));
        services.AddSingleton<IngestMetrics>();
        services.AddSingleton<LadderMetrics>();
        services.AddSingleton(provider => new Admission(configuration.Get<IngestOptions>(), provider.GetRequiredService<IStreamKeys>()));
    }

    private static void AddOrigin(IServiceCollection services, EffectiveConfiguration configuration)
    {
        services.AddSingleton(provider => new OriginStore(
            configuration.Get<DeliveryOptions>(), configuration.Get<DvrOptions>(), configuration.Get<RetentionOptions>(),
            configuration.Get<PackagingOptions>().Window, configuration.Get<DataOptions>().Path,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<OriginStore>>()));
        services.AddSingleton<IBroadcastSinkFactory>(provider => provider.GetRequiredService<OriginStore>());
        services.AddSingleton<MediaEndpoint>();
        services.AddHostedService<OriginLife>();
        services.AddHostedService<PreviewMaker>();
    }
}

/// <summary>Opens the origin before anyone publishes, and ends what is on air before the HTTP listener waits for its viewers.</summary>
internal sealed class OriginLife(OriginStore store) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        store.EndAll();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
