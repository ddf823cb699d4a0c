using System.Net;

namespace Millrace.Delivery.Relay;

/// <summary>
/// Asks the parents: in the order of their scores, the next one when one fails, a second one beside when one is slow, or late with
/// what is due. Stopped once, by its owner.
/// </summary>
#pragma warning disable CA1001 // A token source without a timer needs no disposal.
internal sealed class Upstream
#pragma warning restore CA1001
{
    // More are not waited for, but ended at once.
    private const int MaxJudging = 1000;

    private readonly Lock gate = new();
    private readonly HashSet<Task> judging = [];
    private readonly CancellationTokenSource stop = new();
    private readonly ParentSet parents;
    private readonly UpstreamJudge judge;
    private readonly HttpMessageInvoker http;
    private readonly RelayOptions options;
    private readonly TimeProvider time;

    public Upstream(ParentSet parents, UpstreamJudge judge, HttpMessageInvoker http, RelayOptions options, TimeProvider time)
    {
        this.parents = parents;
        this.judge = judge;
        this.http = http;
        this.options = options;
        this.time = time;
    }

    /// <summary>
    /// The first useful answer, its body not yet read, or the best other one when no parent that is up has one; the caller disposes
    /// it. Null when no parent gave one within the time, or <paramref name="token"/> was cancelled.
    /// </summary>
    public async Task<UpstreamAttempt?> SendAsync(UpstreamRequest request, CancellationToken token)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            var recovery = parents.Recovery;
            if (await AskAllAsync(request, token) is { } answered)
                return answered;
            var left = request.KeepTrying - time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero || token.IsCancellationRequested || parents.All.All(parent => parent.IsLooping))
                return null;
            // Some parent may say that it has no answer and be well by itself: not faster than its health can change.
            var most = parents.All.Any(parent => parent.IsUp) ? Least(options.ProbeInterval, left) : left;
            await recovery.WaitAsync(most, time, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>A parent has not what another one has: for a while the path's group asks it after the others. The group.</summary>
    public static ulong Doubt(Parent parent, ReadOnlySpan<char> path)
    {
        var group = Rendezvous.Hash(RelayPath.GroupOf(path));
        parent.Doubt(group);
        return group;
    }

    /// <summary>Another parent than this one is up.</summary>
    public bool HasOther(Parent parent) => parents.All.Any(other => other != parent && other.IsUp);

    /// <summary>Ends the waiting for parents that others were faster than.</summary>
    public async Task StopAsync()
    {
        Task[] waiting;
        await stop.CancelAsync();
        lock (gate)
            waiting = [.. judging];
        await Task.WhenAll(waiting);
    }

    /// <summary>A parent's answer broke off.</summary>
    public void Failed(Parent parent, Exception fault)
    {
        RelayMetrics.CountUpstream("broken_off");
        parents.Fail(parent, isCertain: false, UpstreamFault.Words(fault));
    }

    /// <summary>Asks one parent after the other; an answer that is not useful waits for what the others that are up have.</summary>
    private async Task<UpstreamAttempt?> AskAllAsync(UpstreamRequest request, CancellationToken token)
    {
        var order = parents.Order(RelayPath.GroupOf(request.Path));
        UpstreamAttempt? spare = null;
        for (var i = 0; i < order.Length && !token.IsCancellationRequested && (spare is null || order[i].IsUp); i++)
        {
            if (order[i] == request.Besides)
                continue;
            var second = i + 1 < order.Length && order[i + 1].IsUp && order[i + 1] != request.Besides ? order[i + 1] : null;
            var answered = await AskAsync(order[i], second, request, token);
            if (answered is null)
                continue;
            if (answered.Worth == UpstreamWorth.Useful)
            {
                if (spare is { Worth: UpstreamWorth.Behind or UpstreamWorth.Absent } && answered.Answer!.StatusCode < HttpStatusCode.BadRequest)
                    Doubt(spare.Parent, request.Path);
                spare?.Dispose();
                return answered;
            }
            if (answered.Worth > (spare?.Worth ?? UpstreamWorth.None))
                (spare, answered) = (answered, spare);
            answered?.Dispose();
            // Who reads it gives it time again.
            spare!.Extend(Timeout.InfiniteTimeSpan);
        }
        if (spare is { Token.IsCancellationRequested: true })
        {
            spare.Dispose();
            return null;
        }
        return spare;
    }

    /// <summary>The answer of a parent, or of the second one when the first is slow; null when there was none.</summary>
    private async Task<UpstreamAttempt?> AskAsync(Parent first, Parent? second, UpstreamRequest request, CancellationToken token)
    {
        var attempt = new UpstreamAttempt(first, request.AnswerWithin, time, token);
        var asking = TryAsync(attempt, request, token);
        if (second is not null && request.HedgeAfter is { } patience)
        {
            await ((Task)asking).WaitAsync(patience, time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!asking.IsCompleted)
                return await HedgeAsync(attempt, asking, second, request, token);
        }
        await asking;
        return Used(attempt);
    }

    private async Task<UpstreamAttempt?> HedgeAsync(
        UpstreamAttempt slow, Task slowAsking, Parent second, UpstreamRequest request, CancellationToken token)
    {
        RelayMetrics.CountUpstream(request.MayBeHeld ? "overdue" : "hedged");
        var other = new UpstreamAttempt(second, request.AnswerWithin, time, token);
        var otherAsking = TryAsync(other, request, token);
        var isSlowFirst = await Task.WhenAny(slowAsking, otherAsking) == slowAsking;
        var (winner, loser) = isSlowFirst ? (slow, other) : (other, slow);
        // What an error of the second one says of an object that is to come is no reason to leave the first one, which may know better.
        var isRefusal = !isSlowFirst && request.MayBeHeld && other.Answer is null or { IsSuccessStatusCode: false, StatusCode: not HttpStatusCode.NotModified };
        if (!isSlowFirst && request.MayBeHeld && !isRefusal && winner.Worth == UpstreamWorth.Useful && TryJudge(slow, slowAsking, request))
            return other;
        if (winner.Worth == UpstreamWorth.Useful && !isRefusal)
            loser.Outrun();
        await Task.WhenAll(slowAsking, otherAsking);
        if (loser.Worth > winner.Worth || (isRefusal && loser.Worth == winner.Worth))
            (winner, loser) = (loser, winner);
        loser.Dispose();
        return Used(winner);
    }

    /// <summary>
    /// Whether another one had what is due, or it has only just come and both have it. From now on the group asks the other one; this one
    /// gets a moment to answer as well, and then it was not its fault.
    /// </summary>
    private bool TryJudge(UpstreamAttempt late, Task asking, UpstreamRequest request)
    {
        lock (gate)
        {
            if (judging.Count >= MaxJudging)
                judging.RemoveWhere(task => task.IsCompleted);
            if (judging.Count >= MaxJudging || stop.IsCancellationRequested)
                return false;
            var group = Doubt(late.Parent, request.Path);
            judging.Add(JudgeAsync(late, asking, group));
            return true;
        }
    }

    private async Task JudgeAsync(UpstreamAttempt late, Task asking, ulong group)
    {
        late.OutrunBut(options.HedgeAfter);
        await using (stop.Token.UnsafeRegister(static state => ((UpstreamAttempt)state!).Outrun(), late))
            await asking;
        if (late.Answer is not null)
            late.Parent.Trust(group);
        else
            RelayMetrics.CountUpstream("doubted");
        late.Dispose();
    }

    private static UpstreamAttempt? Used(UpstreamAttempt attempt)
    {
        if (attempt.Worth != UpstreamWorth.None)
            return attempt;
        attempt.Dispose();
        return null;
    }

    /// <summary>Asks; what came is in the attempt.</summary>
    private async Task TryAsync(UpstreamAttempt attempt, UpstreamRequest request, CancellationToken token)
    {
        var parent = attempt.Parent;
        parent.Use();
        using var message = new HttpRequestMessage(HttpMethod.Get, new Uri(parent.Address, request.Target));
        message.Headers.TryAddWithoutValidation("Accept-Encoding", request.Coding switch
        {
            ContentCoding.Brotli => "br, gzip",
            ContentCoding.Gzip => "gzip",
            _ => "identity",
        });
        message.Headers.TryAddWithoutValidation("CDN-Loop", request.Loop);
        if (request.ETag is not null)
            message.Headers.TryAddWithoutValidation("If-None-Match", request.ETag);
        if (request.Range is not null)
            message.Headers.TryAddWithoutValidation("Range", request.Range);
        if (request.IfRange is not null)
            message.Headers.TryAddWithoutValidation("If-Range", request.IfRange);
        RelayMetrics.AddFetching(1);
        try
        {
            attempt.Answer = await http.SendAsync(message, attempt.Token);
            parents.Succeed(parent, isProbe: false);
            attempt.Worth = judge.WorthOf(request, attempt.Answer);
            RelayMetrics.CountUpstream(attempt.Worth switch
            {
                UpstreamWorth.Useful => "answered",
                UpstreamWorth.LastResort => "last_resort",
                UpstreamWorth.Behind => "behind",
                UpstreamWorth.Absent => "absent",
                _ => "unable",
            });
        }
        catch (HttpRequestException fault)
        {
            RelayMetrics.CountUpstream("failed");
            parents.Fail(parent, UpstreamFault.IsCertain(fault), UpstreamFault.Words(fault));
        }
        catch (OperationCanceledException fault)
        {
            if (attempt.IsParentDown)
            {
                RelayMetrics.CountUpstream("parent_down");
            }
            else if (!attempt.Token.IsCancellationRequested)
            {
                // Not ours: the handler's own limit on connecting.
                RelayMetrics.CountUpstream("timed_out");
                parents.Fail(parent, isCertain: true, "no connection in time");
            }
            else if (!token.IsCancellationRequested && !attempt.IsOutrun)
            {
                RelayMetrics.CountUpstream("timed_out");
                parents.Fail(parent, isCertain: false, UpstreamFault.Words(fault));
            }
            else
            {
                RelayMetrics.CountUpstream("cancelled");
            }
        }
        finally
        {
            RelayMetrics.AddFetching(-1);
        }
    }

    private static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
