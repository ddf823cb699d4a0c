using System.Buffers;
using System.Buffers.Binary;

namespace Millrace.Cmaf;

/// <summary>
/// Writes the boxes of a CMAF chunk up to its payload: <c>[styp] [prft] moof mdat-header</c>. The samples' bytes follow
/// as they are. Allocates nothing; <see cref="Measure"/> says the size beforehand.
/// </summary>
/// <remarks>
/// ISO/IEC 23000-19 §7.3.2.3 and §7.5; ISO/IEC 14496-12 §8.8. Durations, sizes and flags that are the same for all
/// samples stand once in <c>tfhd</c>, and composition offsets only where one is not 0: a chunk of audio costs four bytes a frame.
/// </remarks>
public static class ChunkHeaderWriter
{
    private const int StypBytes = 32;
    private const int PrftBytes = 32;
    private const int MdatHeaderBytes = 8;
    private const int LargeMdatHeaderBytes = 16;
    // moof 8, mfhd 16, traf 8, tfhd 16 without optional fields, tfdt 20, trun 20 with its data offset.
    private const int FixedMoofBytes = 8 + 16 + 8 + 16 + 20 + 20;

    private const uint TfhdDefaultDuration = 0x8;
    private const uint TfhdDefaultSize = 0x10;
    private const uint TfhdDefaultFlags = 0x20;
    private const uint TfhdDefaultBaseIsMoof = 0x20000;
    private const uint TrunDataOffset = 0x1;
    private const uint TrunFirstFlags = 0x4;
    private const uint TrunDuration = 0x100;
    private const uint TrunSize = 0x200;
    private const uint TrunFlags = 0x400;
    private const uint TrunCompositionOffset = 0x800;

    /// <summary>Seconds from the NTP epoch (1900) to year 1, as <see cref="DateTime.Ticks"/> counts them.</summary>
    private const long NtpEpochTicks = 599266080000000000;

    /// <summary>Exact bytes that <see cref="Write(Span{byte}, in ChunkHeader, ReadOnlySpan{Sample})"/> will write.</summary>
    /// <param name="header">The header.</param>
    /// <param name="samples">At least one.</param>
    public static int Measure(in ChunkHeader header, ReadOnlySpan<Sample> samples) => Measure(header, new Shape(samples));

    /// <summary>Most bytes for a chunk of so many samples, whatever they are: for memory reserved before they are known.</summary>
    public static int MeasureAtMost(int sampleCount) =>
        checked(StypBytes + PrftBytes + FixedMoofBytes + 12 + 4 + 16 * sampleCount + LargeMdatHeaderBytes);

    /// <summary>Writes into <paramref name="output"/>, which has at least <see cref="Measure"/> bytes, and returns that number.</summary>
    /// <exception cref="ArgumentException">No sample, a negative decode time or size, or too little room: the caller's bug.</exception>
    public static int Write(Span<byte> output, in ChunkHeader header, ReadOnlySpan<Sample> samples)
    {
        var shape = new Shape(samples);
        ArgumentOutOfRangeException.ThrowIfNegative(header.DecodeTime, nameof(header));
        var total = Measure(header, shape);
        if (output.Length < total)
            throw new ArgumentException("The chunk's header does not fit.", nameof(output));

        var writer = new SpanWriter(output);
        if (header.BeginsSegment)
        {
            // The brands of a CMAF segment, fragment and chunk (§7.2), and of a DASH segment.
            writer.Box(StypBytes, "styp"u8);
            writer.Bytes("msdh"u8);
            writer.UInt32(0);
            writer.Bytes("msdhcmfscmffcmfl"u8);
        }
        if (header.WallClockTicks != 0)
            WriteProducerReferenceTime(ref writer, header, samples[0]);

        var moof = MoofBytes(shape);
        writer.Box(moof, "moof"u8);
        writer.Box(16, "mfhd"u8);
        writer.UInt32(0);
        writer.UInt32(header.SequenceNumber);
        writer.Box(moof - 24, "traf"u8);

        writer.Box(shape.TfhdBytes, "tfhd"u8);
        writer.UInt32(TfhdDefaultBaseIsMoof | TfhdDefaultFlags
            | (shape.UniformDuration ? TfhdDefaultDuration : 0) | (shape.UniformSize ? TfhdDefaultSize : 0));
        writer.UInt32(header.TrackId);
        if (shape.UniformDuration)
            writer.UInt32(samples[0].Duration);
        if (shape.UniformSize)
            writer.UInt32((uint)samples[0].Size);
        writer.UInt32(SampleFlags.Of(samples[^1].IsSync));

        writer.Box(20, "tfdt"u8);
        writer.UInt32(1u << 24);
        writer.UInt64((ulong)header.DecodeTime);

        WriteRun(ref writer, shape, samples, moof + shape.MdatHeaderBytes);

        if (shape.MdatHeaderBytes == MdatHeaderBytes)
        {
            writer.Box((int)(uint)(shape.PayloadBytes + MdatHeaderBytes), "mdat"u8);
        }
        else
        {
            writer.Box(1, "mdat"u8);
            writer.UInt64((ulong)(shape.PayloadBytes + LargeMdatHeaderBytes));
        }
        return total;
    }

    /// <summary>As the other, into a buffer writer.</summary>
    public static int Write(IBufferWriter<byte> output, in ChunkHeader header, ReadOnlySpan<Sample> samples)
    {
        ArgumentNullException.ThrowIfNull(output);
        var bytes = Measure(header, samples);
        Write(output.GetSpan(bytes), header, samples);
        output.Advance(bytes);
        return bytes;
    }

    private static int Measure(in ChunkHeader header, in Shape shape) =>
        (header.BeginsSegment ? StypBytes : 0) + (header.WallClockTicks != 0 ? PrftBytes : 0)
        + MoofBytes(shape) + shape.MdatHeaderBytes;

    private static int MoofBytes(in Shape shape) =>
        checked(FixedMoofBytes - 16 + shape.TfhdBytes + (shape.FirstDiffers ? 4 : 0) + shape.Count * shape.BytesPerSample);

    /// <summary>
    /// ISO/IEC 14496-12 §8.16.5. What we know is when the frame's last byte came out of the encoder and reached us, so the
    /// flags are 1, "output from the encoder": 24 would promise the moment of capture, which RTMP does not carry.
    /// </summary>
    private static void WriteProducerReferenceTime(ref SpanWriter writer, in ChunkHeader header, in Sample first)
    {
        writer.Box(PrftBytes, "prft"u8);
        writer.UInt32(1u << 24 | 1);
        writer.UInt32(header.TrackId);
        // NTP time: seconds since 1900 and their fraction in 2^-32. The seconds wrap in 2036, as in every NTP time stamp.
        var ticks = header.WallClockTicks - NtpEpochTicks;
        var (seconds, rest) = long.DivRem(ticks, TimeSpan.TicksPerSecond);
        writer.UInt32((uint)seconds);
        writer.UInt32((uint)(((ulong)rest << 32) / TimeSpan.TicksPerSecond));
        writer.UInt64((ulong)Math.Max(0, header.DecodeTime + first.CompositionOffset));
    }

    private static void WriteRun(ref SpanWriter writer, in Shape shape, ReadOnlySpan<Sample> samples, int dataOffset)
    {
        writer.Box(20 + (shape.FirstDiffers ? 4 : 0) + shape.Count * shape.BytesPerSample, "trun"u8);
        writer.UInt32(1u << 24 | TrunDataOffset | (shape.FirstDiffers ? TrunFirstFlags : 0)
            | (shape.UniformDuration ? 0 : TrunDuration) | (shape.UniformSize ? 0 : TrunSize)
            | (shape.FlagsPerSample ? TrunFlags : 0) | (shape.HasOffsets ? TrunCompositionOffset : 0));
        writer.UInt32((uint)samples.Length);
        writer.UInt32((uint)dataOffset);
        if (shape.FirstDiffers)
            writer.UInt32(SampleFlags.Of(samples[0].IsSync));
        if (shape.BytesPerSample == 0)
            return;
        foreach (ref readonly var sample in samples)
        {
            if (!shape.UniformDuration)
                writer.UInt32(sample.Duration);
            if (!shape.UniformSize)
                writer.UInt32((uint)sample.Size);
            if (shape.FlagsPerSample)
                writer.UInt32(SampleFlags.Of(sample.IsSync));
            if (shape.HasOffsets)
                writer.UInt32((uint)sample.CompositionOffset);
        }
    }

    /// <summary>What the samples have in common.</summary>
    private readonly struct Shape
    {
        public Shape(ReadOnlySpan<Sample> samples)
        {
            if (samples.IsEmpty)
                throw new ArgumentException("A chunk has at least one sample.", nameof(samples));
            Count = samples.Length;
            ref readonly var first = ref samples[0];
            UniformDuration = UniformSize = true;
            var uniformFlagsOfRest = true;
            var payload = 0L;
            for (var i = 0; i < samples.Length; i++)
            {
                ref readonly var sample = ref samples[i];
                ArgumentOutOfRangeException.ThrowIfNegative(sample.Size, nameof(samples));
                payload += sample.Size;
                UniformDuration &= sample.Duration == first.Duration;
                UniformSize &= sample.Size == first.Size;
                HasOffsets |= sample.CompositionOffset != 0;
                uniformFlagsOfRest &= i == 0 || sample.IsSync == samples[^1].IsSync;
            }
            PayloadBytes = payload;
            FlagsPerSample = !uniformFlagsOfRest;
            FirstDiffers = uniformFlagsOfRest && first.IsSync != samples[^1].IsSync;
        }

        public int Count { get; }
        public bool UniformDuration { get; }
        public bool UniformSize { get; }
        public bool HasOffsets { get; }
        public bool FlagsPerSample { get; }
        public bool FirstDiffers { get; }
        public long PayloadBytes { get; }

        public int TfhdBytes => 20 + (UniformDuration ? 4 : 0) + (UniformSize ? 4 : 0);
        public int BytesPerSample =>
            (UniformDuration ? 0 : 4) + (UniformSize ? 0 : 4) + (FlagsPerSample ? 4 : 0) + (HasOffsets ? 4 : 0);
        public int MdatHeaderBytes =>
            PayloadBytes + ChunkHeaderWriter.MdatHeaderBytes <= uint.MaxValue ? ChunkHeaderWriter.MdatHeaderBytes : LargeMdatHeaderBytes;
    }

    private ref struct SpanWriter(Span<byte> output)
    {
        private Span<byte> rest = output;

        public void Box(int size, ReadOnlySpan<byte> type)
        {
            UInt32((uint)size);
            Bytes(type);
        }

        public void UInt32(uint value)
        {
            BinaryPrimitives.WriteUInt32BigEndian(rest, value);
            rest = rest[4..];
        }

        public void UInt64(ulong value)
        {
            BinaryPrimitives.WriteUInt64BigEndian(rest, value);
            rest = rest[8..];
        }

        public void Bytes(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(rest);
            rest = rest[bytes.Length..];
        }
    }
}
