using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Delivery;
using Millrace.Server;
using Millrace.Server.Options;

namespace Millrace.OriginBench;

/// <summary>The server as the binary composes it, with media of known sizes in the place of a publisher's.</summary>
internal static class ServeCommand
{
    public static async Task<int> RunAsync(string[] settings)
    {
        var configuration = EffectiveConfiguration.Load(null, [.. settings.Select(Setting)]);
        foreach (var fault in configuration.Faults)
            await Console.Error.WriteLineAsync(fault);
        if (configuration.Faults.Count > 0)
            return 1;
        await using var app = ServerHost.Build(configuration, demo: false);
        await app.StartAsync();
        using var broadcast = new SyntheticBroadcast(app.Services.GetRequiredService<OriginStore>());
        Console.WriteLine($"ready {app.Services.GetRequiredService<ServerAddresses>().HttpPort} {broadcast.Path}");
        // A thread of its own, as a publisher's bytes have: the console blocks who reads it, and the pool has one thread per core.
        await Task.Factory.StartNew(() => Publish(broadcast), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await app.StopAsync();
        return 0;
    }

    private static void Publish(SyntheticBroadcast broadcast)
    {
        while (Console.In.ReadLine() is not null)
        {
            var at = Stopwatch.GetTimestamp();
            broadcast.AppendPart();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"part {at}"));
        }
    }

    private static KeyValuePair<string, string> Setting(string argument)
    {
        var equals = argument.IndexOf('=', StringComparison.Ordinal);
        return KeyValuePair.Create(argument[2..equals], argument[(equals + 1)..]);
    }
}
