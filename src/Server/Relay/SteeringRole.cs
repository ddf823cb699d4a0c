using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Delivery.Steering;
using Millrace.Server.Options;

namespace Millrace.Server.Relay;

/// <summary>Which edges viewers play from, and whether this node wants viewers itself.</summary>
internal static class SteeringRole
{
    /// <summary>For origins and platforms.</summary>
    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<EdgeProbe>();
        services.AddHostedService<EdgeProbeLife>();
    }

    /// <summary>For every node.</summary>
    public static void AddDrain(IServiceCollection services, EffectiveConfiguration configuration)
    {
        services.AddSingleton<EdgeSet>();
        services.AddSingleton<RegionHint>();
        services.AddSingleton<NodeDrain>();
        services.AddSingleton(provider => new DrainEndpoint(
            provider.GetRequiredService<NodeDrain>(), configuration.Get<ClusterOptions>().Secret, provider.GetRequiredService<ILogger<DrainEndpoint>>()));
    }
}

/// <summary>Looks after the edges as long as the node runs; the container disposes the probe.</summary>
internal sealed class EdgeProbeLife(EdgeProbe probe) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        probe.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
