using Microsoft.Win32.SafeHandles;

namespace Millrace.Delivery;

/// <summary>
/// Makes a broadcast of what an earlier run left: its journal is replayed into a new timeline, its media files are found. What
/// is cut off or cannot be is left out; nothing that the disk holds makes it throw.
/// </summary>
internal sealed class JournalReplay
{
    /// <summary>Of each rendition of a broadcast that did not end, so many of the last segments are compared with their checksums.</summary>
    private const int Verified = 2;

    private readonly OriginStore store;
    private readonly OriginSettings settings;
    private readonly string directory;
    private readonly Dictionary<string, (SpoolFile File, long Length)?> files = new(StringComparer.Ordinal);
    private readonly List<(RenditionMedia Rendition, long Number)> missing = [];
    private readonly Dictionary<RenditionMedia, Queue<(JournalRecord.SegmentEnded Record, SpoolFile File)>> newest = [];
    private OriginBroadcast? broadcast;
    private JournalRecord.Ended? ended;
    private CheckpointReplay? checkpoint;
    private long generation;

    private JournalReplay(OriginStore store, in OriginSettings settings, string directory)
    {
        this.store = store;
        this.settings = settings;
        this.directory = directory;
    }

    /// <summary>
    /// Opens the recording in a directory. Null when there is none worth opening: no journal, or nothing in it that could be
    /// watched or gone on with.
    /// </summary>
    public static OriginBroadcast? Open(OriginStore store, in OriginSettings settings, string directory)
    {
        var replay = new JournalReplay(store, settings, directory);
        long good;
        try
        {
            // A kill in the middle of making the journal shorter.
            File.Delete(Path.Combine(directory, Journal.NewFileName));
            good = JournalFile.Read(Path.Combine(directory, Journal.FileName), replay.Take);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        if (replay.broadcast is not { } broadcast || broadcast.Current(0) is null || replay.checkpoint is not null)
            return null;
        broadcast.Journal.Resume(good, replay.generation);
        replay.Finish(broadcast);
        return broadcast;
    }

    private bool Take(JournalRecord record)
    {
        try
        {
            return Apply(record);
        }
        catch (Exception fault) when (fault is InvalidOperationException or ArgumentException or OverflowException)
        {
            // The timeline refuses it: whatever wrote that, the recording ends in front of it.
            return false;
        }
    }

    private bool Apply(JournalRecord record)
    {
        if (ended is not null)
            return false;
        if (broadcast is null)
        {
            if (record is not JournalRecord.Opened opened || opened.Id.Value != Path.GetFileName(directory))
                return false;
            broadcast = new OriginBroadcast(store, settings, opened);
            return true;
        }
        if (checkpoint is not null)
            return checkpoint.Take(record, Restore);
        switch (record)
        {
            case JournalRecord.CheckpointBegan began:
                generation = began.Generation;
                checkpoint = new CheckpointReplay();
                break;
            case JournalRecord.PeriodBegan began:
                broadcast.Begin(began.Period);
                break;
            case JournalRecord.SegmentEnded segment:
                return Apply(segment);
            case JournalRecord.DateRangeAdded added:
                broadcast.Timeline.AddDateRange(added.Range);
                break;
            case JournalRecord.SegmentBegan began:
                broadcast.RestoreBegun(began.Segment);
                break;
            case JournalRecord.Removed removed:
                broadcast.RestoreRemoved(removed.Before);
                break;
            case JournalRecord.Suspended:
                broadcast.Timeline.Suspend();
                break;
            case JournalRecord.Lost lost:
                broadcast.Timeline.Lose(lost.Rendition, lost.Segment);
                break;
            case JournalRecord.InitSet set:
                if (broadcast.Current(set.Rendition) is null)
                    return false;
                broadcast.TellInit(set.Rendition, set.Format, set.Init);
                break;
            case JournalRecord.Joined joined:
                broadcast.Timeline.JoinAt(joined.Segment, joined.Renditions);
                break;
            case JournalRecord.ClipOf:
                // The shelf has read it.
                break;
            case JournalRecord.Ended end:
                ended = end;
                break;
            default:
                return false;
        }
        return true;
    }

    private bool Apply(JournalRecord.SegmentEnded record)
    {
        var segment = record.Segment;
        if (broadcast!.Current(segment.Rendition) is not { } media)
            return false;
        broadcast.Restore(media, record);
        if (!segment.IsGap)
            RestoreMedia(media, record);
        return true;
    }

    private void RestoreMedia(RenditionMedia media, JournalRecord.SegmentEnded record)
    {
        media.Spool.Skip(record.Place.File);
        var bytes = record.Parts.Sum(part => (long)part.ByteLength);
        if (Find(media.Name, record.Place.File) is not var (file, length) || record.Place.Offset + bytes > length)
        {
            missing.Add((media, record.Segment.Segment));
            return;
        }
        media.Restore(new StoredSegment(media, record, file));
        if (!newest.TryGetValue(media, out var last))
            newest.Add(media, last = []);
        last.Enqueue((record, file));
        if (last.Count > Verified)
            last.Dequeue();
    }

    private void Restore(OriginState origin)
    {
        broadcast!.Restore(checkpoint!.State, checkpoint.Announced, origin);
        foreach (var (rendition, record) in checkpoint.Recorded)
        {
            if (!record.Segment.IsGap && broadcast.Find(rendition) is { } media)
                RestoreMedia(media, record);
        }
        checkpoint = null;
    }

    private (SpoolFile File, long Length)? Find(string rendition, int number)
    {
        var name = SpoolFile.NameOf(rendition, number);
        if (files.TryGetValue(name, out var known))
            return known;
        if (number < 0)
            return null;
        var archive = broadcast!.Archive;
        var info = new FileInfo(Path.Combine(directory, name));
        long length = 0;
        // What the archive has may have left the disk.
        var exists = info.Exists || archive?.TryGet(name, out length) == true;
        return files[name] = exists ? (SpoolFile.Restore(info.FullName, number, archive), info.Exists ? info.Length : length) : null;
    }

    private void Finish(OriginBroadcast broadcast)
    {
        if (broadcast.Keep is { } keep)
        {
            foreach (var rendition in broadcast.Renditions)
                rendition.Settle(keep);
        }
        if (ended is null)
        {
            foreach (var (rendition, last) in newest)
            {
                foreach (var (record, file) in last)
                {
                    if (File.Exists(file.Path) && !IsWhole(record, file.Path))
                        missing.Add((rendition, record.Segment.Segment));
                }
            }
        }
        foreach (var (rendition, number) in missing)
        {
            rendition.Forget(number);
            // In front of the window nobody asks for it any more.
            if (broadcast.Timeline.Read(rendition.Name) is { } read && number < read.FirstSegment)
                continue;
            broadcast.Timeline.Lose(rendition.Name, number);
            if (ended is null)
                broadcast.Journal.Add(new JournalRecord.Lost(rendition.Name, number));
        }
        if (ended is not null)
        {
            broadcast.RestoreEnded();
            return;
        }
        if (!broadcast.Timeline.Read().IsSuspended)
            broadcast.Suspend();
        DeleteStrangers(broadcast);
        // Full by now, whatever they were: the next one begins with the publisher.
        foreach (var (name, file) in files)
        {
            if (file is not null)
                broadcast.Archive?.Add(name);
        }
    }

    /// <summary>Files that no record speaks of: their segments were not finished, or have left.</summary>
    private void DeleteStrangers(OriginBroadcast broadcast)
    {
        try
        {
            foreach (var path in Directory.EnumerateFiles(directory, "*.m4s"))
            {
                var name = Path.GetFileName(path);
                foreach (var rendition in broadcast.Renditions)
                {
                    if (name.StartsWith(rendition.Name + "-", StringComparison.Ordinal)
                        && int.TryParse(name.AsSpan(rendition.Name.Length + 1, name.Length - rendition.Name.Length - 5), out var number))
                    {
                        rendition.Spool.Skip(number);
                    }
                }
                if (!files.ContainsKey(name))
                    File.Delete(path);
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // They take room and do no harm; they go with the broadcast.
        }
    }

    private static bool IsWhole(JournalRecord.SegmentEnded record, string path)
    {
        try
        {
            using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var left = record.Parts.Sum(part => (long)part.ByteLength);
            var offset = record.Place.Offset;
            var state = ~0u;
            var buffer = new byte[64 * 1024];
            while (left > 0)
            {
                var read = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(left, buffer.Length)), offset);
                if (read == 0)
                    return false;
                state = Crc32C.Append(state, buffer.AsSpan(0, read));
                offset += read;
                left -= read;
            }
            return ~state == record.Place.Checksum;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
