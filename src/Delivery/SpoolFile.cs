using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>
/// One file of several complete segments of one rendition, appended to by spool threads and read by anyone. It ends when it
/// is sealed and all of its segments have left.
/// </summary>
/// <remarks>
/// While it is written its handle is shared with readers; sealed, it is opened for each read, so that a long recording costs
/// no handles. <see cref="Retire"/> takes the name away at once; the bytes stay readable for those who are in the middle of a
/// segment, because the handle counts them and closes behind the last.
/// </remarks>
internal sealed class SpoolFile
{
    private readonly Lock gate = new();
    private readonly SafeFileHandle? handle;
    private readonly BroadcastArchive? archive;
    private long end;
    private MediaTime? first;
    private int segments;
    private int writing;
    private bool isSealed;
    private bool isRetired;
    private bool isOffered;

    private SpoolFile(string path, int number, SafeFileHandle? handle, BroadcastArchive? archive)
    {
        Path = path;
        Number = number;
        this.handle = handle;
        this.archive = archive;
    }

    /// <summary>The open file, for its writers; of a file that is written.</summary>
    public SafeFileHandle Handle => handle!;

    /// <summary>Its number among the rendition's files.</summary>
    public int Number { get; }

    /// <summary>The file's path, for messages.</summary>
    public string Path { get; }

    /// <summary>Its name in the broadcast's directory.</summary>
    public static string NameOf(string rendition, int number) => string.Create(CultureInfo.InvariantCulture, $"{rendition}-{number}.m4s");

    /// <summary>Makes the file. Throws what the file system throws.</summary>
    public static SpoolFile Create(string path, int number, BroadcastArchive? archive) =>
        // Shared in every way: no advisory lock, nobody else knows the name.
        new(path, number, File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete), archive);

    /// <summary>A file that an earlier run wrote: read, and never written again. The disk may not have it any more, but the archive.</summary>
    public static SpoolFile Restore(string path, int number, BroadcastArchive? archive) => new(path, number, null, archive) { isSealed = true };

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
            writing++;
            return offset;
        }
    }

    /// <summary>What was reserved has been written, or not: the writer is done. The last one of a sealed file closes its handle.</summary>
    public void EndWrite()
    {
        lock (gate)
        {
            writing--;
            CloseIfDone();
        }
    }

    /// <summary>Counts a segment that an earlier run wrote.</summary>
    public void Join()
    {
        lock (gate)
            segments++;
    }

    /// <summary>A run of its bytes, for a reader who disposes it; null when the file is gone.</summary>
    public SegmentBytes? Open(long offset, int length)
    {
        lock (gate)
        {
            if (isRetired)
                return null;
            if (!isSealed)
            {
                var added = false;
                handle!.DangerousAddRef(ref added);
                return new SegmentBytes(handle, offset, length);
            }
        }
        try
        {
            // Outside of the lock: a disk that hangs holds up this reader and nobody else.
            using var opened = File.OpenHandle(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var added = false;
            opened.DangerousAddRef(ref added);
            return new SegmentBytes(opened, offset, length);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The same, wherever they are: of a file that the disk does not have, as much as the archive hands out at once.</summary>
    public ValueTask<SegmentBytes?> OpenAsync(long offset, int length)
    {
        if (Open(offset, length) is { } local)
            return ValueTask.FromResult<SegmentBytes?>(local);
        lock (gate)
        {
            if (isRetired || archive is null)
                return ValueTask.FromResult<SegmentBytes?>(null);
        }
        return archive.ReadAsync(System.IO.Path.GetFileName(Path), offset, length);
    }

    /// <summary>The same without a disk's help: false when the file has to be opened first.</summary>
    public bool TryOpenNow(long offset, int length, out SegmentBytes? piece)
    {
        piece = null;
        lock (gate)
        {
            if (isRetired)
                return true;
            if (isSealed)
                return false;
            var added = false;
            handle!.DangerousAddRef(ref added);
            piece = new SegmentBytes(handle, offset, length);
            return true;
        }
    }

    /// <summary>No further segment comes. True when that ends the file: then the caller retires it.</summary>
    public bool Seal()
    {
        lock (gate)
        {
            isSealed = true;
            CloseIfDone();
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
        handle?.Dispose();
        try
        {
            File.Delete(Path);
        }
        catch (DirectoryNotFoundException)
        {
            // The broadcast's directory went first.
        }
        archive?.Forget(System.IO.Path.GetFileName(Path));
    }

    // Readers that have a reference keep it open.
    private void CloseIfDone()
    {
        if (!isSealed || writing > 0 || handle is null)
            return;
        handle.Dispose();
        if (!isOffered && segments > 0)
            archive?.Add(System.IO.Path.GetFileName(Path));
        isOffered = true;
    }

    private bool Ends()
    {
        if (isRetired || !isSealed || segments > 0)
            return false;
        return isRetired = true;
    }
}
