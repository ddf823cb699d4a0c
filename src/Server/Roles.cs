using Microsoft.Extensions.DependencyInjection;
using Millrace.Delivery;
using Millrace.Platform;
using Millrace.Server.Options;
using OpenTelemetry.Metrics;

namespace Millrace.Server;

/// <summary>The roles of a node, in the order in which they start: each needs only those in front of it.</summary>
internal static class Roles
{
    public static void Add(IServiceCollection services, EffectiveConfiguration configuration, bool demo)
    {
        AddPlatform(services, configuration);
        AddOrigin(services, configuration);
        AddMetrics(services);
    }

    private static void AddMetrics(IServiceCollection services) =>
        services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter("Millrace.*", "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel")
            .AddPrometheusExporter());

    private static void AddPlatform(IServiceCollection services, EffectiveConfiguration configuration)
    {
        var path = Path.Combine(configuration.Get<DataOptions>().Path, PlatformDatabase.FileName);
        services.AddSingleton(_ => PlatformDatabase.Open(path));
        services.AddSingleton<ChannelStore>();
    }

    private static void AddOrigin(IServiceCollection services, EffectiveConfiguration configuration)
    {
    }
}
