using System.Globalization;
using Millrace.Core;
using Millrace.Platform;
using Millrace.Server.Options;

namespace Millrace.Server.Commands;

/// <summary>
/// <c>millrace channel …</c>: works on the database file itself, whether the server runs or not. A running server sees a
/// change within seconds, for publishers that come; who is on air stays there.
/// </summary>
public static class ChannelCommand
{
    /// <summary>Runs one of <c>create</c>, <c>list</c>, <c>rotate-key</c>, <c>delete</c>.</summary>
    public static async Task<int> RunAsync(EffectiveConfiguration configuration, IReadOnlyList<string> operands, TextWriter output, TextWriter error)
    {
        var action = operands.Count > 0 ? operands[0] : "";
        var name = default(ChannelName);
        switch (action)
        {
            case "list" when operands.Count == 1:
                break;
            case "create" or "rotate-key" or "delete" when operands.Count == 2:
                if (!ChannelName.TryParse(operands[1], out name))
                    return await Verbs.RefuseAsync(error, [$"'{operands[1]}' is no channel name: {ChannelName.Rule}."]);
                break;
            default:
                return await Verbs.RefuseAsync(error, ["usage: millrace channel create|rotate-key|delete NAME, or millrace channel list"]);
        }

        ChannelStore channels;
        try
        {
            var path = Path.Combine(configuration.Get<DataOptions>().Path, PlatformDatabase.FileName);
            channels = new ChannelStore(PlatformDatabase.Open(path), TimeProvider.System);
        }
        catch (PlatformDatabaseException fault)
        {
            await error.WriteLineAsync("millrace: " + fault.Message);
            return 1;
        }

        switch (action)
        {
            case "list":
                foreach (var channel in channels.List())
                    await output.WriteLineAsync($"{channel.Name.Value}  {channel.CreatedAt.ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture)}");
                return 0;
            case "create":
                if (channels.Create(name) is not { } created)
                    return await FailAsync(error, $"there is a channel {name} already; millrace channel rotate-key {name} gives it a new key.");
                await output.WriteLineAsync(created.Reveal());
                await error.WriteLineAsync($"Channel {name} is made. The line above is its stream key; it is shown this once.");
                return 0;
            case "rotate-key":
                if (channels.RotateKey(name) is not { } rotated)
                    return await FailAsync(error, $"there is no channel {name}.");
                await output.WriteLineAsync(rotated.Reveal());
                await error.WriteLineAsync($"Channel {name} has a new stream key, the line above; it is shown this once. The old key no longer works for new connections.");
                return 0;
            default:
                if (!channels.Delete(name))
                    return await FailAsync(error, $"there is no channel {name}.");
                await output.WriteLineAsync($"Channel {name} is deleted. A stream that is on air goes on until its publisher leaves.");
                return 0;
        }
    }

    private static async Task<int> FailAsync(TextWriter error, string message)
    {
        await error.WriteLineAsync("millrace: " + message);
        return 1;
    }
}
