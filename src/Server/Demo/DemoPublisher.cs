using System.ComponentModel;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Server.Demo;

/// <summary>
/// Keeps one demo channel on air: an ffmpeg child that publishes over RTMP like anyone's encoder, started again with
/// growing pauses when it ends, ended with the server.
/// </summary>
/// <remarks>The child dies with us even after <c>kill -9</c>; see <see cref="ChildSpawner"/>.</remarks>
internal sealed class DemoPublisher : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource stopping = new();
    private readonly DemoChannel channel;
    private readonly FfmpegProgram ffmpeg;
    private readonly string url;
    private readonly string secret;
    private readonly ILogger logger;
    private readonly Thread thread;

    /// <param name="channel">What to publish.</param>
    /// <param name="ffmpeg">With what.</param>
    /// <param name="server">Where to, up to the slash in front of the stream key.</param>
    /// <param name="key">The stream key; kept out of what is logged.</param>
    /// <param name="logger">Where an end is said.</param>
    public DemoPublisher(DemoChannel channel, FfmpegProgram ffmpeg, string server, string key, ILogger logger)
    {
        this.channel = channel;
        this.ffmpeg = ffmpeg;
        url = server + "/" + key;
        secret = key;
        this.logger = logger;
        thread = new Thread(Run) { IsBackground = true, Name = "demo " + channel.Name };
        thread.Start();
    }

    /// <summary>Ends the child and the thread.</summary>
    public void Dispose()
    {
        stopping.Cancel();
        if (thread.Join(TimeSpan.FromSeconds(3)))
            stopping.Dispose();
    }

    private void Run()
    {
        var pause = FirstPause;
        while (!stopping.IsCancellationRequested)
        {
            var began = Stopwatch.GetTimestamp();
            var reason = Publish();
            if (stopping.IsCancellationRequested)
                return;
            // A minute on air was no failed start.
            pause = Stopwatch.GetElapsedTime(began) > TimeSpan.FromMinutes(1) ? FirstPause : pause;
            logger.DemoStopped(channel.Name, reason, pause.TotalSeconds);
            stopping.Token.WaitHandle.WaitOne(pause);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    /// <summary>One child from its start to its end; why it ended.</summary>
    private string Publish()
    {
        Process child;
        try
        {
            // It publishes, and writes nothing to standard output.
            child = ChildSpawner.Start(ffmpeg.Path ?? "ffmpeg", channel.Arguments(url));
        }
        catch (Win32Exception)
        {
            return "ffmpeg is not installed: apt-get install ffmpeg";
        }
        using (child)
        {
            using var kill = stopping.Token.Register(() => Kill(child));
            // Read to its end, not by events: the last line says why.
            var last = "";
            while (child.StandardError.ReadLine() is { } line)
            {
                if (!string.IsNullOrWhiteSpace(line))
                    last = line.Replace(secret, "…", StringComparison.Ordinal).Trim();
            }
            child.WaitForExit();
            return last.Length > 0 ? last : $"ffmpeg ended with code {child.ExitCode}";
        }
    }

    private static void Kill(Process child)
    {
        try
        {
            child.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }
}
