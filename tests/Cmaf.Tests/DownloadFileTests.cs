using Millrace.Core;
using Millrace.Media;

namespace Millrace.Cmaf.Tests;

public sealed class DownloadFileTests
{
    private static readonly AudioFormat Sound = new(Codec.Mp3, "mp4a.6B", [], 48000, 2, 1152);
    private static readonly Sample[] Samples = [new(100, 3000, 6000, true), new(90, 2970, -3000, false), new(80, 3030, 0, false)];

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(true, 638000000000000000)]
    [InlineData(false, 638000000000000000)]
    public void TryEdit_OurChunks_MovesThemByFourBytesAndKeepsTheirSamples(bool beginsSegment, long wallClock)
    {
        foreach (var samples in (Sample[][])[Samples, Samples[..1], [new(5, 1024, 0, true), new(5, 1024, 0, true)]])
        {
            var chunk = Chunk(new ChunkHeader(7, 900_000, beginsSegment, wallClock), samples);
            var edited = Edit(chunk, new ChunkEdit(2, 41, 3, 890_000));

            Assert.Equal(chunk.Length + ChunkHeaderEditor.AddedBytes, edited.Length);
            InitTrack track = new(2, 90000, Sound, 0, 0, 0);
            Assert.True(FragmentReader.TryRead(edited, [track], out var fragments, out var fault), fault);
            var fragment = Assert.Single(fragments);
            Assert.Equal((2u, 41u, 10_000L), (fragment.TrackId, fragment.SequenceNumber, fragment.DecodeTime));
            Assert.Equal(samples, fragment.Samples.Select(sample => sample.Sample));
            var payload = samples.Sum(sample => sample.Size);
            Assert.Equal(edited.Length - payload, fragment.Samples[0].Offset);
            Assert.Equal(chunk[^payload..], edited[^payload..]);
        }
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 638000000000000000)]
    public void TryEdit_FirstSampleGrows_SaysSoWhereItsSizeStands(bool beginsSegment, long wallClock)
    {
        Sample[] equal = [new(5, 1024, 0, true), new(5, 1024, 0, true)];
        foreach (var samples in (Sample[][])[Samples, Samples[..1], [Samples[0], Samples[0] with { Duration = 1, IsSync = false }], equal])
        {
            var chunk = Chunk(new ChunkHeader(7, 900_000, beginsSegment, wallClock), samples);
            var look = chunk.AsSpan(0, Math.Min(chunk.Length, ChunkHeaderEditor.LookBytes));
            var output = new byte[look.Length + ChunkHeaderEditor.AddedBytes];
            Assert.True(ChunkHeaderEditor.TryEdit(look, new ChunkEdit(2, 41, 1, 0, AddedToFirst: 33), output, out var consumed, out var mdat));
            var payload = samples.Sum(sample => sample.Size);
            var isOneSize = samples.Length > 1 && samples.All(sample => sample.Size == samples[0].Size);
            Assert.Equal(isOneSize ? 0 : chunk.Length - payload - 8, mdat);
            if (mdat == 0)
                continue;
            byte[] edited = [.. output.AsSpan(0, consumed + ChunkHeaderEditor.AddedBytes), .. chunk.AsSpan(consumed, mdat + 8 - consumed), .. new byte[33], .. chunk.AsSpan(mdat + 8)];
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(edited.AsSpan(mdat + ChunkHeaderEditor.AddedBytes), payload + 8 + 33);
            InitTrack track = new(2, 90000, Sound, 0, 0, 0);
            Assert.True(FragmentReader.TryRead(edited, [track], out var fragments, out var fault), fault);
            Assert.Equal([samples[0] with { Size = samples[0].Size + 33 }, .. samples[1..]], Assert.Single(fragments).Samples.Select(sample => sample.Sample));
        }
    }

    [Fact]
    public void TryEdit_CutOffBrokenOrBeforeTheShift_IsRefused()
    {
        var chunk = Chunk(new ChunkHeader(7, 1000, true, 638000000000000000), Samples);
        var output = new byte[chunk.Length + ChunkHeaderEditor.AddedBytes];
        Assert.True(ChunkHeaderEditor.TryEdit(chunk, new ChunkEdit(1, 1, 1, 1000), output, out var consumed));
        for (var length = 0; length < consumed; length++)
            Assert.False(ChunkHeaderEditor.TryEdit(chunk.AsSpan(0, length), new ChunkEdit(1, 1, 1, 0), output, out _));
        Assert.False(ChunkHeaderEditor.TryEdit(chunk, new ChunkEdit(1, 1, 1, 1001), output, out _));
        // Whatever a disk holds, it throws on nothing.
        for (var at = 0; at < consumed; at++)
        {
            foreach (var value in (byte[])[0, 1, 0x7F, 0xFF])
            {
                var broken = chunk.ToArray();
                broken[at] = value;
                ChunkHeaderEditor.TryEdit(broken, new ChunkEdit(1, 1, 1, 0), output, out _);
            }
        }
    }

    [Fact]
    public void Write_TwoTracksAndTwoFormats_ReadsBackWithIndexAndLength()
    {
        // vpcC is a full box: version and flags in front.
        byte[] configuration = [1, 0, 0, 0, 0, 30, 0x82, 1, 1, 1, 0, 0];
        VideoFormat[] picture = [new(Codec.Vp9, "vp09.00.30.08", configuration, 640, 360), new(Codec.Vp9, "vp09.00.30.08", configuration, 480, 270)];
        var head = FragmentedFileWriter.Write(
            [new FileTrack(picture), new FileTrack([Sound])], new MediaTime(450_000, 90_000), 3000, [new(1000, 180_000, true), new(2000, 270_000, false)]);

        Assert.True(InitSegmentReader.TryRead(head, out var tracks, out var fault), fault);
        Assert.Equal([1u, 2u], tracks.Select(track => track.Id));
        var entries = BoxReader.TryFind(head, [.. new[] { "moov", "trak", "mdia", "minf", "stbl", "stsd" }.Select(BoxType.Of)], out var stsd);
        Assert.True(entries);
        Assert.Equal(2, System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(stsd[4..]));
        Assert.True(BoxReader.TryFind(head, [.. new[] { "moov", "mvex", "mehd" }.Select(BoxType.Of)], out var mehd));
        Assert.Equal(5000, System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(mehd[4..]));
        Assert.True(BoxReader.TryFind(head, BoxType.Of("sidx"), out var sidx));
        Assert.Equal(32 + 2 * 12, sidx.Length);
        Assert.Equal(3000, System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(sidx[12..]));
        Assert.Equal((1000, 180_000, 0x90000000u), (
            System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(sidx[32..]), System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(sidx[36..]),
            System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(sidx[40..])));
    }

    private static byte[] Chunk(in ChunkHeader header, Sample[] samples)
    {
        var bytes = ChunkHeaderWriter.Measure(header, samples);
        var chunk = new byte[bytes + samples.Sum(sample => sample.Size)];
        ChunkHeaderWriter.Write(chunk, header, samples);
        for (var i = bytes; i < chunk.Length; i++)
            chunk[i] = (byte)(i * 7);
        return chunk;
    }

    private static byte[] Edit(byte[] chunk, in ChunkEdit edit)
    {
        var look = chunk.AsSpan(0, Math.Min(chunk.Length, ChunkHeaderEditor.LookBytes));
        var output = new byte[look.Length + ChunkHeaderEditor.AddedBytes];
        Assert.True(ChunkHeaderEditor.TryEdit(look, edit, output, out var consumed));
        return [.. output.AsSpan(0, consumed + ChunkHeaderEditor.AddedBytes), .. chunk.AsSpan(consumed)];
    }
}
