namespace Millrace.Cmaf;

/// <summary>What stands in front of a chunk's samples, apart from the samples themselves.</summary>
/// <param name="SequenceNumber"><c>mfhd.sequence_number</c>: counts the chunks of the rendition, from 1.</param>
/// <param name="DecodeTime">Decode time of the first sample in the track's timescale (<c>tfdt</c>), at least 0.</param>
/// <param name="BeginsSegment">The chunk is its segment's first: <c>styp</c> comes in front.</param>
/// <param name="WallClockTicks">
/// When the first sample arrived, in 100 ns UTC ticks (<see cref="DateTime.Ticks"/>), for <c>prft</c>; 0 leaves <c>prft</c> out.
/// </param>
/// <param name="TrackId">The track, of a file that has several; ours have one.</param>
public readonly record struct ChunkHeader(
    uint SequenceNumber, long DecodeTime, bool BeginsSegment, long WallClockTicks, uint TrackId = InitSegmentWriter.TrackId);
