using System.Collections;

namespace Millrace.Timeline;

/// <summary>
/// Segments with consecutive media sequence numbers: a window on storage that only grows behind it, shared by all
/// snapshots. Immutable.
/// </summary>
public readonly struct SegmentList : IReadOnlyList<Segment>
{
    private readonly Segment[] storage;
    private readonly int offset;

    internal SegmentList(Segment[] storage, int offset, int count)
    {
        this.storage = storage;
        this.offset = offset;
        Count = count;
    }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public Segment this[int index] => AsSpan()[index];

    /// <summary>The segments, in order.</summary>
    public ReadOnlySpan<Segment> AsSpan() => storage.AsSpan(offset, Count);

    /// <summary>The segments from <paramref name="start"/> on.</summary>
    public SegmentList From(int start)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start, (uint)Count, nameof(start));
        return new SegmentList(storage, offset + start, Count - start);
    }

    /// <inheritdoc/>
    public IEnumerator<Segment> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
            yield return storage[offset + i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
