using Microsoft.Extensions.DependencyInjection;

namespace Millrace.Server.Rtmp;

/// <summary>Registers the RTMP listeners: behind the origin, so that they stop before it does.</summary>
internal static class RtmpRole
{
    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<RtmpMetrics>();
        services.AddSingleton<RtmpConnectionFactory>();
        services.AddSingleton<RtmpListener>();
        services.AddHostedService(provider => provider.GetRequiredService<RtmpListener>());
    }
}
