using Microsoft.Extensions.Logging;
using Millrace.Core;
using Millrace.Delivery.Downloads;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// Makes clips: recordings of their own with a broadcast's id, a copy of the range (docs/decisions/0022). One at a time, a few
/// may wait. Thread-safe.
/// </summary>
public sealed class ClipMaker : IDisposable
{
    private const int MaxWaiting = 8;

    private readonly SemaphoreSlim turn = new(1);
    private readonly OriginStore store;
    private readonly ClipOptions options;
    private readonly RetentionOptions retention;
    private readonly FfmpegProgram ffmpeg;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private int waiting;

    /// <summary>Over the store.</summary>
    public ClipMaker(OriginStore store, ClipOptions options, RetentionOptions retention, FfmpegProgram ffmpeg, TimeProvider time, ILogger<OriginStore> logger)
    {
        this.ffmpeg = ffmpeg;
        this.store = store;
        this.options = options;
        this.retention = retention;
        this.time = time;
        this.logger = logger;
    }

    /// <summary>Makes a clip of a broadcast that is on air or over; null and why when it cannot be made.</summary>
    /// <param name="of">The broadcast.</param>
    /// <param name="from">Where on its clock it begins; the key frame at or in front of it is taken.</param>
    /// <param name="to">Where it ends; the segment that reaches it is taken whole. Of what is on air, what is recorded by now.</param>
    /// <param name="name">What it is called.</param>
    /// <param name="cancellation">Gives it up; nothing of it stays.</param>
    public async Task<(Replay? Clip, ClipFault Fault)> MakeAsync(BroadcastId of, TimeSpan from, TimeSpan to, string name, CancellationToken cancellation)
    {
        if (to - from > options.MaxDuration)
            return (null, ClipFault.TooLong);
        if (Interlocked.Increment(ref waiting) > MaxWaiting)
        {
            Interlocked.Decrement(ref waiting);
            return (null, ClipFault.Busy);
        }
        try
        {
            await turn.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                return await MakeNowAsync(of, from, to, name, cancellation).ConfigureAwait(false);
            }
            finally
            {
                turn.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => turn.Dispose();

    private async Task<(Replay? Clip, ClipFault Fault)> MakeNowAsync(BroadcastId of, TimeSpan from, TimeSpan to, string name, CancellationToken cancellation)
    {
        // 1. The broadcast, and whether there may be one more.
        var shelved = store.Replays.Find(of.Value);
        if (shelved?.Clip is not null)
            return (null, ClipFault.OfClip);
        shelved?.Touch(time);
        var source = store.Find(of.Value) ?? await store.Replays.OpenAsync(of.Value).ConfigureAwait(false);
        if (source is null)
            return (null, shelved is null ? ClipFault.UnknownBroadcast : ClipFault.Busy);
        source.Touch();
        if (store.Replays.Clips(source.Channel).Count >= options.MaxCount)
            return (null, ClipFault.TooMany);

        // 2. The range, and its size.
        var snapshot = source.Timeline.Read();
        if (RecordedRange.Choose(snapshot, null) is not var (lead, _)
            || RecordedRange.Find(lead, snapshot.Periods[0].Start.Seconds, from.TotalSeconds, to.TotalSeconds) is not var (first, last))
        {
            return (null, ClipFault.Empty);
        }
        if (Free() is { } free && free - BytesOf(snapshot, first, last) < retention.MinFreeBytes)
            return (null, ClipFault.NoRoom);

        // 3. The copy, under a name that is no recording's until it is whole.
        var id = BroadcastId.New(time.GetUtcNow());
        var directory = store.DirectoryOf(id);
        var writer = new ClipWriter(source, snapshot, lead, first, last, directory + ClipWriter.Suffix, ffmpeg, time);
        try
        {
            if (!await writer.WriteAsync(id, name, time.GetUtcNow(), cancellation).ConfigureAwait(false))
                return (null, ClipFault.Empty);
            Directory.Move(directory + ClipWriter.Suffix, directory);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            logger.ClipFailed(of.Value, fault.Message);
            return (null, ClipFault.NoRoom);
        }
        catch (StorageException fault)
        {
            logger.ClipFailed(of.Value, fault.Message);
            return (null, ClipFault.NotToBeHad);
        }
        finally
        {
            ClipWriter.Discard(directory + ClipWriter.Suffix);
        }

        // 4. Taken down meanwhile: what was shown is not to stay. On the shelf first: a takedown from here on finds the clip there.
        var clip = Replay.Read(directory, out _);
        if (clip is null)
        {
            store.Spooler.DeleteDirectory(directory);
            return (null, ClipFault.UnknownBroadcast);
        }
        var archive = store.Archive?.Of(directory);
        store.Replays.Add(clip);
        if (store.Find(of.Value) is null && store.Replays.Find(of.Value) is null)
        {
            store.Delete(id);
            return (null, ClipFault.UnknownBroadcast);
        }
        archive?.Finish(clip);
        logger.ClipMade(id.Value, of.Value, source.Channel.Value);
        return (clip, ClipFault.None);
    }

    private static long BytesOf(BroadcastSnapshot snapshot, long first, long last)
    {
        var bytes = 0L;
        foreach (var rendition in snapshot.Renditions)
        {
            foreach (var segment in rendition.Segments.AsSpan())
            {
                if (segment.Number >= first && segment.Number <= last)
                    bytes += segment.ByteLength;
            }
        }
        return bytes;
    }

    private long? Free()
    {
        try
        {
            return new DriveInfo(store.RecordingsPath).AvailableFreeSpace;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
