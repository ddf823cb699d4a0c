using System.Text;
using Millrace.Core;

namespace Millrace.Push;

/// <summary>
/// The takedowns that origins elsewhere have not heard of yet, as files in a directory, one for each broadcast with a line for each
/// origin: they are told though this process ends meanwhile. Thread-safe.
/// </summary>
internal sealed class OwedTakedowns
{
    /// <summary>Its directory in <c>Data:Path</c>.</summary>
    public const string DirectoryName = "takedowns";

    /// <summary>More than an operator gives in the longest absence of an origin; beyond it he hears that nothing is remembered.</summary>
    private const int MaxBroadcasts = 10_000;

    // An origin's address is shorter than 2 KiB, and there are at most 16.
    private const int MaxFileBytes = 64 * 1024;
    private const string NewSuffix = ".new";

    private readonly Lock gate = new();
    private readonly Dictionary<BroadcastId, List<Uri>> owed = [];
    private readonly string directory;

    /// <summary>Reads what an earlier run left.</summary>
    /// <param name="dataPath"><c>Data:Path</c>; the directory in it is made with the first takedown.</param>
    /// <param name="origins">Who is still told. Others, which left the configuration, are owed nothing any more.</param>
    public OwedTakedowns(string dataPath, IReadOnlyCollection<Uri> origins)
    {
        directory = Path.Combine(dataPath, DirectoryName);
        if (!Directory.Exists(directory))
            return;
        foreach (var path in Directory.EnumerateFiles(directory))
        {
            if (!BroadcastId.TryParse(Path.GetFileName(path), out var id) || new FileInfo(path).Length > MaxFileBytes || owed.Count >= MaxBroadcasts)
                continue;
            var known = File.ReadAllLines(path).Select(line => Uri.TryCreate(line, UriKind.Absolute, out var origin) ? origin : null);
            List<Uri> left = [.. known.OfType<Uri>().Where(origins.Contains).Distinct()];
            if (left.Count > 0)
                owed[id] = left;
            else
                File.Delete(path);
        }
    }

    /// <summary>How many broadcasts there are of which an origin has to hear.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return owed.Count;
        }
    }

    /// <summary>What an origin is owed, oldest broadcast first.</summary>
    public IReadOnlyList<BroadcastId> To(Uri origin)
    {
        lock (gate)
            return [.. owed.Where(entry => entry.Value.Contains(origin)).Select(entry => entry.Key).OrderBy(id => id.Value, StringComparer.Ordinal)];
    }

    /// <summary>Some origins have to hear of a takedown. False when there are too many, or the disk does not take it: it is remembered at most by this process.</summary>
    public bool Add(BroadcastId broadcast, IEnumerable<Uri> origins)
    {
        lock (gate)
        {
            if (!owed.TryGetValue(broadcast, out var left))
            {
                if (owed.Count >= MaxBroadcasts)
                    return false;
                owed[broadcast] = left = [];
            }
            left.AddRange(origins.Except(left).ToList());
            return TryWrite(broadcast, left);
        }
    }

    /// <summary>An origin has heard.</summary>
    public void Remove(BroadcastId broadcast, Uri origin)
    {
        lock (gate)
        {
            if (!owed.TryGetValue(broadcast, out var left) || !left.Remove(origin))
                return;
            if (left.Count == 0)
                owed.Remove(broadcast);
            // What stays in a file that is not written now is told once more by the next run, which does no harm.
            TryWrite(broadcast, left);
        }
    }

    /// <summary>The file of a broadcast as it is now: whole, or as it was before.</summary>
    private bool TryWrite(BroadcastId id, List<Uri> left)
    {
        var path = Path.Combine(directory, id.Value);
        try
        {
            if (left.Count == 0)
            {
                File.Delete(path);
                return true;
            }
            Directory.CreateDirectory(directory);
            using (var file = File.OpenHandle(path + NewSuffix, FileMode.Create, FileAccess.Write))
            {
                RandomAccess.Write(file, Encoding.UTF8.GetBytes(string.Join('\n', left)), 0);
                RandomAccess.FlushToDisk(file);
            }
            File.Move(path + NewSuffix, path, overwrite: true);
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
