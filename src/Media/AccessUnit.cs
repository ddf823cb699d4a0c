using Millrace.Core;

namespace Millrace.Media;

/// <summary>The coded data of one picture or one audio frame, in the form that a CMAF sample has it.</summary>
/// <param name="Payload">
/// The sample's bytes: NAL units with 4-byte lengths for AVC and HEVC, a temporal unit of OBUs without temporal
/// delimiters for AV1, one raw frame for audio. The holder of the access unit owns the reference.
/// </param>
/// <param name="DecodeTime">Decode time in the track's timescale, on the broadcast's clock; repaired by Ingest, never negative.</param>
/// <param name="CompositionOffset">Presentation minus decode time in the track's timescale; may be negative.</param>
/// <param name="Duration">Duration in the track's timescale, or 0 when only the next access unit will tell (video).</param>
/// <param name="IsRandomAccess">Decoding can begin here: an IDR or equivalent picture; true of every audio frame.</param>
/// <param name="ReceivedAt">When the last byte arrived, in 100 ns UTC ticks (<see cref="DateTime.Ticks"/>).</param>
public readonly record struct AccessUnit(
    MediaBuffer Payload,
    long DecodeTime,
    int CompositionOffset,
    uint Duration,
    bool IsRandomAccess,
    long ReceivedAt)
{
    /// <summary>
    /// No random access, but a decoder may begin here that leaves out what is presented before (open GOP): AVC's recovery point with
    /// an intra picture. Players do not start on it.
    /// </summary>
    public bool IsRecoveryPoint { get; init; }

    /// <summary>Presentation time in the track's timescale.</summary>
    public long PresentationTime => DecodeTime + CompositionOffset;
}
