using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Millrace.Core;
using Millrace.Platform;
using Millrace.Server.Http;
using Millrace.Server.Options;

namespace Millrace.Server.Commands;

/// <summary><c>millrace clip …</c>: asks the server that runs on this data directory, over HTTP with the operator's token.</summary>
public static class ClipCommand
{
    private const string Usage = "usage: millrace clip create BROADCAST FROM TO NAME, millrace clip list CHANNEL, or millrace clip delete ID";

    /// <summary>Runs one of <c>create</c>, <c>list</c>, <c>delete</c>.</summary>
    public static async Task<int> RunAsync(EffectiveConfiguration configuration, IReadOnlyList<string> operands, TextWriter output, TextWriter error)
    {
        // Making one copies it; of hours that takes a while.
        using var http = new HttpClient { BaseAddress = BroadcastCommand.AddressOf(configuration.Get<HttpOptions>()), Timeout = TimeSpan.FromMinutes(10) };
        if (OperatorToken.Read(configuration.Get<DataOptions>().Path) is { } token)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        try
        {
            switch (operands)
            {
                case ["create", var text, var from, var to, _, ..] when BroadcastId.TryParse(text, out var of) && Seconds(from) is { } begin && Seconds(to) is { } end:
                    return await CreateAsync(http, of, begin, end, string.Join(' ', operands.Skip(4)), output, error);
                case ["list", var text] when ChannelName.TryParse(text, out var name):
                    return await ListAsync(http, name, output);
                case ["delete", var text] when BroadcastId.TryParse(text, out var id):
                    using (var answer = await http.DeleteAsync($"api/v1/clips/{id.Value}"))
                        return await SayAsync(answer, HttpStatusCode.NoContent, $"Clip {id} is deleted.", output, error);
                default:
                    return await Verbs.RefuseAsync(error, [Usage]);
            }
        }
        catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException)
        {
            await error.WriteLineAsync($"millrace: {http.BaseAddress} does not answer: {fault.Message} When the server has other options than this command, give them here too.");
            return 1;
        }
    }

    private static async Task<int> CreateAsync(HttpClient http, BroadcastId of, double from, double to, string name, TextWriter output, TextWriter error)
    {
        var body = new JsonObject { ["name"] = name, ["from"] = from, ["to"] = to };
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync($"api/v1/broadcasts/{of.Value}/clips", content);
        if (answer.StatusCode != HttpStatusCode.Created)
            return await SayAsync(answer, HttpStatusCode.Created, "", output, error);
        using var made = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        await output.WriteLineAsync($"{made.RootElement.GetProperty("id").GetString()}  {http.BaseAddress}b/{made.RootElement.GetProperty("id").GetString()}");
        return 0;
    }

    private static async Task<int> ListAsync(HttpClient http, ChannelName name, TextWriter output)
    {
        using var document = JsonDocument.Parse(await http.GetStringAsync($"api/v1/channels/{name.Value}/clips"));
        foreach (var clip in document.RootElement.GetProperty("clips").EnumerateArray())
        {
            var length = TimeSpan.FromSeconds(Math.Floor(clip.GetProperty("duration").GetDouble()));
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{clip.GetProperty("id").GetString()}  {length:c}  {clip.GetProperty("bytes").GetInt64() / 1e6:0.0} MB  {clip.GetProperty("name").GetString()}"));
        }
        return 0;
    }

    /// <summary>What became of it, in words: ours when it is as expected, else the server's.</summary>
    private static async Task<int> SayAsync(HttpResponseMessage answer, HttpStatusCode expected, string done, TextWriter output, TextWriter error)
    {
        if (answer.StatusCode == expected)
        {
            await output.WriteLineAsync(done);
            return 0;
        }
        string? message = null;
        try
        {
            message = JsonNode.Parse(await answer.Content.ReadAsStringAsync())?["error"]?["message"]?.GetValue<string>();
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // Not ours; the status says what there is to say.
        }
        await error.WriteLineAsync($"millrace: {message ?? $"the server answered {(int)answer.StatusCode}."}");
        return 1;
    }

    private static double? Seconds(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) ? seconds : null;
}
