using System.Buffers;
using System.Buffers.Binary;
using Millrace.Media;

namespace Millrace.Cmaf.Tests;

/// <summary>What ffmpeg wrote (the seeds of the fuzz target), however it is cut; and what nobody should send.</summary>
public sealed class CmafTrackReaderTests
{
    private sealed record Read(List<string> Steps, CmafTrackReader Reader);

    [Theory]
    [InlineData("avc", MediaKind.Video, 5)]
    [InlineData("aac", MediaKind.Audio, 6)]
    [InlineData("hevc", MediaKind.Video, 5)]
    public void Read_TrackInPiecesOfAnySize_GivesTheSamplesOfTheWhole(string name, MediaKind kind, int samples)
    {
        var bytes = Seed(name);
        Assert.True(InitSegmentReader.TryRead(bytes, out var tracks, out var fault), fault);
        Assert.True(FragmentReader.TryRead(bytes, tracks, out var fragments, out fault), fault);
        var expected = new List<string> { $"header {kind}" };
        foreach (var fragment in fragments)
        {
            var time = fragment.DecodeTime;
            foreach (var (sample, offset) in fragment.Samples)
            {
                expected.Add($"{time} {sample.CompositionOffset} {sample.IsSync} {Convert.ToHexString(bytes.AsSpan(offset, sample.Size))}");
                time += sample.Duration;
            }
        }
        Assert.Equal(1 + samples, expected.Count);

        for (var size = 1; size <= bytes.Length; size = size < 40 ? size + 1 : size * 2)
        {
            var (steps, reader) = Feed(bytes, size);
            Assert.Equal(expected, steps);
            Assert.True(reader.IsBetweenBoxes);
        }
        Assert.Equal(expected, Feed(bytes, bytes.Length).Steps);
    }

    [Fact]
    public void Read_CutOffInABox_SaysSoAndGivesWhatCameBefore()
    {
        var bytes = Seed("avc");
        for (var length = 0; length < bytes.Length; length++)
        {
            var (steps, reader) = Feed(bytes.AsSpan(0, length), 100);
            Assert.DoesNotContain("broken", steps);
            Assert.Equal(IsBoundary(bytes, length), reader.IsBetweenBoxes);
        }
    }

    [Theory]
    [InlineData("a box without an end", 0, 28, 0u)]
    [InlineData("a box smaller than its head", 0, 28, 7u)]
    [InlineData("a header of a gigabyte", 28, 0, 1u << 30)]
    [InlineData("a fragment of a gigabyte", 28 + 711, 0, 1u << 30)]
    [InlineData("media of a gigabyte", 28 + 711 + 108, 0, 1u << 30)]
    [InlineData("media that ends in a sample", 28 + 711 + 108, 0, 1000u)]
    public void Read_SizesThatCannotBe_AreRefusedBeforeAnythingIsKept(string what, int box, int length, uint size)
    {
        var bytes = Seed("avc");
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(box), size);
        var (steps, reader) = Feed(length == 0 ? bytes : bytes.AsSpan(0, length), 64);
        Assert.True(steps[^1] == "broken", what);
        Assert.NotEmpty(reader.Fault!);
    }

    [Fact]
    public void Read_FragmentBeforeTheHeader_IsRefused()
    {
        var bytes = Seed("avc");
        Assert.Equal(["broken"], Feed(bytes.AsSpan(28 + 711), 64).Steps);
    }

    private static bool IsBoundary(byte[] bytes, int length)
    {
        var end = 0;
        while (end < length)
            end += (int)BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(end));
        return end == length;
    }

    private static Read Feed(ReadOnlySpan<byte> bytes, int size)
    {
        var reader = new CmafTrackReader();
        var steps = new List<string>();
        while (!bytes.IsEmpty)
        {
            var piece = bytes[..Math.Min(size, bytes.Length)];
            bytes = bytes[piece.Length..];
            while (reader.Read(ref piece) is var step and not CmafTrackStep.NeedMoreData)
            {
                steps.Add(step switch
                {
                    CmafTrackStep.Header => $"header {reader.Track!.Format.Kind}",
                    CmafTrackStep.Sample => $"{reader.DecodeTime} {reader.Description.CompositionOffset} {reader.Description.IsSync} {Convert.ToHexString(reader.Sample)}",
                    _ => "broken",
                });
                if (step == CmafTrackStep.Broken)
                    return new Read(steps, reader);
            }
            Assert.True(piece.IsEmpty);
        }
        return new Read(steps, reader);
    }

    private static byte[] Seed(string name)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Millrace.slnx")))
            root = root.Parent;
        return File.ReadAllBytes(Path.Combine(root.FullName, "fuzz", "corpus", "cmaf-track", name + ".bin"));
    }
}
