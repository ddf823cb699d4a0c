using Millrace.Core;
using Millrace.Media;

namespace Millrace.Transcoding.Tests;

/// <summary>What a child is fed, and fed again: bounds, key frames, and every payload given back.</summary>
public sealed class UnitBufferTests : IDisposable
{
    private readonly MediaBlockPool pool = new();
    private readonly MediaArena arena;

    public UnitBufferTests() => arena = new MediaArena(pool);

    public void Dispose() => arena.Dispose();

    [Fact]
    public void TryAdd_BeforeAKeyFrame_IsRefused()
    {
        var buffer = Buffer();
        Assert.False(Add(buffer, 0, isKey: false));
        Assert.True(Add(buffer, 1, isKey: true));
        Assert.True(Add(buffer, 2, isKey: false));
        Assert.Equal(0, buffer.Dropped);
        End(buffer);
    }

    [Fact]
    public void Rewind_AfterSomeWasShown_BeginsWithTheKeyFrameBeforeIt()
    {
        var buffer = Buffer();
        for (var frame = 0; frame < 40; frame++)
            Add(buffer, frame, frame % 10 == 0);
        for (var i = 0; i < 25; i++)
            Assert.Equal(i, Take(buffer));
        // Shown up to frame 19: a restart needs frame 10 and what follows, although frame 20 was fed.
        buffer.Advance(19 * 3000);
        buffer.Rewind();
        Assert.Equal(10, Take(buffer));
        buffer.Advance(20 * 3000);
        buffer.Rewind();
        // Frame 20 has not been fed to this child: it may not forget frame 10 yet.
        Assert.Equal(10, Take(buffer));
        for (var i = 11; i < 40; i++)
            Assert.Equal(i, Take(buffer));
        buffer.Advance(35 * 3000);
        buffer.Rewind();
        Assert.Equal(30, Take(buffer));
        End(buffer);
    }

    [Fact]
    public void TryAdd_BacklogIsFull_DropsUpToAKeyFrameWithRoom()
    {
        // One second may wait.
        var buffer = Buffer(backlogSeconds: 1);
        for (var frame = 0; frame < 60; frame++)
            Assert.Equal(frame <= 30, Add(buffer, frame, frame % 10 == 0));
        Assert.Equal(29, buffer.Dropped);
        for (var frame = 0; frame <= 30; frame++)
            Assert.Equal(frame, Take(buffer));
        Assert.False(Add(buffer, 61, isKey: false));
        Assert.True(Add(buffer, 70, isKey: true));
        Assert.Equal(70, Take(buffer));
        End(buffer);
    }

    [Fact]
    public void TryAdd_BytesAreFull_ForgetsWhatWasFedFirst()
    {
        var buffer = Buffer(maxBytes: 1000);
        for (var frame = 0; frame < 10; frame++)
            Assert.True(Add(buffer, frame, frame == 0));
        for (var frame = 0; frame < 6; frame++)
            Take(buffer);
        Assert.True(Add(buffer, 10, isKey: false));
        Assert.Equal(500, buffer.Bytes);
        // The key frame is gone: a restart waits for the next one.
        buffer.Rewind();
        Assert.False(buffer.HasNext);
        Assert.False(Add(buffer, 11, isKey: false));
        Assert.True(Add(buffer, 12, isKey: true));
        Assert.Equal(12, Take(buffer));
        End(buffer);
    }

    private static UnitBuffer Buffer(long maxBytes = 1 << 20, double backlogSeconds = 60) =>
        new(MediaKind.Video, 90_000, maxBytes, TimeSpan.FromSeconds(backlogSeconds));

    private bool Add(UnitBuffer buffer, int frame, bool isKey)
    {
        var unit = new AccessUnit(arena.Copy(new byte[100]), frame * 3000, 0, 0, isKey, 0);
        if (buffer.TryAdd(MediaKind.Video, unit))
            return true;
        unit.Payload.Release();
        return false;
    }

    private static int Take(UnitBuffer buffer)
    {
        Assert.True(buffer.TryTake(out var entry));
        entry.Unit.Payload.Release();
        return (int)(entry.Unit.DecodeTime / 3000);
    }

    private void End(UnitBuffer buffer)
    {
        buffer.Clear();
        arena.Dispose();
        Assert.Equal(0, pool.UsedBytes);
    }
}
