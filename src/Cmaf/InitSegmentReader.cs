using System.Buffers.Binary;
using Millrace.Media;

namespace Millrace.Cmaf;

/// <summary>A track of an init segment.</summary>
/// <param name="Id"><c>track_ID</c>.</param>
/// <param name="Timescale">Of its <c>mdhd</c>; a file need not use the one of <see cref="TrackFormat.Timescale"/>.</param>
/// <param name="Format">The format of its first sample entry.</param>
/// <param name="DefaultDuration">Of <c>trex</c>.</param>
/// <param name="DefaultSize">Of <c>trex</c>.</param>
/// <param name="DefaultFlags">Of <c>trex</c>.</param>
public sealed record InitTrack(uint Id, uint Timescale, TrackFormat Format, uint DefaultDuration, uint DefaultSize, uint DefaultFlags);

/// <summary>Reads the tracks of an init segment: ours, or an encoder's. Throws on nothing that it holds.</summary>
public static class InitSegmentReader
{
    /// <summary>Most tracks: a ladder of renditions in one file stays far below.</summary>
    public const int MaxTracks = 32;

    /// <summary>Reads the tracks that we can carry; others (subtitles, data) are left out.</summary>
    /// <param name="data">From <c>ftyp</c> on; what lies behind <c>moov</c> is not looked at.</param>
    /// <param name="tracks">In the order of the file.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    public static bool TryRead(ReadOnlySpan<byte> data, out IReadOnlyList<InitTrack> tracks, out string? fault)
    {
        tracks = [];
        fault = null;
        if (!BoxReader.TryFind(data, BoxType.Moov, out var moov))
            return Broken("no moov", out fault);
        var read = new List<InitTrack>();
        var boxes = new BoxReader(moov);
        while (boxes.MoveNext())
        {
            if (boxes.Type != BoxType.Trak)
                continue;
            if (read.Count == MaxTracks)
                return Broken("too many tracks", out fault);
            if (!TryReadTrack(boxes.Content, moov, out var track, out fault))
                return false;
            if (track is not null)
                read.Add(track);
        }
        if (boxes.IsBroken)
            return Broken("moov is cut off", out fault);
        tracks = read;
        return true;
    }

    private static bool TryReadTrack(ReadOnlySpan<byte> trak, ReadOnlySpan<byte> moov, out InitTrack? track, out string? fault)
    {
        track = null;
        fault = null;
        if (!BoxReader.TryFind(trak, BoxType.Tkhd, out var tkhd) || tkhd.Length < 24
            || !BoxReader.TryFind(trak, [BoxType.Mdia, BoxType.Mdhd], out var mdhd) || mdhd.Length < 24
            || !BoxReader.TryFind(trak, [BoxType.Mdia, BoxType.Minf, BoxType.Stbl, BoxType.Stsd], out var stsd) || stsd.Length < 8)
        {
            return Broken("trak lacks a box", out fault);
        }
        var id = BinaryPrimitives.ReadUInt32BigEndian(tkhd[(tkhd[0] == 1 ? 20 : 12)..]);
        var timescale = BinaryPrimitives.ReadUInt32BigEndian(mdhd[(mdhd[0] == 1 ? 20 : 12)..]);
        if (timescale == 0)
            return Broken("timescale 0", out fault);
        var entries = new BoxReader(stsd[8..]);
        if (!entries.MoveNext())
            return Broken("no sample entry", out fault);
        if (!SampleEntryReader.TryRead(entries.Type, entries.Content, out var format, out fault))
            return false;
        if (format is null)
            return true;

        uint duration = 0, size = 0, flags = 0;
        if (BoxReader.TryFind(moov, BoxType.Mvex, out var mvex))
        {
            var extensions = new BoxReader(mvex);
            while (extensions.MoveNext())
            {
                var trex = extensions.Content;
                if (extensions.Type != BoxType.Trex || trex.Length < 24 || BinaryPrimitives.ReadUInt32BigEndian(trex[4..]) != id)
                    continue;
                duration = BinaryPrimitives.ReadUInt32BigEndian(trex[12..]);
                size = BinaryPrimitives.ReadUInt32BigEndian(trex[16..]);
                flags = BinaryPrimitives.ReadUInt32BigEndian(trex[20..]);
            }
        }
        track = new InitTrack(id, timescale, format, duration, size, flags);
        return true;
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "init segment: " + what;
        return false;
    }
}
