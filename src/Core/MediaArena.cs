namespace Millrace.Core;

/// <summary>
/// Lays payloads one behind the other into pooled blocks. One owner, no lock: each connection or packager has its own.
/// </summary>
public sealed class MediaArena : IDisposable
{
    private readonly MediaBlockPool pool;
    private MediaBlock? current;
    private int used;

    /// <param name="pool">Where blocks come from and go back to.</param>
    public MediaArena(MediaBlockPool pool) => this.pool = pool;

    /// <summary>
    /// Reserves <paramref name="length"/> bytes that the caller fills through <paramref name="writable"/> before it
    /// shares the buffer. The caller owns the returned reference. The caller has checked the length against its limit.
    /// </summary>
    public MediaBuffer Allocate(int length, out Memory<byte> writable)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (length == 0)
        {
            writable = default;
            return default;
        }
        if (length > MediaBlockPool.BlockBytes)
        {
            var own = pool.Rent(length);
            writable = own.Memory[..length];
            return new MediaBuffer(own, 0, length);
        }
        if (current is null || used + length > current.Length)
        {
            current?.Release();
            current = pool.Rent();
            used = 0;
        }
        current.AddReference();
        writable = current.Memory.Slice(used, length);
        var buffer = new MediaBuffer(current, used, length);
        used += length;
        return buffer;
    }

    /// <summary>Copies <paramref name="bytes"/> into the arena. The caller owns the returned reference.</summary>
    public MediaBuffer Copy(ReadOnlySpan<byte> bytes)
    {
        var buffer = Allocate(bytes.Length, out var writable);
        bytes.CopyTo(writable.Span);
        return buffer;
    }

    /// <summary>Lets the current block go; buffers already handed out stay valid.</summary>
    public void Dispose()
    {
        current?.Release();
        current = null;
    }
}
