using System.Buffers;
using System.Buffers.Binary;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Push.Tests;

/// <summary>The frames of docs/push.md: what is written is read, however it is cut, and nothing that contradicts a limit is.</summary>
public sealed class PushFrameTests
{
    private static readonly DateTimeOffset Clock = new(2026, 11, 22, 20, 0, 0, 123, TimeSpan.Zero);
    private static readonly MediaTime Start = new(180_007, 90_000);

    public static TheoryData<PushFrame> Frames => [
        new PushOpen(Script.Contract, Clock, false),
        new PushOpen(Script.Contract, Clock, true),
        new PushPeriod(3, new PeriodDescription(17, Start, Clock, [Script.Describe("source", Script.Video(0)), Script.Describe("audio", Script.Audio())])),
        new PushPeriod(3, new PeriodDescription(17, Start, Clock,
            [
                Script.Describe("source", Script.Video(0)),
                new RenditionDescription("720p", new VideoFormat(Codec.Avc, "avc1.64001f", [], 1280, 720) { DeclaredFrameRate = 29.97 }, default, true, 2_500_000),
                new RenditionDescription("aac", new AudioFormat(Codec.Aac, "mp4a.40.2", [], 48000, 2, 1024), default, true, 128_000),
            ])),
        new PushInit(3, 1, Script.Video(1), Script.Describe("720p", Script.Video(1)).InitSegment),
        new PushBegin(3, 1, 17),
        new PushPart(3, new PartDescription(1, 17, 2, Start, new MediaTime(30_000, 90_000), true, Clock, 10, true), 1234),
        new PushPart(3, new PartDescription(1, 17, 2, Start, new MediaTime(30_000, 90_000), true, Clock, 10, false, -3000), 1234),
        new PushSegmentEnd(3, new SegmentDescription(0, 17, Start, new MediaTime(180_000, 90_000), true, false)),
        new PushSegmentEnd(3, new SegmentDescription(0, 17, Start, new MediaTime(180_000, 90_000), false, true)),
        new PushJoin(17, []),
        new PushJoin(17, [new RenditionJoin(-3000, new SegmentRun(12, Start, true)), new RenditionJoin(0, null)]),
        new PushSuspend(3),
        new PushEnd(3),
        PushCaughtUp.Instance,
        new PushResume(3, 19, [
            new RenditionTail(18, -3000, [new TailSegment(Start, 180_000, false, 0), new TailSegment(new MediaTime(360_007, 90_000), 90_000, true, 3)]),
            new RenditionTail(17, 0, []),
        ]),
    ];

    [Theory]
    [MemberData(nameof(Frames))]
    public void Frame_WrittenAndReadInAnyPieces_IsTheSame(PushFrame frame)
    {
        var bytes = Write(frame);
        for (var cut = 0; cut < bytes.Length; cut++)
        {
            var (status, _, _, left) = Read(Sequence(bytes.AsMemory(0, cut)));
            Assert.Equal(OperationStatus.NeedMoreData, status);
            Assert.Equal(cut, left);
            (status, var read, _, left) = Read(Sequence(bytes.AsMemory(0, cut), bytes.AsMemory(cut)));
            Assert.Equal((OperationStatus.Done, 0L), (status, left));
            AssertSame(frame, read!);
        }
    }

    [Fact]
    public void Corpus_OfTheFuzzTarget_IsReadInFull()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Millrace.slnx")))
            root = root.Parent;
        var corpus = Path.Combine(root.FullName, "fuzz", "corpus", "push-frames");
        PushFrame[] frames = [.. Frames.Select(row => row.Data)];
        if (Environment.GetEnvironmentVariable("MILLRACE_WRITE_CORPUS") is not null)
        {
            Directory.CreateDirectory(corpus);
            foreach (var (frame, index) in frames.Select((frame, index) => (frame, index)))
                File.WriteAllBytes(Path.Combine(corpus, $"{index:00}-{frame.GetType().Name}.bin"), Write(frame));
        }
        var types = new HashSet<Type>();
        foreach (var path in Directory.GetFiles(corpus))
        {
            var (status, read, _, left) = Read(Sequence(File.ReadAllBytes(path)));
            Assert.True((status, left) == (OperationStatus.Done, 0), path);
            types.Add(read!.GetType());
        }
        Assert.Equal(frames.Select(frame => frame.GetType()).ToHashSet(), types);
    }

    [Theory]
    [MemberData(nameof(Frames))]
    public void Frame_AnyByteChanged_IsReadOrRefusedButNeverThrows(PushFrame frame)
    {
        var bytes = Write(frame);
        for (var i = 0; i < Math.Min(bytes.Length, 200); i++)
        {
            foreach (var value in (byte[])[0, 1, 0x7f, 0x80, 0xff])
            {
                var changed = bytes.ToArray();
                changed[i] = value;
                var (status, read, fault, _) = Read(Sequence(changed));
                Assert.Equal(status == OperationStatus.Done, read is not null);
                Assert.Equal(status == OperationStatus.InvalidData, fault is not null);
            }
        }
    }

    [Theory]
    [InlineData(PushFrameKind.Open, 24u)]
    [InlineData(PushFrameKind.Period, PushLimits.MaxPeriodBytes + 1u)]
    [InlineData(PushFrameKind.Part, 52u)]
    [InlineData(PushFrameKind.Part, 52u + PushLimits.MaxPartBytes + 1u)]
    [InlineData(PushFrameKind.SegmentEnd, 33u)]
    [InlineData(PushFrameKind.Join, 10_000u)]
    [InlineData(PushFrameKind.End, uint.MaxValue)]
    [InlineData((PushFrameKind)0, 4u)]
    [InlineData(PushFrameKind.CaughtUp, 1u)]
    [InlineData(PushFrameKind.Resume, 12u)]
    [InlineData((PushFrameKind)12, 4u)]
    public void Frame_LengthBeyondItsKind_IsRefusedByItsHeadAlone(PushFrameKind kind, uint length)
    {
        var head = new byte[5];
        head[0] = (byte)kind;
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(1), length);
        Assert.Equal(OperationStatus.InvalidData, Read(Sequence(head)).Status);
    }

    [Fact]
    public void Period_NamesThatPathsCannotHold_AreRefused()
    {
        foreach (var name in (string[])["", "../x", "Source", "a b", new string('a', 33)])
        {
            var frame = new PushPeriod(0, new PeriodDescription(0, Start, Clock, [Script.Describe("source", Script.Video(0)) with { Name = name }]));
            Assert.Equal(OperationStatus.InvalidData, Read(Sequence(Write(frame))).Status);
        }
        var twice = new PushPeriod(0, new PeriodDescription(0, Start, Clock, [Script.Describe("a", Script.Video(0)), Script.Describe("a", Script.Audio())]));
        Assert.Equal(OperationStatus.InvalidData, Read(Sequence(Write(twice))).Status);
    }

    [Fact]
    public void Period_ColorBesideTheBitStream_ComesThrough()
    {
        var format = Script.Video(0).WithHdr(null, new ColorDescription(9, 16, 9, false));
        var frame = new PushPeriod(0, new PeriodDescription(0, Start, Clock, [Script.Describe("source", format)]));
        var read = Assert.IsType<PushPeriod>(Read(Sequence(Write(frame))).Frame);
        Assert.Equal("PQ", Assert.IsType<VideoFormat>(read.Description.Renditions[0].Format).Color?.VideoRange);
    }

    [Fact]
    public void Position_AsJson_IsTheSameAndForeignTextIsNone()
    {
        var position = new PushPosition(3, true, false, [new PushPlace(17, 2), new PushPlace(18, 0)]);
        var read = PushPosition.TryParse(position.ToJson())!;
        Assert.Equal(position with { Renditions = read.Renditions }, read);
        Assert.Equal(position.Renditions, read.Renditions);
        foreach (var text in (byte[][])[[], [.. "{}"u8], [.. "nonsense"u8], [.. """{"periods":-1,"renditions":[]}"""u8]])
            Assert.Null(PushPosition.TryParse(text));
    }

    private static byte[] Write(PushFrame frame)
    {
        var output = new ArrayBufferWriter<byte>();
        PushFrameWriter.Write(output, frame);
        return output.WrittenSpan.ToArray();
    }

    private static (OperationStatus Status, PushFrame? Frame, string? Fault, long Left) Read(ReadOnlySequence<byte> sequence)
    {
        var input = new SequenceReader<byte>(sequence);
        var status = PushFrameReader.TryRead(ref input, out var frame, out var fault);
        return (status, frame, fault, input.Remaining);
    }

    private static void AssertSame(PushFrame expected, PushFrame actual)
    {
        switch (expected)
        {
            case PushPeriod { Description: var period } of:
                var read = Assert.IsType<PushPeriod>(actual);
                Assert.Equal((of.Index, period.FirstSegment, period.Start, period.WallClock),
                    (read.Index, read.Description.FirstSegment, read.Description.Start, read.Description.WallClock));
                Assert.Equal(period.Renditions.Select(rendition => (rendition.Name, rendition.Format, rendition.IsDerived, rendition.TargetBitsPerSecond)), read.Description.Renditions.Select(rendition => (rendition.Name, rendition.Format, rendition.IsDerived, rendition.TargetBitsPerSecond)));
                Assert.All(period.Renditions.Zip(read.Description.Renditions), pair => Assert.Equal(pair.First.InitSegment.ToArray(), pair.Second.InitSegment.ToArray()));
                break;
            case PushResume resume:
                Assert.Equal((resume.Period, resume.FirstSegment), (((PushResume)actual).Period, ((PushResume)actual).FirstSegment));
                foreach (var (tail, readTail) in resume.Renditions.Zip(((PushResume)actual).Renditions, (left, right) => (left, right)))
                {
                    Assert.Equal(tail with { Segments = readTail.Segments }, readTail);
                    Assert.Equal(tail.Segments, readTail.Segments);
                }
                break;
            case PushInit init:
                Assert.Equal((init.Period, init.Rendition, init.Format), (((PushInit)actual).Period, ((PushInit)actual).Rendition, ((PushInit)actual).Format));
                Assert.Equal(init.Init.ToArray(), ((PushInit)actual).Init.ToArray());
                break;
            case PushJoin join:
                Assert.Equal(join.Segment, Assert.IsType<PushJoin>(actual).Segment);
                Assert.Equal(join.Renditions, ((PushJoin)actual).Renditions);
                break;
            default:
                Assert.Equal(expected, actual);
                break;
        }
    }

    private static ReadOnlySequence<byte> Sequence(params ReadOnlyMemory<byte>[] pieces)
    {
        var first = new Piece(pieces[0], 0);
        var last = first;
        foreach (var piece in pieces.Skip(1))
            last = last.Append(piece);
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, long index)
        {
            Memory = memory;
            RunningIndex = index;
        }

        public Piece Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Piece(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
