namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>A server with one ordinary stream on air (H.264 and AAC by ffmpeg), shared by the tests of a class that only watch.</summary>
public sealed class LiveBroadcast : IAsyncLifetime
{
    internal const string Channel = "studio";

    private MillraceProcess? server;
    private ChildProcess? publisher;
    private HlsViewer? viewer;

    /// <summary>The server and someone tuned in. Skips the test when a tool is missing.</summary>
    internal async Task<(MillraceProcess Server, HlsViewer Viewer)> OnAirAsync()
    {
        if (server is null)
        {
            _ = Tools.Ffmpeg;
            server = await MillraceProcess.StartAsync();
            publisher = FfmpegPublisher.Start(server.RtmpUrl(Channel));
        }
        server.AssertAlive();
        Assert.False(publisher!.HasExited, $"ffmpeg left.\n{publisher.Output}\n{server.Output}");
        viewer ??= await HlsViewer.TuneInAsync(server, Channel);
        return (server, viewer);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (publisher is not null)
            await publisher.DisposeAsync();
        if (server is not null)
            await server.DisposeAsync();
    }
}
