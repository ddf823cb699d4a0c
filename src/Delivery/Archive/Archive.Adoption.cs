using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>What nodes that never return left in the store: an operator says which they are, and has it taken up here.</summary>
internal sealed partial class Archive
{
    // What grows is written to whenever an object is full, and a publisher's absence ends sooner.
    private static readonly TimeSpan LeastSilence = TimeSpan.FromMinutes(10);

    // One at a time: two would fetch the same.
    private readonly SemaphoreSlim adopting = new(1);

    private TimeSpan Silence => 3 * options.S3.ObjectDuration > LeastSilence ? 3 * options.S3.ObjectDuration : LeastSilence;

    /// <summary>What other nodes have begun and not finished.</summary>
    public async Task<OpenRecordings> FindOpenAsync(CancellationToken cancellation)
    {
        List<OpenRecording> found = [];
        return new OpenRecordings(found, await SaidAsync(() => FindOpenAsync(found, OpenPrefix, cancellation)).ConfigureAwait(false));
    }

    /// <summary>
    /// Takes up what a node left that never returns: each of its broadcasts is a replay from now on, as far as the store has it. What was
    /// written to a moment ago stays, and nothing is deleted but the word that it is that node's. Given are those that were taken up, and
    /// those that are in use.
    /// </summary>
    public async Task<OpenRecordings> AdoptAsync(string node, CancellationToken cancellation)
    {
        List<OpenRecording> taken = [];
        await adopting.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return new OpenRecordings(taken, await SaidAsync(() => AdoptAsync(taken, $"{OpenPrefix}{node}/", cancellation)).ConfigureAwait(false));
        }
        finally
        {
            adopting.Release();
        }
    }

    private async Task FindOpenAsync(List<OpenRecording> found, string under, CancellationToken cancellation)
    {
        foreach (var (name, _) in await bucket.ListAsync(under, cancellation).ConfigureAwait(false))
        {
            var slash = name.LastIndexOf('/');
            if (name.StartsWith(openPrefix, StringComparison.Ordinal) || slash <= OpenPrefix.Length || !BroadcastId.TryParse(name[(slash + 1)..], out var id))
                continue;
            var media = await bucket.NewestAsync(NameOf(id.Value, ""), cancellation).ConfigureAwait(false);
            var word = await bucket.NewestAsync(name, cancellation).ConfigureAwait(false);
            // It was finished a moment ago.
            if ((word > media ? word : media ?? word) is not { } at)
                continue;
            found.Add(new OpenRecording(name[OpenPrefix.Length..slash], id, at, Time.GetUtcNow() - at < Silence));
        }
    }

    private async Task AdoptAsync(List<OpenRecording> taken, string under, CancellationToken cancellation)
    {
        List<OpenRecording> found = [];
        await FindOpenAsync(found, under, cancellation).ConfigureAwait(false);
        foreach (var open in found)
        {
            var id = open.Broadcast.Value;
            var target = Path.Combine(directory, id);
            if (open.IsInUse)
                taken.Add(open);
            if (open.IsInUse || doomed.Contains(id) || store.Find(id) is not null || Directory.Exists(target))
                continue;
            // Its end was all but carried out there; or it has no journal, and nobody can tell what its media are.
            var isFinished = (await bucket.ListAsync($"{ArchivedReplay.Prefix}{id}/", cancellation).ConfigureAwait(false)).Count > 0;
            if (!isFinished && !await ReplayFetch.RunAsync(bucket, id, target, isFinished: false, cancellation).ConfigureAwait(false))
                continue;
            // From here on it is this node's, and the next start would finish it.
            if (!isFinished)
                await bucket.PutTextAsync(OpenNameOf(id), "millrace\n", cancellation).ConfigureAwait(false);
            await bucket.DeleteAsync([under + id], cancellation).ConfigureAwait(false);
            if (isFinished)
                continue;
            store.Recovery.FinishFound(id);
            taken.Add(open);
        }
    }

    /// <summary>What store or disk said against it, or null.</summary>
    private static async Task<string?> SaidAsync(Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
            return null;
        }
        catch (Exception fault) when (fault is StorageException or IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return fault.Message;
        }
    }
}
