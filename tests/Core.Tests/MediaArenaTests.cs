using Millrace.Core;

namespace Millrace.Core.Tests;

public sealed class MediaArenaTests
{
    [Fact]
    public void Copy_ManyPayloads_KeepTheirBytes()
    {
        var pool = new MediaBlockPool();
        using var arena = new MediaArena(pool);
        var buffers = new List<MediaBuffer>();
        for (var i = 0; i < 500; i++)
        {
            var bytes = new byte[i * 7];
            Array.Fill(bytes, (byte)i);
            buffers.Add(arena.Copy(bytes));
        }
        for (var i = 0; i < buffers.Count; i++)
        {
            Assert.Equal(i * 7, buffers[i].Length);
            Assert.Equal(-1, buffers[i].Span.IndexOfAnyExcept((byte)i));
        }
        foreach (var buffer in buffers)
            buffer.Release();
        arena.Dispose();
        Assert.Equal(0, pool.UsedBytes);
    }

    [Fact]
    public void Allocate_LargerThanABlock_GetsItsOwnAndFreesIt()
    {
        var pool = new MediaBlockPool();
        using var arena = new MediaArena(pool);
        var buffer = arena.Allocate(MediaBlockPool.BlockBytes + 1, out var writable);
        Assert.Equal(MediaBlockPool.BlockBytes + 1, writable.Length);
        buffer.Release();
        Assert.Equal(0, pool.UsedBytes);
        Assert.Equal(0, pool.FreeBytes);
    }

    [Fact]
    public void Release_TooOften_Throws()
    {
        var pool = new MediaBlockPool();
        var block = pool.Rent();
        block.Release();
        Assert.Throws<ObjectDisposedException>(block.Release);
    }

    [Fact]
    public void Slice_OfABuffer_HoldsItsOwnReference()
    {
        var pool = new MediaBlockPool();
        var arena = new MediaArena(pool);
        var whole = arena.Copy([1, 2, 3, 4, 5]);
        var slice = whole.Slice(1, 3);
        whole.Release();
        arena.Dispose();
        Assert.Equal([2, 3, 4], slice.Span.ToArray());
        Assert.NotEqual(0, pool.UsedBytes);
        slice.Release();
        Assert.Equal(0, pool.UsedBytes);
    }
}
