using System.Globalization;

namespace Millrace.Delivery;

/// <summary>
/// The file <c>archived</c> in a broadcast's directory: what of it is in the store, a line each. The first line names the
/// store; of another one nothing that follows is true. Not thread-safe.
/// </summary>
internal sealed class ArchiveLog
{
    /// <summary>Its name.</summary>
    public const string FileName = "archived";

    /// <summary>A line of its own: the replay is in the store, complete, and known there.</summary>
    private const string End = "end";

    // A day of two renditions.
    private const int LeastLines = 4000;

    private readonly string path;
    private readonly Dictionary<string, long> objects = new(StringComparer.Ordinal);
    private bool isBegun;
    private int lines;

    /// <summary>Reads what an earlier run left.</summary>
    /// <param name="directory">The broadcast's.</param>
    /// <param name="store">Which store.</param>
    public ArchiveLog(string directory, string store)
    {
        path = Path.Combine(directory, FileName);
        Store = store;
        try
        {
            if (!File.Exists(path))
                return;
            foreach (var line in File.ReadLines(path))
            {
                Take(line);
                lines++;
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // What is not known to be there is uploaded again, under the same name, with the same bytes.
        }
        if (!isBegun)
            objects.Clear();
    }

    /// <summary>Which store.</summary>
    public string Store { get; }

    /// <summary>Names and lengths.</summary>
    public IReadOnlyDictionary<string, long> Objects => objects;

    /// <summary>An earlier run, or another node, put something there.</summary>
    public bool WasFound => isBegun;

    /// <summary>The replay is in the store, complete.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>An object is there.</summary>
    public void Add(string name, long length)
    {
        objects[name] = length;
        Append(string.Create(CultureInfo.InvariantCulture, $"{name} {length}"));
    }

    /// <summary>It is there no more.</summary>
    public void Remove(string name)
    {
        if (objects.Remove(name))
            Append("-" + name);
    }

    /// <summary>The replay is complete.</summary>
    public void Complete()
    {
        IsComplete = true;
        Append(End);
    }

    private void Take(string line)
    {
        if (!isBegun)
        {
            isBegun = line == Store;
            if (!isBegun && line.Length > 0)
                return;
        }
        else if (line == End)
            IsComplete = true;
        else if (line.StartsWith('-'))
            objects.Remove(line[1..]);
        else if (line.LastIndexOf(' ') is > 0 and var space && long.TryParse(line.AsSpan(space + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var length))
            objects[line[..space]] = length;
    }

    private void Append(string line)
    {
        try
        {
            // On a line of its own: a kill may have cut off the one before.
            if (isBegun)
                File.AppendAllText(path, $"\n{line}\n");
            else
                File.WriteAllText(path, $"{Store}\n{line}\n");
            isBegun = true;
            lines += 2;
            // Of a broadcast on air for months most that was there has left.
            if (lines > LeastLines + 8 * objects.Count)
                Shorten();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The disk is full, or the directory has just been deleted. See the constructor.
        }
    }

    private void Shorten()
    {
        var whole = objects.Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Key} {entry.Value}")).Prepend(Store);
        File.WriteAllLines(path + ".new", IsComplete ? whole.Append(End) : whole);
        File.Move(path + ".new", path, overwrite: true);
        lines = objects.Count + 1;
    }
}
