using Millrace.Delivery.Relay;

namespace Millrace.Delivery.Tests.Relay;

public sealed class SendableMemoryTests
{
    [Fact]
    public void TryRent_Again_GivesMemoryOfItsOwnThatIsEmpty()
    {
        Assert.SkipUnless(DirectTransport.IsSupported, "It is Linux's.");
        using var memory = new SendableMemory();
        var first = memory.TryRent(300_000)!;
        first.Memory.Span.Fill(1);
        var second = memory.TryRent(200_000)!;
        second.Memory.Span.Fill(2);
        Assert.Equal(300_000, first.Memory.Length);
        Assert.True(second.Offset >= first.Offset + 300_000);
        Assert.Equal(-1, first.Memory.Span.IndexOfAnyExcept((byte)1));

        // What is returned leaves the file.
        first.Return();
        var read = new byte[300_000];
        Assert.Equal(read.Length, RandomAccess.Read(second.File, read, first.Offset));
        Assert.Equal(-1, read.AsSpan().IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, second.Memory.Span.IndexOfAnyExcept((byte)2));
        second.Return();
    }

    [Fact]
    public void TryRent_MoreThanAWindow_GoesOnInTheNext()
    {
        Assert.SkipUnless(DirectTransport.IsSupported, "It is Linux's.");
        using var memory = new SendableMemory();
        // Nothing is written to most of it, so it takes no room.
        var ranges = Enumerable.Range(0, 12).Select(_ => memory.TryRent(100 << 20)!).ToList();
        for (var i = 0; i < ranges.Count; i++)
            ranges[i].Memory.Span[^1] = (byte)(i + 1);
        for (var i = 0; i < ranges.Count; i++)
            Assert.Equal(i + 1, ranges[i].Memory.Span[^1]);
        Assert.Equal(12, ranges.Select(range => range.Offset).Distinct().Count());
        foreach (var range in ranges)
            range.Return();
    }

    [Fact]
    public void Dispose_WithARangeOut_LeavesItUntilItIsReturned()
    {
        Assert.SkipUnless(DirectTransport.IsSupported, "It is Linux's.");
        var memory = new SendableMemory();
        var range = memory.TryRent(300_000)!;
        memory.Dispose();
        range.Memory.Span.Fill(3);
        Assert.Equal(-1, range.Memory.Span.IndexOfAnyExcept((byte)3));
        Assert.Null(memory.TryRent(300_000));
        range.Return();
    }
}
