namespace Millrace.Delivery.Relay;

/// <summary>
/// Propagation downwards: while somebody watches a playlist, its next version and the part that it hints at are asked for
/// ahead, as one more user of the same collapsed fetches. What comes at the origin is so already on its way when a viewer
/// asks, and no request goes up tier by tier after the fact.
/// </summary>
internal sealed class LiveFollower
{
    private const int MaxPending = 32;

    private readonly RelayCache cache;
    private readonly TimeProvider time;

    public LiveFollower(RelayCache cache, TimeProvider time)
    {
        this.cache = cache;
        this.time = time;
    }

    /// <summary>Runs until nobody watches, the broadcast ends, or it is gone.</summary>
    public async Task RunAsync(LivePlaylist playlist, CancellationToken token)
    {
        // What was asked for and has not come yet; left when it has, so that nothing is abandoned half way.
        var pending = new List<RelayObject>();
        string? hinted = null;
        try
        {
            while (playlist.IsWatched && !token.IsCancellationRequested)
            {
                var tail = playlist.Tail;
                if (tail is not null)
                {
                    if (tail.IsEnded || !tail.CanBlock)
                        return;
                    foreach (var key in playlist.Next(tail))
                        Ask(key, pending);
                    if (tail.Hint is { } hint && playlist.ArePartsWanted && (hint != hinted || !pending.Any(item => item.IsFetching && !item.Key.IsBlocking)))
                    {
                        hinted = hint;
                        Ask(RelayKey.Of(playlist.Directory + hint), pending);
                    }
                }
                await playlist.WaitForOtherThanAsync(tail).WaitAsync(playlist.Target / 2, time, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (pending.Any(item => item.Head is { Status: 400 or 404 or 410 } && item.Key.IsBlocking))
                    return;
                Settle(pending);
            }
        }
        finally
        {
            foreach (var item in pending)
                cache.Leave(item);
        }
    }

    private void Ask(in RelayKey key, List<RelayObject> pending)
    {
        var known = key;
        if (pending.Any(item => item.Key == known && item.IsFetching) || cache.Enter(key, null, out _) is not { } entered)
            return;
        pending.Add(entered);
    }

    private void Settle(List<RelayObject> pending)
    {
        for (var i = pending.Count - 1; i >= 0; i--)
        {
            if (pending[i].IsFetching && pending.Count <= MaxPending)
                continue;
            cache.Leave(pending[i]);
            pending.RemoveAt(i);
        }
    }
}
