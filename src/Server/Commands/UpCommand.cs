using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Millrace.Platform;
using Millrace.Server.Options;

namespace Millrace.Server.Commands;

/// <summary><c>millrace up</c>: every role in this process, until it is told to end.</summary>
public static class UpCommand
{
    /// <summary>Runs until SIGTERM, SIGINT or a fault that ends the process.</summary>
    public static async Task<int> RunAsync(EffectiveConfiguration configuration, bool demo, TextWriter output, TextWriter error)
    {
        using var data = DataDirectory.TryHold(configuration.Get<DataOptions>().Path, out var fault);
        if (data is null)
        {
            await error.WriteLineAsync("millrace: " + fault);
            return 1;
        }
        try
        {
            await using var app = ServerHost.Build(configuration, demo);
            await app.StartAsync();
            await output.WriteLineAsync(Welcome.Text(configuration, app.Services.GetRequiredService<ServerAddresses>(), demo));
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
    }
}

/// <summary>A listener cannot listen; the message says on what, why, and which option changes it.</summary>
public sealed class ListenException : Exception
{
    /// <summary>With what a person should read.</summary>
    public ListenException(string message) : base(message) { }

    /// <summary>With what a person should read and its cause.</summary>
    public ListenException(string message, Exception inner) : base(message, inner) { }
}
