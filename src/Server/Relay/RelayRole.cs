using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Delivery.Relay;
using Millrace.Server.Options;

namespace Millrace.Server.Relay;

/// <summary>The relay's services, and those with which every node tells the relays below it what is purged.</summary>
internal static class RelayRole
{
    public static void Add(IServiceCollection services, EffectiveConfiguration configuration)
    {
        services.AddSingleton<RelayNode>();
        services.AddSingleton<RelayEndpoint>();
        services.AddSingleton(provider => new PurgeListener(
            provider.GetRequiredService<RelayNode>(), provider.GetRequiredService<PurgeLog>(), configuration.Get<ClusterOptions>().Secret,
            provider.GetRequiredService<ILogger<PurgeListener>>()));
        services.AddHostedService<RelayLife>();
    }

    public static void AddPurges(IServiceCollection services, EffectiveConfiguration configuration)
    {
        services.AddSingleton<PurgeLog>();
        services.AddSingleton(provider => new PurgeEndpoint(
            provider.GetRequiredService<PurgeLog>(), configuration.Get<ClusterOptions>().Secret, provider.GetRequiredService<TimeProvider>()));
        services.AddHostedService<PurgeLife>();
    }
}

/// <summary>Starts the relay before anyone asks it, and answers those who wait before the HTTP listener waits for them.</summary>
internal sealed class RelayLife(RelayNode relay, PurgeListener purges) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        relay.Start();
        purges.Start();
        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => relay.DrainAsync();

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Lets the relays below go when the node stops.</summary>
internal sealed class PurgeLife(PurgeLog purges) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        purges.Close();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
