using System.Buffers.Binary;

namespace Millrace.Cmaf;

/// <summary>One track's samples of one movie fragment.</summary>
/// <param name="TrackId">The track.</param>
/// <param name="SequenceNumber">Of <c>mfhd</c>.</param>
/// <param name="DecodeTime">Of the first sample, in the track's timescale.</param>
/// <param name="Samples">In decode order.</param>
public sealed record Fragment(uint TrackId, uint SequenceNumber, long DecodeTime, IReadOnlyList<FragmentSample> Samples);

/// <summary>A sample and where its bytes are.</summary>
/// <param name="Sample">The sample.</param>
/// <param name="Offset">Of its first byte in the data that was read.</param>
public readonly record struct FragmentSample(Sample Sample, int Offset);

/// <summary>Reads movie fragments (ISO/IEC 14496-12 §8.8): ours, or an encoder's. Throws on nothing that they hold.</summary>
public static class FragmentReader
{
    /// <summary>Most samples of one track fragment: over ten minutes of video, half an hour of audio.</summary>
    public const int MaxSamples = 65536;

    /// <summary>Reads every fragment of some bytes; boxes other than <c>moof</c> and <c>mdat</c> are skipped.</summary>
    /// <param name="data">Whole boxes.</param>
    /// <param name="tracks">The tracks of the init segment, for their defaults; fragments of other tracks are left out.</param>
    /// <param name="fragments">One for each <c>traf</c>, in order.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    public static bool TryRead(ReadOnlySpan<byte> data, IReadOnlyList<InitTrack> tracks, out IReadOnlyList<Fragment> fragments, out string? fault) =>
        TryRead(data, 0, tracks, out fragments, out fault);

    /// <summary>As the other, when the samples are still to come: for a stream, where <c>moof</c> is in hand before <c>mdat</c>.</summary>
    /// <param name="data">Whole boxes.</param>
    /// <param name="following">Bytes behind them that samples may lie in, at least 0; offsets count on from <paramref name="data"/>.</param>
    /// <param name="tracks">The tracks of the init segment, for their defaults; fragments of other tracks are left out.</param>
    /// <param name="fragments">One for each <c>traf</c>, in order.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    public static bool TryRead(
        ReadOnlySpan<byte> data, int following, IReadOnlyList<InitTrack> tracks, out IReadOnlyList<Fragment> fragments, out string? fault)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(following);
        ArgumentNullException.ThrowIfNull(tracks);
        fragments = [];
        fault = null;
        var read = new List<Fragment>();
        var total = 0;
        var boxes = new BoxReader(data);
        while (boxes.MoveNext())
        {
            if (boxes.Type != BoxType.Moof)
                continue;
            if (!BoxReader.TryFind(boxes.Content, BoxType.Mfhd, out var mfhd) || mfhd.Length < 8)
                return Broken("moof without mfhd", out fault);
            var sequenceNumber = BinaryPrimitives.ReadUInt32BigEndian(mfhd[4..]);
            var inner = new BoxReader(boxes.Content);
            while (inner.MoveNext())
            {
                if (inner.Type != BoxType.Traf)
                    continue;
                if (!TryReadTrack(inner.Content, boxes.Offset, checked(data.Length + following), tracks, sequenceNumber, out var fragment, out fault))
                    return false;
                total += fragment?.Samples.Count ?? 0;
                if (total > MaxSamples * 4)
                    return Broken("too many samples", out fault);
                if (fragment is not null)
                    read.Add(fragment);
            }
            if (inner.IsBroken)
                return Broken("moof is cut off", out fault);
        }
        if (boxes.IsBroken)
            return Broken("a box is cut off", out fault);
        fragments = read;
        return true;
    }

    private static bool TryReadTrack(ReadOnlySpan<byte> traf, int moofOffset, int dataLength, IReadOnlyList<InitTrack> tracks,
        uint sequenceNumber, out Fragment? fragment, out string? fault)
    {
        fragment = null;
        fault = null;
        if (!BoxReader.TryFind(traf, BoxType.Tfhd, out var tfhd) || tfhd.Length < 8)
            return Broken("traf without tfhd", out fault);
        var fields = new Fields(tfhd);
        var flags = fields.Next() & 0xFFFFFF;
        var trackId = fields.Next();
        InitTrack? track = null;
        foreach (var candidate in tracks)
            track = candidate.Id == trackId ? candidate : track;
        if (track is null)
            return true;
        long baseOffset = moofOffset;
        if ((flags & 1) != 0)
        {
            var given = (ulong)fields.Next() << 32 | fields.Next();
            baseOffset = given > int.MaxValue ? int.MaxValue : (long)given;
        }
        if ((flags & 2) != 0)
            fields.Next();
        var defaultDuration = (flags & 8) != 0 ? fields.Next() : track.DefaultDuration;
        var defaultSize = (flags & 0x10) != 0 ? fields.Next() : track.DefaultSize;
        var defaultFlags = (flags & 0x20) != 0 ? fields.Next() : track.DefaultFlags;
        if (fields.IsOverrun)
            return Broken("tfhd is cut off", out fault);

        long decodeTime = 0;
        if (BoxReader.TryFind(traf, BoxType.Tfdt, out var tfdt))
        {
            if (tfdt.Length < 8 || (tfdt[0] != 0 && tfdt.Length < 12))
                return Broken("tfdt is cut off", out fault);
            decodeTime = tfdt[0] == 0 ? BinaryPrimitives.ReadUInt32BigEndian(tfdt[4..]) : BinaryPrimitives.ReadInt64BigEndian(tfdt[4..]);
            if (decodeTime < 0)
                return Broken("decode time", out fault);
        }

        var samples = new List<FragmentSample>();
        var position = baseOffset;
        var boxes = new BoxReader(traf);
        while (boxes.MoveNext())
        {
            if (boxes.Type == BoxType.Trun
                && !TryReadRun(boxes.Content, defaultDuration, defaultSize, defaultFlags, baseOffset, ref position, dataLength, samples, out fault))
            {
                return false;
            }
        }
        if (boxes.IsBroken)
            return Broken("traf is cut off", out fault);
        fragment = new Fragment(trackId, sequenceNumber, decodeTime, samples);
        return true;
    }

    private static bool TryReadRun(ReadOnlySpan<byte> trun, uint defaultDuration, uint defaultSize, uint defaultFlags,
        long baseOffset, ref long position, int dataLength, List<FragmentSample> samples, out string? fault)
    {
        fault = null;
        var fields = new Fields(trun);
        var flags = fields.Next() & 0xFFFFFF;
        var count = fields.Next();
        if ((flags & 1) != 0)
            position = baseOffset + (int)fields.Next();
        uint? firstFlags = (flags & 4) != 0 ? fields.Next() : null;
        if (count > MaxSamples - samples.Count)
            return Broken("too many samples", out fault);
        for (var i = 0; i < count; i++)
        {
            var duration = (flags & 0x100) != 0 ? fields.Next() : defaultDuration;
            var size = (flags & 0x200) != 0 ? fields.Next() : defaultSize;
            var own = (flags & 0x400) != 0 ? fields.Next() : i == 0 && firstFlags is { } first ? first : defaultFlags;
            // Version 0 is unsigned, but encoders put negative offsets there as well.
            var offset = (flags & 0x800) != 0 ? (int)fields.Next() : 0;
            if (fields.IsOverrun)
                return Broken("trun is cut off", out fault);
            if (position < 0 || size > dataLength - position)
                return Broken("a sample lies outside the data", out fault);
            samples.Add(new FragmentSample(new Sample((int)size, duration, offset, (own & SampleFlags.NonSyncBit) == 0), (int)position));
            position += size;
        }
        return true;
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "fragment: " + what;
        return false;
    }

    private ref struct Fields(ReadOnlySpan<byte> data)
    {
        private ReadOnlySpan<byte> rest = data;

        public bool IsOverrun { get; private set; }

        public uint Next()
        {
            if (rest.Length < 4)
            {
                IsOverrun = true;
                return 0;
            }
            var value = BinaryPrimitives.ReadUInt32BigEndian(rest);
            rest = rest[4..];
            return value;
        }
    }
}
