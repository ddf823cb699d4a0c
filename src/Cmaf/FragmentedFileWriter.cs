using Millrace.Core;
using Millrace.Media;

namespace Millrace.Cmaf;

/// <summary>A run of a file's bytes that <c>sidx</c> points to.</summary>
/// <param name="ByteLength">Bytes, 1 to 2^31 − 1.</param>
/// <param name="DurationTicks">In the first track's timescale.</param>
/// <param name="IsIndependent">It begins with a random access point.</param>
public readonly record struct FileReference(long ByteLength, long DurationTicks, bool IsIndependent);

/// <summary>A track of a file.</summary>
/// <param name="Formats">What its samples are in, at least one: a sample entry each.</param>
/// <param name="HasInBandSets">
/// The samples of a single entry have their parameter sets with them, and those may change (<c>avc3</c>, ISO/IEC 14496-15 §5.4.2.1). AVC only.
/// </param>
public readonly record struct FileTrack(TrackFormat[] Formats, bool HasInBandSets = false);

/// <summary>
/// Writes the head of a fragmented file of several tracks: <c>ftyp moov sidx</c>. The chunks follow as they are, of all
/// tracks, each edited by <see cref="ChunkHeaderEditor"/>.
/// </summary>
/// <remarks>
/// ISO/IEC 14496-12 §8.8 (movie fragments, <c>mehd</c> with the whole length) and §8.16.3 (segment index): a player knows the
/// length and where to seek to before it has read any media. A track has a sample entry for each format that it takes on.
/// </remarks>
public static class FragmentedFileWriter
{
    /// <summary>Most references: the count has 16 bits.</summary>
    public const int MaxReferences = ushort.MaxValue;

    private const uint MovieTimescale = 1000;

    /// <summary>Writes the head. Deterministic.</summary>
    /// <param name="tracks">Ids 1, 2 and so on in their order.</param>
    /// <param name="duration">Of the whole, for <c>mehd</c>.</param>
    /// <param name="earliest">Earliest presentation time of the first track, in its timescale.</param>
    /// <param name="references">The bytes behind the head, in order, at most <see cref="MaxReferences"/>.</param>
    public static byte[] Write(IReadOnlyList<FileTrack> tracks, MediaTime duration, long earliest, IReadOnlyList<FileReference> references)
    {
        ArgumentNullException.ThrowIfNull(tracks);
        ArgumentNullException.ThrowIfNull(references);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(references.Count, MaxReferences, nameof(references));
        var writer = new BoxWriter();
        var ftyp = writer.Begin("ftyp");
        writer.Type("iso6");
        writer.UInt32(0);
        writer.Type("iso6");
        writer.Type("mp41");
        if (tracks.Any(track => track.Formats.Any(format => format.Codec == Codec.Av1)))
            writer.Type("av01");
        writer.End(ftyp);

        var moov = writer.Begin("moov");
        InitSegmentWriter.WriteMovieHeader(writer, (uint)tracks.Count + InitSegmentWriter.TrackId);
        for (var i = 0; i < tracks.Count; i++)
            InitSegmentWriter.WriteTrack(writer, (uint)i + InitSegmentWriter.TrackId, tracks[i].Formats, tracks[i].HasInBandSets);
        var mvex = writer.Begin("mvex");
        var mehd = writer.BeginFull("mehd", 1);
        writer.UInt64((ulong)duration.In(MovieTimescale).Ticks);
        writer.End(mehd);
        for (var i = 0; i < tracks.Count; i++)
            InitSegmentWriter.WriteTrackExtends(writer, (uint)i + InitSegmentWriter.TrackId, tracks[i].Formats[0]);
        writer.End(mvex);
        writer.End(moov);

        var sidx = writer.BeginFull("sidx", 1);
        writer.UInt32(InitSegmentWriter.TrackId);
        writer.UInt32(tracks[0].Formats[0].Timescale);
        writer.UInt64((ulong)earliest);
        // The media begins right behind this box.
        writer.UInt64(0);
        writer.UInt16(0);
        writer.UInt16(references.Count);
        foreach (var reference in references)
        {
            writer.UInt32(checked((uint)(int)reference.ByteLength));
            writer.UInt32((uint)Math.Clamp(reference.DurationTicks, 0, uint.MaxValue));
            writer.UInt32(reference.IsIndependent ? 1u << 31 | 1u << 28 : 0);
        }
        writer.End(sidx);
        return writer.Written.ToArray();
    }
}
