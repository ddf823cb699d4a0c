using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Millrace.Platform;
using Millrace.Server.Http;
using Millrace.Server.Options;

namespace Millrace.Server.Commands;

/// <summary><c>millrace up</c> and <c>millrace node</c>: every role, or some, in this process, until it is told to end.</summary>
public static class UpCommand
{
    /// <summary>Runs until SIGTERM, SIGINT or a fault that ends the process.</summary>
    public static async Task<int> RunAsync(EffectiveConfiguration configuration, NodeRoles roles, bool demo, TextWriter output, TextWriter error)
    {
        // A relay keeps nothing on disk: several may stand on one machine without a directory each.
        string? fault = null;
        using var data = roles == NodeRoles.Relay ? null : DataDirectory.TryHold(configuration.Get<DataOptions>().Path, out fault);
        if (fault is not null)
        {
            await error.WriteLineAsync("millrace: " + fault);
            return 1;
        }
        try
        {
            await using var app = ServerHost.Build(configuration, roles, demo);
            await app.StartAsync();
            await output.WriteLineAsync(Welcome.Text(configuration, roles, app.Services.GetRequiredService<ServerAddresses>(), demo));
            await output.FlushAsync();
            await app.WaitForShutdownAsync();
            return 0;
        }
        catch (Exception failure) when (failure is PlatformDatabaseException or ListenException)
        {
            await error.WriteLineAsync("millrace: " + failure.Message);
            return 1;
        }
        catch (IOException failure) when (failure.InnerException is AddressInUseException)
        {
            await error.WriteLineAsync($"millrace: {failure.Message} Another program has it; choose another with --Http:Port=PORT.");
            return 1;
        }
        catch (System.Net.Sockets.SocketException failure)
        {
            // The RTMP listeners say what failed by themselves; what is left is HTTP's.
            var http = configuration.Get<HttpOptions>();
            await error.WriteLineAsync($"millrace: HTTP cannot listen on {http.Address}:{http.Port}: {failure.Message}. See Http:Address and Http:Port; ports below 1024 need CAP_NET_BIND_SERVICE.");
            return 1;
        }
    }
}
