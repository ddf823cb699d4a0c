using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Millrace.Core;

/// <summary>
/// A block of native memory that holds many payloads, counted: it goes back to its pool when the last
/// <see cref="MediaBuffer"/> over it is released. Made only by <see cref="MediaBlockPool"/>.
/// </summary>
/// <remarks>
/// Media lives outside the garbage collector's heap: a server with a thousand streams holds gigabytes that no
/// collection should ever look at. <see cref="MemoryManager{T}.Memory"/> makes the bytes usable by every API that takes memory.
/// </remarks>
public sealed unsafe class MediaBlock : MemoryManager<byte>
{
    private readonly MediaBlockPool pool;
    private byte* pointer;
    private readonly int length;
    private int references;

    internal MediaBlock(MediaBlockPool pool, int length)
    {
        this.pool = pool;
        this.length = length;
        pointer = (byte*)NativeMemory.AlignedAlloc((nuint)length, 64);
    }

    /// <summary>Bytes of the whole block.</summary>
    public int Length => length;

    /// <summary>The block's references now; for tests and assertions.</summary>
    public int References => Volatile.Read(ref references);

    internal void Revive() => Volatile.Write(ref references, 1);

    /// <summary>Adds one reference. Only a holder of a reference may call it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddReference()
    {
        if (Interlocked.Increment(ref references) <= 1)
            throw new ObjectDisposedException(nameof(MediaBlock), "A reference was added to a block that nobody holds.");
    }

    /// <summary>Drops one reference; the last one gives the block back to its pool.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Release()
    {
        var left = Interlocked.Decrement(ref references);
        if (left == 0)
            pool.Return(this);
        else if (left < 0)
            throw new ObjectDisposedException(nameof(MediaBlock), "A block was released more often than it was referenced.");
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(pointer is null, this);
        return new Span<byte>(pointer, length);
    }

    /// <summary>The block as memory. Does not add a reference.</summary>
    public new Memory<byte> Memory => CreateMemory(length);

    /// <summary>Address of the first byte, stable for the block's whole life: for gathered socket and file writes.</summary>
    public nint Address => (nint)pointer;

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)length, nameof(elementIndex));
        return new MemoryHandle(pointer + elementIndex);
    }

    /// <inheritdoc/>
    public override void Unpin() { }

    internal void Free() => ((IDisposable)this).Dispose();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (pointer is null)
            return;
        NativeMemory.AlignedFree(pointer);
        pointer = null;
    }
}
