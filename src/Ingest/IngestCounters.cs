namespace Millrace.Ingest;

/// <summary>What came and what was dropped on the way from messages to access units. A copy of the owner's numbers.</summary>
public struct IngestCounters
{
    /// <summary>Bytes of audio and video messages.</summary>
    public long Bytes { get; internal set; }

    /// <summary>Pictures accepted.</summary>
    public long VideoUnits { get; internal set; }

    /// <summary>Audio frames accepted.</summary>
    public long AudioUnits { get; internal set; }

    /// <summary>Media dropped because its configuration had not come.</summary>
    public long BeforeConfiguration { get; internal set; }

    /// <summary>Pictures dropped because no random access point had come, and audio from before it.</summary>
    public long BeforeRandomAccess { get; internal set; }

    /// <summary>Access units dropped because they are damaged: a NAL unit longer than its tag, a frame that is none.</summary>
    public long Damaged { get; internal set; }

    /// <summary>Pictures that others refer to and that did not come, as far as the numbers of AVC pictures tell; at least so many.</summary>
    public long MissingPictures { get; internal set; }

    /// <summary>Tags whose header could not be read.</summary>
    public long BadTags { get; internal set; }

    /// <summary>Messages of tracks other than 0, of kinds that mean nothing here, or without content.</summary>
    public long Ignored { get; internal set; }

    /// <summary>Messages that came after another publisher had taken over or the broadcast had ended.</summary>
    public long AfterEnd { get; internal set; }

    /// <summary>Data messages.</summary>
    public long DataMessages { get; internal set; }

    internal void Add(in IngestCounters other)
    {
        Bytes += other.Bytes;
        VideoUnits += other.VideoUnits;
        AudioUnits += other.AudioUnits;
        BeforeConfiguration += other.BeforeConfiguration;
        BeforeRandomAccess += other.BeforeRandomAccess;
        Damaged += other.Damaged;
        MissingPictures += other.MissingPictures;
        BadTags += other.BadTags;
        Ignored += other.Ignored;
        AfterEnd += other.AfterEnd;
        DataMessages += other.DataMessages;
    }
}
