using Millrace.Core;

namespace Millrace.Delivery.Relay;

/// <summary>
/// The bytes of one answer: appended by the one who fetches, read by any number of others meanwhile. Lies in pooled blocks
/// outside the collector's heap, in one range that sockets take without a copy when it is known to be large, or in an array of
/// its own when it is small. Counted by <see cref="RelayMemory"/> until the
/// last reference is released; the maker has the first.
/// </summary>
internal sealed class RelayBody : IMediaBody
{
    // From here on a socket takes a file's bytes for less than memory's (docs/measurements.md).
    private const int FileFromBytes = 64 * 1024;

    private readonly RelayMemory memory;
    private readonly Lock gate = new();
    private readonly List<MediaBlock> blocks = [];
    private readonly byte[]? small;
    private readonly SendableMemory.Range? large;
    private readonly long expected;
    // Whoever leaves meanwhile stays here until the next bytes come.
    private HashSet<IWaiter>? waiting;
    private long length;
    private int references = 1;
    private State state;

    private enum State { Arriving, Complete, Failed }

    /// <param name="memory">Where blocks come from.</param>
    /// <param name="expected">Declared bytes, or null. Only the first that many are taken.</param>
    public RelayBody(RelayMemory memory, long? expected)
    {
        this.memory = memory;
        this.expected = expected ?? long.MaxValue;
        if (expected is <= RelayMemory.SmallBytes)
        {
            small = expected == 0 ? [] : GC.AllocateUninitializedArray<byte>((int)expected);
            memory.Add(small.Length);
        }
        else if (expected is { } length)
        {
            large = memory.TryRentWhole(length);
        }
    }

    /// <summary>A body that is complete: a short text.</summary>
    public static RelayBody Of(RelayMemory memory, ReadOnlySpan<byte> text)
    {
        var body = new RelayBody(memory, text.Length);
        text.CopyTo(body.small);
        body.length = text.Length;
        body.state = State.Complete;
        return body;
    }

    /// <summary>Bytes that are there.</summary>
    public long Length => Volatile.Read(ref length);

    /// <summary>Nothing more comes, and all is there.</summary>
    public bool IsComplete => state == State.Complete;

    /// <summary>Nothing more comes, and something is missing.</summary>
    public bool IsFailed => state == State.Failed;

    /// <summary>Nothing more comes.</summary>
    public bool IsOver => state != State.Arriving;

    /// <summary>It lies in an array of its own.</summary>
    public bool IsSmall => small is not null;

    /// <summary>Room for the next bytes; empty when the declared length is reached. The writer's.</summary>
    public Memory<byte> GetSpace()
    {
        if (small is not null)
            return small.AsMemory((int)length);
        if (length >= expected)
            return default;
        if (large is not null)
            return large.Memory[(int)length..];
        var used = (int)(length % RelayMemory.BlockBytes);
        if (used == 0)
        {
            var added = memory.Rent();
            lock (gate)
                blocks.Add(added);
        }
        return blocks[^1].Memory.Slice(used, (int)Math.Min(RelayMemory.BlockBytes - used, expected - length));
    }

    /// <summary>Makes what was written into the room readable.</summary>
    public void Advance(int count) => Change(count, State.Arriving);

    /// <summary>All is there.</summary>
    public void Complete() => Change(0, State.Complete);

    /// <summary>The rest will not come.</summary>
    public void Fail() => Change(0, State.Failed);

    /// <summary>Bytes from <paramref name="position"/> on that lie together, at most up to <paramref name="end"/>; empty when there are none yet.</summary>
    public ReadOnlyMemory<byte> At(long position, long end)
    {
        var there = Math.Min(Length, end) - position;
        if (there <= 0)
            return default;
        if (small is not null)
            return small.AsMemory((int)position, (int)there);
        if (large is not null)
            return large.Memory.Slice((int)position, (int)there);
        MediaBlock block;
        lock (gate)
            block = blocks[(int)(position / RelayMemory.BlockBytes)];
        var offset = (int)(position % RelayMemory.BlockBytes);
        return block.Memory.Slice(offset, (int)Math.Min(there, RelayMemory.BlockBytes - offset));
    }

    /// <summary>
    /// The same as a run over many blocks, which the reader's own reference holds. A small body's bytes move: they are not
    /// given out so.
    /// </summary>
    public BodyTurn TryOpenNow(int from, int to, bool prefersFile, out SegmentBytes piece)
    {
        lock (gate)
        {
            var there = small is null ? Math.Min(length, to) - from : 0;
            piece = there > 0 ? Piece(from, (int)there, prefersFile) : default;
            return there > 0 ? BodyTurn.Ready : state switch
            {
                State.Complete => BodyTurn.Done,
                State.Failed => BodyTurn.Gone,
                _ => BodyTurn.Later,
            };
        }
    }

    private SegmentBytes Piece(int from, int count, bool prefersFile)
    {
        if (large is null || !prefersFile || count < FileFromBytes)
            return new SegmentBytes(this, from, count);
        var added = false;
        try
        {
            large.File.DangerousAddRef(ref added);
        }
        catch (ObjectDisposedException)
        {
            // The relay has stopped; the memory is there still.
            return new SegmentBytes(this, from, count);
        }
        return new SegmentBytes(this, large.File, large.Offset + from, from, count);
    }

    /// <inheritdoc/>
    public ValueTask<SegmentBytes?> OpenAsync(int from, int to) => new(TryOpenNow(from, to, prefersFile: false, out var piece) == BodyTurn.Ready ? piece : null);

    /// <inheritdoc/>
    public bool IsGone => false;

    /// <inheritdoc/>
    public bool TryWaitBeyond(long position, IWaiter waiter)
    {
        lock (gate)
        {
            if (length > position || state != State.Arriving)
                return false;
            (waiting ??= []).Add(waiter);
            return true;
        }
    }

    /// <summary>Ends when nothing more comes.</summary>
    public async Task WaitForEndAsync(CancellationToken token)
    {
        while (state == State.Arriving)
            await this.WaitBeyondAsync(Length).WaitAsync(token);
    }

    /// <summary>A copy of a complete body, for a reader that needs it in one piece.</summary>
    public byte[] ToArray()
    {
        var bytes = new byte[Length];
        for (var at = 0L; at < bytes.Length;)
        {
            var piece = At(at, bytes.Length);
            piece.CopyTo(bytes.AsMemory((int)at));
            at += piece.Length;
        }
        return bytes;
    }

    /// <summary>Another reference. Only a holder of one may call it.</summary>
    public RelayBody Share()
    {
        Interlocked.Increment(ref references);
        return this;
    }

    /// <summary>Gives a reference up; the last one frees the bytes.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref references) != 0)
            return;
        if (small is not null)
            memory.Remove(small.Length);
        if (large is not null)
        {
            memory.Remove(length);
            large.Return();
        }
        foreach (var block in blocks)
            memory.Return(block);
        blocks.Clear();
    }

    private void Change(int count, State now)
    {
        HashSet<IWaiter>? due;
        if (large is not null)
            memory.Add(count);
        lock (gate)
        {
            Volatile.Write(ref length, length + count);
            state = now;
            due = waiting;
            waiting = null;
        }
        foreach (var waiter in due ?? [])
            waiter.Wake();
    }
}
