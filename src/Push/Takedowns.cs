using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Push;

/// <summary>Has origins elsewhere delete broadcasts: those that an ingest node pushes to, or those beside an origin.</summary>
public sealed class Takedowns
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Uri[] origins;
    private readonly string secret;
    private readonly HttpMessageInvoker http;
    private readonly TimeProvider time;
    private readonly ILogger logger;

    /// <param name="origins">Their addresses.</param>
    /// <param name="secret">What they ask for.</param>
    /// <param name="http">How they are asked; the caller's.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where it is said which were not reached.</param>
    internal Takedowns(IEnumerable<string> origins, string secret, HttpMessageInvoker http, TimeProvider time, ILogger logger)
    {
        this.origins = [.. origins.Select(AddressOf)];
        this.secret = secret;
        this.http = http;
        this.time = time;
        this.logger = logger;
    }

    /// <summary>With a slash at its end, so that paths go below it.</summary>
    internal static Uri AddressOf(string origin) => new(origin.TrimEnd('/') + "/");

    /// <summary>
    /// Has every origin delete a broadcast and take none of that id again, trying those that are not reached for
    /// <paramref name="patience"/>. They tell nobody else.
    /// </summary>
    /// <returns>Whether one of them had it, and those that were not reached.</returns>
    public async Task<(bool WasThere, IReadOnlyList<string> NotReached)> TakeDownAsync(BroadcastId broadcast, TimeSpan patience, CancellationToken cancellation)
    {
        var answers = await Task.WhenAll(origins.Select(origin => TakeDownAsync(origin, broadcast, patience, cancellation))).ConfigureAwait(false);
        return (answers.Contains(PushOutcome.Accepted), [.. origins.Where((_, i) => answers[i] is not (PushOutcome.Accepted or PushOutcome.Unknown)).Select(origin => origin.ToString())]);
    }

    private async Task<PushOutcome> TakeDownAsync(Uri origin, BroadcastId broadcast, TimeSpan patience, CancellationToken cancellation)
    {
        var client = new PushClient(http, new Uri(origin, $"push/{broadcast}"), secret, time);
        var began = time.GetTimestamp();
        while (true)
        {
            var answer = await client.DeleteAsync(cancellation).ConfigureAwait(false);
            if (answer.Outcome is PushOutcome.Accepted or PushOutcome.Unknown)
                return answer.Outcome;
            if (time.GetElapsedTime(began) >= patience)
            {
                logger.NotTakenDown(origin.ToString(), broadcast.Value, answer.Reason);
                return answer.Outcome;
            }
            await Task.Delay(Pause, time, cancellation).ConfigureAwait(false);
        }
    }
}
