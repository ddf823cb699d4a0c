using System.Buffers;
using Millrace.Core;

namespace Millrace.Rtmp.Tests;

public sealed class ChunkReaderTests
{
    private const byte Video = 9;

    [Theory]
    [InlineData(2)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(319)]
    [InlineData(320)]
    [InlineData(65599)]
    public void Read_EveryFormOfChunkStreamId_RoundTrips(int chunkStream)
    {
        var bytes = Written(new ChunkWriter(), w => w(chunkStream, 0, 300), w => w(chunkStream, 40, 300), w => w(chunkStream, 80, 300), w => w(chunkStream, 90, 5));
        AssertEachWay(bytes, ["9 0 300", "9 40 300", "9 80 300", "9 90 5"]);
    }

    [Fact]
    public void Read_ThreeByteFormOfASmallId_IsTheSameChunkStream()
    {
        // Chunk stream 64 + 0 in the two-byte form, continued in the three-byte form.
        byte[] bytes = [0x00, 0, 0, 0, 1, 0, 0, 200, Video, 1, 0, 0, 0, .. new byte[128], 0xC1, 0, 0, .. new byte[72]];
        AssertEachWay(bytes, ["9 1 200"]);
    }

    [Theory]
    [InlineData(0xFFFFFEu)]
    [InlineData(0xFFFFFFu)]
    [InlineData(0x1000000u)]
    [InlineData(0xFFFFFFFFu)]
    public void Read_ExtendedTimestamps_AreTakenWithAndWithoutRepetition(uint timestamp)
    {
        foreach (var repeat in new[] { true, false })
        {
            var writer = new ChunkWriter { RepeatExtendedTimestamp = repeat };
            var bytes = Written(writer, w => w(6, timestamp, 1000), w => w(6, timestamp + 40, 300), w => w(6, timestamp, 130), w => w(4, timestamp, 129), w => w(6, timestamp + 0x2000000, 400));
            AssertEachWay(bytes,
                [$"9 {timestamp} 1000", $"9 {timestamp + 40} 300", $"9 {timestamp} 130", $"9 {timestamp} 129", $"9 {timestamp + 0x2000000} 400"]);
        }
    }

    [Fact]
    public void Read_Type3WithoutRepetition_EndsTheMessageWithoutWaitingForMore()
    {
        // One payload byte is left after the type 3 header, and it does not look like the timestamp.
        byte[] bytes = [0x06, 0xFF, 0xFF, 0xFF, 0, 0, 129, Video, 1, 0, 0, 0, 1, 2, 3, 4, .. new byte[128], 0xC6, 9];
        AssertEachWay(bytes, [$"9 {0x01020304} 129"]);
    }

    [Theory]
    [InlineData("01", "9 16909060 129")]
    [InlineData("0102", "9 16909060 130")]
    [InlineData("010203", "9 16909060 131")]
    [InlineData("01020309", "9 16909060 132")]
    public void Read_Type3WithoutRepetitionButLikeIt_LosesNoByte(string tail, string expected)
    {
        // After the tail comes the header of another chunk stream: 02 00 continues to look like the timestamp after 01.
        var rest = Convert.FromHexString(tail);
        byte[] bytes =
        [
            0x06, 0xFF, 0xFF, 0xFF, 0, 0, (byte)(128 + rest.Length), Video, 1, 0, 0, 0, 1, 2, 3, 4, .. new byte[128],
            0xC6, .. rest, 0x02, 0, 0, 5, 0, 0, 2, 8, 0, 0, 0, 0, 7, 7, 0x42, 0, 0, 1, 0, 0, 1, 8, 9,
        ];
        AssertEachWay(bytes, [expected, "8 5 2", "8 6 1"]);
        Assert.EndsWith(tail, Read(bytes, 1, full: true)[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Type3WithTheMessageTimeInsteadOfTheDelta_IsTakenAsRepetition()
    {
        byte[] bytes =
        [
            0x06, 0, 0, 1, 0, 0, 1, Video, 1, 0, 0, 0, 7,
            0x46, 0xFF, 0xFF, 0xFF, 0, 0, 130, Video, 1, 0, 0, 0, .. new byte[128], 0xC6, 1, 0, 0, 1, 5, 5,
        ];
        AssertEachWay(bytes, ["9 1 1", $"9 {0x01000001} 130"]);
    }

    [Fact]
    public void Read_Type3StartingAMessage_RepeatsTheDelta()
    {
        byte[] bytes =
        [
            0x04, 0, 3, 0xE8, 0, 0, 2, 8, 1, 0, 0, 0, 1, 1,
            0x84, 0, 0, 23, 2, 2,
            0xC4, 3, 3,
            0xC4, 4, 4,
        ];
        AssertEachWay(bytes, ["8 1000 2", "8 1023 2", "8 1046 2", "8 1069 2"]);
    }

    [Theory]
    [InlineData(23, 46)]
    [InlineData(250, 500)]
    [InlineData(251, 251)]
    [InlineData(5000, 5000)]
    public void Read_Type3AfterType0_TakesOnlyASmallTimeAsDelta(int first, int second)
    {
        byte[] bytes = [0x04, 0, (byte)(first >> 8), (byte)first, 0, 0, 1, 8, 1, 0, 0, 0, 1, 0xC4, 2];
        AssertEachWay(bytes, [$"8 {first} 1", $"8 {second} 1"]);
    }

    [Fact]
    public void Read_InterleavedMessages_ComeAsTheyEnd()
    {
        var video = ClientBytes.Body(300, 1);
        byte[] bytes =
        [
            0x06, 0, 0, 10, 0, 1, 0x2C, Video, 1, 0, 0, 0, .. video[..128],
            0x04, 0, 0, 12, 0, 0, 4, 8, 1, 0, 0, 0, 1, 2, 3, 4,
            0xC6, .. video[128..256],
            0x44, 0, 0, 5, 0, 0, 3, 8, 7, 8, 9,
            0xC6, .. video[256..],
        ];
        AssertEachWay(bytes, ["8 12 4", "8 17 3", "9 10 300"]);
        Assert.Contains(Convert.ToHexString(video), Read(bytes, -1, full: true).Single(l => l.StartsWith("9 ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TimestampDelta_WrapsAt32Bits()
    {
        var bytes = Written(new ChunkWriter(), w => w(4, 0xFFFFFFF0, 10), w => w(4, 0x10, 10));
        AssertEachWay(bytes, [$"9 {0xFFFFFFF0} 10", "9 16 10"]);
    }

    [Fact]
    public void Read_EmptyMessages_AreMessages()
    {
        var bytes = Written(new ChunkWriter(), w => w(4, 1, 0), w => w(4, 2, 0), w => w(4, 3, 0), w => w(4, 4, 1));
        AssertEachWay(bytes, ["9 1 0", "9 2 0", "9 3 0", "9 4 1"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(127)]
    [InlineData(4096)]
    [InlineData(0xFFFFFF)]
    public void Read_OtherChunkSizes_RoundTrip(int chunkBytes)
    {
        var bytes = Written(new ChunkWriter { ChunkBytes = chunkBytes }, w => w(4, 1, 1000), w => w(400, 2, 5000));
        using var reader = Reader(out _, out var arena);
        reader.SetChunkSize((uint)chunkBytes);
        Assert.Equal(["9 1 1000", "9 2 5000"], Read(reader, bytes, -1, full: false));
        arena.Dispose();
    }

    [Fact]
    public void Abort_InsideAMessage_ForgetsItAndItsMemory()
    {
        using var reader = Reader(out var pool, out var arena);
        Read(reader, [0x06, 0, 0, 10, 3, 0, 0, Video, 1, 0, 0, 0, .. new byte[128]], -1, false);
        Assert.Equal(0x30000, reader.UnfinishedBytes);
        reader.Abort(6);
        reader.Abort(7);
        reader.Abort(uint.MaxValue);
        Assert.Equal(0, reader.UnfinishedBytes);
        Assert.Equal(0, pool.UsedBytes);
        // The next type 3 starts a message of the same shape; the chunk stream is where it was.
        Assert.Equal(["9 30 1"], Read(reader, [0x46, 0, 0, 20, 0, 0, 1, Video, 1], -1, false));
        arena.Dispose();
    }

    [Theory]
    [InlineData("C4", RtmpFault.ChunkHeader)]
    [InlineData("84000001", RtmpFault.ChunkHeader)]
    [InlineData("04000000FFFFFF0901000000", RtmpFault.MessageLength)]
    [InlineData("04000000FFFFFF1400000000", RtmpFault.MessageLength)]
    [InlineData("04000000040001140000000000", RtmpFault.MessageLength)]
    public void Read_HostileHeader_IsAViolation(string hex, RtmpFault fault)
    {
        foreach (var portion in new[] { -1, 1, 3 })
        {
            using var reader = Reader(out var pool, out var arena);
            Assert.Empty(Read(reader, Convert.FromHexString(hex), portion, false));
            Assert.Equal(fault, reader.Violation!.Fault);
            Assert.Equal(0, pool.UsedBytes);
            arena.Dispose();
        }
    }

    [Fact]
    public void Read_NewHeaderInsideAMessage_IsAViolation()
    {
        using var reader = Reader(out _, out var arena);
        Read(reader, [0x06, 0, 0, 10, 0, 1, 0, Video, 1, 0, 0, 0, .. new byte[128], 0x46, 0, 0, 1, 0, 0, 1, Video, 1], -1, false);
        Assert.Equal(RtmpFault.ChunkHeader, reader.Violation!.Fault);
        reader.Dispose();
        arena.Dispose();
    }

    [Fact]
    public void Read_ThousandsOfChunkStreams_StopAtTheLimit()
    {
        using var reader = Reader(out _, out var arena);
        var bytes = Written(new ChunkWriter(), [.. Enumerable.Range(2, 5000).Select<int, Action<Action<int, uint, int>>>(id => w => w(id, 1, 1))]);
        Assert.Equal(64, Read(reader, bytes, -1, false).Count);
        Assert.Equal(RtmpFault.ChunkStreams, reader.Violation!.Fault);
        arena.Dispose();
    }

    [Fact]
    public void Read_LargeMessagesNeverFinished_PinNoMoreThanTheLimit()
    {
        using var reader = Reader(out var pool, out var arena);
        for (var id = 3; id < 60 && reader.Violation is null; id++)
            Read(reader, [(byte)id, 0, 0, 0, 0x3F, 0xFF, 0xFF, Video, 1, 0, 0, 0, .. new byte[128]], -1, false);
        Assert.Equal(RtmpFault.UnfinishedMessages, reader.Violation!.Fault);
        Assert.True(pool.UsedBytes <= RtmpLimits.Default.MaxUnfinishedBytes);
        reader.Dispose();
        arena.Dispose();
        Assert.Equal(0, pool.UsedBytes);
    }

    [Fact]
    public void Read_LargeCommandsNeverFinished_TakeMemoryOnlyForWhatArrived()
    {
        using var reader = Reader(out _, out var arena);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var id = 3; id < 34; id++)
        {
            ReadOnlySpan<byte> chunk = [(byte)id, 0, 0, 0, 4, 0, 0, 20, 0, 0, 0, 0, .. new byte[128]];
            reader.Read(ref chunk, out _);
        }
        Assert.Null(reader.Violation);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 64 * 1024);
        arena.Dispose();
    }

    [Fact]
    public void Read_MediaThatNobodyWants_TakesNoMemory()
    {
        using var reader = Reader(out var pool, out var arena);
        reader.KeepMedia = false;
        var bytes = Written(new ChunkWriter(), w => w(6, 1, 100_000), w => w(6, 2, 10));
        Assert.Equal(["9 1 100000", "9 2 10"], Read(reader, bytes, 1000, full: false));
        Assert.Equal(0, pool.UsedBytes);
        arena.Dispose();
    }

    [Fact]
    public void Read_SteadyMedia_AllocatesNothingPerMessage()
    {
        using var reader = Reader(out _, out var arena);
        var writer = new ChunkWriter();
        var output = new ArrayBufferWriter<byte>();
        for (var i = 0u; i < 200; i++)
        {
            writer.Write(output, 6, RtmpMessageType.Video, 1, i * 33, ClientBytes.Body(10_000, (int)i));
            writer.Write(output, 4, RtmpMessageType.Audio, 1, i * 33, ClientBytes.Body(300, (int)i));
        }
        var bytes = output.WrittenSpan.ToArray();
        var count = 0;
        var allocated = Allocation.Least(() =>
        {
            count = 0;
            for (var rest = bytes.AsSpan(); !rest.IsEmpty; rest = rest[Math.Min(rest.Length, 65_536)..])
            {
                ReadOnlySpan<byte> input = rest[..Math.Min(rest.Length, 65_536)];
                while (reader.Read(ref input, out var message) == OperationStatus.Done)
                {
                    message.Media.Release();
                    count++;
                }
            }
        });
        // The pool's stack takes a node for each block that comes back: one for 128 KiB.
        Assert.Equal(400, count);
        Assert.InRange(allocated, 0, 1023);
        arena.Dispose();
    }

    private static byte[] Written(ChunkWriter writer, params Action<Action<int, uint, int>>[] messages)
    {
        var output = new ArrayBufferWriter<byte>();
        foreach (var message in messages)
        {
            message((chunkStream, timestamp, length) =>
                writer.Write(output, chunkStream, RtmpMessageType.Video, 1, timestamp, ClientBytes.Body(length, length)));
        }
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Whole, byte by byte, and cut in two at each index.</summary>
    private static void AssertEachWay(byte[] bytes, string[] expected)
    {
        Assert.Equal(expected, Read(bytes, -1, full: false));
        var full = Read(bytes, -1, full: true);
        Assert.Equal(full, Read(bytes, 1, full: true));
        for (var cut = 1; cut < bytes.Length; cut++)
        {
            using var reader = Reader(out var pool, out var arena);
            var found = Read(reader, bytes.AsSpan(0, cut), -1, full: true);
            found.AddRange(Read(reader, bytes.AsSpan(cut), -1, full: true));
            Assert.Equal(full, found);
            Assert.Null(reader.Violation);
            Assert.Equal(0, reader.UnfinishedBytes);
            arena.Dispose();
            Assert.Equal(0, pool.UsedBytes);
        }
    }

    private static ChunkReader Reader(out MediaBlockPool pool, out MediaArena arena)
    {
        pool = new MediaBlockPool();
        arena = new MediaArena(pool);
        return new ChunkReader(RtmpLimits.Default, arena) { KeepMedia = true };
    }

    private static List<string> Read(byte[] bytes, int portion, bool full)
    {
        using var reader = Reader(out _, out var arena);
        var found = Read(reader, bytes, portion, full);
        Assert.Null(reader.Violation);
        arena.Dispose();
        return found;
    }

    private static List<string> Read(ChunkReader reader, ReadOnlySpan<byte> bytes, int portion, bool full)
    {
        var found = new List<string>();
        while (!bytes.IsEmpty && reader.Violation is null)
        {
            var count = portion < 0 ? bytes.Length : Math.Min(portion, bytes.Length);
            var input = bytes[..count];
            bytes = bytes[count..];
            while (reader.Read(ref input, out var message) == OperationStatus.Done)
            {
                found.Add($"{(byte)message.Type} {message.Timestamp} {message.Length}" + (full ? " " + Convert.ToHexString(message.Media.Span) : ""));
                message.Media.Release();
            }
        }
        return found;
    }
}
