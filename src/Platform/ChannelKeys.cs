using Millrace.Core;
using Millrace.Ingest;

namespace Millrace.Platform;

/// <summary>
/// Answers ingest's question whose stream key that is, from the database with a small cache in front.
/// </summary>
/// <remarks>
/// Only right keys are cached, and by their hash: a flood of wrong ones fills nothing, and no key stays in memory. The
/// database is read by at most four at a time, on pool threads: when it is slow, publishers wait and streams go on.
/// </remarks>
public sealed class ChannelKeys : IStreamKeys, IDisposable
{
    /// <summary>How long a key that was replaced by another process still works.</summary>
    public static readonly TimeSpan CacheFor = TimeSpan.FromSeconds(5);

    private const int MaxCached = 1024;

    private readonly Dictionary<Hash, (ChannelName Channel, long At)> cache = [];
    private readonly SemaphoreSlim readers = new(4);
    private readonly ChannelStore channels;
    private readonly TimeProvider time;

    /// <summary>Over the channels.</summary>
    public ChannelKeys(ChannelStore channels, TimeProvider time)
    {
        this.channels = channels;
        this.time = time;
    }

    private readonly record struct Hash(UInt128 High, UInt128 Low);

    /// <inheritdoc/>
    public async ValueTask<ChannelName?> FindChannelAsync(string streamKey, CancellationToken cancellationToken)
    {
        if (streamKey.Length is 0 or > StreamKey.MaxClaimedLength)
            return null;
        var bytes = StreamKey.HashOf(streamKey);
        var hash = new Hash(
            System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes),
            System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes.AsSpan(16)));
        lock (cache)
        {
            if (cache.TryGetValue(hash, out var known) && time.GetElapsedTime(known.At) < CacheFor)
                return known.Channel;
        }

        await readers.WaitAsync(cancellationToken).ConfigureAwait(false);
        ChannelName? found;
        try
        {
            found = await Task.Run(() => channels.FindByKeyHash(bytes), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            readers.Release();
        }

        lock (cache)
        {
            cache.Remove(hash);
            if (found is { } channel)
            {
                // What is cached is only ever a saving, so a full cache may begin anew.
                if (cache.Count >= MaxCached)
                    cache.Clear();
                cache[hash] = (channel, time.GetTimestamp());
            }
        }
        return found;
    }

    /// <inheritdoc/>
    public void Dispose() => readers.Dispose();
}
