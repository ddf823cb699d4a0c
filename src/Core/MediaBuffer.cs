namespace Millrace.Core;

/// <summary>
/// A counted slice of a <see cref="MediaBlock"/>: one payload, shared without copying. A value of this type stands for
/// <em>one</em> reference; whoever is handed it owns that reference unless the receiving method says otherwise, and
/// calls <see cref="Release"/> once. Handing it to a second owner takes <see cref="Share"/>. The bytes never change
/// after the buffer left its <see cref="MediaArena"/>.
/// </summary>
/// <remarks><c>default</c> is an empty buffer that needs no release.</remarks>
public readonly struct MediaBuffer
{
    private readonly MediaBlock? block;
    private readonly int offset;

    internal MediaBuffer(MediaBlock block, int offset, int length)
    {
        this.block = block;
        this.offset = offset;
        Length = length;
    }

    /// <summary>Bytes of the slice.</summary>
    public int Length { get; }

    /// <summary>The bytes. Valid while the reference is held.</summary>
    public ReadOnlySpan<byte> Span => block is null ? default : block.GetSpan().Slice(offset, Length);

    /// <summary>The bytes as memory, for asynchronous writes. Valid while the reference is held.</summary>
    public ReadOnlyMemory<byte> Memory => block is null ? default : block.Memory.Slice(offset, Length);

    /// <summary>Address of the first byte, for gathered writes; 0 when empty. Valid while the reference is held.</summary>
    public nint Address => block is null ? 0 : block.Address + offset;

    /// <summary>Another reference to the same bytes, for a second owner.</summary>
    public MediaBuffer Share()
    {
        block?.AddReference();
        return this;
    }

    /// <summary>Another reference to a part of the bytes. The receiver keeps its own.</summary>
    public MediaBuffer Slice(int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start, (uint)Length, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)(Length - start), nameof(length));
        if (block is null || length == 0)
            return default;
        block.AddReference();
        return new MediaBuffer(block, offset + start, length);
    }

    /// <summary>Gives the reference up. The value must not be used afterwards.</summary>
    public void Release() => block?.Release();
}
