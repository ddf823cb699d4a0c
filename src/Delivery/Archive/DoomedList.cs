using System.Collections.Concurrent;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>Takedowns while no server runs.</summary>
public static class StoreTakedown
{
    /// <summary>The server that next starts on a data directory deletes the broadcast from its store. Throws what the file system throws.</summary>
    public static void Remember(string dataPath, BroadcastId id)
    {
        var directory = Path.Combine(dataPath, "recordings", DoomedList.DirectoryName);
        Directory.CreateDirectory(directory);
        File.WriteAllBytes(Path.Combine(directory, id.Value), DoomedList.WithClips);
    }
}

/// <summary>
/// The broadcasts that are still to be deleted from the store, as files in a directory: a takedown is carried out though the
/// store is away and the process ends meanwhile. A file is empty, or has a byte when the broadcast's clips go too. Thread-safe.
/// </summary>
internal sealed class DoomedList
{
    /// <summary>Where it is, beside the broadcasts' directories.</summary>
    public const string DirectoryName = "doomed";

    /// <summary>What is in the file of a broadcast whose clips go too.</summary>
    public static readonly byte[] WithClips = "c"u8.ToArray();

    private readonly ConcurrentDictionary<string, bool> ids = new(StringComparer.Ordinal);
    private readonly string directory;

    /// <param name="directory">Made with the first one.</param>
    public DoomedList(string directory)
    {
        this.directory = directory;
        if (!Directory.Exists(directory))
            return;
        foreach (var path in Directory.EnumerateFiles(directory))
        {
            if (BroadcastId.TryParse(Path.GetFileName(path), out var id))
                ids[id.Value] = new FileInfo(path).Length > 0;
        }
    }

    /// <summary>All of them.</summary>
    public IReadOnlyCollection<string> All => [.. ids.Keys];

    public bool Contains(string id) => ids.ContainsKey(id);

    /// <summary>What was cut from it goes too.</summary>
    public bool HasClips(string id) => ids.GetValueOrDefault(id);

    /// <summary>
    /// It was to be deleted, and the process ended before its directory on this disk went. One that was recorded under the same id
    /// afterwards is younger than the file here.
    /// </summary>
    public bool Overtook(string id, DateTime madeAt) => ids.ContainsKey(id) && madeAt <= File.GetLastWriteTimeUtc(Path.Combine(directory, id));

    public void Add(string id, bool withClips)
    {
        var all = ids.AddOrUpdate(id, withClips, (_, before) => before || withClips);
        Try(() =>
        {
            Directory.CreateDirectory(directory);
            File.WriteAllBytes(Path.Combine(directory, id), all ? WithClips : []);
        });
    }

    public void Remove(string id)
    {
        ids.TryRemove(id, out _);
        Try(() => File.Delete(Path.Combine(directory, id)));
    }

    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A full disk: this process knows, and deleting makes room.
        }
    }
}
