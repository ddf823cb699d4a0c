using System.Globalization;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;

namespace Millrace.Delivery.Relay;

/// <summary>Hears from every parent what is to be purged, the down ones included as soon as they answer, and hands it on to the tier below.</summary>
public sealed class PurgeListener : IAsyncDisposable
{
    private const int MaxAnswerBytes = 512 * 1024;
    /// <summary>Of a time in milliseconds: thirty years.</summary>
    private const int MaxAgoDigits = 12;
    /// <summary>Longer than a parent holds the question.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortPause = TimeSpan.FromSeconds(0.1);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongPause = TimeSpan.FromSeconds(10);

    private readonly RelayNode node;
    private readonly PurgeLog purges;
    private readonly string secret;
    private readonly ILogger logger;
    private readonly CancellationTokenSource stop = new();
    private Task running = Task.CompletedTask;

    /// <param name="node">Whose parents are asked, and whose cache is purged.</param>
    /// <param name="purges">Where it goes.</param>
    /// <param name="secret">Empty: nobody is asked.</param>
    /// <param name="logger">For parents that do not tell.</param>
    public PurgeListener(RelayNode node, PurgeLog purges, string secret, ILogger<PurgeListener> logger)
    {
        this.node = node;
        this.purges = purges;
        this.secret = secret;
        this.logger = logger;
        purges.Apply = node.Purge;
    }

    /// <summary>Begins to listen.</summary>
    public void Start()
    {
        if (secret.Length > 0)
            running = Task.WhenAll(node.Parents.All.Select(ListenAsync));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        stop.Dispose();
    }

    private async Task ListenAsync(Parent parent)
    {
        var cursor = "";
        var isTold = false;
        while (!stop.IsCancellationRequested)
        {
            var pause = TimeSpan.Zero;
            try
            {
                using var limit = new LinkedLimit(Patience, node.Time, stop.Token);
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(parent.Address, "/internal/purges?since=" + cursor));
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", secret);
                using var answer = await node.Http.SendAsync(request, limit.Token);
                if (!answer.IsSuccessStatusCode)
                {
                    if (!isTold)
                        logger.PurgesUnknown(parent.Address.Authority, $"HTTP {(int)answer.StatusCode}");
                    isTold = true;
                    pause = LongPause;
                }
                else
                {
                    isTold = false;
                    await answer.Content.LoadIntoBufferAsync(MaxAnswerBytes, limit.Token);
                    var text = await answer.Content.ReadAsStringAsync(limit.Token);
                    // Nothing in it: the parent held the question as long as it does, or it is no Millrace and holds none.
                    pause = Take(text, ref cursor) == 0 ? ShortPause : TimeSpan.Zero;
                }
            }
            catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
            {
                // Whether it is up is the probe's business.
                pause = Pause;
            }
            if (pause > TimeSpan.Zero)
                await Task.Delay(pause, node.Time, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private int Take(string answer, ref string cursor)
    {
        var lines = answer.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var count = 0;
        foreach (var line in lines.Skip(1))
        {
            if (line.Split(' ') is not [{ Length: > 0 and <= 64 } id, { Length: <= MaxAgoDigits } text, var prefix] || !PurgeLog.IsPrefix(prefix)
                || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var ago))
                continue;
            purges.Add(new Purge(id, prefix, node.Time.GetTimestamp() - (long)(ago / 1000.0 * node.Time.TimestampFrequency)));
            count++;
        }
        if (lines.FirstOrDefault() is { Length: <= 64 } next && next.All(c => char.IsAsciiLetterOrDigit(c) || c == '.'))
            cursor = next;
        return count;
    }
}
