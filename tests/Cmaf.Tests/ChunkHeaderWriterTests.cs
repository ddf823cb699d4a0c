using System.Buffers.Binary;

namespace Millrace.Cmaf.Tests;

public sealed class ChunkHeaderWriterTests
{
    private static readonly ChunkHeader Plain = new(7, 123_456_789_012, BeginsSegment: false, WallClockTicks: 0);

    public static TheoryData<string, Sample[]> Shapes => new()
    {
        { "uniform", [new(100, 1024, 0, true), new(100, 1024, 0, true)] },
        { "sizes", [new(100, 1024, 0, true), new(90, 1024, 0, true), new(80, 1024, 0, true)] },
        { "key first", [new(100, 3000, 6000, true), new(90, 3000, -3000, false), new(80, 3000, 0, false)] },
        { "key inside", [new(100, 3000, 0, false), new(90, 3000, 0, true), new(80, 3000, 0, false)] },
        { "one", [new(1, 1, 0, false)] },
        { "all differ", [new(1, 1, 1, true), new(2, 2, -2, false), new(3, 3, 3, true)] },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Write_AnyShape_HasTheMeasuredSizeAndReadsBack(string name, Sample[] samples)
    {
        Assert.NotEmpty(name);
        foreach (var header in (ChunkHeader[])[Plain, Plain with { BeginsSegment = true }, Plain with { WallClockTicks = DateTime.UtcNow.Ticks }])
        {
            var bytes = ChunkHeaderWriter.Measure(header, samples);
            Assert.InRange(bytes, 1, ChunkHeaderWriter.MeasureAtMost(samples.Length));
            var chunk = new byte[bytes + samples.Sum(sample => sample.Size)];
            Assert.Equal(bytes, ChunkHeaderWriter.Write(chunk.AsSpan(0, bytes), header, samples));

            InitTrack track = new(1, 90000, new Media.AudioFormat(Media.Codec.Mp3, "", [], 48000, 2, 1152), 0, 0, 0);
            Assert.True(FragmentReader.TryRead(chunk, [track], out var fragments, out var fault), fault);
            var fragment = Assert.Single(fragments);
            Assert.Equal((7u, 123_456_789_012), (fragment.SequenceNumber, fragment.DecodeTime));
            Assert.Equal(samples, fragment.Samples.Select(sample => sample.Sample));
            Assert.Equal(bytes, fragment.Samples[0].Offset);
        }
    }

    [Fact]
    public void Write_FirstOfSegment_OrdersItsBoxes()
    {
        var header = Plain with { BeginsSegment = true, WallClockTicks = new DateTime(2026, 1, 2, 3, 4, 5, 500, DateTimeKind.Utc).Ticks };
        Sample[] samples = [new(5, 3000, 1500, true)];
        var chunk = new byte[ChunkHeaderWriter.Measure(header, samples) + 5];
        ChunkHeaderWriter.Write(chunk, header, samples);

        var types = new List<string>();
        var reader = new BoxReader(chunk);
        byte[] prft = [];
        while (reader.MoveNext())
        {
            types.Add(System.Text.Encoding.ASCII.GetString(chunk, reader.Offset + 4, 4));
            if (types[^1] == "prft")
                prft = reader.Content.ToArray();
        }
        Assert.False(reader.IsBroken);
        Assert.Equal(["styp", "prft", "moof", "mdat"], types);
        // ISO/IEC 14496-12 §8.16.5: version 1, flags 1, track, NTP seconds and fraction, presentation time.
        Assert.Equal(0x01000001u, BinaryPrimitives.ReadUInt32BigEndian(prft));
        var sinceEpoch = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc) - new DateTime(1900, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        Assert.Equal((uint)sinceEpoch.TotalSeconds, BinaryPrimitives.ReadUInt32BigEndian(prft.AsSpan(8)));
        Assert.Equal(0x80000000u, BinaryPrimitives.ReadUInt32BigEndian(prft.AsSpan(12)));
        Assert.Equal(Plain.DecodeTime + 1500, BinaryPrimitives.ReadInt64BigEndian(prft.AsSpan(16)));
    }

    [Fact]
    public void Write_UniformAudio_CostsNothingPerSample()
    {
        var one = ChunkHeaderWriter.Measure(Plain, [new(100, 1024, 0, true)]);
        var many = ChunkHeaderWriter.Measure(Plain, [.. Enumerable.Repeat(new Sample(100, 1024, 0, true), 50)]);
        Assert.Equal(one, many);
    }

    [Fact]
    public void Write_SteadyState_AllocatesNothing()
    {
        var output = new byte[4096];
        Sample[] samples = [.. Enumerable.Range(1, 20).Select(i => new Sample(i * 100, 3000, i * 10, i == 1))];
        var header = Plain with { BeginsSegment = true, WallClockTicks = 1 };
        ChunkHeaderWriter.Write(output, header, samples);

        // The least of some runs: a collection that another test causes adds what was left of the thread's allocation block.
        var least = long.MaxValue;
        for (var run = 0; run < 8; run++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 100; i++)
                ChunkHeaderWriter.Write(output, header, samples);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(0, least);
    }

    [Fact]
    public void Write_TooLittleRoom_Throws()
    {
        Sample[] samples = [new(5, 3000, 0, true)];
        Assert.Throws<ArgumentException>(() => ChunkHeaderWriter.Write(new byte[ChunkHeaderWriter.Measure(Plain, samples) - 1], Plain, samples));
        Assert.Throws<ArgumentException>(() => ChunkHeaderWriter.Measure(Plain, []));
    }
}
