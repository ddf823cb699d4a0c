using Millrace.Core;
using Millrace.Packaging;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// One thing that happened to a broadcast, as the journal keeps it. Replayed in order they make the same timeline again.
/// The number in front is the record's type on disk (docs/recording.md).
/// </summary>
internal abstract record JournalRecord
{
    private JournalRecord() { }

    /// <summary>1: the broadcast and its promises. The first record.</summary>
    /// <param name="Channel">Whose it is.</param>
    /// <param name="Id">Its id.</param>
    /// <param name="StartedAt">When its first publisher came.</param>
    /// <param name="Contract">What its playlists promise.</param>
    /// <param name="Mode">How far back viewers may go; decides whether it is kept when it has ended.</param>
    /// <param name="IsPushed">An ingest node elsewhere brings it, and goes on with it after a restart.</param>
    public sealed record Opened(
        ChannelName Channel, BroadcastId Id, DateTimeOffset StartedAt, LowLatencyContract Contract, DvrMode Mode, bool IsPushed = false) : JournalRecord;

    /// <summary>2: a period began.</summary>
    public sealed record PeriodBegan(NewPeriod Period) : JournalRecord;

    /// <summary>3: a segment is complete and its bytes are in a file; or it is a gap.</summary>
    /// <param name="Segment">Its end, as the timeline was told.</param>
    /// <param name="Parts">Its parts in order; none for a gap.</param>
    /// <param name="Place">Where its bytes are; <c>default</c> for a gap.</param>
    /// <param name="PresentationDelay">Of a derived rendition: presentation minus decode time that it keeps up; else 0.</param>
    public sealed record SegmentEnded(NewSegment Segment, RecordedPart[] Parts, RecordedPlace Place, long PresentationDelay = 0) : JournalRecord;

    /// <summary>4: a date range came or changed.</summary>
    public sealed record DateRangeAdded(DateRange Range) : JournalRecord;

    /// <summary>5: the first part of that segment could be fetched: its number is used up, whatever becomes of it.</summary>
    public sealed record SegmentBegan(long Segment) : JournalRecord;

    /// <summary>6: segments below left the timeline.</summary>
    public sealed record Removed(long Before) : JournalRecord;

    /// <summary>7: the publisher went.</summary>
    public sealed record Suspended : JournalRecord;

    /// <summary>8: the broadcast ended. The last record.</summary>
    /// <param name="At">When.</param>
    /// <param name="Duration">From its first segment's beginning to its last one's end; absences in between count.</param>
    public sealed record Ended(DateTimeOffset At, TimeSpan Duration) : JournalRecord;

    /// <summary>9: the bytes of that segment turned out to be lost; it stands as a gap since.</summary>
    /// <param name="Rendition">The rendition's name.</param>
    /// <param name="Segment">Its number.</param>
    public sealed record Lost(string Rendition, long Segment) : JournalRecord;

    /// <summary>10: a derived rendition's encoder began.</summary>
    /// <param name="Rendition">Index in the period's renditions.</param>
    /// <param name="Format">Its true format.</param>
    /// <param name="Init">Its init segment.</param>
    public sealed record InitSet(int Rendition, Millrace.Media.TrackFormat Format, ReadOnlyMemory<byte> Init) : JournalRecord;

    /// <summary>11: the newest period goes on at a later segment, because this origin came late (<see cref="BroadcastTimeline.JoinAt"/>).</summary>
    /// <param name="Segment">The first segment that comes, in every rendition.</param>
    /// <param name="Renditions">By index in the period; empty when a further period follows.</param>
    public sealed record Joined(long Segment, RenditionJoin[] Renditions) : JournalRecord;

    /// <summary>12: this recording is a clip. The second record, or none.</summary>
    public sealed record ClipOf(Clip Clip) : JournalRecord;

    /// <summary>
    /// 13: a checkpoint follows, in place of all that was recorded up to it: periods and encoders that segments still belong to, the
    /// segments (<see cref="Kept"/>), and its end. The second record, or none.
    /// </summary>
    /// <param name="Generation">How many checkpoints there have been, this one included.</param>
    public sealed record CheckpointBegan(long Generation) : JournalRecord;

    /// <summary>14, in a checkpoint: a segment that is listed still, or whose media can be fetched still, or both.</summary>
    /// <param name="Rendition">Index of the rendition in <see cref="TimelineState.Renditions"/>.</param>
    /// <param name="Listed">What the timeline says of it, its parts left out when <paramref name="Recorded"/> has them; null: it has left.</param>
    /// <param name="Recorded">Its record 3, in the period that was told before; null: there was none.</param>
    public sealed record Kept(int Rendition, SegmentState? Listed, SegmentEnded? Recorded) : JournalRecord;

    /// <summary>15: the checkpoint's end.</summary>
    /// <param name="State">The timeline but for its segments.</param>
    /// <param name="Origin">What else the origin knows.</param>
    public sealed record CheckpointEnded(TimelineState State, OriginState Origin) : JournalRecord;
}

/// <summary>A part of a recorded segment.</summary>
/// <param name="Start">Decode time of its first access unit.</param>
/// <param name="DurationTicks">In the track's timescale, more than 0.</param>
/// <param name="ByteLength">More than 0.</param>
/// <param name="SampleCount">Its access units, at least 1.</param>
/// <param name="IsIndependent">It begins with a random access point.</param>
internal readonly record struct RecordedPart(long Start, uint DurationTicks, int ByteLength, int SampleCount, bool IsIndependent);

/// <summary>Where a segment's bytes are.</summary>
/// <param name="File">Number of the rendition's media file.</param>
/// <param name="Offset">Where in it they begin.</param>
/// <param name="Checksum">CRC-32C of all of them.</param>
internal readonly record struct RecordedPlace(int File, long Offset, uint Checksum)
{
    /// <summary>They left memory without having been in a file: the disk did not take them, or they had left the window.</summary>
    public static RecordedPlace Nowhere { get; } = new(-1, 0, 0);
}
