using System.Formats.Tar;
using System.Globalization;

namespace Millrace.Delivery;

/// <summary>
/// Makes the directory of a replay from the store: its journal (of a broadcast that did not end, the pieces of it), its sprite
/// sheets, and the list of its media files, which stay where they are until somebody watches them.
/// </summary>
internal static class ReplayFetch
{
    // Twelve hours of two renditions are 3 MB and 14 MB. More than this is nothing that we made.
    private const long MaxJournalBytes = 1L << 30;
    private const long MaxSpritesBytes = 1L << 30;

    /// <summary>Throws what store and disk throw; the directory is there whole or not at all. False when the store has no journal of it.</summary>
    /// <param name="bucket">The store.</param>
    /// <param name="id">The broadcast.</param>
    /// <param name="directory">Where it is made.</param>
    /// <param name="isFinished">It is a replay; else something is to be uploaded still, were it only what makes it one.</param>
    /// <param name="cancellation">Gives it up.</param>
    public static async Task<bool> RunAsync(S3Bucket bucket, string id, string directory, bool isFinished, CancellationToken cancellation)
    {
        var making = directory + Archive.FetchingSuffix;
        if (Directory.Exists(making))
            Directory.Delete(making, recursive: true);
        Directory.CreateDirectory(making);
        try
        {
            // 1. What there is.
            var under = Archive.NameOf(id, "");
            var objects = (await bucket.ListAsync(under, cancellation).ConfigureAwait(false)).ToDictionary(entry => entry.Name[under.Length..], entry => entry.Length, StringComparer.Ordinal);

            // 2. The journal.
            List<string> pieces = objects.ContainsKey(BroadcastArchive.Journal) ? [BroadcastArchive.Journal] : PiecesOf(objects);
            if (pieces.Count == 0)
            {
                Directory.Delete(making, recursive: true);
                return false;
            }
            if (pieces.Sum(name => objects[name]) > MaxJournalBytes)
                throw new InvalidDataException("Its journal in the store is larger than any of ours.");
            await FetchAsync(bucket, under, pieces, objects, Path.Combine(making, BroadcastArchive.Journal), cancellation).ConfigureAwait(false);

            // 3. The sprite sheets.
            if (objects.TryGetValue(BroadcastArchive.Sprites, out var size) && size <= MaxSpritesBytes)
            {
                var tar = Path.Combine(making, BroadcastArchive.Sprites);
                await FetchAsync(bucket, under, [BroadcastArchive.Sprites], objects, tar, cancellation).ConfigureAwait(false);
                await UnpackAsync(tar, Path.Combine(making, BroadcastArchive.SpritesDirectory), cancellation).ConfigureAwait(false);
                File.Delete(tar);
            }

            // 4. The list.
            var log = new ArchiveLog(making, bucket.Identity);
            foreach (var (name, length) in objects)
                log.Add(name, length);
            if (isFinished && objects.ContainsKey(BroadcastArchive.Journal))
                log.Complete();
            if (Directory.Exists(directory))
                Directory.Delete(directory, recursive: true);
            Directory.Move(making, directory);
            return true;
        }
        catch
        {
            Directory.Delete(making, recursive: true);
            throw;
        }
    }

    /// <summary>The pieces of the newest journal that is there from its beginning: of an older one some may be deleted already.</summary>
    private static List<string> PiecesOf(Dictionary<string, long> objects)
    {
        const string Begin = BroadcastArchive.Journal + "-";
        var generation = 0L;
        foreach (var name in objects.Keys)
        {
            if (name.StartsWith(Begin, StringComparison.Ordinal) && name.EndsWith(".0", StringComparison.Ordinal)
                && long.TryParse(name.AsSpan(Begin.Length, name.Length - Begin.Length - 2), NumberStyles.None, CultureInfo.InvariantCulture, out var found))
                generation = Math.Max(generation, found);
        }
        var pieces = new List<string>();
        while (objects.ContainsKey(BroadcastArchive.PieceOf(generation, pieces.Count)))
            pieces.Add(BroadcastArchive.PieceOf(generation, pieces.Count));
        return pieces;
    }

    private static async Task FetchAsync(
        S3Bucket bucket, string under, List<string> names, Dictionary<string, long> objects, string path, CancellationToken cancellation)
    {
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        long done = 0;
        foreach (var name in names)
        {
            await bucket.ReadAsync(under + name, 0, objects[name], file, done, cancellation).ConfigureAwait(false);
            done += objects[name];
        }
        ArchiveMetrics.Fetched.Add(done);
    }

    // A bucket is not trusted: files with plain names, nothing else.
    private static async Task UnpackAsync(string tar, string directory, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        using var input = File.OpenRead(tar);
        using var reader = new TarReader(input);
        while (await reader.GetNextEntryAsync(copyData: false, cancellation).ConfigureAwait(false) is { } entry)
        {
            var name = Path.GetFileName(entry.Name);
            if (entry.DataStream is not { } data || name.Length == 0 || name != entry.Name.TrimStart('.', '/'))
                continue;
            using var output = File.Create(Path.Combine(directory, name));
            await data.CopyToAsync(output, cancellation).ConfigureAwait(false);
        }
    }
}
