using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Millrace.Server.Cmaf;

/// <summary>Registers the way in for other packagers: behind the origin, as the RTMP listeners.</summary>
internal static class CmafRole
{
    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<CmafMetrics>();
        services.AddSingleton<CmafPublishers>();
        services.AddSingleton<CmafIngestEndpoint>();
        services.AddHostedService<CmafLife>();
    }

    /// <summary>Lets the packagers go before the HTTP listener waits for their requests.</summary>
    private sealed class CmafLife(CmafPublishers publishers) : IHostedLifecycleService
    {
        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken)
        {
            publishers.Stop();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
