using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Delivery.Previews;
using Millrace.Delivery.Relay;
using Millrace.Delivery.Steering;
using Millrace.Ingest;
using Millrace.Packaging;
using Millrace.Platform;
using Millrace.Push;
using Millrace.Server.Cmaf;
using Millrace.Server.Demo;
using Millrace.Server.Options;
using Millrace.Server.Relay;
using Millrace.Server.Rtmp;
using Millrace.Server.Transcoding;
using Millrace.Transcoding;
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
        SteeringRole.AddDrain(services, configuration);
        if (roles == NodeRoles.Relay)
        {
            RelayRole.Add(services, configuration);
            return;
        }
        services.AddSingleton(FfmpegProgram.Find(configuration.Get<TranscodingOptions>().Ffmpeg));
        AddPlatform(services, configuration);
        SteeringRole.Add(services);
        if (roles.HasFlag(NodeRoles.Origin))
            AddOrigin(services, configuration);
        else
            AddPush(services, configuration);
        if (roles.HasFlag(NodeRoles.Ingest))
            TranscodingRole.Add(services, configuration);
        AddIngest(services, configuration);
        if (roles.HasFlag(NodeRoles.Ingest))
        {
            RtmpRole.Add(services);
            CmafRole.Add(services);
        }
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
        services.AddSingleton(provider => new PlatformApi(
            provider.GetRequiredService<ChannelStore>(), provider.GetService<OriginStore>(), provider.GetService<PushSinkFactory>(),
            provider.GetRequiredService<BroadcastDirectory>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new BroadcastApi(
            provider.GetService<OriginStore>(), provider.GetService<PushedBroadcasts>(), provider.GetRequiredService<Takedowns>(),
            provider.GetRequiredService<BroadcastDirectory>(), provider.GetRequiredService<OperatorToken>(), provider.GetRequiredService<PurgeLog>()));
        services.AddSingleton<ClipApi>();
        services.AddSingleton<StorageApi>();
        services.AddSingleton(provider => new PlaybackApi(
            provider.GetRequiredService<ChannelStore>(), provider.GetService<OriginStore>(), provider.GetRequiredService<BroadcastDirectory>(),
            provider.GetRequiredService<EdgeSet>(), provider.GetRequiredService<RegionHint>()));
        services.AddSingleton(_ => OperatorToken.LoadOrCreate(configuration.Get<DataOptions>().Path));
        services.AddSingleton<IStreamKeys, ChannelKeys>();
    }

    private static void AddIngest(IServiceCollection services, EffectiveConfiguration configuration)
    {
        services.AddSingleton(MediaBlockPool.Shared);
        services.AddSingleton(provider => new BroadcastDirectory(
            configuration.Get<IngestOptions>(), configuration.Get<PackagingOptions>(), provider.GetRequiredService<IBroadcastSinkFactory>(),
            provider.GetRequiredService<MediaBlockPool>(), provider.GetRequiredService<TimeProvider>(), provider.GetService<Ladders>()));
        services.AddSingleton<IngestMetrics>();
        services.AddSingleton<LadderMetrics>();
        services.AddSingleton(provider => new Admission(configuration.Get<IngestOptions>(), provider.GetRequiredService<IStreamKeys>()));
    }

    private static void AddPush(IServiceCollection services, EffectiveConfiguration configuration)
    {
        services.AddSingleton(provider => new PushSinkFactory(
            configuration.Get<PushOptions>(), configuration.Get<DataOptions>().Path, provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<PushSinkFactory>>()));
        services.AddSingleton<IBroadcastSinkFactory>(provider => provider.GetRequiredService<PushSinkFactory>());
        services.AddSingleton(provider => provider.GetRequiredService<PushSinkFactory>().Takedowns);
        services.AddHostedService<PushLife>();
        services.AddHostedService<OwedTakedownLife>();
    }

    private static void AddOrigin(IServiceCollection services, EffectiveConfiguration configuration)
    {
        services.AddSingleton<IBroadcastSinkFactory>(provider => provider.GetRequiredService<OriginStore>());
        services.AddSingleton(provider => new OriginStore(
            configuration.Get<DeliveryOptions>(), configuration.Get<DvrOptions>(), configuration.Get<RetentionOptions>(),
            configuration.Get<PackagingOptions>().Window, configuration.Get<DataOptions>().Path,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<OriginStore>>(),
            configuration.Get<StorageOptions>(), provider.GetRequiredService<EdgeSet>()));
        services.AddSingleton<MediaEndpoint>();
        services.AddSingleton(provider => new PushedBroadcasts(
            provider.GetRequiredService<OriginStore>(), configuration.Get<PushOptions>(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<PushedBroadcasts>>()));
        services.AddSingleton(provider => new OriginPeers(
            configuration.Get<PushOptions>(), configuration.Get<DataOptions>().Path, provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<OriginPeers>>()));
        services.AddSingleton(provider => provider.GetRequiredService<OriginPeers>().Takedowns);
        services.AddHostedService<OwedTakedownLife>();
        services.AddSingleton<PushEndpoint>();
        services.AddSingleton<ClipMaker>();
        services.AddHostedService<PreviewMaker>();
    }
}

/// <summary>
/// Takes down here and at the other origins what one of them was told to, gives up what goes on from another node, and brings all what is on its way before
/// the process goes.
/// </summary>
internal sealed class PushLife(PushSinkFactory push, BroadcastDirectory broadcasts) : IHostedService, IDisposable
{
    // Of the five seconds that stopping may take (ServerHost.ShutdownTimeout).
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
    private readonly CancellationTokenSource stop = new();
    private readonly List<Task> takedowns = [];

    public Task StartAsync(CancellationToken cancellationToken)
    {
        push.TakenDown += TakeDown;
        push.TakenOver += GiveUp;
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        push.TakenDown -= TakeDown;
        push.TakenOver -= GiveUp;
        broadcasts.Dispose();
        await push.DrainAsync(Patience, cancellationToken);
        await stop.CancelAsync();
        Task all;
        lock (takedowns)
            all = Task.WhenAll(takedowns);
        await all.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => stop.Dispose();

    // Its publisher came to another node; one that is here still has lost the channel to that.
    private void GiveUp(ChannelName channel, BroadcastId id)
    {
        if (broadcasts.Find(channel) is { } incoming && incoming.Id == id)
            broadcasts.End(channel, new PublishRejection(PublishRejectionReason.Replaced, "Another publisher has taken this channel over, at another node."));
    }

    private void TakeDown(ChannelName channel, BroadcastId id)
    {
        if (broadcasts.Find(channel) is not { } incoming || incoming.Id != id)
            return;
        var reason = new PublishRejection(PublishRejectionReason.TakenDown, "The operator has taken this broadcast down.");
        if (!broadcasts.End(channel, reason))
            return;
        lock (takedowns)
        {
            takedowns.RemoveAll(done => done.IsCompleted);
            // Once: an origin that does not answer now is told later (OwedTakedownLife).
            takedowns.Add(push.Takedowns.TakeDownAsync(id, TimeSpan.Zero, stop.Token));
        }
    }
}

/// <summary>Tells origins that were away what has been taken down meanwhile.</summary>
internal sealed class OwedTakedownLife(Takedowns takedowns) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await takedowns.RunAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What is still owed is in its files.
        }
    }
}
