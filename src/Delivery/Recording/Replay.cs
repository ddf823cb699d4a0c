using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>A broadcast that has ended and stays: what is known of it without opening it.</summary>
public sealed class Replay
{
    private long bytes;
    private long watchedAt = long.MinValue;
    private int isArchived;

    internal Replay(ChannelName channel, BroadcastId id, DateTimeOffset startedAt, DateTimeOffset endedAt, TimeSpan duration, long bytes, DvrMode mode, Clip? clip = null)
    {
        Channel = channel;
        Id = id;
        StartedAt = startedAt;
        EndedAt = endedAt;
        Duration = duration;
        this.bytes = bytes;
        Mode = mode;
        Clip = clip;
    }

    /// <summary>Whose it is.</summary>
    public ChannelName Channel { get; }

    /// <summary>The broadcast's id.</summary>
    public BroadcastId Id { get; }

    /// <summary>When it went on air.</summary>
    public DateTimeOffset StartedAt { get; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset EndedAt { get; }

    /// <summary>How long its media are; absences of its publisher count.</summary>
    public TimeSpan Duration { get; }

    /// <summary>How far back it went while it was on air.</summary>
    public DvrMode Mode { get; }

    /// <summary>What it is a clip of; null for a broadcast.</summary>
    public Clip? Clip { get; }

    /// <summary>Bytes that it takes on disk.</summary>
    public long Bytes => Volatile.Read(ref bytes);

    /// <summary>All of it is in the store, if this node has one (<see cref="StorageKind.S3"/>): its directory may be gone from the disk.</summary>
    public bool IsArchived => Volatile.Read(ref isArchived) != 0;

    internal Lock Gate { get; } = new();

    /// <summary>It is being opened, or was; guarded by the gate.</summary>
    internal Task<OriginBroadcast?>? Opening { get; set; }

    internal bool WasWatched(TimeProvider time, TimeSpan within) =>
        Volatile.Read(ref watchedAt) is > long.MinValue and var at && time.GetElapsedTime(at) < within;

    internal void Touch(TimeProvider time) => Volatile.Write(ref watchedAt, time.GetTimestamp());

    /// <summary>All of it, so many bytes, is in the store.</summary>
    internal void Archived(long total)
    {
        Volatile.Write(ref bytes, total);
        Volatile.Write(ref isArchived, 1);
    }

    /// <summary>Measures it anew. Looks at the disk.</summary>
    internal void Measure(string directory) => Volatile.Write(ref bytes, SizeOf(directory));

    /// <summary>Reads what is known of a recording from its journal's first records and the last. Null when it has not ended, or is none.</summary>
    internal static Replay? Read(string directory, out JournalRecord.Opened? opened)
    {
        opened = null;
        try
        {
            var path = Path.Combine(directory, Journal.FileName);
            if (!File.Exists(path))
                return null;
            JournalRecord? first = null, second = null;
            JournalFile.Read(path, record =>
            {
                if (first is null)
                    first = record;
                else
                    second = record;
                return second is null;
            });
            opened = first as JournalRecord.Opened;
            if (opened is null || opened.Id.Value != Path.GetFileName(directory) || JournalFile.ReadEnd(path) is not { } ended)
                return null;
            return new Replay(opened.Channel, opened.Id, opened.StartedAt, ended.At, ended.Duration, SizeOf(directory), opened.Mode,
                (second as JournalRecord.ClipOf)?.Clip);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static long SizeOf(string directory)
    {
        try
        {
            return new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
