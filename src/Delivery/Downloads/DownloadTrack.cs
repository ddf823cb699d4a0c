using Millrace.Cmaf;
using Millrace.Media;
using Millrace.Timeline;

namespace Millrace.Delivery.Downloads;

/// <summary>One track of a download: a rendition's segments and the formats they are in.</summary>
internal sealed class DownloadTrack
{
    // By the number of the init segment: equal ones have one.
    private readonly Dictionary<int, uint> descriptions = [];
    private readonly List<TrackFormat> formats = [];
    // Of each format: its parameter sets as they stand in a sample.
    private readonly List<byte[]> sets = [];

    /// <param name="id">The track's id in the file.</param>
    /// <param name="rendition">Its segments.</param>
    /// <param name="media">Their bytes.</param>
    public DownloadTrack(uint id, RenditionSnapshot rendition, RenditionMedia media)
    {
        Id = id;
        Rendition = rendition;
        Media = media;
    }

    /// <summary>The track's id in the file.</summary>
    public uint Id { get; }

    /// <summary>The segments.</summary>
    public RenditionSnapshot Rendition { get; }

    /// <summary>Their bytes.</summary>
    public RenditionMedia Media { get; }

    /// <summary>What is taken from decode times, in the track's timescale.</summary>
    public long TimeShift { get; set; }

    /// <summary>Whether it has no media in the file.</summary>
    public bool IsEmpty => formats.Count == 0;

    /// <summary>
    /// The encoder came back with other parameter sets: they stand in front of each random access point, because players follow
    /// those and no second sample entry. What the file's head says of it.
    /// </summary>
    public FileTrack Description => HasInBandSets ? new FileTrack([formats[0]], HasInBandSets: true) : new FileTrack([.. formats]);

    private bool HasInBandSets => formats.Count > 1 && formats[0].Codec == Codec.Avc;

    /// <summary>The segment of that number, if it has media.</summary>
    public Segment? Find(long number)
    {
        var segments = Rendition.Segments;
        var index = number - Rendition.FirstSegment;
        return index >= 0 && index < segments.Count && segments[(int)index] is { IsGap: false } found ? found : null;
    }

    /// <summary>Takes note of a segment's format. False when one track cannot hold it beside the others.</summary>
    public bool TryDescribe(Segment segment)
    {
        if (descriptions.ContainsKey(segment.Track.Init))
            return true;
        var format = segment.Track.Format!;
        if (formats.Count > 0 && (format.Codec != formats[0].Codec || format.Timescale != formats[0].Timescale) || formats.Count == DownloadPlan.MaxFormats)
            return false;
        formats.Add(format);
        sets.Add(format.Codec == Codec.Avc ? AvcConfiguration.ParameterSets(format.Configuration.Span) : []);
        descriptions.Add(segment.Track.Init, (uint)formats.Count);
        return true;
    }

    /// <summary>What stands in front of a part's first sample in the file; empty when nothing does.</summary>
    public ReadOnlyMemory<byte> SetsOf(Segment segment, in Part part) =>
        HasInBandSets && part.IsIndependent ? sets[(int)descriptions[segment.Track.Init] - 1] : default;

    /// <summary>What a chunk of a segment becomes.</summary>
    public ChunkEdit EditOf(Segment segment, uint sequenceNumber, int addedToFirst) =>
        new(Id, sequenceNumber, HasInBandSets ? 1 : descriptions[segment.Track.Init], TimeShift, addedToFirst);

    /// <summary>Bytes that a segment takes in the file.</summary>
    public long LengthOf(Segment segment)
    {
        var length = segment.ByteLength + (long)segment.Parts.Length * ChunkHeaderEditor.AddedBytes;
        if (!HasInBandSets)
            return length;
        foreach (var part in segment.Parts.Span)
            length += SetsOf(segment, part).Length;
        return length;
    }
}
