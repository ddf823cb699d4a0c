using System.Buffers;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Delivery.Tests;

public sealed class JournalRecordTests
{
    [Fact]
    public void Write_EveryRecord_ReadsTheSame()
    {
        foreach (var record in All())
        {
            var bytes = Write(record);
            ReadOnlySpan<byte> input = [.. bytes, 1, 2, 3];
            Assert.Equal(OperationStatus.Done, JournalReader.TryRead(ref input, out var read));
            Assert.Equal(3, input.Length);
            Assert.Equal(record.GetType(), read!.GetType());
            Assert.Equal(bytes, Write(read));
        }
    }

    [Fact]
    public void TryRead_CutOffAnywhere_WantsMore()
    {
        foreach (var record in All())
        {
            var bytes = Write(record);
            for (var length = 0; length < bytes.Length; length++)
            {
                ReadOnlySpan<byte> input = bytes.AsSpan(0, length);
                Assert.Equal(OperationStatus.NeedMoreData, JournalReader.TryRead(ref input, out var read));
                Assert.Null(read);
                Assert.Equal(length, input.Length);
            }
        }
    }

    [Fact]
    public void TryReadBody_AnyByteChanged_NeverThrowsAndReadsOnlyWhatItCanWrite()
    {
        foreach (var record in All())
        {
            var body = Write(record)[JournalWriter.HeaderBytes..];
            for (var i = 0; i < body.Length; i++)
            {
                foreach (var value in (byte[])[0, 1, 0x7F, 0x80, 0xFF, (byte)(body[i] + 1)])
                {
                    var changed = (byte[])body.Clone();
                    changed[i] = value;
                    if (JournalReader.TryReadBody(changed, out var read))
                        Assert.NotEmpty(Write(read));
                }
            }
        }
    }

    [Fact]
    public void Corpus_OfTheFuzzTarget_IsReadInFull()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Millrace.slnx")))
            root = root.Parent;
        var corpus = Path.Combine(root.FullName, "fuzz", "corpus", "journal");
        if (Environment.GetEnvironmentVariable("MILLRACE_WRITE_CORPUS") is not null)
        {
            Directory.CreateDirectory(corpus);
            foreach (var (record, index) in All().Select((record, index) => (record, index)))
                File.WriteAllBytes(Path.Combine(corpus, $"{index:00}-{record.GetType().Name}.bin"), Write(record)[JournalWriter.HeaderBytes..]);
        }
        var types = new HashSet<Type>();
        foreach (var path in Directory.GetFiles(corpus))
        {
            Assert.True(JournalReader.TryReadBody(File.ReadAllBytes(path), out var record), path);
            types.Add(record.GetType());
        }
        Assert.Equal(All().Select(record => record.GetType()).ToHashSet(), types);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(JournalReader.MaxBodyBytes + 1u)]
    [InlineData(uint.MaxValue)]
    public void TryRead_LengthThatNoRecordHas_IsInvalid(uint length)
    {
        var bytes = new byte[64];
        BitConverter.TryWriteBytes(bytes, length);
        ReadOnlySpan<byte> input = bytes;
        Assert.Equal(OperationStatus.InvalidData, JournalReader.TryRead(ref input, out _));
    }

    internal static byte[] Write(JournalRecord record)
    {
        var output = new ArrayBufferWriter<byte>();
        JournalWriter.Write(output, record);
        return output.WrittenSpan.ToArray();
    }

    internal static IEnumerable<JournalRecord> All()
    {
        Assert.True(ChannelName.TryParse("studio-one", out var channel));
        var now = new DateTimeOffset(2026, 11, 22, 20, 0, 0, 123, TimeSpan.Zero);
        yield return new JournalRecord.Opened(channel, BroadcastId.New(now), now, new LowLatencyContract(2, new MediaTime(334, 1000)), DvrMode.Full);
        var hdr = new VideoFormat(Codec.Hevc, "hvc1.2.4.L93.B0", [1, 2, 3], 1920, 1080)
        {
            SampleAspectRatio = (4, 3),
            DeclaredFrameRate = 30000 / 1001.0,
            Color = new ColorDescription(9, 16, 9, true),
            Hdr = new HdrMetadata(new byte[24], new byte[4]),
        };
        yield return new JournalRecord.PeriodBegan(new NewPeriod(17, new MediaTime(-5, 90000), now,
        [
            new NewRendition("source", hdr, new byte[700]),
            new NewRendition("plain", new VideoFormat(Codec.Avc, "avc1.64001f", [], 16, 16), new byte[] { 1 }),
            new NewRendition("720p", hdr, ReadOnlyMemory<byte>.Empty, IsDerived: true, TargetBitsPerSecond: 2_500_000),
            new NewRendition("audio", new AudioFormat(Codec.Opus, "opus", [9], 48000, 8, 0), ReadOnlyMemory<byte>.Empty),
        ]));
        yield return new JournalRecord.SegmentEnded(
            new NewSegment(1, long.MaxValue / 2, new MediaTime(-3, 48000), new MediaTime(96000, 48000), true, false),
            [new RecordedPart(-10, 48000, 30_000, 47, true), new RecordedPart(47990, uint.MaxValue, int.MaxValue / 2, 1, false)],
            new RecordedPlace(3, 1L << 40, 0xFFFFFFFF));
        yield return new JournalRecord.SegmentEnded(
            new NewSegment(0, 2, new MediaTime(0, 1), new MediaTime(2, 1), true, false), [new RecordedPart(0, 2, 1, 1, true)], RecordedPlace.Nowhere);
        yield return new JournalRecord.SegmentEnded(new NewSegment(0, 3, new MediaTime(0, 1), new MediaTime(2, 1), false, true), [], default);
        yield return new JournalRecord.DateRangeAdded(new DateRange("bréak", now)
        {
            Class = "ad",
            PlannedDuration = TimeSpan.FromSeconds(30),
            EndOnNext = true,
            Attributes = [new("X-A", "b"), new("SCTE35-IN", "0xFC", IsHexadecimal: true)],
        });
        yield return new JournalRecord.DateRangeAdded(new DateRange("x", now) { Duration = TimeSpan.Zero });
        yield return new JournalRecord.SegmentBegan(128);
        yield return new JournalRecord.Removed(long.MaxValue);
        yield return new JournalRecord.Suspended();
        yield return new JournalRecord.Ended(now, TimeSpan.FromHours(12));
        yield return new JournalRecord.Lost("audio", 300);
        yield return new JournalRecord.InitSet(2, hdr, new byte[600]);
        yield return new JournalRecord.SegmentEnded(
            new NewSegment(2, 5, new MediaTime(0, 90000), new MediaTime(180_000, 90000), true, false), [new RecordedPart(0, 180_000, 9, 60, true)], new RecordedPlace(0, 0, 7), 6000);
        yield return new JournalRecord.Joined(17, [new RenditionJoin(-3000, new SegmentRun(12, new MediaTime(180_007, 90_000), true)), new RenditionJoin(0, null)]);
        yield return new JournalRecord.Joined(17, []);
        yield return new JournalRecord.Opened(channel, BroadcastId.New(now), now, new LowLatencyContract(2, new MediaTime(334, 1000)), DvrMode.Window, IsPushed: true);
        yield return new JournalRecord.ClipOf(new Clip("a góal", BroadcastId.New(now), TimeSpan.Zero, TimeSpan.FromSeconds(12.5), now));
        yield return new JournalRecord.CheckpointBegan(3);
        var recorded = new JournalRecord.SegmentEnded(
            new NewSegment(1, 40, new MediaTime(-3, 48000), new MediaTime(96000, 48000), true, false), [new RecordedPart(-3, 48000, 30, 47, true), new RecordedPart(47997, 48000, 9, 1, false)],
            new RecordedPlace(3, 1L << 40, 7));
        yield return new JournalRecord.Kept(2, new SegmentState(40, 1, 300, new MediaTime(0, 48000), 96000, new Part[] { new(0, 30, 48000, true), new(30, 9, 48000, false) }, true), recorded);
        yield return new JournalRecord.Kept(0, new SegmentState(40, 0, 0, new MediaTime(0, 48000), 96000, default, false), recorded);
        yield return new JournalRecord.Kept(0, new SegmentState(41, 0, 1, new MediaTime(0, 48000), 96000, default, false), null);
        yield return new JournalRecord.Kept(0, null, recorded);
        yield return new JournalRecord.CheckpointEnded(
            new TimelineState(
                [new PeriodState(0, 0, new MediaTime(-5, 90000), now, "source"), new PeriodState(300, 39, new MediaTime(5, 90000), now, "source")],
                [
                    new RenditionState
                    {
                        Name = "source", Inits = [new byte[] { 1, 2 }, new byte[] { 3 }], Tracks = [new TrackState(300, hdr, 1, true, false), new TrackState(300, null, 1, false, true)],
                        Runs = [new SegmentRun(39, new MediaTime(5, 90000), false)], Track = 1, Run = 0, Format = hdr, IsDerived = true, Begun = -1, NextSegment = 42, FirstEver = 0, NewestDependent = -1,
                        Rewrites = 2, PresentationDelay = -3000, Rates = new RateState([(9, 2.002)], 1e7, 1L << 50, 1e6, 17, 0.56, 30000 / 1001.0, 2_500_000),
                    },
                ],
                [0], [new PlacedDateRange(new DateRange("x", now) { Class = "ad" }, 17)], [new RemovedDateRange("y", 16)], true),
            new OriginState(41, [(40, 2), (41, 2.002)], 4.002, [new MediaState(new MediaTime(9, 90000), 12)]));
    }
}
