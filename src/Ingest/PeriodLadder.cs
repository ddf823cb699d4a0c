using Millrace.Media;
using Millrace.Packaging;
using Millrace.Transcoding;

namespace Millrace.Ingest;

/// <summary>
/// The further renditions of one period, and the transcoder that makes them. What it makes goes to the broadcast, which takes
/// it as long as the period is its own.
/// </summary>
internal sealed class PeriodLadder(Broadcast broadcast, TranscodingBudget.Reservation room) : ITranscoderSink, IDisposable
{
    private IReadOnlyList<int> trackOf = [];
    private Transcoder? transcoder;

    public LadderPlan Plan => room.Plan;

    /// <summary>Its share of the budget.</summary>
    public TranscodingBudget.Reservation Room => room;

    /// <summary>The renditions, rung by rung.</summary>
    public IReadOnlyList<PeriodRendition> Renditions { get; } =
    [
        // What takes the source's place has its name: players that know the one go on with the other.
        .. room.Plan.Video.Select((rung, i) => new PeriodRendition(
            room.Plan.IsNormalized && i == 0 ? Broadcast.VideoRendition : rung.Name, rung.Announced, IsDerived: true, rung.BitsPerSecond)),
        .. room.Plan.Audio is { } audio ? [new PeriodRendition(audio.Name, audio.Announced, IsDerived: true, audio.BitsPerSecond)] : (PeriodRendition[])[],
    ];

    /// <summary>How the transcoder does; null before it was begun.</summary>
    public TranscoderStatus? Status => transcoder?.Status;

    /// <summary>The encoder makes something that the period has no room for.</summary>
    public bool IsUnfit { get; set; }

    /// <summary>Nothing more comes of it.</summary>
    public bool HasFailed => IsUnfit || Status is { State: TranscoderState.Failed };

    /// <summary>Begins: units may come back from now on.</summary>
    public void Start(Ladders ladders, IReadOnlyList<int> tracks)
    {
        trackOf = tracks;
        transcoder = ladders.Start(Plan, this);
    }

    /// <summary>One access unit of the source on the broadcast's clock; the payload stays the caller's.</summary>
    public void Feed(MediaKind kind, in AccessUnit unit) => transcoder?.Feed(kind, unit);

    /// <summary>No more comes from the source: what is on its way still comes out.</summary>
    public void Finish() => transcoder?.Finish();

    /// <summary>
    /// Gives its room in the budget to others, such as the period that follows: the child is about to go, and a ladder that had
    /// to wait for its own room would be left without.
    /// </summary>
    public void GiveRoomBack() => room.Dispose();

    /// <summary>Kills the child and waits for its threads. They may wait for the broadcast's lock: not to be called under it.</summary>
    public void Dispose()
    {
        GiveRoomBack();
        transcoder?.Dispose();
    }

    void ITranscoderSink.OnFormat(int rung, TrackFormat format) => broadcast.SetDerivedFormat(this, trackOf[rung], format);

    void ITranscoderSink.OnUnit(int rung, in AccessUnit unit) => broadcast.AppendDerived(this, trackOf[rung], unit);

    void ITranscoderSink.OnState(TranscoderState state, string? reason) => broadcast.ChangeLadder(this, state, reason);
}
