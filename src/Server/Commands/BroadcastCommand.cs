using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Platform;
using Millrace.Push;
using Millrace.Server.Http;
using Millrace.Server.Options;

namespace Millrace.Server.Commands;

/// <summary>
/// <c>millrace broadcast …</c>: asks the server that runs on this data directory, over HTTP with the operator's token. Without
/// one, <c>delete</c> works on the directory itself.
/// </summary>
public static class BroadcastCommand
{
    /// <summary>Runs one of <c>list</c>, <c>delete</c>, <c>adopt</c>.</summary>
    public static async Task<int> RunAsync(EffectiveConfiguration configuration, IReadOnlyList<string> operands, TextWriter output, TextWriter error)
    {
        var data = configuration.Get<DataOptions>().Path;
        using var http = new HttpClient { BaseAddress = AddressOf(configuration.Get<HttpOptions>()), Timeout = TimeSpan.FromSeconds(10) };
        if (OperatorToken.Read(data) is { } token)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        try
        {
            switch (operands)
            {
                case ["list", var text] when ChannelName.TryParse(text, out var name):
                    return await ListAsync(http, name, output);
                case ["delete", var text] when BroadcastId.TryParse(text, out var id):
                    return await DeleteAsync(http, data, configuration.Get<StorageOptions>().Kind, configuration.Get<PushOptions>().Peers, id, output, error);
                case ["adopt"]:
                    using (var answer = await http.GetAsync("api/v1/storage/open"))
                        return await SayOpenAsync(answer, "Nothing is left unfinished in the store by other nodes.", output, error);
                case ["adopt", var node]:
                    // Journals of hours come from the store.
                    http.Timeout = TimeSpan.FromMinutes(10);
                    using (var answer = await http.PostAsync($"api/v1/storage/open/{Uri.EscapeDataString(node)}/adopt", null))
                        return await SayOpenAsync(answer, $"There is nothing of {node} to take up.", output, error);
                default:
                    return await Verbs.RefuseAsync(error, ["usage: millrace broadcast list CHANNEL, millrace broadcast delete ID, or millrace broadcast adopt [NODE]"]);
            }
        }
        catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException or IOException)
        {
            await error.WriteLineAsync($"millrace: {http.BaseAddress} does not answer: {fault.Message} When the server has other options than this command, give them here too.");
            return 1;
        }
    }

    private static async Task<int> ListAsync(HttpClient http, ChannelName name, TextWriter output)
    {
        await using var body = await http.GetStreamAsync($"api/v1/channels/{name.Value}/broadcasts");
        using var document = await JsonDocument.ParseAsync(body);
        foreach (var broadcast in document.RootElement.GetProperty("broadcasts").EnumerateArray())
        {
            var length = TimeSpan.FromSeconds(Math.Floor(broadcast.GetProperty("duration").GetDouble()));
            var state = broadcast.GetProperty("live").GetBoolean() ? "on air" : string.Create(CultureInfo.InvariantCulture, $"{broadcast.GetProperty("bytes").GetInt64() / 1e6:0.0} MB");
            await output.WriteLineAsync(
                $"{broadcast.GetProperty("id").GetString()}  {broadcast.GetProperty("startedAt").GetDateTimeOffset().UtcDateTime:yyyy-MM-dd HH:mm}Z  {length:c}  {state}");
        }
        return 0;
    }

    private static async Task<int> DeleteAsync(HttpClient http, string data, StorageKind kind, IReadOnlyList<string> peers, BroadcastId id, TextWriter output, TextWriter error)
    {
        // Nobody holds the directory: there is no server to ask.
        using (var held = Directory.Exists(data) ? DataDirectory.TryHold(data, out _) : null)
        {
            if (held is not null)
            {
                var directory = Path.Combine(data, "recordings", id.Value);
                if (kind == StorageKind.S3)
                {
                    foreach (var clip in OriginStore.FindClips(data, id))
                        Directory.Delete(clip, recursive: true);
                    // Whether the store has it is not known here; the next start deletes what there is.
                    StoreTakedown.Remember(data, id);
                    if (Directory.Exists(directory))
                        Directory.Delete(directory, recursive: true);
                    await output.WriteLineAsync($"Broadcast {id} is deleted from this disk, and with the next start from the store.{Later()}");
                    return 0;
                }
                // What was taken down is not to stay as a clip; clips may have outlived it.
                var clips = OriginStore.FindClips(data, id);
                if (!Directory.Exists(directory) && clips.Count == 0)
                    return await UnknownAsync(error, id);
                foreach (var clip in clips)
                    Directory.Delete(clip, recursive: true);
                if (Directory.Exists(directory))
                    Directory.Delete(directory, recursive: true);
                await output.WriteLineAsync($"Broadcast {id} is deleted.{Later()}");
                return 0;
            }
        }
        // The origins beside this one hear of it from the server.
        string Later() => peers.Count == 0 ? "" : Takedowns.Remember(data, peers, id)
            ? $" With the next start {string.Join(", ", peers)} hear of it." : $" {string.Join(", ", peers)} do not hear of it: delete it there, too.";

        using var answer = await http.DeleteAsync($"api/v1/broadcasts/{id.Value}");
        switch (answer.StatusCode)
        {
            case HttpStatusCode.NoContent:
                await output.WriteLineAsync($"Broadcast {id} is deleted.");
                return 0;
            case HttpStatusCode.Accepted:
                using (var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()))
                {
                    var away = document.RootElement.GetProperty("notReached").EnumerateArray().Select(origin => origin.GetString());
                    await output.WriteLineAsync($"Broadcast {id} is deleted, but for {string.Join(", ", away)}: not reached, and told as soon as it is back.");
                }
                return 0;
            case HttpStatusCode.NotFound:
                return await UnknownAsync(error, id);
            case HttpStatusCode.Unauthorized:
                await error.WriteLineAsync($"millrace: the server at {http.BaseAddress} has another operator token than {Path.Combine(data, OperatorToken.FileName)}: it runs on another data directory; give it with --Data:Path=DIR.");
                return 1;
            default:
                await error.WriteLineAsync($"millrace: the server answered {(int)answer.StatusCode}: {await MessageAsync(answer)}");
                return 1;
        }
    }

    private static async Task<string?> MessageAsync(HttpResponseMessage answer)
    {
        try
        {
            using var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
            return document.RootElement.GetProperty("error").GetProperty("message").GetString();
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return answer.ReasonPhrase;
        }
    }

    private static async Task<int> SayOpenAsync(HttpResponseMessage answer, string none, TextWriter output, TextWriter error)
    {
        using var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            await error.WriteLineAsync($"millrace: {document.RootElement.GetProperty("error").GetProperty("message").GetString()}");
            return 1;
        }
        var all = document.RootElement.GetProperty("recordings").EnumerateArray().ToList();
        foreach (var open in all)
        {
            var state = open.GetProperty("inUse").GetBoolean() ? "in use: written to a moment ago, and left alone" : "";
            await output.WriteLineAsync(
                $"{open.GetProperty("node").GetString()}  {open.GetProperty("broadcast").GetString()}  {open.GetProperty("writtenAt").GetDateTimeOffset().UtcDateTime:yyyy-MM-dd HH:mm}Z  {state}".TrimEnd());
        }
        if (all.Count == 0)
            await output.WriteLineAsync(none);
        return 0;
    }

    private static async Task<int> UnknownAsync(TextWriter error, BroadcastId id)
    {
        await error.WriteLineAsync($"millrace: there is no broadcast {id}.");
        return 1;
    }

    internal static Uri AddressOf(HttpOptions options)
    {
        var host = options.Address is "*" or "0.0.0.0" or "::" ? "127.0.0.1" : options.Address.Contains(':') ? $"[{options.Address}]" : options.Address;
        return new Uri(string.Create(CultureInfo.InvariantCulture, $"http://{host}:{options.Port}/"));
    }
}
