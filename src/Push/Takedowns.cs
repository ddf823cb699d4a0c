using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Push;

/// <summary>
/// Has origins elsewhere delete broadcasts: those that an ingest node pushes to, or those beside an origin. One that is away is told
/// when it is back. Thread-safe.
/// </summary>
public sealed class Takedowns
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly Uri[] origins;
    private readonly string secret;
    private readonly HttpMessageInvoker http;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly OwedTakedowns owed;
    // Those whose callers wait for what the origins say: nobody else asks meanwhile.
    private readonly ConcurrentDictionary<BroadcastId, byte> inHand = new();
    // An origin was not reached just now: it is asked again soon, however long the last one has been away.
    private readonly Channel<byte> more = Channel.CreateBounded<byte>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <param name="options">The secret that they ask for.</param>
    /// <param name="origins">Their addresses.</param>
    /// <param name="dataPath"><c>Data:Path</c>, where it is kept what they have not heard yet.</param>
    /// <param name="http">How they are asked; the caller's.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where it is said which were not reached.</param>
    internal Takedowns(PushOptions options, IEnumerable<string> origins, string dataPath, HttpMessageInvoker http, TimeProvider time, ILogger logger)
    {
        this.origins = [.. origins.Select(AddressOf)];
        secret = options.Secret;
        this.http = http;
        this.time = time;
        this.logger = logger;
        owed = new OwedTakedowns(dataPath, this.origins);
    }

    /// <summary>How many broadcasts there are of which an origin has to hear.</summary>
    public int Owed => owed.Count;

    /// <summary>With a slash at its end, so that paths go below it.</summary>
    internal static Uri AddressOf(string origin) => new(origin.TrimEnd('/') + "/");

    /// <summary>The server that next starts on a data directory tells these origins. False when the disk does not take it.</summary>
    public static bool Remember(string dataPath, IEnumerable<string> origins, BroadcastId broadcast)
    {
        Uri[] all = [.. origins.Select(AddressOf)];
        return all.Length == 0 || new OwedTakedowns(dataPath, all).Add(broadcast, all);
    }

    /// <summary>
    /// Has every origin delete a broadcast and take none of that id again, trying those that are not reached for
    /// <paramref name="patience"/>, and later in <see cref="RunAsync"/>. They tell nobody else.
    /// </summary>
    public async Task<TakedownResult> TakeDownAsync(BroadcastId broadcast, TimeSpan patience, CancellationToken cancellation)
    {
        if (origins.Length == 0)
            return new TakedownResult(false, [], true);
        // Before anybody is asked: whoever kills this node in between saves nothing from it.
        var isRemembered = owed.Add(broadcast, origins);
        inHand.TryAdd(broadcast, 0);
        try
        {
            var answers = await Task.WhenAll(origins.Select(origin => TakeDownAsync(origin, broadcast, patience, cancellation))).ConfigureAwait(false);
            return new TakedownResult(
                answers.Contains(PushOutcome.Accepted), [.. origins.Where((_, i) => !HasHeard(answers[i])).Select(origin => origin.ToString())], isRemembered);
        }
        finally
        {
            inHand.TryRemove(broadcast, out _);
            if (owed.Count > 0)
                more.Writer.TryWrite(0);
        }
    }

    /// <summary>Tells origins what they were not reached for, in this run or an earlier one, again and again until they have heard. Ends with its token.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var pause = Pause;
        while (origins.Length > 0)
        {
            if (await WaitForMoreAsync(owed.Count == 0 ? Timeout.InfiniteTimeSpan : pause, stop).ConfigureAwait(false))
                pause = Pause;
            var haveHeard = await Task.WhenAll(origins.Select(origin => TellAsync(origin, stop))).ConfigureAwait(false);
            pause = !haveHeard.Contains(false) ? Pause : 2 * pause < LongestPause ? 2 * pause : LongestPause;
        }
    }

    private async Task<bool> WaitForMoreAsync(TimeSpan atMost, CancellationToken stop)
    {
        using var limit = new CancellationTokenSource(atMost, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stop);
        try
        {
            await more.Reader.ReadAsync(either.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Tells an origin all that it is owed. False when it is not reached.</summary>
    private async Task<bool> TellAsync(Uri origin, CancellationToken stop)
    {
        foreach (var broadcast in owed.To(origin))
        {
            if (inHand.ContainsKey(broadcast))
                continue;
            if (!HasHeard((await AskAsync(origin, broadcast, stop).ConfigureAwait(false)).Outcome))
                return false;
            logger.TakenDownLater(origin.ToString(), broadcast.Value);
        }
        return true;
    }

    private async Task<PushOutcome> TakeDownAsync(Uri origin, BroadcastId broadcast, TimeSpan patience, CancellationToken cancellation)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            var answer = await AskAsync(origin, broadcast, cancellation).ConfigureAwait(false);
            if (HasHeard(answer.Outcome))
                return answer.Outcome;
            if (time.GetElapsedTime(began) >= patience)
            {
                logger.NotTakenDown(origin.ToString(), broadcast.Value, answer.Reason);
                return answer.Outcome;
            }
            await Task.Delay(Pause, time, cancellation).ConfigureAwait(false);
        }
    }

    private async Task<PushAnswer> AskAsync(Uri origin, BroadcastId broadcast, CancellationToken cancellation)
    {
        var answer = await new PushClient(http, new Uri(origin, $"push/{broadcast}"), secret, time).DeleteAsync(cancellation).ConfigureAwait(false);
        if (HasHeard(answer.Outcome))
            owed.Remove(broadcast, origin);
        return answer;
    }

    private static bool HasHeard(PushOutcome outcome) => outcome is PushOutcome.Accepted or PushOutcome.Unknown;
}
