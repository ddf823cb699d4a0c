namespace Millrace.Delivery.Relay;

/// <summary>What a parent's answer is worth, the best last.</summary>
internal enum UpstreamWorth
{
    /// <summary>Nothing: the next parent is asked.</summary>
    None,
    /// <summary>It knows nothing of what another one has told of: it is the answer when no other parent that is up has any.</summary>
    Behind,
    /// <summary>A refusal for now, with the time after which to ask again: it is the answer when no other parent that is up has any.</summary>
    Busy,
    /// <summary>It is used when no other parent that is up has a better one.</summary>
    LastResort,
    /// <summary>It has no such thing: it is the answer when no other parent that is up surely has it.</summary>
    Absent,
    /// <summary>It is the answer.</summary>
    Useful,
}

/// <summary>Tells what an answer is worth from its head.</summary>
internal sealed class UpstreamJudge(RecentPurges purges)
{
    private static readonly TimeSpan AgeStep = TimeSpan.FromSeconds(1);

    /// <param name="request">What was asked for.</param>
    /// <param name="answer">Its head.</param>
    public UpstreamWorth WorthOf(in UpstreamRequest request, HttpResponseMessage answer)
    {
        // 1. 502, 504, 508: that node has no answer, another one may. A 503 with Retry-After: the same, and whoever asks it again
        //    before that time makes it worse. A plain 503 is the origin's word on a request that it held in vain, and would be the
        //    same elsewhere.
        switch ((int)answer.StatusCode)
        {
            case 502 or 504 or 508:
                return UpstreamWorth.None;
            case 503:
                return answer.Headers.RetryAfter is null ? UpstreamWorth.Useful : UpstreamWorth.Busy;
            // An origin that came back and has not caught up says that a version lies too far ahead, or that a part does not exist.
            case 400 or 404 when request.IsKnown:
                return UpstreamWorth.Behind;
            // One that was away when a broadcast was made, or is not the one that has a clip, does not know what another one has.
            case 404:
                return UpstreamWorth.Absent;
            case >= 400:
                return UpstreamWorth.Useful;
        }
        // 2. Kept there since before a purge that is known here. Without an Age it is the origin's own, made for this request.
        //    An Age leaves out up to a second: when that decides, a parent that is sure goes first.
        if (answer.Headers.Age is { } age && purges.SinceOf(request.Path) is { } since)
        {
            if (age > since)
                return UpstreamWorth.None;
            if (age + AgeStep > since)
                return UpstreamWorth.LastResort;
        }
        // 3. Out of date, because a tier above has lost its parents: another one may have a way to the origin.
        return CacheStatus.IsWithoutParents(answer) ? UpstreamWorth.LastResort : UpstreamWorth.Useful;
    }
}
