using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>The media files of one rendition, one behind the other. Used by spool threads only.</summary>
internal sealed class SpoolTrack
{
    private readonly Lock gate = new();
    private readonly string directory;
    private readonly string rendition;
    private readonly TimeSpan fileDuration;
    private readonly BroadcastArchive? archive;
    private SpoolFile? current;
    private int files;
    private bool isClosed;

    /// <param name="directory">The broadcast's directory, made with the first write.</param>
    /// <param name="rendition">The rendition's name.</param>
    /// <param name="fileDuration">Media time in one file.</param>
    /// <param name="archive">Where files go that are full; null is nowhere.</param>
    public SpoolTrack(string directory, string rendition, TimeSpan fileDuration, BroadcastArchive? archive)
    {
        this.archive = archive;
        this.directory = directory;
        this.rendition = rendition;
        this.fileDuration = fileDuration;
    }

    /// <summary>An earlier run used file numbers up to this one.</summary>
    public void Skip(int number)
    {
        lock (gate)
            files = Math.Max(files, number + 1);
    }

    /// <summary>
    /// The file and offset for a segment; null when nothing is to be written any more. <paramref name="ended"/> is the file
    /// before when that has ended, to be retired. Throws what the file system throws.
    /// </summary>
    public SpoolFile? Reserve(MediaTime start, int length, out long offset, out SpoolFile? ended)
    {
        lock (gate)
        {
            ended = null;
            offset = 0;
            if (isClosed)
                return null;
            if (current is { } full && full.IsFullAt(start, fileDuration))
            {
                current = null;
                ended = full.Seal() ? full : null;
            }
            if (current is null)
            {
                Directory.CreateDirectory(directory);
                current = SpoolFile.Create(Path.Combine(directory, SpoolFile.NameOf(rendition, files)), files, archive);
                files++;
            }
            offset = current.Reserve(start, length);
            return current;
        }
    }

    /// <summary>Nothing more will be written. The file that ends with that, to be retired, or null.</summary>
    public SpoolFile? Close()
    {
        lock (gate)
        {
            isClosed = true;
            var last = current;
            current = null;
            return last?.Seal() == true ? last : null;
        }
    }
}
