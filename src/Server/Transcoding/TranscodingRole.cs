using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Ingest;
using Millrace.Server.Options;
using Millrace.Transcoding;

namespace Millrace.Server.Transcoding;

/// <summary>Registers what makes further renditions: in front of the RTMP listeners, so that the first publisher finds it ready.</summary>
internal static class TranscodingRole
{
    public static void Add(IServiceCollection services, EffectiveConfiguration configuration)
    {
        services.AddSingleton(provider => Make(configuration, provider));
        services.AddHostedService<TranscodingStart>();
    }

    private static Ladders Make(EffectiveConfiguration configuration, IServiceProvider provider)
    {
        var options = configuration.Get<TranscodingOptions>();
        var time = provider.GetRequiredService<TimeProvider>();
        var logger = provider.GetRequiredService<ILogger<Ladders>>();
        Ffmpeg? ffmpeg = null;
        string? fault = null;
        var pixels = 0L;
        if (options.IsWanted && Ffmpeg.TryFind(options, out ffmpeg, out fault))
        {
            pixels = options.MaxPixelsPerSecond > 0 ? options.MaxPixelsPerSecond
                : Calibration.Measure(ffmpeg!, configuration.Get<DataOptions>().Path, CancellationToken.None) ?? 0;
            if (pixels == 0)
                fault = $"{ffmpeg!.Path} could not be measured: it encodes nothing, or takes more than {Calibration.Limit.TotalSeconds:0} s to. Set Transcoding:MaxPixelsPerSecond, or Transcoding:Ladder=off.";
            else if (options.MaxPixelsPerSecond <= 0)
                logger.BudgetMeasured(pixels);
            foreach (var note in ffmpeg!.Notes)
                logger.EncodersChosen(note);
        }
        if (fault is not null)
            logger.NoTranscoder(fault);
        var ladders = new Ladders(options, fault is null ? ffmpeg : null, fault, new TranscodingBudget(pixels), configuration.Get<IngestOptions>(), provider.GetRequiredService<MediaBlockPool>(), time);
        ladders.Happened += happened => logger.Say(happened);
        return ladders;
    }

    /// <summary>Looking for ffmpeg and measuring the machine take a moment, which nobody should wait for on the air.</summary>
    private sealed class TranscodingStart(IServiceProvider provider) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.Run(provider.GetRequiredService<Ladders>, cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
