using Microsoft.Win32.SafeHandles;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>
/// One file of several complete segments of one rendition, appended to by the spooler and read by anyone who holds a
/// reference to its handle. It ends when it is sealed and all of its segments have left.
/// </summary>
/// <remarks>
/// <see cref="Retire"/> takes the name away at once; the bytes stay readable for those who are in the middle of a
/// segment, because the handle counts them and closes behind the last.
/// </remarks>
internal sealed class SpoolFile
{
    private readonly Lock gate = new();
    private readonly string path;
    private long end;
    private MediaTime? first;
    private int segments;
    private bool isSealed;
    private bool isRetired;

    private SpoolFile(string path, SafeFileHandle handle)
    {
        this.path = path;
        Handle = handle;
    }

    /// <summary>The open file. Readers use it between <c>DangerousAddRef</c> and <c>DangerousRelease</c>.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>The file's path, for messages.</summary>
    public string Path => path;

    /// <summary>Makes the file. Throws what the file system throws.</summary>
    public static SpoolFile Create(string path) =>
        // Shared in every way: no advisory lock, nobody else knows the name.
        new(path, File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete));

    /// <summary>Whether a segment that begins at <paramref name="start"/> belongs into another file.</summary>
    public bool IsFullAt(MediaTime start, TimeSpan duration) =>
        first is { } from && (start - from).Seconds >= duration.TotalSeconds;

    /// <summary>Sets space aside for a segment and counts it. Called by one writer at a time.</summary>
    public long Reserve(MediaTime start, long length)
    {
        lock (gate)
        {
            first ??= start;
            var offset = end;
            end += length;
            segments++;
            return offset;
        }
    }

    /// <summary>No further segment comes. True when that ends the file: then the caller retires it.</summary>
    public bool Seal()
    {
        lock (gate)
        {
            isSealed = true;
            return Ends();
        }
    }

    /// <summary>One of its segments has left. True when that ends the file: then the caller retires it.</summary>
    public bool Leave()
    {
        lock (gate)
        {
            segments--;
            return Ends();
        }
    }

    /// <summary>Deletes the file and closes it behind its last reader. Throws what the file system throws.</summary>
    public void Retire()
    {
        Handle.Dispose();
        try
        {
            File.Delete(path);
        }
        catch (DirectoryNotFoundException)
        {
            // The broadcast's directory went first.
        }
    }

    private bool Ends()
    {
        if (isRetired || !isSealed || segments > 0)
            return false;
        return isRetired = true;
    }
}
