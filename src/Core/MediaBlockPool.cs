using System.Collections.Concurrent;

namespace Millrace.Core;

/// <summary>
/// Hands out <see cref="MediaBlock"/>s and keeps returned ones for reuse, up to a bound. Thread-safe.
/// </summary>
public sealed class MediaBlockPool
{
    /// <summary>
    /// Bytes of a pooled block. 128 KiB holds about 0.4 s of a 2.5 Mbit/s stream: large enough that a payload seldom
    /// crosses into a new block, small enough that the unfilled block of an idle stream costs little.
    /// </summary>
    public const int BlockBytes = 128 * 1024;

    private readonly ConcurrentStack<MediaBlock> free = new();
    private readonly long maxFreeBytes;
    private readonly int blockBytes;
    private long freeBytes;
    private long usedBytes;

    /// <param name="maxFreeBytes">Most bytes kept for reuse; blocks returned beyond it are freed. At least 0.</param>
    /// <param name="blockBytes">Bytes of a pooled block, at least 1; <see cref="BlockBytes"/> for a pool under a <see cref="MediaArena"/>.</param>
    public MediaBlockPool(long maxFreeBytes = 64L * 1024 * 1024, int blockBytes = BlockBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxFreeBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockBytes);
        this.maxFreeBytes = maxFreeBytes;
        this.blockBytes = blockBytes;
    }

    /// <summary>The process's pool.</summary>
    public static MediaBlockPool Shared { get; } = new();

    /// <summary>Bytes of the blocks that somebody holds.</summary>
    public long UsedBytes => Volatile.Read(ref usedBytes);

    /// <summary>Bytes of the blocks kept for reuse.</summary>
    public long FreeBytes => Volatile.Read(ref freeBytes);

    /// <summary>
    /// Takes a block of at least <paramref name="minBytes"/>, with one reference that belongs to the caller.
    /// Sizes over the pool's block size get a block of their own that is not kept afterwards. The content is undefined.
    /// </summary>
    public MediaBlock Rent(int minBytes = BlockBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(minBytes);
        MediaBlock? block = null;
        if (minBytes <= blockBytes)
        {
            if (free.TryPop(out block))
                Interlocked.Add(ref freeBytes, -block.Length);
            else
                block = new MediaBlock(this, blockBytes);
        }
        block ??= new MediaBlock(this, minBytes);
        block.Revive();
        Interlocked.Add(ref usedBytes, block.Length);
        return block;
    }

    internal void Return(MediaBlock block)
    {
        Interlocked.Add(ref usedBytes, -block.Length);
        if (block.Length == blockBytes && Interlocked.Add(ref freeBytes, block.Length) <= maxFreeBytes)
        {
            free.Push(block);
            return;
        }
        if (block.Length == blockBytes)
            Interlocked.Add(ref freeBytes, -block.Length);
        block.Free();
    }
}
