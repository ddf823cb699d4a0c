using Millrace.Core;

namespace Millrace.Packaging;

/// <summary>
/// The bytes of one CMAF chunk, as a list of counted slices: the boxes in front (<c>prft</c>, <c>moof</c>, <c>mdat</c>
/// header) and then each sample's payload where the network put it. Nothing is copied together. Counted itself: made
/// with one reference; the last <see cref="Release"/> releases the slices. Thread-safe for sharing.
/// </summary>
public sealed class MediaChunk
{
    private readonly MediaBuffer[] slices;
    private int references = 1;

    /// <summary>Takes over the callers' references to <paramref name="slices"/>; the array must not be touched afterwards.</summary>
    public MediaChunk(MediaBuffer[] slices)
    {
        this.slices = slices;
        foreach (var slice in slices)
            Length += slice.Length;
    }

    /// <summary>Bytes of all slices together.</summary>
    public int Length { get; }

    /// <summary>The slices in order. Valid while a reference to the chunk is held.</summary>
    public ReadOnlySpan<MediaBuffer> Slices => slices;

    /// <summary>
    /// Adds a reference if anyone still holds one; false when the chunk is gone already. For readers that found the
    /// chunk in a shared structure from which its owner may be removing it.
    /// </summary>
    public bool TryAddReference()
    {
        var seen = Volatile.Read(ref references);
        while (seen > 0)
        {
            var before = Interlocked.CompareExchange(ref references, seen + 1, seen);
            if (before == seen)
                return true;
            seen = before;
        }
        return false;
    }

    /// <summary>Drops one reference; the last one releases the slices.</summary>
    public void Release()
    {
        var left = Interlocked.Decrement(ref references);
        if (left == 0)
        {
            foreach (var slice in slices)
                slice.Release();
        }
        else if (left < 0)
        {
            throw new ObjectDisposedException(nameof(MediaChunk), "A chunk was released more often than it was referenced.");
        }
    }
}
