using System.Buffers;
using Millrace.Media;

namespace Millrace.Cmaf;

/// <summary>Writes a CMAF header: <c>ftyp</c> and a <c>moov</c> of one track without samples (ISO/IEC 23000-19 §7.3.1).</summary>
/// <remarks>
/// There is no edit list: samples keep the composition offsets that the encoder sent (<c>trun</c> version 1), so audio and
/// video need no shift against each other. Every rendition is a file of its own, and its track has id 1. A file of several
/// tracks, which is no CMAF, is for a program that takes all of them on one pipe.
/// </remarks>
public static class InitSegmentWriter
{
    /// <summary>The id of the only track, or of the first.</summary>
    public const uint TrackId = 1;

    // 16.16 and 2.30 fixed point: no rotation, no scaling.
    private static readonly uint[] IdentityMatrix = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000];

    /// <summary>Writes the header of a track of <paramref name="format"/>. Deterministic: equal formats give equal bytes.</summary>
    public static void Write(IBufferWriter<byte> output, TrackFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        Write(output, [format]);
    }

    /// <summary>Writes the header of a file with a track for each format: ids 1, 2 and so on in their order.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="formats">At least one.</param>
    public static void Write(IBufferWriter<byte> output, ReadOnlySpan<TrackFormat> formats)
    {
        ArgumentNullException.ThrowIfNull(output);
        if (formats.IsEmpty)
            throw new ArgumentException("A file has at least one track.", nameof(formats));
        var writer = new BoxWriter();
        WriteFileType(writer, formats);

        var moov = writer.Begin("moov");
        WriteMovieHeader(writer, (uint)formats.Length + TrackId);
        for (var i = 0; i < formats.Length; i++)
            WriteTrack(writer, (uint)i + TrackId, formats.Slice(i, 1));
        var mvex = writer.Begin("mvex");
        for (var i = 0; i < formats.Length; i++)
            WriteTrackExtends(writer, (uint)i + TrackId, formats[i]);
        writer.End(mvex);
        writer.End(moov);
        output.Write(writer.Written);
    }

    /// <summary>As the other, into an array of its own.</summary>
    public static byte[] Write(TrackFormat format)
    {
        var output = new ArrayBufferWriter<byte>(1024);
        Write(output, format);
        return output.WrittenSpan.ToArray();
    }

    private static void WriteFileType(BoxWriter writer, ReadOnlySpan<TrackFormat> formats)
    {
        var ftyp = writer.Begin("ftyp");
        writer.Type("iso6");
        writer.UInt32(0);
        writer.Type("iso6");
        writer.Type("cmfc");
        // AV1 in ISOBMFF §2.1: files with AV1 tracks should say so.
        foreach (var format in formats)
        {
            if (format.Codec != Codec.Av1)
                continue;
            writer.Type("av01");
            break;
        }
        writer.End(ftyp);
    }

    internal static void WriteTrackExtends(BoxWriter writer, uint trackId, TrackFormat format)
    {
        var trex = writer.BeginFull("trex");
        writer.UInt32(trackId);
        writer.UInt32(1);
        writer.UInt32(0);
        writer.UInt32(0);
        writer.UInt32(format.Kind == MediaKind.Audio ? SampleFlags.Sync : SampleFlags.NonSync);
        writer.End(trex);
    }

    internal static void WriteMovieHeader(BoxWriter writer, uint nextTrackId)
    {
        var mvhd = writer.BeginFull("mvhd");
        writer.Zeros(8);
        // Of no consequence without samples and edit lists.
        writer.UInt32(1000);
        writer.UInt32(0);
        writer.UInt32(0x10000);
        writer.UInt16(0x100);
        writer.Zeros(10);
        foreach (var value in IdentityMatrix)
            writer.UInt32(value);
        writer.Zeros(24);
        writer.UInt32(nextTrackId);
        writer.End(mvhd);
    }

    /// <summary>A track whose samples are of any of these formats: one sample entry each. They are of one kind and timescale.</summary>
    internal static void WriteTrack(BoxWriter writer, uint trackId, ReadOnlySpan<TrackFormat> formats, bool hasInBandSets = false)
    {
        var format = formats[0];
        var trak = writer.Begin("trak");
        // Enabled, in the movie.
        var tkhd = writer.BeginFull("tkhd", 0, 3);
        writer.Zeros(8);
        writer.UInt32(trackId);
        writer.Zeros(4);
        writer.UInt32(0);
        writer.Zeros(8);
        writer.UInt16(0);
        writer.UInt16(0);
        writer.UInt16(format.Kind == MediaKind.Audio ? 0x100 : 0);
        writer.UInt16(0);
        foreach (var value in IdentityMatrix)
            writer.UInt32(value);
        var video = format as VideoFormat;
        writer.UInt32(video is null ? 0 : DisplayWidth(video));
        writer.UInt32(video is null ? 0 : (uint)video.Height << 16);
        writer.End(tkhd);

        var mdia = writer.Begin("mdia");
        var mdhd = writer.BeginFull("mdhd");
        writer.Zeros(8);
        writer.UInt32(format.Timescale);
        writer.UInt32(0);
        // "und", three letters of five bits.
        writer.UInt16(0x55C4);
        writer.UInt16(0);
        writer.End(mdhd);

        var hdlr = writer.BeginFull("hdlr");
        writer.UInt32(0);
        writer.Type(video is null ? "soun" : "vide");
        writer.Zeros(12);
        writer.Bytes(video is null ? "audio\0"u8 : "video\0"u8);
        writer.End(hdlr);

        var minf = writer.Begin("minf");
        if (video is null)
        {
            var smhd = writer.BeginFull("smhd");
            writer.Zeros(4);
            writer.End(smhd);
        }
        else
        {
            var vmhd = writer.BeginFull("vmhd", 0, 1);
            writer.Zeros(8);
            writer.End(vmhd);
        }
        var dinf = writer.Begin("dinf");
        var dref = writer.BeginFull("dref");
        writer.UInt32(1);
        // The media is in the same file.
        writer.End(writer.BeginFull("url ", 0, 1));
        writer.End(dref);
        writer.End(dinf);
        WriteSampleTable(writer, formats, hasInBandSets);
        writer.End(minf);
        writer.End(mdia);
        writer.End(trak);
    }

    private static void WriteSampleTable(BoxWriter writer, ReadOnlySpan<TrackFormat> formats, bool hasInBandSets)
    {
        var stbl = writer.Begin("stbl");
        var stsd = writer.BeginFull("stsd");
        writer.UInt32((uint)formats.Length);
        foreach (var format in formats)
            SampleEntryWriter.Write(writer, format, hasInBandSets);
        writer.End(stsd);
        foreach (var type in (ReadOnlySpan<string>)["stts", "stsc", "stco"])
        {
            var empty = writer.BeginFull(type);
            writer.UInt32(0);
            writer.End(empty);
        }
        var stsz = writer.BeginFull("stsz");
        writer.Zeros(8);
        writer.End(stsz);
        writer.End(stbl);
    }

    /// <summary>Width after the sample aspect ratio, in 16.16 pixels (§8.3.3: the visual presentation size).</summary>
    private static uint DisplayWidth(VideoFormat video)
    {
        var (horizontal, vertical) = video.SampleAspectRatio;
        if (horizontal <= 0 || vertical <= 0)
            return (uint)video.Width << 16;
        var width = ((Int128)video.Width << 16) * horizontal / vertical;
        return (uint)Int128.Min(width, uint.MaxValue);
    }
}
