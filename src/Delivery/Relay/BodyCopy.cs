namespace Millrace.Delivery.Relay;

/// <summary>
/// Takes the body of one answer into its object while it arrives. When it rests for longer than it should, another parent is asked for
/// the same object as well, once for each object: the first that has more bytes goes on. Owns the attempts that it reads from.
/// </summary>
/// <remarks>
/// How long a body may rest: one whose length is known need not at all, so twice <see cref="RelayOptions.HedgeAfter"/> is long; a
/// running segment rests from part to part, as its playlist tells. Only what never changes under its name can go on elsewhere.
/// Without another parent, or anything that tells, it is waited for as long as a request may be held.
/// </remarks>
internal sealed class BodyCopy(
    RelayObject target, RelayHead head, UpstreamRequest request, Upstream upstream, RelayCache cache, LiveDirectories directories, RelayOptions options, TimeProvider time)
    : IDisposable
{
    private bool hasAskedOther;

    /// <summary>What is read from; the one before is disposed.</summary>
    public UpstreamAttempt? Attempt
    {
        get;
        set
        {
            field?.Dispose();
            field = value;
        }
    }

    /// <summary>Reads what is missing. True when the body is complete; false when it broke off.</summary>
    public async Task<bool> RunAsync()
    {
        var body = target.Body!;
        // Whoever answers at once does not rest in the middle of it.
        var patience = request.MayBeHeld || head.Length is null ? directories.HoldOf(request.Path) ?? options.HoldLimit : options.AnswerTimeout;
        try
        {
            if (await OpenAsync(Attempt!, body.Length, patience) is not { } stream)
                return false;
            while (true)
            {
                var space = body.GetSpace();
                if (space.IsEmpty)
                    return true;
                Attempt!.Extend(patience);
                var reading = stream.ReadAsync(space, Attempt.Token);
                var read = 0;
                if (reading.IsCompleted || Rest() is not { } rest)
                {
                    read = await reading;
                }
                else
                {
                    var pending = reading.AsTask();
                    await ((Task)pending).WaitAsync(rest, time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    if (pending.IsCompleted || await OvertakeAsync(pending) is not { } other)
                    {
                        read = await pending;
                    }
                    else
                    {
                        // Nobody may write into the body but the other one.
                        Attempt.Outrun();
                        await ((Task)pending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                        (Attempt, stream) = (other.Attempt, other.Stream);
                        for (var rested = other.Bytes.AsMemory(0, other.Count); !rested.IsEmpty && body.GetSpace() is { IsEmpty: false } room; rested = rested[read..])
                        {
                            space = room;
                            read = Math.Min(space.Length, rested.Length);
                            rested[..read].CopyTo(space);
                            Take(read);
                        }
                        if (other.Count == 0)
                            return true;
                        continue;
                    }
                }
                if (read == 0)
                    return true;
                Take(read);
                if (body.Length > options.MaxObjectBytes)
                    return false;
            }
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException or OperationCanceledException)
        {
            if (!target.Abandoned.IsCancellationRequested && !Attempt!.IsParentDown)
                upstream.Failed(Attempt.Parent, fault);
            return false;
        }
    }

    public void Dispose() => Attempt = null;

    private void Take(int count)
    {
        RelayMetrics.Received.Add(count);
        target.Advance(count);
        if (target.Body!.Length > RelayMemory.SmallBytes)
            cache.MakeRoom();
    }

    /// <summary>How long the body may rest before another parent is asked; null when none is.</summary>
    private TimeSpan? Rest()
    {
        if (hasAskedOther || !head.IsImmutable || options.HedgePatience is not { } patience || !upstream.HasOther(Attempt!.Parent))
            return null;
        return head.Length is not null ? 2 * patience : directories.PartDueIn(request.Path) + patience;
    }

    /// <summary>
    /// Asks another parent for what one rests with. The other one's next bytes, when it has them first; null when
    /// <paramref name="pending"/> is to be waited for.
    /// </summary>
    private async Task<Ahead?> OvertakeAsync(Task<int> pending)
    {
        hasAskedOther = true;
        RelayMetrics.CountUpstream("overdue");
        var began = time.GetTimestamp();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(target.Abandoned);
        var asking = AskAheadAsync(end.Token);
        await Task.WhenAny(pending, asking);
        if (pending.IsCompletedSuccessfully)
            await end.CancelAsync();
        var ahead = await asking;
        if (pending.IsCompletedSuccessfully)
        {
            ahead?.Attempt.Dispose();
            return null;
        }
        // It was there already, and did not come in the same moment.
        if (ahead is not null && time.GetElapsedTime(began) < options.HedgeAfter)
            Upstream.Doubt(Attempt!.Parent, request.Path);
        return ahead;
    }

    private async Task<Ahead?> AskAheadAsync(CancellationToken token)
    {
        var besides = request with { Besides = Attempt!.Parent, HedgeAfter = null, KeepTrying = TimeSpan.Zero };
        if (await upstream.SendAsync(besides, token) is not { } attempt)
            return null;
        var isAhead = false;
        try
        {
            var patience = directories.HoldOf(request.Path) ?? options.HoldLimit;
            if (!head.IsSame(RelayHead.Of(attempt.Answer!, time, options.ErrorTtl)) || await OpenAsync(attempt, target.Body!.Length, patience) is not { } stream)
                return null;
            var bytes = new byte[RelayMemory.BlockBytes];
            var count = await stream.ReadAsync(bytes, attempt.Token);
            isAhead = true;
            return new Ahead(attempt, stream, bytes, count);
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException or OperationCanceledException)
        {
            return null;
        }
        finally
        {
            if (!isAhead)
                attempt.Dispose();
        }
    }

    /// <summary>The body of an answer from a position on; null when it ends before. Disposed with the answer.</summary>
    private static async Task<Stream?> OpenAsync(UpstreamAttempt attempt, long position, TimeSpan patience)
    {
        attempt.Extend(patience);
        var stream = await attempt.Answer!.Content.ReadAsStreamAsync(attempt.Token);
        var passed = new byte[Math.Min(position, RelayMemory.BlockBytes)];
        for (var left = position; left > 0; attempt.Extend(patience))
        {
            var read = await stream.ReadAsync(passed.AsMemory(0, (int)Math.Min(left, passed.Length)), attempt.Token);
            if (read == 0)
                return null;
            left -= read;
        }
        return stream;
    }

    /// <summary>The next bytes from another parent; none: the body ends here.</summary>
    private sealed record Ahead(UpstreamAttempt Attempt, Stream Stream, byte[] Bytes, int Count);
}
