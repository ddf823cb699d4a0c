namespace Millrace.Delivery;

/// <summary>How far the next bytes of a body are.</summary>
internal enum BodyTurn
{
    /// <summary>Here they are.</summary>
    Ready,

    /// <summary>A file has to be opened first: <see cref="IMediaBody.OpenAsync"/>.</summary>
    Cold,

    /// <summary>They are still on their way: <see cref="IMediaBody.TryWaitBeyond"/>.</summary>
    Later,

    /// <summary>There are no more.</summary>
    Done,

    /// <summary>They are gone, or will not come.</summary>
    Gone,
}

/// <summary>
/// Bytes that the paths in front of Kestrel send, in memory that does not move or in a file: an origin's segment, or what a relay has. Who
/// is given one with an answer releases it, once.
/// </summary>
internal interface IMediaBody
{
    /// <summary>The next run from <paramref name="from"/> up to <paramref name="to"/>, for the caller to dispose. Waits for nothing.</summary>
    /// <param name="from">Its first byte.</param>
    /// <param name="to">The byte behind the last one that it may have.</param>
    /// <param name="prefersFile">The caller sends a file without reading it: a long run comes from one even where memory has it too.</param>
    /// <param name="piece">The run, after <see cref="BodyTurn.Ready"/>.</param>
    BodyTurn TryOpenNow(int from, int to, bool prefersFile, out SegmentBytes piece);

    /// <summary>The same after <see cref="BodyTurn.Cold"/>, waiting for a disk or the archive; null when it is gone.</summary>
    ValueTask<SegmentBytes?> OpenAsync(int from, int to);

    /// <summary>Nothing opened because it left for good, and is not merely out of reach.</summary>
    bool IsGone { get; }

    /// <summary>After <see cref="BodyTurn.Later"/>: has somebody woken when another look is worth it; false when it is now.</summary>
    /// <param name="position">How many bytes the caller has seen.</param>
    /// <param name="waiter">Woken once.</param>
    bool TryWaitBeyond(long position, IWaiter waiter);

    /// <summary>The answer has been sent, or is not sent any more.</summary>
    void Release();
}

/// <summary>Waiting for a body in code that awaits.</summary>
internal static class MediaBodyExtensions
{
    /// <summary>Ends when there are more than <paramref name="position"/> bytes, or nothing more comes.</summary>
    public static Task WaitBeyondAsync(this IMediaBody body, long position)
    {
        var waiter = new TaskWaiter();
        return body.TryWaitBeyond(position, waiter) ? waiter.Task : Task.CompletedTask;
    }
}
