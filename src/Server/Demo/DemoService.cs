using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Ingest;
using Millrace.Platform;
using Millrace.Server.Rtmp;

namespace Millrace.Server.Demo;

/// <summary>
/// <c>--demo</c>: makes the demo channels with a new key at each start, and publishes to them once the server listens.
/// </summary>
internal sealed class DemoService(
    ChannelStore channels, IngestOptions ingest, RtmpOptions rtmp, ServerAddresses addresses, FfmpegProgram ffmpeg, ILogger<DemoService> logger) : IHostedLifecycleService
{
    private readonly List<DemoPublisher> publishers = [];

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        if (addresses.RtmpPort is not { } port)
            return Task.CompletedTask;
        var host = rtmp.Address is "*" or "0.0.0.0" or "::" ? "127.0.0.1"
            : rtmp.Address.Contains(':', StringComparison.Ordinal) ? $"[{rtmp.Address}]" : rtmp.Address;
        foreach (var demo in DemoChannel.All)
        {
            if (!ChannelName.TryParse(demo.Name, out var name))
                throw new InvalidOperationException($"{demo.Name} is no channel name.");
            var made = channels.Create(name) ?? channels.RotateKey(name)
                ?? throw new InvalidOperationException($"Channel {name} can be neither made nor given a key.");
            var key = ingest.Admission == AdmissionMode.Open ? demo.Name : made.Reveal();
            publishers.Add(new DemoPublisher(demo, ffmpeg, $"rtmp://{host}:{port}/live", key, logger));
        }
        return Task.CompletedTask;
    }

    // Before the listeners stop: the children would only see a broken connection and start again.
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        foreach (var publisher in publishers)
            publisher.Dispose();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
