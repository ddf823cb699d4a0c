using Millrace.Core;

namespace Millrace.Delivery.Relay;

/// <summary>The memory of all bodies of a relay: where it comes from, and how much of it is in use. Thread-safe.</summary>
internal sealed class RelayMemory : IDisposable
{
    /// <summary>
    /// Bytes of a block. A part of 30 KB fills two, and half a block is lost at an object's end: a small share of a segment,
    /// and counted.
    /// </summary>
    public const int BlockBytes = 16 * 1024;

    /// <summary>Up to this size a body of declared length has an array of its own: a playlist of 1.2 KB in a block would waste nine tenths.</summary>
    public const int SmallBytes = 8 * 1024;

    private readonly MediaBlockPool pool;
    private readonly SendableMemory sendable = new();
    private long used;

    /// <param name="maxFreeBytes">Most bytes kept for reuse.</param>
    public RelayMemory(long maxFreeBytes) => pool = new MediaBlockPool(maxFreeBytes, BlockBytes);

    /// <summary>Bytes in use: blocks count whole, of a large body what has come.</summary>
    public long UsedBytes => Volatile.Read(ref used);

    public MediaBlock Rent()
    {
        Add(BlockBytes);
        return pool.Rent(BlockBytes);
    }

    /// <summary>Memory for a whole body of that length that sockets take without a copy, not counted; null when it is too small for that.</summary>
    public SendableMemory.Range? TryRentWhole(long length) =>
        length is >= SendableMemory.MinBytes and <= int.MaxValue ? sendable.TryRent((int)length) : null;

    public void Return(MediaBlock block)
    {
        block.Release();
        Remove(BlockBytes);
    }

    /// <summary>Nobody asks for memory any more; bodies that are still used stay as they are.</summary>
    public void Dispose() => sendable.Dispose();

    public void Add(long bytes)
    {
        Interlocked.Add(ref used, bytes);
        RelayMetrics.AddMemory(bytes);
    }

    public void Remove(long bytes)
    {
        Interlocked.Add(ref used, -bytes);
        RelayMetrics.AddMemory(-bytes);
    }
}
