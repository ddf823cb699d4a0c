using System.Buffers;
using System.Buffers.Binary;
using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Media;

namespace Millrace.Transcoding.Tests;

/// <summary>The reader of the child's output: any split, and whatever is broken.</summary>
public sealed class ChildOutputTests
{
    private static readonly AudioFormat Left = Aac([0x11, 0x90]);
    private static readonly AudioFormat Right = Aac([0x11, 0x88]);

    private static AudioFormat Aac(byte[] configuration)
    {
        Assert.True(AacConfiguration.TryRead(configuration, out var format, out var fault), fault);
        return format!;
    }

    /// <summary>What ChildInput writes is what ChildOutput reads: tracks, times and payloads, whatever pieces the pipe makes of it.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(100_000)]
    public void TryReadUnit_AnyPieces_GivesWhatWasWritten(int piece)
    {
        var pool = new MediaBlockPool();
        using (var arena = new MediaArena(pool))
        {
            var file = new MemoryStream();
            var input = new ChildInput(file, Aac([0x11, 0x90]));
            input.WriteFormats();
            for (var i = 0; i < 5; i++)
            {
                var unit = new AccessUnit(arena.Copy(Payload(i)), i * 1024, 0, 1024, true, 0);
                Assert.True(input.TryWrite(MediaKind.Audio, unit));
                Assert.False(input.TryWrite(MediaKind.Video, unit));
                unit.Payload.Release();
            }
            var output = new ChildOutput(new Pieces(file.ToArray(), piece), arena, TimeProvider.System);
            Assert.True(output.TryReadFormats(), output.Fault);
            Assert.Equal(Left, Assert.Single(output.Formats));
            for (var i = 0; i < 5; i++)
            {
                Assert.True(output.TryReadUnit(out var track, out var unit), output.Fault);
                Assert.Equal((0, i * 1024L, 1024u, true), (track, unit.DecodeTime, unit.Duration, unit.IsRandomAccess));
                Assert.Equal(Payload(i), unit.Payload.Span);
                unit.Payload.Release();
            }
            Assert.False(output.TryReadUnit(out _, out _));
            Assert.Null(output.Fault);
        }
        Assert.Equal(0, pool.UsedBytes);

        // The third is larger than the reader's window.
        static byte[] Payload(int number) => [.. Enumerable.Range(number, number == 2 ? 70_000 : 100).Select(value => (byte)value)];
    }

    [Fact]
    public void TryReadUnit_TwoTracks_TellsThemApart()
    {
        var file = new ArrayBufferWriter<byte>();
        InitSegmentWriter.Write(file, [Left, Right]);
        for (uint track = 2; track >= 1; track--)
        {
            ChunkHeaderWriter.Write(file, new ChunkHeader(1, 480_000, false, 0, track), [new Sample(1, 1024, 0, true)]);
            file.Write([(byte)track]);
        }
        using var arena = new MediaArena(new MediaBlockPool());
        var output = new ChildOutput(new Pieces(file.WrittenSpan.ToArray(), 3), arena, TimeProvider.System);
        Assert.True(output.TryReadFormats(), output.Fault);
        Assert.Equal([Left, Right], output.Formats);
        for (var track = 1; track >= 0; track--)
        {
            Assert.True(output.TryReadUnit(out var read, out var unit), output.Fault);
            Assert.Equal((track, 0L, (byte)(track + 1)), (read, unit.DecodeTime, unit.Payload.Span[0]));
            unit.Payload.Release();
        }
    }

    /// <summary>Cut anywhere and changed anywhere it ends with a fault or with fewer units, never with an exception or a lost block.</summary>
    [Fact]
    public void TryReadUnit_CutOrChangedAnywhere_EndsInOrder()
    {
        var pool = new MediaBlockPool();
        var file = new ArrayBufferWriter<byte>();
        InitSegmentWriter.Write(file, [Left, Right]);
        for (uint i = 1; i <= 2; i++)
        {
            ChunkHeaderWriter.Write(file, new ChunkHeader(i, 480_000, false, 0, i), [new Sample(20, 1024, 0, true), new Sample(30, 1024, 0, true)]);
            file.Write(new byte[50]);
        }
        var whole = file.WrittenSpan.ToArray();
        for (var i = 0; i < whole.Length; i++)
        {
            Assert.InRange(Read(whole[..i]), 0, 3);
            foreach (var value in (byte[])[0, 1, 0x7F, 0xFF])
            {
                var changed = whole.ToArray();
                changed[i] = value;
                Read(changed);
            }
        }
        Assert.Equal(4, Read(whole));
        Assert.Equal(0, pool.UsedBytes);

        int Read(byte[] bytes)
        {
            using var arena = new MediaArena(pool);
            var output = new ChildOutput(new Pieces(bytes, 1000), arena, TimeProvider.System);
            var units = 0;
            if (!output.TryReadFormats())
                return 0;
            for (; output.TryReadUnit(out _, out var unit); units++)
                unit.Payload.Release();
            return units;
        }
    }

    [Theory]
    [InlineData("moov", 1 << 21)]
    [InlineData("free", 1 << 21)]
    public void TryReadFormats_HugeBox_IsRefusedBeforeItIsRead(string type, int size)
    {
        var header = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(header, size);
        System.Text.Encoding.ASCII.GetBytes(type, header.AsSpan(4));
        using var arena = new MediaArena(new MediaBlockPool());
        var output = new ChildOutput(new Pieces(header, 8), arena, TimeProvider.System);
        Assert.False(output.TryReadFormats());
        Assert.Contains($"{size} bytes", output.Fault, StringComparison.Ordinal);
    }

    /// <summary>A stream that gives at most so many bytes at once, as pipes do.</summary>
    private sealed class Pieces(byte[] bytes, int most) : MemoryStream(bytes)
    {
        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(most, count));

        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(most, buffer.Length)]);
    }
}
